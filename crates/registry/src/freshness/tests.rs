use chrono::DateTime;

use super::*;

const EXAMPLE: &str = r#"{"rules":[{"tags":"v*","revalidate":"never"},{"tags":"latest","revalidate":"background","after_seconds":60},{"tags":"{rc,dev}-*","revalidate":"always"},{"tags":"1.?","revalidate":"after","after_seconds":5}],"stale":{"refused":false,"gone":true,"max_age_seconds":604800}}"#;

fn project(metadata: &[(&str, &str)]) -> Project {
    Project {
        limit_bytes: None,
        id: 1,
        name: "hub".to_owned(),
        owner_id: 1,
        owner_name: "admin".to_owned(),
        upstream_id: Some(1),
        is_public: true,
        is_declared: false,
        metadata: metadata
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

fn policy(project: &Project, tag: &str) -> Policy {
    AllFreshness::default().of(project, &Reference::Tag(tag.parse().unwrap()))
}

#[test]
fn the_first_rule_that_a_tag_matches_decides_and_else_the_projects_age() {
    let secs = Duration::from_secs;
    let project = project(&[(FRESHNESS, EXAMPLE), (REVALIDATE_AFTER, "300")]);
    for (tag, expected) in [
        ("v1.2", Revalidate::Never),
        ("latest", Revalidate::Background(secs(60))),
        ("dev-7", Revalidate::After(Duration::ZERO)),
        ("1.7", Revalidate::After(secs(5))),
        ("1.77", Revalidate::After(secs(300))),
    ] {
        assert_eq!(policy(&project, tag).revalidate, expected, "{tag}");
    }
    let stale = policy(&project, "latest").stale;
    assert!(stale.unreachable && stale.erring && stale.rate_limited && stale.gone);
    assert!(!stale.refused);
    assert_eq!(stale.max_age, Some(secs(604_800)));
}

#[test]
fn without_rules_the_older_settings_mean_what_they_meant() {
    let older = project(&[(REVALIDATE_AFTER, "60"), (SERVE_GONE, "true")]);
    let gone = Stale {
        gone: true,
        ..Stale::default()
    };
    let expected = Policy {
        revalidate: Revalidate::After(Duration::from_secs(60)),
        stale: gone,
    };
    assert_eq!(policy(&older, "latest"), expected);
    let expected = Policy {
        revalidate: Revalidate::After(Duration::ZERO),
        stale: Stale::default(),
    };
    assert_eq!(policy(&project(&[]), "latest"), expected);
    // The rules say no more of it than they say.
    let both = [
        (FRESHNESS, r#"{"stale":{"erring":false}}"#),
        (SERVE_GONE, "true"),
    ];
    assert!(policy(&project(&both), "latest").stale.gone);
    let both = [
        (FRESHNESS, r#"{"stale":{"gone":false}}"#),
        (SERVE_GONE, "true"),
    ];
    assert!(!policy(&project(&both), "latest").stale.gone);
    let broken = project(&[(FRESHNESS, "{"), (REVALIDATE_AFTER, "60")]);
    assert_eq!(
        policy(&broken, "latest"),
        policy(&project(&[(REVALIDATE_AFTER, "60")]), "latest")
    );
}

#[test]
fn rules_have_one_spelling_and_mistakes_are_told_with_what_is_expected() {
    assert_eq!(Freshness::parse(EXAMPLE).unwrap().1, EXAMPLE);
    assert_eq!(
        Freshness::parse(r#" {"rules": [], "stale": {}} "#)
            .unwrap()
            .1,
        ""
    );
    let many = format!(
        r#"{{"rules":[{}]}}"#,
        [r#"{"tags":"*","revalidate":"never"}"#; 201].join(",")
    );
    for (text, told) in [
        ("soon", "not a JSON object with rules, stale or both"),
        ("[]", "not a JSON object with rules, stale or both"),
        (
            r#"{"rule":[]}"#,
            "unknown field `rule`, expected `rules` or `stale`",
        ),
        (
            r#"{"rules":[{"tags":"v*"}]}"#,
            "rule 1: missing field `revalidate`",
        ),
        (
            r#"{"rules":[{"tags":"v*","revalidate":"never"},{"tags":"*","revalidate":"sometimes"}]}"#,
            "rule 2: unknown variant `sometimes`, expected one of `always`, `after`, `background`, `never`",
        ),
        (
            r#"{"rules":[{"tags":"","revalidate":"never"}]}"#,
            "rule 1: tags is empty: write * for all",
        ),
        (
            r#"{"rules":[{"tags":"a/b","revalidate":"never"}]}"#,
            "a tag has no slash",
        ),
        (
            r#"{"rules":[{"tags":"[","revalidate":"never"}]}"#,
            "rule 1: tags \"[\": a class is not closed",
        ),
        (
            r#"{"rules":[{"tags":"*","revalidate":"after"}]}"#,
            "revalidate after needs after_seconds",
        ),
        (
            r#"{"rules":[{"tags":"*","revalidate":"after","after_seconds":0}]}"#,
            "revalidate after needs after_seconds",
        ),
        (
            r#"{"rules":[{"tags":"*","revalidate":"never","after_seconds":1}]}"#,
            "leave it out",
        ),
        (
            r#"{"rules":[{"tags":"*","revalidate":"background","after_seconds":-1}]}"#,
            "rule 1: invalid value",
        ),
        (
            r#"{"stale":{"down":true}}"#,
            "unknown field `down`, expected one of `unreachable`",
        ),
        (r#"{"stale":{"gone":"yes"}}"#, "expected a boolean"),
        (
            r#"{"stale":{"max_age_seconds":0}}"#,
            "stale: max_age_seconds must be a whole number from 1",
        ),
        (many.as_str(), "more than 200 rules"),
    ] {
        let error = Freshness::parse(text).unwrap_err();
        assert!(error.contains(told), "{text}: {error}");
    }
}
