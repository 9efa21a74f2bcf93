//! Paths to pages.

use std::sync::Arc;

use bytes::Bytes;
use client::Client;
use http::{Method, Request, StatusCode};

use crate::{
    form::Form,
    pages::{self, login::SignIns},
    response::{Answer, see_other, status_of},
    session::{self, Visitor},
};

/// What a page works with.
pub(crate) struct Visit {
    pub(crate) client: Arc<dyn Client>,
    pub(crate) visitor: Visitor,
    pub(crate) form: Form,
    pub(crate) query: Form,
    /// Whether htmx asked, which wants a part instead of a page.
    pub(crate) wants_part: bool,
}

/// Answers a request of the browser with the rights of `client`'s user.
pub async fn page(request: Request<Bytes>, client: Arc<dyn Client>) -> Answer {
    let path = request.uri().path().to_owned();
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    if let ["static", name] = segments[..] {
        return pages::assets::file(name);
    }
    let is_post = request.method() == Method::POST;
    if is_post && !session::is_same_site(request.headers()) {
        return pages::refuse(StatusCode::FORBIDDEN, "This form came from another site.");
    }
    let secure = request.uri().scheme_str() == Some("https");
    let form = if is_post { Form::parse(request.body()) } else { Form::default() };
    if segments == ["login"] {
        let sign_ins = request.extensions().get::<SignIns>().cloned().unwrap_or_default();
        return if is_post {
            pages::login::log_in(&*client, &form, &sign_ins, secure).await
        } else {
            pages::login::show(&sign_ins)
        };
    }
    let visitor = match session::visitor(request.headers(), &*client).await {
        Ok(Some(visitor)) => visitor,
        Ok(None) => return see_other("/login"),
        Err(error) => return pages::refuse(status_of(&error), &error.message),
    };
    let sent = request.headers().get("x-csrf-token").and_then(|value| value.to_str().ok());
    if is_post && form.raw("csrf") != visitor.csrf && sent != Some(visitor.csrf.as_str()) {
        return pages::refuse(StatusCode::FORBIDDEN, "This form is too old; load the page again.");
    }
    let query = Form::parse(request.uri().query().unwrap_or_default().as_bytes());
    let wants_part = request.headers().contains_key("hx-request");
    let visit = Visit { client, visitor, form, query, wants_part };
    let answer = match (is_post, &segments[..]) {
        (false, path) => show(visit, path).await,
        (true, path) => act(visit, path).await,
    };
    answer.unwrap_or_else(|error| pages::refuse(status_of(&error), &error.message))
}

type Outcome = Result<Answer, object::ApiError>;

async fn show(visit: Visit, path: &[&str]) -> Outcome {
    match *path {
        [] => pages::home::show(&visit).await,
        ["live", "home"] => pages::home::live(&visit).await,
        ["apps", "new"] => pages::new_app::show(&visit).await,
        ["apps", namespace, name] => pages::app::show(&visit, namespace, name).await,
        ["apps", namespace, name, "logs"] => pages::logs::show(&visit, namespace, name),
        ["live", "apps", namespace, name] => pages::app::live(&visit, namespace, name).await,
        ["live", "apps", namespace, name, "logs"] => {
            pages::logs::live(&visit, namespace, name).await
        }
        ["hosts"] => pages::hosts::show(&visit).await,
        ["live", "hosts"] => pages::hosts::live(&visit).await,
        _ => Ok(pages::not_found(&visit)),
    }
}

async fn act(visit: Visit, path: &[&str]) -> Outcome {
    match *path {
        ["logout"] => Ok(pages::login::log_out()),
        ["apps"] => pages::new_app::create(&visit).await,
        ["apps", namespace, name, action] => pages::app::act(&visit, namespace, name, action).await,
        ["hosts"] => pages::hosts::add(&visit).await,
        ["hosts", name, "remove"] => pages::hosts::remove(&visit, name).await,
        _ => Ok(pages::not_found(&visit)),
    }
}
