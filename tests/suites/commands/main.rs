//! Every command of kubectl that needs no running pod, theme by theme, against one server.

mod access;
mod apply;
mod change;
mod create;
mod delete;
mod proxy;
mod read;

use tests::{ControlPlane, try_each};

#[test]
fn kubectl_commands() {
    try_each(
        &ControlPlane::start("commands"),
        &[
            ("read", read::all),
            ("create", create::all),
            ("apply", apply::all),
            ("change", change::all),
            ("access", access::all),
            ("proxy", proxy::all),
            ("delete", delete::all),
        ],
    );
}
