//! Logging in: a `Session` made through an anonymous client, whose token becomes the cookie.

use askama::Template;
use client::{Client, WriteOptions};
use http::{StatusCode, header};
use object::Key;
use serde_json::{Value, json};

use crate::{
    form::Form,
    pages::assets,
    response::{Answer, html, render, see_other, status_of},
    session,
};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'p> {
    version: &'p str,
    user: &'p str,
    problem: &'p str,
    sign_ins: &'p [SignIn],
}

#[derive(Template)]
#[template(path = "entrance.html")]
struct Entrance<'p> {
    version: &'p str,
}

/// An identity provider to log in by.
#[derive(Clone, Debug)]
pub struct SignIn {
    pub path: String,
    pub title: String,
}

/// All of them, as an extension of a request for a page.
#[derive(Clone, Debug, Default)]
pub struct SignIns(pub Vec<SignIn>);

pub(crate) fn show(sign_ins: &SignIns) -> Answer {
    page(StatusCode::OK, "", "", sign_ins)
}

fn page(status: StatusCode, user: &str, problem: &str, sign_ins: &SignIns) -> Answer {
    let (version, sign_ins) = (assets::version(), &sign_ins.0);
    html(status, render(&LoginPage { version, user, problem, sign_ins }))
}

/// Lets somebody in whom an identity provider vouches for. A page, not a redirection: browsers hold
/// the session's cookie back on the way from another site.
pub fn entrance(token: &str, secure: bool) -> Answer {
    let mut answer = html(StatusCode::OK, render(&Entrance { version: assets::version() }));
    answer.headers_mut().insert(header::SET_COOKIE, session::set_cookie(token, secure));
    answer
}

pub(crate) async fn log_in(
    client: &dyn Client,
    form: &Form,
    sign_ins: &SignIns,
    secure: bool,
) -> Answer {
    let (user, password) = (form.text("user"), form.raw("password"));
    let body = json!({
        "apiVersion": "longshore.dev/v1", "kind": "Session", "metadata": {},
        "spec": {"user": user, "password": password},
    });
    let key = Key::new("sessions.longshore.dev", "", "");
    let made = client.create(&key, "", body.to_string().into(), &WriteOptions::default()).await;
    let session: Value = match made.and_then(|object| object.decode()) {
        Ok(session) => session,
        Err(error) if matches!(error.code(), 401 | 403 | 422) => {
            let problem = "That user and password do not match.";
            return page(StatusCode::UNAUTHORIZED, user, problem, sign_ins);
        }
        Err(error) => return page(status_of(&error), user, &error.message, sign_ins),
    };
    let token = session["status"]["token"].as_str().unwrap_or_default();
    let mut answer = see_other("/");
    answer.headers_mut().insert(header::SET_COOKIE, session::set_cookie(token, secure));
    answer
}

pub(crate) fn log_out() -> Answer {
    let mut answer = see_other("/login");
    answer.headers_mut().insert(header::SET_COOKIE, session::clear_cookie());
    answer
}
