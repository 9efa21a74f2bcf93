//! What an operator types, and where things lie.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use planning::admission::Level;

/// The Kubernetes API on plain Docker hosts.
#[derive(Parser)]
#[command(name = "longshore", version, disable_help_subcommand = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Start everything on this machine: a private Postgres, the server, the local Docker engine as first host
    Up(Up),
    /// Start the control plane against a Postgres of yours
    Server(Server),
    /// Run the agent of one host; the server starts it in a container there
    #[command(hide = true)]
    Node(Node),
    /// Remove the rules that an agent made on its host; runs in a container there
    #[command(hide = true)]
    Clear,
    /// Register, list and remove hosts
    #[command(subcommand)]
    Host(Host),
    /// Make tokens for CI
    #[command(subcommand)]
    Token(Token),
    /// Say what would come of the apps if hosts were lost
    WhatIf(WhatIf),
    /// Print the administrator's kubeconfig
    Kubeconfig(Folder),
    /// Remove every container, network and rule that Longshore made on its hosts
    Down(Down),
}

/// The data folder.
#[derive(Args, Clone)]
pub struct Folder {
    /// The data folder
    #[arg(long, value_name = "DIR", env = "LONGSHORE_DATA", default_value_os_t = default_folder())]
    pub data: PathBuf,
}

#[derive(Args)]
pub struct WhatIf {
    /// A host that is gone; several times for hosts that are gone together
    #[arg(long, value_name = "HOST", required = true)]
    pub lose: Vec<String>,
    #[command(flatten)]
    pub folder: Folder,
}

#[derive(Args, Clone)]
pub struct Listen {
    /// Where the API listens (HTTPS)
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:6443")]
    pub api: SocketAddr,
    /// Where the dashboard listens (HTTP)
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    pub dashboard: SocketAddr,
    /// The API's address as hosts and people reach it, when it is not --api
    #[arg(long, value_name = "ADDR:PORT")]
    pub advertise: Option<String>,
}

/// What the cluster demands of everybody.
#[derive(Args, Clone)]
pub struct Rules {
    /// What pods may ask of their host where the namespace does not say: privileged, baseline or restricted
    #[arg(long, value_name = "LEVEL", default_value_t = Level::default())]
    pub pod_security: Level,
    /// The file with the identity providers whose users may come (AuthenticationConfiguration)
    #[arg(long, value_name = "FILE")]
    pub authentication_config: Option<PathBuf>,
}

#[derive(Args)]
pub struct Up {
    #[command(flatten)]
    pub folder: Folder,
    #[command(flatten)]
    pub listen: Listen,
    #[command(flatten)]
    pub rules: Rules,
    /// The Docker engine that becomes the first host
    #[arg(long, value_name = "URL", default_value = "unix:///var/run/docker.sock")]
    pub docker: String,
}

#[derive(Args)]
pub struct Server {
    #[command(flatten)]
    pub folder: Folder,
    #[command(flatten)]
    pub listen: Listen,
    #[command(flatten)]
    pub rules: Rules,
    /// The Postgres that keeps the state
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
    /// The file with the key that seals secrets; made when it is missing
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// A Docker engine to register as the first host
    #[arg(long, value_name = "URL")]
    pub docker: Option<String>,
    /// That engine's socket on its host, when it is not the path of --docker
    #[arg(long, value_name = "PATH", requires = "docker")]
    pub docker_socket: Option<String>,
}

#[derive(Args)]
pub struct Node {
    /// The agent's configuration, as the server made it
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

#[derive(Subcommand)]
pub enum Host {
    /// Register a Docker engine
    Add {
        name: String,
        /// The engine: unix:///path or tcp://address:port
        #[arg(long, value_name = "URL")]
        docker: String,
        /// The engine's socket on that host
        #[arg(long, value_name = "PATH", default_value = "/var/run/docker.sock")]
        socket: String,
        #[command(flatten)]
        folder: Folder,
    },
    /// List the hosts
    List {
        #[command(flatten)]
        folder: Folder,
    },
    /// Remove a host and what runs on it
    Remove {
        name: String,
        #[command(flatten)]
        folder: Folder,
    },
}

#[derive(Subcommand)]
pub enum Token {
    /// Make a token that may deploy in one namespace, and print it
    Create {
        name: String,
        #[arg(long, short, default_value = "default")]
        namespace: String,
        /// What it may do there: a ClusterRole, as view, edit or admin
        #[arg(long, default_value = "edit")]
        role: String,
        /// How many days it lives
        #[arg(long, default_value_t = 365)]
        days: u32,
        #[command(flatten)]
        folder: Folder,
    },
}

#[derive(Args)]
pub struct Down {
    #[command(flatten)]
    pub folder: Folder,
    /// Remove the data folder too
    #[arg(long)]
    pub purge: bool,
}

fn default_folder() -> PathBuf {
    if nix::unistd::geteuid().is_root() {
        return "/var/lib/longshore".into();
    }
    let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("."), PathBuf::from);
    home.join(".local/share/longshore")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        super::Arguments::command().debug_assert();
    }
}
