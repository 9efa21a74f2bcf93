//! The data plane of a node: what the routing plan says, programmed whenever it changes, and the
//! node's name server.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use edge::{
    Programmer,
    dns::{Dns, DnsSettings, Resolve},
};
use ipnet::Ipv4Net;
use node::{
    AgentConfig,
    network::{ANSWERS, Network, Refusal, sysctls},
};
use planning::{
    World,
    routing::{
        self, Frontend, Protocol, Table,
        dns::{Meaning, Names},
    },
};
use tokio::{sync::watch, time::sleep};

/// Where pods ask for names.
pub const DNS_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 43, 0, 10);
const DNS_PORT: u16 = 53;
/// All pods of the cluster.
const PODS: (Ipv4Addr, u8) = (Ipv4Addr::new(10, 42, 0, 0), 16);
/// After a failure the kernel is asked again, that often.
const RETRY: Duration = Duration::from_secs(5);
/// Others may change the host's rules and routes at any time: Docker when it starts, an
/// administrator. Looking costs next to nothing when nothing changed.
const CHECK: Duration = Duration::from_secs(10);

/// The data plane of one node.
pub struct DataPlane {
    follower: Follower,
    dns: Dns,
}

/// What names are looked up in.
type Knowledge = Option<(World, Table)>;

impl DataPlane {
    /// Opens the host's network. `worlds` tells what is known of services, endpoints and nodes.
    ///
    /// # Errors
    /// When the host's network can not be used.
    pub async fn open(
        config: &AgentConfig,
        api_gate: SocketAddrV4,
        worlds: watch::Receiver<Option<World>>,
    ) -> anyhow::Result<Self> {
        let settings = DnsSettings {
            domain: config.domain.clone(),
            cluster_address: DNS_SERVICE,
            resolv_conf: PathBuf::from("/etc/resolv.conf"),
        };
        let (known, knowledge) = watch::channel(None);
        let dns = Dns::bind(ANSWERS, settings, resolver(config, knowledge)).await?;
        let [datagrams, connections] = dns.addresses()?;
        let own = vec![
            (Frontend::new(DNS_SERVICE, Protocol::Udp, DNS_PORT), datagrams),
            (Frontend::new(DNS_SERVICE, Protocol::Tcp, DNS_PORT), connections),
            (Frontend::new(config.api_address, Protocol::Tcp, config.api_port), api_gate),
        ];
        let programmer = Programmer::open(edge::Settings {
            pods: Ipv4Net::new(PODS.0, PODS.1)?,
            services: config.services,
            sysctls: sysctls().to_owned(),
        })?;
        let network = Network::open(config.services)?;
        let follower = Follower {
            programmer,
            network,
            node: config.node.clone(),
            own,
            worlds,
            known,
            warnings: Vec::new(),
            refusals: Vec::new(),
        };
        Ok(Self { follower, dns })
    }

    /// Follows the world until it is dropped.
    pub async fn run(self) {
        tokio::join!(self.dns.serve(), self.follower.run());
    }
}

/// Says what names mean in the newest world.
fn resolver(config: &AgentConfig, knowledge: watch::Receiver<Knowledge>) -> Resolve {
    let domain = config.domain.clone();
    Arc::new(move |name, sort| match knowledge.borrow().as_ref() {
        Some((world, table)) => Names { world, table, domain: &domain }.resolve(name, sort),
        None => Meaning::Unknown,
    })
}

struct Follower {
    programmer: Programmer,
    network: Network,
    node: String,
    /// What the agent itself answers: names, and the way to the API.
    own: Vec<(Frontend, SocketAddrV4)>,
    worlds: watch::Receiver<Option<World>>,
    known: watch::Sender<Knowledge>,
    /// What was said of the host already.
    warnings: Vec<String>,
    refusals: Vec<Refusal>,
}

impl Follower {
    async fn run(mut self) {
        let mut is_due = false;
        loop {
            tokio::select! {
                changed = self.worlds.changed() => if changed.is_err() { return },
                () = sleep(if is_due { RETRY } else { CHECK }) => {}
            }
            // What is half known would take routes away that are needed.
            let Some(world) = self.worlds.borrow_and_update().clone() else { continue };
            is_due = match self.program(&world).await {
                Ok(()) => false,
                Err(error) => {
                    tracing::error!(%error, "the host's network could not be programmed");
                    true
                }
            };
        }
    }

    async fn program(&mut self, world: &World) -> anyhow::Result<()> {
        let table = self.table(world);
        let report = self.programmer.apply(&table)?;
        self.known.send_replace(Some((world.clone(), table)));
        if report.warnings != self.warnings {
            for warning in &report.warnings {
                tracing::warn!("{warning}");
            }
            self.warnings = report.warnings;
        }
        let refusals = self.network.sync_routes(&routing::routes(world, &self.node)).await?;
        if refusals != self.refusals {
            for refusal in &refusals {
                tracing::warn!(node = &*refusal.node, refusal.reason, "no route to a node's pods");
            }
            self.refusals = refusals;
        }
        Ok(())
    }

    /// The table for a world: the last one with what changed.
    fn table(&self, world: &World) -> Table {
        if let Some((last, table)) = &*self.known.borrow() {
            let mut table = table.clone();
            table.follow(last, world, &self.node);
            return table;
        }
        let mut table = routing::table(world, &self.node);
        for (frontend, address) in &self.own {
            table.answer(*frontend, *address);
        }
        table
    }
}
