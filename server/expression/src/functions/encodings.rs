//! Base64, and paths of JSON patches.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{Row, failed, mismatch};
use crate::value::Value::{self, Bytes, String};

pub(super) const ROWS: &[Row] = &[
    ("base64.encode(bytes) -> string", |_, args| match args {
        [Bytes(bytes)] => Ok(Value::string(BASE64_STANDARD.encode(bytes))),
        _ => mismatch(),
    }),
    ("base64.decode(string) -> bytes", |_, args| match args {
        [String(text)] => match BASE64_STANDARD.decode(&**text) {
            Ok(bytes) => Ok(Bytes(bytes.into())),
            Err(error) => failed(format!("illegal base64 data: {error}")),
        },
        _ => mismatch(),
    }),
    ("jsonpatch.escapeKey(string) -> string", |_, args| match args {
        [String(text)] => Ok(Value::string(text.replace('~', "~0").replace('/', "~1"))),
        _ => mismatch(),
    }),
];
