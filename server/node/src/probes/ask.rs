//! One question to a container: HTTP, TCP, gRPC or a command.

use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::{
    api::core::v1::{ContainerPort, HTTPGetAction, LifecycleHandler, Probe, TCPSocketAction},
    apimachinery::pkg::util::intstr::IntOrString,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{net::TcpStream, time::timeout};

use crate::{context::Context, runtime::Command};

/// How much of a command's output a message shows.
const OUTPUT_BYTES_MAX: usize = 1024;
/// How long a command that has closed its output may take to end.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// Whom to ask.
pub(crate) struct Target {
    /// The container's id.
    pub(crate) container: String,
    /// The pod's address.
    pub(crate) address: String,
    pub(crate) ports: Vec<ContainerPort>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Success,
    Failure(String),
    /// The question could not be put: it counts as a failure and is no event.
    Unknown(String),
}

/// Asks once.
pub(crate) async fn ask(
    context: &Context,
    probe: &Probe,
    target: &Target,
    limit: Duration,
) -> Answer {
    if let Some(action) = &probe.http_get {
        ask_http(context, action, target, limit).await
    } else if let Some(action) = &probe.tcp_socket {
        ask_tcp(action, target, limit).await
    } else if let Some(action) = &probe.grpc {
        let service = action.service.as_deref().unwrap_or_default();
        context.prober.grpc(&target.address, action.port, service, limit).await
    } else if let Some(action) = &probe.exec {
        run(context, &target.container, action.command.clone().unwrap_or_default(), limit).await
    } else {
        Answer::Unknown("the probe has no handler".to_owned())
    }
}

/// Carries out a lifecycle hook.
pub(crate) async fn run_hook(
    context: &Context,
    hook: &LifecycleHandler,
    target: &Target,
    limit: Duration,
) -> Answer {
    if let Some(action) = &hook.http_get {
        ask_http(context, action, target, limit).await
    } else if let Some(action) = &hook.exec {
        run(context, &target.container, action.command.clone().unwrap_or_default(), limit).await
    } else if let Some(action) = &hook.sleep {
        let seconds = u64::try_from(action.seconds).unwrap_or(0);
        tokio::time::sleep(Duration::from_secs(seconds).min(limit)).await;
        Answer::Success
    } else if let Some(action) = &hook.tcp_socket {
        ask_tcp(action, target, limit).await
    } else {
        Answer::Success
    }
}

async fn ask_http(
    context: &Context,
    action: &HTTPGetAction,
    target: &Target,
    limit: Duration,
) -> Answer {
    match port(&action.port, &target.ports) {
        Some(port) => context.prober.get(action, &target.address, port, limit).await,
        None => Answer::Unknown(format!("couldn't find port: {:?}", action.port)),
    }
}

async fn ask_tcp(action: &TCPSocketAction, target: &Target, limit: Duration) -> Answer {
    let Some(port) = port(&action.port, &target.ports) else {
        return Answer::Unknown(format!("couldn't find port: {:?}", action.port));
    };
    let host = action.host.as_deref().filter(|host| !host.is_empty()).unwrap_or(&target.address);
    match timeout(limit, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Answer::Success,
        Ok(Err(error)) => Answer::Failure(format!("dial tcp {host}:{port}: {error}")),
        Err(_) => Answer::Failure(format!("dial tcp {host}:{port}: i/o timeout")),
    }
}

/// A port by number or by the name that the container gives it.
fn port(port: &IntOrString, ports: &[ContainerPort]) -> Option<u16> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            let named = ports.iter().find(|port| port.name.as_deref() == Some(name));
            named.map(|port| port.container_port).or_else(|| name.parse().ok())?
        }
    };
    u16::try_from(number).ok().filter(|port| *port > 0)
}

/// Runs a command in a container; it has succeeded when it ends with 0.
async fn run(context: &Context, container: &str, words: Vec<String>, limit: Duration) -> Answer {
    let runtime = &context.runtime;
    let command = Command { words, stdout: true, stderr: true, ..Command::default() };
    let (id, attached) = match runtime.execute(container, &command).await {
        Ok(started) => started,
        Err(error) => return Answer::Unknown(error.to_string()),
    };
    let mut output = attached.output;
    let mut text = Vec::new();
    let finished = timeout(limit, async {
        while let Some(Ok(piece)) = output.next().await {
            let room = OUTPUT_BYTES_MAX.saturating_sub(text.len());
            text.extend_from_slice(&piece.data[..piece.data.len().min(room)]);
        }
    });
    if finished.await.is_err() {
        // The engine lets it run on; the agent shares the host's process ids.
        let pid = runtime.command_state(&id).await.ok().and_then(|state| state.pid);
        if let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()) {
            kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
        }
        return Answer::Failure(format!("command timed out after {}s", limit.as_secs()));
    }
    match exit_code(context, &id).await {
        Some(0) => Answer::Success,
        Some(_) => Answer::Failure(String::from_utf8_lossy(&text).trim_end().to_owned()),
        None => Answer::Unknown("the command did not tell how it ended".to_owned()),
    }
}

/// The exit code of a command whose output has ended: the engine may learn of it a moment later.
pub(crate) async fn exit_code(context: &Context, command: &str) -> Option<i32> {
    let mut pause = Duration::from_millis(2);
    let ended = timeout(END_TIMEOUT, async {
        loop {
            match context.runtime.command_state(command).await {
                Ok(state) if state.exit_code.is_some() => return state.exit_code,
                Ok(_) => tokio::time::sleep(pause).await,
                Err(_) => return None,
            }
            pause *= 2;
        }
    });
    ended.await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_ports_by_name() {
        let ports = [ContainerPort {
            name: Some("web".into()),
            container_port: 8080,
            ..ContainerPort::default()
        }];
        for (wanted, want) in [
            (IntOrString::Int(80), Some(80)),
            (IntOrString::String("web".into()), Some(8080)),
            (IntOrString::String("81".into()), Some(81)),
            (IntOrString::String("none".into()), None),
            (IntOrString::Int(70000), None),
            (IntOrString::Int(0), None),
        ] {
            assert_eq!(port(&wanted, &ports), want);
        }
    }
}
