//! Probes.

use k8s_openapi::api::core::v1::{Container, HTTPGetAction, Probe};
use object::FieldErrors;

use crate::parts::check;

/// The three probes of a container.
pub(super) fn validate(container: &Container, path: &str, errors: &mut FieldErrors) {
    for (field, probe) in [
        ("livenessProbe", &container.liveness_probe),
        ("readinessProbe", &container.readiness_probe),
        ("startupProbe", &container.startup_probe),
    ] {
        let Some(probe) = probe else { continue };
        let path = format!("{path}.{field}");
        validate_probe(probe, &path, errors);
        // Only readiness comes and goes.
        if field != "readinessProbe"
            && let Some(threshold) = probe.success_threshold.filter(|threshold| *threshold != 1)
        {
            errors.invalid(format!("{path}.successThreshold"), threshold, "must be 1");
        }
        if let Some(seconds) = probe.termination_grace_period_seconds {
            if field == "readinessProbe" {
                errors.invalid(
                    format!("{path}.terminationGracePeriodSeconds"),
                    seconds,
                    "must not be set for readinessProbes",
                );
            } else if seconds <= 0 {
                errors.invalid(
                    format!("{path}.terminationGracePeriodSeconds"),
                    seconds,
                    "must be greater than 0",
                );
            }
        }
    }
}

fn validate_probe(probe: &Probe, path: &str, errors: &mut FieldErrors) {
    let mut handlers = Handlers { path, count: 0 };
    if let Some(exec) = &probe.exec {
        handlers.exec(exec.command.as_deref(), errors);
    }
    if let Some(get) = &probe.http_get {
        handlers.http_get(get, errors);
    }
    if let Some(socket) = &probe.tcp_socket
        && let Some(path) = handlers.next("tcpSocket", errors)
    {
        check::port_or_name(&socket.port, &format!("{path}.port"), errors);
    }
    if let Some(grpc) = &probe.grpc
        && let Some(path) = handlers.next("grpc", errors)
    {
        check::port(grpc.port, &format!("{path}.port"), errors);
    }
    handlers.finish(errors);
    for (field, value) in [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ] {
        check::nonnegative(value, &format!("{path}.{field}"), errors);
    }
}

/// Exactly one handler, of a probe or of a hook.
pub(super) struct Handlers<'a> {
    pub(super) path: &'a str,
    pub(super) count: usize,
}

impl Handlers<'_> {
    /// The path of one more handler, if it is the first.
    pub(super) fn next(&mut self, field: &str, errors: &mut FieldErrors) -> Option<String> {
        self.count += 1;
        let path = format!("{}.{field}", self.path);
        if self.count > 1 {
            errors.forbidden(path, "may not specify more than 1 handler type");
            return None;
        }
        Some(path)
    }

    pub(super) fn exec(&mut self, command: Option<&[String]>, errors: &mut FieldErrors) {
        if let Some(path) = self.next("exec", errors)
            && command.unwrap_or_default().is_empty()
        {
            errors.required(format!("{path}.command"), "");
        }
    }

    pub(super) fn http_get(&mut self, get: &HTTPGetAction, errors: &mut FieldErrors) {
        let Some(path) = self.next("httpGet", errors) else { return };
        if check::is_blank(get.path.as_deref()) {
            errors.required(format!("{path}.path"), "");
        }
        check::port_or_name(&get.port, &format!("{path}.port"), errors);
        let scheme = get.scheme.as_deref();
        check::one_of(scheme, &format!("{path}.scheme"), &["HTTP", "HTTPS"], errors);
        for (index, header) in get.http_headers.iter().flatten().enumerate() {
            if !is_header_name(&header.name) {
                errors.invalid(
                    format!("{path}.httpHeaders[{index}].name"),
                    header.name.as_str(),
                    "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
                );
            }
        }
    }

    pub(super) fn finish(&self, errors: &mut FieldErrors) {
        if self.count == 0 {
            errors.required(self.path, "must specify a handler type");
        }
    }
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
