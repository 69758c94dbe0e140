//! The management API's description: what the handlers say of themselves (`#[utoipa::path]`, gathered by
//! [`crate::api`]), and what all operations have in common, which is here so that it stands in no annotation.

pub(crate) mod explorer;

use std::collections::BTreeMap;

use http::StatusCode;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, Content, InfoBuilder, LicenseBuilder, OpenApi, PathItem, Ref, RefOr, Required,
    Response, ResponseBuilder,
};
use utoipa::{IntoResponses, PartialSchema as _, ToSchema as _};

use crate::api;
use crate::error::ErrorsBody;

const ABOUT: &str = "Harbor's management API under `/api/v2.0`, and what is Roadstead's own under \
    `/api/roadstead/v1`. What differs from Harbor is told in docs/compatibility.md.";

/// Harbor's tags, and ours after them.
const TAGS: [(&str, &str); 27] = [
    ("project", "Namespaces: hosted, or a proxy cache"),
    ("member", "Who has which role in a project"),
    ("projectMetadata", "A project's settings, one at a time"),
    ("repository", "Where artifacts are"),
    ("artifact", "Stored manifests, their tags, what is attached"),
    ("quota", "How much each project may hold, and does"),
    ("immutable", "Tags that stay as they are"),
    ("drill", "An upstream treated as down"),
    ("retention", "What of a project's content shall stay"),
    ("label", "Names to put on artifacts"),
    ("registry", "The endpoints that proxy caches pull from"),
    ("user", "Who signs in here"),
    ("auditlog", "What was done, by whom"),
    ("purge", "The audit log, made shorter"),
    ("gc", "What nothing needs, removed"),
    ("robot", "Accounts for programs"),
    ("permissions", "What robots can be allowed"),
    ("schedule", "What is begun by itself"),
    ("search", "Projects and repositories by name"),
    ("statistic", "How much there is"),
    ("icon", "Pictures for kinds of artifacts"),
    ("systeminfo", "What the server says of itself"),
    ("configure", "The system's settings"),
    ("health", "Whether it is well"),
    ("ping", "Whether it is there"),
    ("filter", "What a proxy cache lets through"),
    (
        "drill",
        "An upstream treated as down, to see what its projects do",
    ),
];

/// Parameters of paths mean the same wherever they are.
const PATH_PARAMETERS: [(&str, Type, &str); 17] = [
    (
        "project",
        Type::String,
        "The project's name; its number too, unless the path goes on with `repositories`. \
         With the header `X-Is-Resource-Name: true` a number is a name.",
    ),
    (
        "repository",
        Type::String,
        "The repository's name without its project's. Its slashes are encoded, once (`%2F`) or twice.",
    ),
    ("reference", Type::String, "A digest, or a tag"),
    ("tag_name", Type::String, "The tag"),
    (
        "addition",
        Type::String,
        "What is asked for: see the artifact's `addition_links`",
    ),
    ("label_id", Type::Integer, "The label's number"),
    ("digest", Type::String, "Its digest"),
    ("meta_name", Type::String, "The setting's key"),
    ("id", Type::Integer, "Its number"),
    ("mid", Type::Integer, "The member's number"),
    ("user_id", Type::Integer, "The user's number"),
    ("purge_id", Type::Integer, "The purge's number"),
    ("gc_id", Type::Integer, "The garbage collection's number"),
    ("immutable_rule_id", Type::Integer, "The rule's number"),
    ("eid", Type::Integer, "The run's number"),
    ("tid", Type::Integer, "The task's number"),
    ("robot_id", Type::Integer, "The robot's number"),
];

/// The management API's description (OpenAPI 3.1), as JSON.
pub fn openapi() -> String {
    // What is serialized has nothing but text for keys, and so cannot fail.
    let mut json = described().to_pretty_json().unwrap_or_default();
    json.push('\n');
    json
}

/// The response that something was made.
pub(crate) struct Created;

impl IntoResponses for Created {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let location = header(Type::String, "Where it is");
        let response = ResponseBuilder::new().header("Location", location).build();
        BTreeMap::from([("201".to_owned(), response.into())])
    }
}

fn described() -> OpenApi {
    let mut document = api::described();
    document.info = InfoBuilder::new()
        .title("Roadstead")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(
            LicenseBuilder::new()
                .name("Apache-2.0")
                .identifier(Some("Apache-2.0"))
                .build(),
        ))
        .build();
    let tags =
        TAGS.map(|(name, what)| TagBuilder::new().name(name).description(Some(what)).build());
    document.tags = Some(tags.into());
    let components = document.components.get_or_insert_default();
    add_errors(components);
    document.security = Some(add_sign_in(components));
    for (path, item) in &mut document.paths.paths {
        for operation in operations_of(item) {
            complete(path, operation);
        }
    }
    document
}

/// One response for all that can go wrong: its status says what, and its body why.
fn add_errors(components: &mut Components) {
    let mut schemas = vec![(ErrorsBody::name().into_owned(), ErrorsBody::schema())];
    ErrorsBody::schemas(&mut schemas);
    components.schemas.extend(schemas);
    let content = Content::new(Some(Ref::from_schema_name(ErrorsBody::name())));
    let response = ResponseBuilder::new()
        .description("What is wrong, and what to do")
        .content("application/json", content)
        .build();
    components
        .responses
        .insert("Errors".to_owned(), response.into());
}

/// The ways to sign in; strangers see what is public.
fn add_sign_in(components: &mut Components) -> Vec<SecurityRequirement> {
    let basic = SecurityScheme::Http(Http::new(HttpAuthScheme::Basic));
    let session =
        ApiKeyValue::with_description("sid", "The session of who signed in to the portal");
    let csrf = ApiKeyValue::with_description(
        "X-Harbor-CSRF-Token",
        "Goes with a session's requests that change something; responses carry it",
    );
    components.add_security_scheme("basic", basic);
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    components.add_security_scheme("csrf", SecurityScheme::ApiKey(ApiKey::Header(csrf)));
    let nothing: [&str; 0] = [];
    vec![
        SecurityRequirement::new("basic", nothing),
        SecurityRequirement::new("session", nothing).add("csrf", nothing),
        SecurityRequirement::default(),
    ]
}

/// Says of an operation what its annotation leaves out.
fn complete(path: &str, operation: &mut Operation) {
    let one_line = |text: &mut Option<String>| {
        *text = text
            .take()
            .map(|text| text.replace('\n', " "))
            .filter(|text| !text.is_empty());
    };
    one_line(&mut operation.summary);
    one_line(&mut operation.description);
    let parameters = operation.parameters.get_or_insert_default();
    let named =
        |parameter: &RefOr<Parameter>, name| matches!(parameter, RefOr::T(it) if it.name == name);
    let is_list = parameters
        .iter()
        .any(|parameter| named(parameter, "page_size"));
    parameters.splice(0..0, path_parameters(path).map(RefOr::T));
    let responses = &mut operation.responses.responses;
    for (status, response) in responses.iter_mut() {
        let RefOr::T(response) = response else {
            continue;
        };
        if response.description.is_empty() {
            response.description = reason(status).to_owned();
        }
        if is_list && status == "200" {
            let total = header(Type::Integer, "How many there are in all");
            let link = header(Type::String, "The pages before and after, as in RFC 8288");
            response
                .headers
                .insert("X-Total-Count".to_owned(), total.into());
            response.headers.insert("Link".to_owned(), link.into());
        }
    }
    let errors = Ref::from_response_name("Errors");
    responses.insert("default".to_owned(), errors.into());
}

fn path_parameters(path: &str) -> impl Iterator<Item = Parameter> {
    let names = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| {
        let known = PATH_PARAMETERS.iter().find(|(known, ..)| *known == name);
        let (kind, what) = known.map_or((Type::String, None), |(_, kind, what)| {
            (kind.clone(), Some(*what))
        });
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(what)
            .schema(Some(Object::with_type(kind)))
            .build()
    })
}

fn operations_of(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem {
        get,
        put,
        post,
        delete,
        head,
        patch,
        ..
    } = item;
    [get, put, post, delete, head, patch].into_iter().flatten()
}

fn header(kind: Type, what: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(Object::with_type(kind)))
        .description(Some(what))
        .build()
}

fn reason(status: &str) -> &'static str {
    let status = StatusCode::from_bytes(status.as_bytes()).ok();
    status
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
