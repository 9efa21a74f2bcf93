//! Scripts, styles and the icon, inside the executable.

use std::sync::OnceLock;

use http::StatusCode;
use sha2::{Digest, Sha256};

use crate::response::{Answer, asset};

const FILES: &[(&str, &str, &[u8])] = &[
    ("app.css", "text/css; charset=utf-8", include_bytes!("../../static/app.css")),
    ("app.js", "text/javascript; charset=utf-8", include_bytes!("../../static/app.js")),
    ("icon.svg", "image/svg+xml", include_bytes!("../../static/icon.svg")),
    (
        "htmx.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../node_modules/htmx.org/dist/htmx.min.js"),
    ),
    (
        "sse.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../node_modules/htmx-ext-sse/sse.js"),
    ),
    (
        "idiomorph.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../node_modules/idiomorph/dist/idiomorph-ext.min.js"),
    ),
];

pub(crate) fn file(name: &str) -> Answer {
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, content_type, bytes)) => asset(content_type, bytes),
        None => super::refuse(StatusCode::NOT_FOUND, "There is no such file."),
    }
}

/// Changes with the files' content, so that a browser never keeps a stale one.
pub(crate) fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let digest =
            FILES.iter().fold(Sha256::new(), |hash, (_, _, bytes)| hash.chain_update(bytes));
        digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    })
}
