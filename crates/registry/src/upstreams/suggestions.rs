//! What a form suggests for each kind of endpoint, in Harbor's words. Suggestions only: anything else may be typed.

/// The addresses and credentials usual for a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSuggestions {
    /// `EndpointPatternTypeFix`: the first address and no other; `…List`: one of them, or another; `…Standard`: any.
    pub endpoint_type: &'static str,
    /// Names and addresses.
    pub endpoints: Vec<(&'static str, &'static str)>,
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
    let standard = UpstreamSuggestions {
        endpoint_type: "EndpointPatternTypeStandard",
        endpoints: Vec::new(),
        access_key_type: "AccessKeyTypeStandard",
        access_key_data: "",
        access_secret_type: "AccessSecretTypeStandard",
        access_secret_data: "",
    };
    let fixed = |name, url| UpstreamSuggestions {
        endpoint_type: "EndpointPatternTypeFix",
        endpoints: vec![(name, url)],
        ..standard.clone()
    };
    match kind {
        "docker-hub" => fixed("hub.docker.com", "https://hub.docker.com"),
        "github-ghcr" => fixed("ghcr.io", "https://ghcr.io"),
        "google-gcr" => UpstreamSuggestions {
            endpoint_type: "EndpointPatternTypeList",
            endpoints: vec![
                ("gcr.io", "https://gcr.io"),
                ("us.gcr.io", "https://us.gcr.io"),
                ("eu.gcr.io", "https://eu.gcr.io"),
                ("asia.gcr.io", "https://asia.gcr.io"),
            ],
            access_key_type: "AccessKeyTypeFix",
            access_key_data: "_json_key",
            access_secret_type: "AccessSecretTypeFile",
            access_secret_data: "No Change",
        },
        _ => standard,
    }
}
