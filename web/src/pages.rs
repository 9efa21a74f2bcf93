//! The pages, one file each.

use askama::Template;
use http::StatusCode;

use crate::{
    response::{Answer, html, render},
    router::Visit,
};

pub(crate) mod app;
pub(crate) mod assets;
pub(crate) mod home;
pub(crate) mod hosts;
pub(crate) mod login;
pub(crate) mod logs;
pub(crate) mod new_app;

/// The frame around every page of a logged-in visitor.
#[derive(Template)]
#[template(path = "page.html")]
struct Page<'p> {
    title: &'p str,
    /// Which entry of the navigation is the current one.
    place: &'p str,
    user: &'p str,
    csrf: &'p str,
    version: &'p str,
    body: &'p str,
}

/// Frames a page's HTML.
pub(crate) fn frame(visit: &Visit, title: &str, place: &str, body: &str) -> Answer {
    framed(StatusCode::OK, visit, title, place, body)
}

pub(crate) fn framed(
    status: StatusCode,
    visit: &Visit,
    title: &str,
    place: &str,
    body: &str,
) -> Answer {
    let page = Page {
        title,
        place,
        user: &visit.visitor.name,
        csrf: &visit.visitor.csrf,
        version: assets::version(),
        body,
    };
    html(status, render(&page))
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct Refusal<'p> {
    message: &'p str,
    version: &'p str,
}

/// A page that only says what went wrong.
pub fn refuse(status: StatusCode, message: &str) -> Answer {
    html(status, render(&Refusal { message, version: assets::version() }))
}

pub(crate) fn not_found(visit: &Visit) -> Answer {
    let body = "<h1>There is no such page</h1><p><a href=\"/\">Back to the apps</a></p>";
    framed(StatusCode::NOT_FOUND, visit, "Not found", "", body)
}

#[derive(Template)]
#[template(path = "parts/notice.html")]
struct Notice<'p> {
    good: bool,
    text: &'p str,
}

/// A line that says what an action did; announced to screen readers.
pub(crate) fn notice(good: bool, text: &str) -> Answer {
    html(StatusCode::OK, render(&Notice { good, text }))
}
