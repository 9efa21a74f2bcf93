//! What runs just after a container's start and just before its end.

use k8s_openapi::api::core::v1::{Lifecycle, LifecycleHandler};
use object::FieldErrors;

use super::probes::Handlers;
use crate::parts::check;

pub(super) fn validate(lifecycle: Option<&Lifecycle>, path: &str, errors: &mut FieldErrors) {
    let Some(lifecycle) = lifecycle else { return };
    for (field, handler) in [("postStart", &lifecycle.post_start), ("preStop", &lifecycle.pre_stop)]
    {
        if let Some(handler) = handler {
            validate_handler(handler, &format!("{path}.lifecycle.{field}"), errors);
        }
    }
}

fn validate_handler(handler: &LifecycleHandler, path: &str, errors: &mut FieldErrors) {
    let mut handlers = Handlers { path, count: 0 };
    if let Some(exec) = &handler.exec {
        handlers.exec(exec.command.as_deref(), errors);
    }
    if let Some(get) = &handler.http_get {
        handlers.http_get(get, errors);
    }
    if let Some(socket) = &handler.tcp_socket
        && let Some(path) = handlers.next("tcpSocket", errors)
    {
        check::port_or_name(&socket.port, &format!("{path}.port"), errors);
    }
    if let Some(sleep) = &handler.sleep
        && let Some(path) = handlers.next("sleep", errors)
    {
        check::nonnegative(Some(sleep.seconds), &format!("{path}.seconds"), errors);
    }
    handlers.finish(errors);
}
