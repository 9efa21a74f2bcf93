//! The agent: keeps the world, gives every pod of this node a worker, wakes workers when something
//! changes.

mod engine;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    sync::Arc,
    time::Duration,
};

use client::{Client, Connection, Reflector, Selection, Update, tunnel::StreamHeader};
use object::{Key, KindName};
use planning::{World, routing};
use thiserror::Error;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use crate::{
    AgentConfig, Docker, Runtime, RuntimeError,
    context::{Context, Parts},
    events,
    network::{Network, NetworkError},
    pod_state::PodState,
    probes::Prober,
    reclaim::Reclaim,
    registration::{self, Host},
    runtime::PodRef,
    streams, usage,
    worker::Worker,
};
use engine::{EngineChange, follow_engine};

const PODS: &str = "pods";
/// Changes of the engine that wait to be looked at.
const CHANGES_MAX: usize = 256;
/// Containers of pods that nobody speaks of any more are looked for this often.
const SWEEP: Duration = Duration::from_secs(60);

#[derive(Debug, Error)]
pub enum AgentError {
    #[error(transparent)]
    Engine(#[from] RuntimeError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error("cannot set up probes: {0}")]
    Probes(#[from] reqwest::Error),
    #[error(
        "cannot tell under which address other hosts reach this one: name it as the host's \
         spec.address"
    )]
    NoAddress,
    #[error("cannot use the folder {0}: {1}")]
    Folder(String, std::io::Error),
}

/// The agent of one host.
pub struct Agent {
    context: Arc<Context>,
    world: watch::Sender<World>,
    /// By uid: the pods that have a worker.
    pods: BTreeMap<String, Arc<PodState>>,
    workers: JoinSet<String>,
    tasks: JoinSet<()>,
    changes: mpsc::Receiver<EngineChange>,
}

/// Answers the streams that the API opens to this node's containers.
#[derive(Clone)]
pub struct Streams(Arc<Context>);

impl Streams {
    /// Answers one stream to its end.
    pub async fn answer(self, header: StreamHeader, connection: Connection) {
        streams::answer(self.0, header, connection).await;
    }
}

impl Agent {
    /// Connects to the engine, makes the host ready for pods and registers its Node; waits for the
    /// API as long as it takes.
    ///
    /// # Errors
    /// When the host or its engine can't be used.
    pub async fn start(config: AgentConfig, client: Arc<dyn Client>) -> Result<Self, AgentError> {
        let docker = Docker::connect(&config.docker_url(), &config.image).await?;
        let runtime: Arc<dyn Runtime> = Arc::new(docker);
        let mut network = Network::open(config.services)?;
        let found = registration::find_address(&config, &network).await;
        let address = found.ok_or(AgentError::NoAddress)?;
        network.prepare(address).await?;
        let disk_bytes = disk_bytes(&config)?;
        let host = Host { engine: runtime.engine().await?, address, disk_bytes };
        registration::register(&client, &config, &host).await;

        let (recorder, writer) = events::recorder(client.clone(), &config.node);
        let (world_sender, world) = watch::channel(World::default());
        let context = Arc::new(Context::new(Parts {
            room: host.room(&config),
            config: config.clone(),
            client: client.clone(),
            runtime,
            network,
            address,
            recorder,
            prober: Prober::new()?,
            world,
        }));
        // Before anyone takes a new address.
        for (uid, pod) in context.runtime.pods(&config.node).await? {
            pod.addresses.iter().for_each(|address| context.addresses.note(*address, &uid));
        }
        let (problem_sender, problem) = watch::channel(None);
        let (change_sender, changes) = mpsc::channel(CHANGES_MAX);
        let mut tasks = JoinSet::new();
        tasks.spawn(writer.run());
        tasks.spawn(registration::keep_lease(client.clone(), config.node.clone()));
        tasks.spawn(registration::keep_status(client, config, host, problem));
        tasks.spawn(usage::watch(context.clone()));
        tasks.spawn(follow_engine(context.clone(), change_sender, problem_sender));
        let pods = BTreeMap::new();
        Ok(Self { context, world: world_sender, pods, workers: JoinSet::new(), tasks, changes })
    }

    /// The address under which other hosts reach this one.
    pub fn address(&self) -> Ipv4Addr {
        self.context.address
    }

    pub fn streams(&self) -> Streams {
        Streams(self.context.clone())
    }

    /// Runs until its task is dropped. `worlds` is told every change of what the agent knows:
    /// services, endpoint slices, nodes and this node's pods; `None` until all of it was told once.
    pub async fn run(mut self, worlds: watch::Sender<Option<World>>) {
        let mut reflector = Reflector::start(&self.context.client, self.kinds());
        let mut sweep = tokio::time::interval(SWEEP);
        let mut reclaim = Reclaim::default();
        loop {
            tokio::select! {
                update = reflector.next() => {
                    let was_synced = reflector.is_synced();
                    self.take_in(update, &mut reflector);
                    if reflector.is_synced() && !was_synced {
                        sweep.reset_immediately();
                    }
                    if reflector.is_synced() {
                        let world = self.world.borrow().clone();
                        worlds.send_replace(Some(world));
                    }
                }
                Some(change) = self.changes.recv() => match change {
                    EngineChange::Pod(uid) => self.wake(&uid),
                    EngineChange::Everything => self.pods.values().for_each(|pod| pod.wake()),
                },
                Some(ended) = self.workers.join_next() => self.bury(ended),
                Some(ended) = self.tasks.join_next() => {
                    // They run for ever: the process starts again whole.
                    tracing::error!(?ended, "a task of the agent ended");
                    return;
                }
                _ = sweep.tick() => if reflector.is_synced() {
                    self.sweep().await;
                    reclaim.sweep(&self.context).await;
                },
            }
        }
    }

    fn kinds(&self) -> Vec<(KindName, Selection)> {
        let own = Selection {
            fields: Some(format!("spec.nodeName={}", self.context.config.node)),
            ..Selection::default()
        };
        let all = [routing::SERVICES, routing::ENDPOINT_SLICES, routing::NODES];
        let all = all.into_iter().map(|kind| (kind.into(), Selection::default()));
        all.chain([(PODS.into(), own)]).collect()
    }

    /// Applies an update and all that wait behind it, then wakes whom they concern.
    fn take_in(&mut self, first: Update, reflector: &mut Reflector) {
        let mut touched = BTreeSet::new();
        let mut next = Some(first);
        self.world.send_modify(|world| {
            while let Some(update) = next.take() {
                touched.extend(apply(world, update));
                next = reflector.try_next();
            }
        });
        // Those that run already count before a new one asks whether it fits.
        touched.iter().filter(|key| *key.kind == *PODS).for_each(|key| self.count(key));
        for key in touched {
            if *key.kind == *PODS {
                self.see_pod(&key);
            } else if *key.kind == *routing::ENDPOINT_SLICES {
                self.see_slice(&key);
            } else if *key.kind == *routing::NODES && *key.name == *self.context.config.node {
                // Its range of pod addresses may have come.
                self.pods.values().for_each(|pod| pod.wake());
            }
        }
    }

    /// Counts what a pod asks for that was taken before this agent came.
    fn count(&self, key: &Key) {
        let entry = self.world.borrow().entry(key).cloned();
        let Some(entry) = entry.filter(|entry| !self.pods.contains_key(&*entry.meta.uid)) else {
            return;
        };
        let Some(pod) = entry.decode::<kinds::pod::Pod>() else { return };
        let status = pod.status.as_ref();
        let phase = status.and_then(|status| status.phase.as_deref());
        let is_over = matches!(phase, Some("Failed" | "Succeeded"));
        if !is_over && status.is_some_and(|status| status.start_time.is_some()) {
            self.context.take(&entry.meta.uid, &pod);
        }
    }

    fn see_slice(&self, key: &Key) {
        let world = self.world.borrow().clone();
        let slice = world
            .entry(key)
            .and_then(|entry| entry.decode::<kinds::endpoint_slice::EndpointSlice>());
        let node = &self.context.config.node;
        for uid in self.context.endpoints.see(key, slice.as_ref(), node) {
            self.wake(&uid);
        }
    }

    fn see_pod(&mut self, key: &Key) {
        let uid = self.world.borrow().entry(key).map(|entry| entry.meta.uid.to_string());
        // A pod of the same name that was there before has to go.
        for pod in
            self.pods.values().filter(|pod| pod.key == *key && Some(&pod.uid) != uid.as_ref())
        {
            pod.wake();
        }
        let Some(uid) = uid else { return };
        if self.pods.contains_key(&uid) {
            return self.wake(&uid);
        }
        self.employ(&uid, key.clone());
    }

    fn employ(&mut self, uid: &str, key: Key) {
        let state = Arc::new(PodState::new(uid, key));
        self.pods.insert(uid.to_owned(), state.clone());
        let worker = Worker::new(self.context.clone(), state.clone());
        self.workers.spawn(async move {
            worker.run().await;
            state.uid.clone()
        });
    }

    fn wake(&self, uid: &str) {
        if let Some(pod) = self.pods.get(uid) {
            pod.wake();
        }
    }

    fn bury(&mut self, ended: Result<String, tokio::task::JoinError>) {
        match ended {
            Ok(uid) => {
                self.pods.remove(&uid);
            }
            Err(error) => {
                // A worker that panicked is a bug; its pod gets another at the next sweep.
                tracing::error!(%error, "a pod's worker failed");
                let alive = |pod: &Arc<PodState>| Arc::strong_count(pod) > 1;
                self.pods.retain(|_, pod| alive(pod));
            }
        }
    }

    /// Gives a worker to every pod that has none: those of the world, and those whose containers
    /// are here though the API does not speak of them; their workers ask it before they clean up.
    async fn sweep(&mut self) {
        let of_world: Vec<Key> =
            self.world.borrow().of_kind(PODS).map(|entry| entry.key.clone()).collect();
        for key in of_world {
            let uid = self.world.borrow().entry(&key).map(|entry| entry.meta.uid.to_string());
            if uid.is_some_and(|uid| !self.pods.contains_key(&uid)) {
                self.see_pod(&key);
            }
        }
        match self.context.runtime.pods(&self.context.config.node).await {
            Ok(found) => {
                for (uid, PodRef { namespace, name, .. }) in found {
                    if !self.pods.contains_key(&uid) {
                        self.employ(&uid, Key::new(PODS, &namespace, &name));
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "cannot list containers"),
        }
    }
}

fn disk_bytes(config: &AgentConfig) -> Result<u64, AgentError> {
    let data = config.data();
    let failed = |error| AgentError::Folder(data.display().to_string(), error);
    std::fs::create_dir_all(&data).map_err(failed)?;
    let found = nix::sys::statvfs::statvfs(&data).map_err(|errno| failed(errno.into()))?;
    Ok(found.blocks().saturating_mul(found.fragment_size()))
}

/// Applies one update; answers the object that changed.
fn apply(world: &mut World, update: Update) -> Option<Key> {
    match update {
        Update::Set(key, revision, body) => world.apply(key, revision, Some(body)),
        Update::Removed(key, revision) => world.apply(key, revision, None),
        Update::Reached(kind, revision) => {
            world.reach(&kind, revision);
            None
        }
        Update::Synced(_) => None,
    }
    .map(|change| change.key)
}
