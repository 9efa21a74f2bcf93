//! `kubectl exec`.

use client::Connection;
use futures::future::BoxFuture;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use object::ApiError;

use super::{
    Request, checked,
    pump::{Ended, Size, exit_status, pump},
};
use crate::{context::Context, probes::exit_code, runtime::Command};

pub(super) async fn answer(
    context: &Context,
    request: &Request,
    connection: Connection,
) -> Result<(), ApiError> {
    let tty = request.is("tty");
    let command = Command {
        words: request.all("command").map(str::to_owned).collect(),
        stdin: request.is("stdin"),
        stdout: request.is("stdout"),
        // A terminal has one output only.
        stderr: request.is("stderr") && !tty,
        tty,
    };
    if command.words.is_empty() {
        return Err(ApiError::bad_request("you must specify at least 1 command for the container"));
    }
    let run = request.running(context).await?;
    let (id, attached) = checked(context.runtime.execute(&run.id, &command).await)?;
    let outgoing = connection.outgoing.clone();
    let (runtime, command) = (context.runtime.clone(), id.clone());
    let resize = move |size: Size| -> BoxFuture<'static, ()> {
        let (runtime, command) = (runtime.clone(), command.clone());
        Box::pin(async move {
            // A command that has just ended has no terminal any more.
            runtime.resize_command(&command, size.width, size.height).await.ok();
        })
    };
    match pump(connection, attached, tty, resize).await? {
        Ended::Output => {
            let code = exit_code(context, &id).await;
            outgoing.send(exit_status(code)).await.ok();
        }
        Ended::Client => end(context, &id).await,
    }
    Ok(())
}

/// The engine lets a command run on that nobody listens to; the agent shares the host's process ids.
async fn end(context: &Context, id: &str) {
    let Ok(state) = context.runtime.command_state(id).await else { return };
    let pid = state.pid.filter(|_| state.exit_code.is_none());
    if let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()) {
        kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
    }
}
