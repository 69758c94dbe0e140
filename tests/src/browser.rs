//! A browser as far as sessions go: it keeps cookies, and asks again with the token of the answer that wanted one, as the
//! portal and the Terraform provider do.

use std::collections::BTreeMap;

use http::Method;
use http::header::{COOKIE, SET_COOKIE};

use crate::{Answer, Client};

/// Holds cookies for one server.
pub struct Browser {
    client: Client,
    cookies: BTreeMap<String, String>,
    token: Option<String>,
}

impl Browser {
    /// One that has been nowhere yet.
    pub fn new(url: &str) -> Self {
        Self::of(&Client::new(url, None))
    }

    /// The same beside the client's credentials.
    pub fn of(client: &Client) -> Self {
        Self {
            client: client.clone(),
            cookies: BTreeMap::new(),
            token: None,
        }
    }

    /// A cookie it holds.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// Gives it a cookie.
    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    /// Forgets the token, and keeps the cookies: what a page of another site can make a browser do.
    pub fn forget_token(&mut self) {
        self.token = None;
    }

    /// Signs in by the form.
    pub async fn sign_in(&mut self, name: &str, password: &str) -> Answer {
        let form = [("principal", name), ("password", password)];
        self.post_form("/c/login", &form).await
    }

    /// `GET`.
    pub async fn get(&mut self, path: &str) -> Answer {
        let request = self.request(Method::GET, path);
        self.send(request).await
    }

    /// A form, once more with the token where that is refused for want of one.
    pub async fn post_form(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let text = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let form = "application/x-www-form-urlencoded";
        self.persist(Method::POST, path, form, text).await
    }

    /// JSON, once more with the token where that is refused for want of one.
    pub async fn change(&mut self, method: Method, path: &str, body: &serde_json::Value) -> Answer {
        self.persist(method, path, "application/json", body.to_string())
            .await
    }

    /// The same, once and with the token there is.
    pub async fn change_once(
        &mut self,
        method: Method,
        path: &str,
        body: &serde_json::Value,
    ) -> Answer {
        let request = self.request(method, path).json(body);
        self.send(request).await
    }

    async fn persist(&mut self, method: Method, path: &str, kind: &str, body: String) -> Answer {
        let mut answer = None;
        for _ in 0..2 {
            let request = self.request(method.clone(), path);
            let request = request.header("content-type", kind).body(body.clone());
            let told = self.send(request).await;
            let is_refused = told.status == 403 && told.message().starts_with("CSRF");
            answer = Some(told);
            if !is_refused {
                break;
            }
        }
        answer.expect("two tries")
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let mut request = self.client.request(method, path);
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        match &self.token {
            Some(token) => request.header("x-harbor-csrf-token", token),
            None => request,
        }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Answer {
        let answer = self.client.send(request).await;
        for line in answer.headers.get_all(SET_COOKIE) {
            let line = line.to_str().expect("text");
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').expect("name=value");
            match attributes.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        let token = answer.header("x-harbor-csrf-token");
        if !token.is_empty() {
            self.token = Some(token.to_owned());
        }
        answer
    }
}
