//! Roles: assumed with keys, or with the token of a web identity.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html> and
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>

use reqwest::Client;
use url::Url;
use url::form_urlencoded::Serializer;

use super::call::{self, Answer, at, post_signed, unreadable};
use super::chain::WebIdentity;
use super::machine::read_secret_file;
use super::{Keys, Role};
use crate::Error;

const FORM: &str = "application/x-www-form-urlencoded";
const VERSION: &str = "2011-06-15";

pub(super) async fn assume_role(
    client: &Client,
    url: &Url,
    region: &str,
    role: &Role,
    keys: &Keys,
) -> Result<Keys, Error> {
    let form = role_form(role);
    // The global host takes signatures of one region alone.
    let region = match url.host_str() {
        Some("sts.amazonaws.com") => "us-east-1",
        _ => region,
    };
    let headers = [("content-type", FORM.to_owned())];
    let answer = post_signed(client, url, ("sts", region), keys, &headers, form).await?;
    read(
        url,
        &answer,
        "the role's trust policy must name these keys' user and the external id, and their policy must allow \
         sts:AssumeRole",
    )
}

fn role_form(role: &Role) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("Action", "AssumeRole")
        .append_pair("Version", VERSION)
        .append_pair("RoleArn", &role.arn)
        .append_pair("RoleSessionName", &role.session_name);
    if let Some(id) = &role.external_id {
        form.append_pair("ExternalId", id);
    }
    form.finish()
}

pub(super) async fn assume_role_with_web_identity(
    client: &Client,
    url: &Url,
    identity: &WebIdentity,
) -> Result<Keys, Error> {
    let token = read_secret_file(&identity.token_file).await?;
    let form = Serializer::new(String::new())
        .append_pair("Action", "AssumeRoleWithWebIdentity")
        .append_pair("Version", VERSION)
        .append_pair("RoleArn", &identity.role_arn)
        .append_pair("RoleSessionName", &identity.session_name)
        .append_pair("WebIdentityToken", &token)
        .finish();
    let mut root = url.clone();
    root.set_path("/");
    let request = client.post(root).header("content-type", FORM).body(form);
    let answer = call::send(request, &at(url), call::CLOUD_LIMIT).await?;
    read(
        url,
        &answer,
        "the role's trust policy must name the identity provider and this service account",
    )
}

fn read(url: &Url, answer: &Answer, needed: &str) -> Result<Keys, Error> {
    let text = String::from_utf8_lossy(&answer.body);
    if !answer.status.is_success() {
        let code = element(&text, "Code");
        return Err(call::refused(url, answer.status, code.as_deref(), needed));
    }
    let keys = || {
        Some(Keys {
            access_key: element(&text, "AccessKeyId")?,
            secret_key: element(&text, "SecretAccessKey")?,
            session_token: Some(element(&text, "SessionToken")?),
        })
    };
    keys().ok_or_else(|| unreadable(&at(url)))
}

/// The text of the only element of this name. STS's documents are flat as far as they are read here, and keys and
/// codes hold nothing that XML would write differently: a reader of all XML would read no more.
fn element(document: &str, name: &str) -> Option<String> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let text = text.trim();
    (!text.is_empty() && !text.contains(['<', '&'])).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_found_by_its_whole_name() {
        let document =
            "<R><AccessKeyIds>x</AccessKeyIds><AccessKeyId>\n k </AccessKeyId><E></E></R>";
        assert_eq!(element(document, "AccessKeyId").as_deref(), Some("k"));
        assert_eq!(element(document, "E"), None);
        assert_eq!(element(document, "Code"), None);
        assert_eq!(element("<Code>a<b/></Code>", "Code"), None);
    }
}
