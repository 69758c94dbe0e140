//! What a form suggests for each kind of endpoint, in Harbor's words. Suggestions only: anything else may be typed.

use upstream::{CredentialPattern, PatternKind};

/// The addresses and credentials usual for a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSuggestions {
    /// `EndpointPatternTypeFix`: the first address and no other; `…List`: one of them, or another; `…Standard`: any.
    pub endpoint_type: &'static str,
    /// Names and addresses.
    pub endpoints: Vec<(String, String)>,
    /// `AccessKeyTypeFix` or `AccessKeyTypeStandard`.
    pub access_key_type: &'static str,
    /// The fixed key.
    pub access_key_data: &'static str,
    /// `AccessSecretTypeFile` or `AccessSecretTypeStandard`.
    pub access_secret_type: &'static str,
    /// What to say of the file.
    pub access_secret_data: &'static str,
}

/// The suggestions for one of [`crate::upstream_kinds`].
pub fn upstream_suggestions(kind: &str) -> UpstreamSuggestions {
    let known = kind.parse().map(upstream::suggestions).ok();
    let (endpoint, credential) =
        known.map_or((None, None), |known| (known.endpoint, known.credential));
    let standard = CredentialPattern {
        access_key_type: "AccessKeyTypeStandard",
        access_key_data: "",
        access_secret_type: "AccessSecretTypeStandard",
        access_secret_data: "",
    };
    let credential = credential.unwrap_or(standard);
    let pattern = endpoint
        .as_ref()
        .map_or(PatternKind::Standard, |endpoint| endpoint.kind);
    UpstreamSuggestions {
        endpoint_type: pattern.as_str(),
        endpoints: endpoint
            .map(|endpoint| endpoint.endpoints)
            .unwrap_or_default(),
        access_key_type: credential.access_key_type,
        access_key_data: credential.access_key_data,
        access_secret_type: credential.access_secret_type,
        access_secret_data: credential.access_secret_data,
    }
}
