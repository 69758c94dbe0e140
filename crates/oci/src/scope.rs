//! Token scopes: `repository:hub/library/alpine:pull,push`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a token is asked for, or speaks of (distribution's token specification, "Resource Scope").
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// `repository` or `registry`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The repository's full name, or `catalog`.
    pub name: String,
    /// `pull`, `push`, `delete`, `*`.
    pub actions: Vec<String>,
}

impl Scope {
    /// The scope a pull of `repository` needs.
    pub fn pull(repository: &str) -> Self {
        Self {
            kind: "repository".to_owned(),
            name: repository.to_owned(),
            actions: vec!["pull".to_owned()],
        }
    }
}

impl FromStr for Scope {
    type Err = ();

    /// The name may hold colons (a host with a port): the type ends at the first, the actions start at the last.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (kind, rest) = text.split_once(':').ok_or(())?;
        let (name, actions) = rest.rsplit_once(':').ok_or(())?;
        if kind.is_empty() || name.is_empty() {
            return Err(());
        }
        let actions = actions
            .split(',')
            .filter(|action| !action.is_empty())
            .map(str::to_owned)
            .collect();
        Ok(Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            actions,
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.kind, self.name, self.actions.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reads_as_it_writes() {
        for text in [
            "repository:a/b:pull",
            "repository:host:5000/a:pull,push",
            "registry:catalog:*",
        ] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "repository",
            "repository:a/b",
            ":a:pull",
            "repository::pull",
        ] {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
    }
}
