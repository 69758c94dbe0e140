//! `WWW-Authenticate`: how a registry says what it wants to see.

use std::fmt;

use crate::Scope;

/// One challenge (RFC 9110, section 11.6.1; distribution's token specification).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// A token from `realm`.
    Bearer {
        /// Where tokens are made.
        realm: String,
        /// For whom: goes into the token's audience.
        service: Option<String>,
        /// What for.
        scope: Option<String>,
    },
    /// A user name and a password.
    Basic {
        /// A name to show.
        realm: String,
    },
}

impl Challenge {
    /// The challenge for these scopes, with our own token endpoint as `realm`.
    pub fn bearer(realm: String, service: &str, scopes: &[Scope]) -> Self {
        let scope = scopes
            .iter()
            .map(Scope::to_string)
            .collect::<Vec<_>>()
            .join(" ");
        Self::Bearer {
            realm,
            service: Some(service.to_owned()),
            scope: (!scope.is_empty()).then_some(scope),
        }
    }

    /// The strongest challenge of a header's value: `Bearer` before `Basic`. `None` where it holds neither.
    pub fn parse(header: &str) -> Option<Self> {
        let challenges = split(header);
        let bearer = challenges.iter().find(|(scheme, params)| {
            scheme.eq_ignore_ascii_case("bearer")
                && find(params, "realm").is_some_and(|realm| !realm.is_empty())
        });
        if let Some((_, params)) = bearer {
            return Some(Self::Bearer {
                realm: find(params, "realm")?.to_owned(),
                service: find(params, "service").map(str::to_owned),
                scope: find(params, "scope").map(str::to_owned),
            });
        }
        let (_, params) = challenges
            .iter()
            .find(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))?;
        Some(Self::Basic {
            realm: find(params, "realm").unwrap_or_default().to_owned(),
        })
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bearer {
                realm,
                service,
                scope,
            } => {
                write!(f, "Bearer realm=\"{realm}\"")?;
                for (key, value) in [("service", service), ("scope", scope)] {
                    if let Some(value) = value {
                        write!(f, ",{key}=\"{value}\"")?;
                    }
                }
                Ok(())
            }
            Self::Basic { realm } => write!(f, "Basic realm=\"{realm}\""),
        }
    }
}

type Params = Vec<(String, String)>;

fn find<'p>(params: &'p Params, key: &str) -> Option<&'p str> {
    params
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(key))
        .map(|(_, value)| value.as_str())
}

/// Splits `Basic realm="a", Bearer realm="b",service="c"` into its challenges. Never panics; what it cannot
/// read it skips.
fn split(header: &str) -> Vec<(String, Params)> {
    let mut challenges: Vec<(String, Params)> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', ',', '\t']);
        if rest.is_empty() {
            return challenges;
        }
        let end = rest.find([' ', ',', '=', '\t']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let Some(value) = after.trim_start().strip_prefix('=') else {
            challenges.push((word.to_owned(), Vec::new()));
            rest = after;
            continue;
        };
        let (value, after) = take_value(value.trim_start());
        if let Some((_, params)) = challenges.last_mut() {
            params.push((word.to_owned(), value));
        }
        rest = after;
    }
}

/// A token, or a quoted string with its escapes.
fn take_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            _ => value.push(char),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearer_is_found_among_others() {
        let header = r#"Basic realm="x", Bearer realm="https://auth.example/token",service="registry",scope="repository:a/b:pull,push""#;
        let Some(Challenge::Bearer {
            realm,
            service,
            scope,
        }) = Challenge::parse(header)
        else {
            panic!("no bearer")
        };
        assert_eq!(realm, "https://auth.example/token");
        assert_eq!(service.as_deref(), Some("registry"));
        assert_eq!(scope.as_deref(), Some("repository:a/b:pull,push"));
    }

    #[test]
    fn basic_is_taken_where_there_is_no_usable_bearer() {
        assert_eq!(
            Challenge::parse("basic realm=reg"),
            Some(Challenge::Basic {
                realm: "reg".into()
            })
        );
        assert_eq!(
            Challenge::parse("Bearer, Basic"),
            Some(Challenge::Basic {
                realm: String::new()
            })
        );
        assert_eq!(Challenge::parse("Negotiate"), None);
        assert_eq!(
            Challenge::parse("Bearer realm=\"a"),
            Some(Challenge::Bearer {
                realm: "a".into(),
                service: None,
                scope: None
            })
        );
    }

    #[test]
    fn a_challenge_reads_as_it_writes() {
        let challenge = Challenge::bearer(
            "http://h/service/token".into(),
            "harbor-registry",
            &[Scope::pull("a/b")],
        );
        assert_eq!(Challenge::parse(&challenge.to_string()), Some(challenge));
    }
}
