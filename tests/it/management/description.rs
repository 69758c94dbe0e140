//! The API's description (OpenAPI), and the page that shows it.

use http::Method;
use serde_json::Value;
use tests::{Setup, TestServer};

const PAGE: &str = "/devcenter-api-2.0";

#[tokio::test]
async fn every_described_operation_is_there() {
    let server = TestServer::start(Setup::new()).await;
    let description = server.anonymous().get("/api/openapi.json").await;
    let description = description.expect(200).json();
    let paths = description["paths"].as_object().unwrap();
    let nobody = server.anonymous();
    let mut asked = 0;
    for (path, item) in paths {
        let path = filled(path);
        for method in item.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            // A path that is not there has other words than a project or a user that is not.
            let answer = nobody.send(nobody.request(method.clone(), &path)).await;
            let text = String::from_utf8_lossy(&answer.body);
            assert!(
                answer.status != 405 && !text.contains("path /api"),
                "{method} {path}: {} {text}",
                answer.status
            );
            asked += 1;
        }
    }
    assert!(asked > 50, "only {asked} operations are described");
}

#[tokio::test]
async fn answers_have_the_fields_that_are_described() {
    let server = TestServer::start(Setup::new()).await;
    let description = server.anonymous().get("/api/openapi.json").await;
    let description = description.expect(200).json();
    let admin = server.admin();
    let fixed = ["library", "1"];
    let mut compared = 0;
    for (path, item) in description["paths"].as_object().unwrap() {
        let schema = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        let words = path.replace("{project}", fixed[0]);
        let words = words.replace("{user_id}", fixed[1]);
        if schema.is_null() || words.contains('{') {
            continue;
        }
        let answer = admin
            .get(&format!("{words}?username=a&scope=g&q="))
            .await
            .expect(200);
        compare(&description, schema, &answer.json(), path);
        compared += 1;
    }
    assert!(compared > 10, "only {compared} answers were compared");
}

#[tokio::test]
async fn the_explorer_loads_its_own_files_and_nothing_else() {
    let server = TestServer::start(Setup::new()).await;
    let stranger = server.anonymous();
    let page = stranger.get(PAGE).await.expect(200);
    let policy = page.header("content-security-policy").to_owned();
    assert!(
        policy.contains("default-src 'none'; script-src 'self'"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    let html = String::from_utf8(page.body.to_vec()).unwrap();
    let quoted = |after: &'static str| {
        let parts = html.split(after).skip(1);
        parts.map(|rest| rest.split('"').next().unwrap().to_owned())
    };
    let loaded: Vec<String> = quoted("src=\"").chain(quoted("href=\"")).collect();
    assert_eq!(loaded.len(), 3, "{loaded:?}");
    for (file, kind) in loaded.iter().zip(["javascript", "css", "json"]) {
        let answer = stranger.get(file).await.expect(200);
        assert!(answer.header("content-type").contains(kind), "{file}");
    }
    stranger
        .get(&format!("{PAGE}/nothing.js"))
        .await
        .expect(404);
}

/// A path with something in place of its variable parts.
fn filled(path: &str) -> String {
    let part = |part: &str| {
        let is_number = ["{id}", "{mid}", "{user_id}", "{label_id}"].contains(&part);
        match part.starts_with('{') {
            true if is_number => "1".to_owned(),
            true => "some".to_owned(),
            false => part.to_owned(),
        }
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Fields that are required are there, and those that are there are described, with their type.
fn compare(description: &Value, schema: &Value, answer: &Value, at: &str) {
    let schema = resolved(description, schema);
    if let Some(items) = schema.get("items") {
        for item in answer
            .as_array()
            .unwrap_or_else(|| panic!("{at}: no list: {answer}"))
        {
            compare(description, items, item, at);
        }
    }
    let parts = parts(description, schema);
    for part in &parts {
        for name in part["required"].as_array().into_iter().flatten() {
            assert!(
                answer.get(name.as_str().unwrap()).is_some(),
                "{at}: no {name} in {answer}"
            );
        }
    }
    let is_described = parts.iter().any(|part| part.get("properties").is_some());
    for (name, value) in answer
        .as_object()
        .into_iter()
        .flatten()
        .filter(|_| is_described)
    {
        let field = parts.iter().find_map(|part| part["properties"].get(name));
        let field = field.unwrap_or_else(|| panic!("{at}: {name} is not described: {answer}"));
        compare(description, field, value, &format!("{at} {name}"));
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    let is = match answer {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(kinds.contains(&is), "{at}: {answer} is no {kinds:?}");
}

/// What a reference means. Of a choice with nothing, the something.
fn resolved<'a>(description: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return description.pointer(&reference[1..]).unwrap();
    }
    let mut choices = schema["oneOf"].as_array().into_iter().flatten();
    choices
        .find(|choice| choice["type"] != "null")
        .map_or(schema, |choice| resolved(description, choice))
}

/// The schemas whose fields make one object.
fn parts<'a>(description: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let schema = resolved(description, schema);
    match schema["allOf"].as_array() {
        Some(all) => all.iter().flat_map(|one| parts(description, one)).collect(),
        None => vec![schema],
    }
}
