//! Brings the kernel's rules to what a table says.

use std::{collections::BTreeSet, fs, io, path::Path};

use planning::routing::{Frontend, Protocol, Table};
use thiserror::Error;
use tracing::{debug, info, warn};

use crate::{
    conntrack,
    netlink::{Batch, Netlink, Refusal},
    nftables::{
        Settings, State, allow_in_docker, chains, delete_table, forbid_in_docker, generation,
        table_identity,
    },
};

/// Lets packets that come back from an endpoint reach a client at 127.0.0.1.
const ROUTE_LOCALNET: &str = "ipv4/conf/all/route_localnet";

/// What the data plane could not do.
#[derive(Debug, Error)]
pub enum EdgeError {
    #[error(
        "the kernel gives no netfilter socket: {0}; the agent's container needs `--network host` \
         and the capability NET_ADMIN, and the kernel nf_tables"
    )]
    Open(#[source] io::Error),
    #[error("the kernel refused the rules for services: {0}")]
    Refused(String),
}

impl From<Refusal> for EdgeError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(match refusal.kind() {
            io::ErrorKind::PermissionDenied => {
                format!("{refusal}; the agent's container needs the capability NET_ADMIN")
            }
            _ => refusal.to_string(),
        })
    }
}

impl From<io::Error> for EdgeError {
    fn from(error: io::Error) -> Self {
        Self::from(Refusal::from(error))
    }
}

/// What [`Programmer::apply`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Everything was written anew: at first, and after another touched our rules.
    pub is_reload: bool,
    /// How many frontends have another answer now.
    pub frontends: usize,
    /// What does not work on this host, and what to do about it.
    pub warnings: Vec<String>,
}

/// Programs tables into the network namespace of the thread that opened it.
pub struct Programmer {
    netlink: Netlink,
    settings: Settings,
    programmed: Option<Programmed>,
    warnings: Vec<String>,
}

/// What we left in the kernel, and how to know whether it is still there.
struct Programmed {
    state: State,
    identity: Option<Vec<u8>>,
    generation: u32,
}

impl Programmer {
    /// Changes nothing yet: rules of an earlier run serve on until the first table is applied,
    /// which should therefore be a full one.
    ///
    /// # Errors
    /// When the kernel gives no netlink socket.
    pub fn open(settings: Settings) -> Result<Self, EdgeError> {
        let netlink = Netlink::open().map_err(EdgeError::Open)?;
        Ok(Self { netlink, settings, programmed: None, warnings: Vec::new() })
    }

    /// Brings the kernel to this table in one transaction: the differences to the last one, or
    /// everything when what is there is not what we left. Connections that exist live on. Calling
    /// it with the same table is cheap and heals what others broke. It blocks for as long as the
    /// kernel takes, which is below a millisecond for a change.
    ///
    /// # Errors
    /// When the kernel refuses; then all is as it was.
    pub fn apply(&mut self, table: &Table) -> Result<Report, EdgeError> {
        let found = generation(&mut self.netlink)?;
        let is_untouched = self.programmed.as_ref().is_some_and(|ours| ours.generation == found);
        let known = match self.programmed.take() {
            Some(ours) if is_untouched || self.is_there(&ours)? => Some(ours.state),
            _ => None,
        };
        let changed: BTreeSet<Frontend> = match &known {
            Some(state) => table.differences(state.table()),
            None => table.iter().map(|(frontend, _)| frontend).collect(),
        };
        let written = self.write(known, table)?;
        self.programmed = Some(Programmed {
            identity: table_identity(&mut self.netlink)?,
            // Not the kernel's answer: a change of another's between would go unseen.
            generation: found.wrapping_add(written.transactions),
            state: written.state,
        });
        if !is_untouched || written.is_reload {
            // Docker may have started, or its rules may have been made anew.
            let localnet =
                written.is_reload.then(|| allow_localnet(&self.settings.sysctls).err()).flatten();
            let docker = allow_in_docker(&mut self.netlink)?.warning();
            self.warnings = localnet.into_iter().chain(docker).collect();
        }
        self.forget_stale(table, &changed);
        let (is_reload, frontends) = (written.is_reload, changed.len());
        if is_reload {
            info!(frontends, "wrote all rules for services");
        } else {
            debug!(frontends, "changed rules for services");
        }
        Ok(Report { is_reload, frontends, warnings: self.warnings.clone() })
    }

    fn write(&mut self, known: Option<State>, table: &Table) -> Result<Written, EdgeError> {
        let mut transactions = 0;
        if let Some((batches, state)) = known.map(|state| state.change(&self.settings, table)) {
            match self.commit(batches, &mut transactions) {
                Ok(()) => return Ok(Written { state, transactions, is_reload: false }),
                Err(error) => warn!(%error, "the rules for services are not ours any more"),
            }
        }
        let chains = chains(&mut self.netlink)?;
        let (batches, state) = State::reload(&self.settings, table, &chains);
        self.commit(batches, &mut transactions)?;
        Ok(Written { state, transactions, is_reload: true })
    }

    fn commit(&mut self, batches: Vec<Batch>, transactions: &mut u32) -> Result<(), Refusal> {
        for batch in batches {
            self.netlink.commit(batch)?;
            *transactions += 1;
        }
        Ok(())
    }

    fn is_there(&mut self, ours: &Programmed) -> io::Result<bool> {
        let identity = table_identity(&mut self.netlink)?;
        Ok(identity.is_some() && identity == ours.identity)
    }

    /// Datagrams have no connection that ends: their clients would go on to be sent to an endpoint
    /// that is gone.
    fn forget_stale(&mut self, table: &Table, changed: &BTreeSet<Frontend>) {
        let datagrams = changed.iter().filter(|frontend| frontend.protocol == Protocol::Udp);
        let answers = datagrams.map(|at| (*at, table.backends(*at))).collect();
        if let Err(error) = conntrack::forget_stale(&mut self.netlink, &answers) {
            warn!(%error, "some datagrams may be sent to endpoints that are gone for a while");
        }
    }
}

struct Written {
    state: State,
    transactions: u32,
    is_reload: bool,
}

/// Takes back every rule that we made in the network namespace of the calling thread. `sysctls` is
/// the folder of [`Settings::sysctls`].
///
/// # Errors
/// When the kernel refuses.
pub fn clear(sysctls: &Path) -> Result<(), EdgeError> {
    let mut netlink = Netlink::open().map_err(EdgeError::Open)?;
    let mut batch = Batch::new();
    delete_table(&mut batch);
    netlink.commit(batch)?;
    forbid_in_docker(&mut netlink)?;
    if let Err(error) = fs::write(sysctls.join(ROUTE_LOCALNET), "0") {
        warn!(%error, "the setting route_localnet stays on");
    }
    Ok(())
}

/// Our rules guard 127.0.0.1 against neighbours, so they must stand first.
fn allow_localnet(sysctls: &Path) -> Result<(), String> {
    let setting = sysctls.join(ROUTE_LOCALNET);
    if fs::read_to_string(&setting).is_ok_and(|value| value.trim() == "1") {
        return Ok(());
    }
    fs::write(&setting, "1").map_err(|error| {
        format!(
            "node ports do not answer at 127.0.0.1 of this host ({error}): run \
             `sysctl -w net.ipv4.conf.all.route_localnet=1` on it"
        )
    })
}
