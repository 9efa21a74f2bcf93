//! Who is looking, and that a form came from our own page.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use client::{Client, WriteOptions};
use http::{HeaderMap, HeaderValue, header};
use object::{ApiError, Key};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const COOKIE: &str = "longshore_session";

/// The person behind a request.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) name: String,
    /// Stands in every form; derived from the session, which another site can not read.
    pub(crate) csrf: String,
}

/// The logged-in user, `None` for a visitor without a valid session.
///
/// # Errors
/// When the API does not answer.
pub(crate) async fn visitor(
    headers: &HeaderMap,
    client: &dyn Client,
) -> Result<Option<Visitor>, ApiError> {
    let Some(token) = session_token(headers) else { return Ok(None) };
    let key = Key::new("selfsubjectreviews.authentication.k8s.io", "", "");
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {}});
    let answered =
        client.create(&key, "", review.to_string().into(), &WriteOptions::default()).await;
    let answer: Value = match answered {
        Ok(object) => object.decode()?,
        Err(error) if matches!(error.code(), 401 | 403) => return Ok(None),
        Err(error) => return Err(error),
    };
    let name = answer["status"]["userInfo"]["username"].as_str().unwrap_or_default();
    if name.is_empty() || name == "system:anonymous" {
        return Ok(None);
    }
    Ok(Some(Visitor { name: name.to_owned(), csrf: csrf(token) }))
}

fn csrf(token: &str) -> String {
    let digest = Sha256::new().chain_update(b"csrf:").chain_update(token).finalize();
    BASE64_URL_SAFE_NO_PAD.encode(digest)
}

/// The token in the session's cookie.
pub fn session_token(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, COOKIE)
}

/// A cookie's value, if it has one.
pub fn cookie<'h>(headers: &'h HeaderMap, wanted: &str) -> Option<&'h str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    pairs
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == wanted && !value.is_empty())
        .map(|(_, value)| value)
}

/// Whether a browser says that the request comes from a page of this site. Browsers that send
/// neither header are told apart by the form's token alone.
pub(crate) fn is_same_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match (text("origin"), text("host")) {
        (Some(origin), Some(host)) => {
            origin.split_once("://").is_some_and(|(_, authority)| authority == host)
        }
        _ => true,
    }
}

/// The cookie of a new session. `Secure` wherever the page itself came over TLS.
pub(crate) fn set_cookie(token: &str, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&cookie).expect("a token has no control characters")
}

pub(crate) fn clear_cookie() -> HeaderValue {
    HeaderValue::from_static("longshore_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_its_cookie_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", "a=b; longshore_session=tok; c=d".parse().unwrap());
        assert_eq!(session_token(&headers), Some("tok"));
        headers.insert("cookie", "xlongshore_session=tok".parse().unwrap());
        assert_eq!(session_token(&headers), None);
    }

    #[test]
    fn other_sites_are_refused() {
        let mut headers = HeaderMap::new();
        headers.insert("host", "127.0.0.1:8080".parse().unwrap());
        assert!(is_same_site(&headers));
        headers.insert("origin", "http://127.0.0.1:8080".parse().unwrap());
        assert!(is_same_site(&headers));
        headers.insert("origin", "http://evil.example".parse().unwrap());
        assert!(!is_same_site(&headers));
        headers.insert("sec-fetch-site", "same-origin".parse().unwrap());
        assert!(is_same_site(&headers));
        headers.insert("sec-fetch-site", "cross-site".parse().unwrap());
        assert!(!is_same_site(&headers));
    }
}
