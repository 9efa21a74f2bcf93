//! A client of kube-rs, made of a kubeconfig as its users make it.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use k8s_openapi::{
    NamespaceResourceScope,
    api::core::v1::{ConfigMap, Namespace},
};
use kube::{
    Api, Client, Config, Resource,
    api::PostParams,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;
use tokio::runtime::Runtime;

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Bench {
    runtime: Runtime,
    client: Client,
}

impl Bench {
    pub(crate) fn new(kubeconfig: &Path) -> Self {
        let runtime = Runtime::new().unwrap();
        let client = runtime.block_on(async {
            let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
            let options = KubeConfigOptions::default();
            let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
            Client::try_from(config).unwrap()
        });
        Self { runtime, client }
    }

    /// Does something in a namespace of its own, within a time.
    #[track_caller]
    pub(crate) fn run(&self, namespace: &str, work: impl AsyncFnOnce(Space) -> Result<()>) {
        let done = self.runtime.block_on(async {
            let space = Space { client: self.client.clone(), name: namespace.to_owned() };
            space.make().await?;
            tokio::time::timeout(PATIENCE, work(space)).await.context("it takes too long")?
        });
        if let Err(error) = done {
            panic!("{namespace}: {error:?}");
        }
    }
}

/// A namespace and a client.
#[derive(Clone)]
pub(crate) struct Space {
    pub(crate) client: Client,
    pub(crate) name: String,
}

impl Space {
    async fn make(&self) -> Result<()> {
        if self.all::<Namespace>().get_opt(&self.name).await?.is_none() {
            let namespace = serde_json::from_value(json!({"metadata": {"name": self.name}}))?;
            self.all::<Namespace>().create(&PostParams::default(), &namespace).await?;
        }
        Ok(())
    }

    /// The objects of a kind in the namespace.
    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// The objects of a kind everywhere.
    pub(crate) fn all<K: Resource<DynamicType = ()>>(&self) -> Api<K> {
        Api::all(self.client.clone())
    }

    pub(crate) async fn add_map(&self, name: &str, label: &str) -> Result<ConfigMap> {
        let map = json!({"metadata": {"name": name, "labels": {"set": label}}, "data": {"k": "1"}});
        Ok(self.api().create(&PostParams::default(), &serde_json::from_value(map)?).await?)
    }
}

/// The API's refusal, which must have been one.
#[track_caller]
pub(crate) fn refusal<T>(answer: kube::Result<T>) -> Box<kube::core::Status> {
    match answer {
        Err(kube::Error::Api(status)) => status,
        Err(other) => panic!("no refusal by the API: {other}"),
        Ok(_) => panic!("nothing is refused"),
    }
}
