//! Logs, attached containers and commands.

use bollard::{
    Docker as Connection,
    container::LogOutput,
    errors::Error,
    exec::{CreateExecOptions, StartExecOptions, StartExecResults},
    query_parameters::{
        AttachContainerOptionsBuilder, LogsOptionsBuilder, ResizeContainerTTYOptionsBuilder,
        ResizeExecOptionsBuilder,
    },
};
use futures::{Stream, StreamExt};

use super::failed;
use crate::runtime::{
    Attached, Command, CommandState, LogOptions, Output, OutputStream, Result, Source,
};

pub(super) fn logs(connection: &Connection, id: &str, options: &LogOptions) -> OutputStream {
    let tail = options.tail_lines.map_or("all".to_owned(), |lines| lines.to_string());
    // The engine counts in 32 bits: what lies beyond them is in the future all the same.
    let since = options.since.map_or(0, |since| since.as_second().clamp(0, i32::MAX.into()));
    let query = LogsOptionsBuilder::new()
        .follow(options.follow)
        .timestamps(options.timestamps)
        .stdout(options.only != Some(Source::Stderr))
        .stderr(options.only != Some(Source::Stdout))
        .since(i32::try_from(since).unwrap_or(i32::MAX))
        .tail(&tail)
        .build();
    outputs(connection.logs(id, Some(query)))
}

pub(super) async fn attach(connection: &Connection, id: &str, stdin: bool) -> Result<Attached> {
    let options = AttachContainerOptionsBuilder::new()
        .stdin(stdin)
        .stdout(true)
        .stderr(true)
        .stream(true)
        .build();
    let attached = connection.attach_container(id, Some(options)).await.map_err(failed)?;
    Ok(Attached { output: outputs(attached.output), input: attached.input })
}

pub(super) async fn resize(
    connection: &Connection,
    id: &str,
    width: u16,
    height: u16,
) -> Result<()> {
    let options = ResizeContainerTTYOptionsBuilder::new();
    let options = options.w(i32::from(width)).h(i32::from(height)).build();
    connection.resize_container_tty(id, options).await.map_err(failed)
}

pub(super) async fn execute(
    connection: &Connection,
    container: &str,
    command: &Command,
) -> Result<(String, Attached)> {
    let options = CreateExecOptions {
        cmd: Some(command.words.clone()),
        attach_stdin: Some(command.stdin),
        attach_stdout: Some(command.stdout),
        attach_stderr: Some(command.stderr),
        tty: Some(command.tty),
        ..CreateExecOptions::default()
    };
    let id = connection.create_exec(container, options).await.map_err(failed)?.id;
    let start = StartExecOptions { tty: command.tty, ..StartExecOptions::default() };
    match connection.start_exec(&id, Some(start)).await.map_err(failed)? {
        StartExecResults::Attached { output, input } => {
            Ok((id, Attached { output: outputs(output), input }))
        }
        StartExecResults::Detached => {
            let nothing = futures::stream::empty().boxed();
            Ok((id, Attached { output: nothing, input: Box::pin(tokio::io::sink()) }))
        }
    }
}

pub(super) async fn command_state(connection: &Connection, command: &str) -> Result<CommandState> {
    let state = connection.inspect_exec(command).await.map_err(failed)?;
    let is_over = state.running == Some(false);
    let exit_code = state.exit_code.and_then(|code| i32::try_from(code).ok());
    Ok(CommandState {
        pid: state.pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0),
        exit_code: exit_code.filter(|_| is_over),
    })
}

pub(super) async fn resize_command(
    connection: &Connection,
    command: &str,
    width: u16,
    height: u16,
) -> Result<()> {
    let options = ResizeExecOptionsBuilder::new();
    let options = options.w(i32::from(width)).h(i32::from(height)).build();
    connection.resize_exec(command, options).await.map_err(failed)
}

fn outputs(
    stream: impl Stream<Item = std::result::Result<LogOutput, Error>> + Send + 'static,
) -> OutputStream {
    let outputs = stream.map(|output| {
        Ok(match output.map_err(failed)? {
            LogOutput::StdErr { message } => Output { source: Source::Stderr, data: message },
            LogOutput::StdOut { message }
            | LogOutput::Console { message }
            | LogOutput::StdIn { message } => Output { source: Source::Stdout, data: message },
        })
    });
    outputs.boxed()
}
