//! Logging in to the dashboard by an identity provider: the way there, and the way back.

use std::sync::Arc;

use ::http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use api::Api;
use bytes::Bytes;
use object::{ApiError, Reason};

/// Below it stands the name of each provider.
const ROOT: &str = "/login/with/";
const BACK: &str = "callback";
/// What the browser remembers on its way. It comes back by a link of another site.
const COOKIE: &str = "longshore_sign_in";
const COOKIE_SECONDS: u32 = 600;

/// The buttons of the log-in page.
pub(super) fn options(api: &Api) -> web::SignIns {
    let option = |option: api::SignInOption| web::SignIn {
        path: format!("{ROOT}{}", option.name),
        title: option.title,
    };
    web::SignIns(api.sign_in_options().into_iter().map(option).collect())
}

/// Answers a path of a log-in; `None` for any other.
pub(super) async fn answer(
    api: &Arc<Api>,
    request: &Request<Bytes>,
) -> Option<Response<web::Body>> {
    let rest = request.uri().path().strip_prefix(ROOT)?;
    let answered = match rest.split_once('/') {
        None => begin(api, request.uri(), rest).await,
        Some((name, BACK)) => finish(api, request, name).await,
        Some(_) => Err(ApiError::new(Reason::NotFound, "There is no such page.")),
    };
    Some(answered.unwrap_or_else(|error| {
        let status = StatusCode::from_u16(error.code()).unwrap_or(StatusCode::BAD_GATEWAY);
        web::refusal(status, &error.message)
    }))
}

/// Where the provider sends the browser back to: this server as the browser knows it.
fn way_back(uri: &Uri, name: &str) -> String {
    let scheme = uri.scheme_str().unwrap_or("https");
    let host = uri.authority().map(|host| host.as_str()).unwrap_or_default();
    format!("{scheme}://{host}{ROOT}{name}/{BACK}")
}

fn pocket(value: &str, seconds: u32, uri: &Uri) -> HeaderValue {
    let secure = if uri.scheme_str() == Some("https") { "; Secure" } else { "" };
    let cookie =
        format!("{COOKIE}={value}; Path={ROOT}; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&cookie).expect("base64 and words have no control characters")
}

async fn begin(api: &Arc<Api>, uri: &Uri, name: &str) -> Result<Response<web::Body>, ApiError> {
    let begun = api.begin_sign_in(name, &way_back(uri, name)).await?;
    let mut answer = Response::new(web::Body::Full(Bytes::new()));
    *answer.status_mut() = StatusCode::SEE_OTHER;
    let url = HeaderValue::from_str(&begun.url)
        .map_err(|_| ApiError::unavailable("the identity provider's address can not be used"))?;
    let headers = answer.headers_mut();
    headers.insert(header::LOCATION, url);
    headers.insert(header::SET_COOKIE, pocket(&begun.pocket, COOKIE_SECONDS, uri));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

async fn finish(
    api: &Arc<Api>,
    request: &Request<Bytes>,
    name: &str,
) -> Result<Response<web::Body>, ApiError> {
    let uri = request.uri();
    let query = uri.query().unwrap_or_default().as_bytes();
    let told = |field: &str| {
        let mut pairs = form_urlencoded::parse(query);
        pairs.find(|(key, _)| key == field).map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    let kept = web::cookie(request.headers(), COOKIE).unwrap_or_default();
    let (state, code) = (told("state"), told("code"));
    let session = api.finish_sign_in(kept, &way_back(uri, name), &state, &code).await?;
    let secure = uri.scheme_str() == Some("https");
    let mut answer = web::entrance(&session.text, secure);
    answer.headers_mut().append(header::SET_COOKIE, pocket("", 0, uri));
    Ok(answer)
}
