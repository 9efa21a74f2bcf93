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
}

pub(crate) fn show() -> Answer {
    page(StatusCode::OK, "", "")
}

fn page(status: StatusCode, user: &str, problem: &str) -> Answer {
    html(status, render(&LoginPage { version: assets::version(), user, problem }))
}

pub(crate) async fn log_in(client: &dyn Client, form: &Form, secure: bool) -> Answer {
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
            return page(StatusCode::UNAUTHORIZED, user, problem);
        }
        Err(error) => return page(status_of(&error), user, &error.message),
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
