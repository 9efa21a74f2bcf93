//! `longshore`: every sub-command of the one executable.

use std::process::ExitCode;

use clap::Parser;
use longshore::{
    agent,
    config::{Arguments, Command},
    operate, say, telemetry, up,
};

fn main() -> ExitCode {
    // The pause of a sandbox is this executable, too; it must cost next to nothing.
    if std::env::args_os().nth(1).is_some_and(|command| command == "pause") {
        return node::pause();
    }
    let arguments = Arguments::parse();
    telemetry::start();
    // Nobody has installed another one before.
    rustls::crypto::ring::default_provider().install_default().ok();
    match run(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    // An agent shares its host with the apps; one thread is enough for it.
    let mut runtime = match command {
        Command::Node(_) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = runtime.enable_all().worker_threads(2).build()?;
    runtime.block_on(async {
        match command {
            Command::Up(options) => up::up(options).await,
            Command::Server(options) => up::server(options).await,
            Command::Node(options) => agent::run(&options.config).await,
            Command::Clear => agent::clear().await,
            Command::Host(command) => operate::host(command).await,
            Command::Token(command) => operate::token(command).await,
            Command::WhatIf(options) => operate::what_if(options).await,
            Command::Kubeconfig(folder) => operate::kubeconfig(&folder),
            Command::Down(options) => operate::down(options).await,
        }
    })
}
