//! Two hosts, an outsider and pods, and the world that a table is made of.

use std::net::Ipv4Addr;

use edge::{Programmer, Report, Settings};
use object::Key;
use planning::{
    Change, World,
    routing::{Table, table},
};
use serde_json::{Value, json};

use crate::namespace::Namespace;

pub(crate) const PORT: u16 = 80;
pub(crate) const POD_PORT: u16 = 8080;

pub(crate) fn host_address(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 98, 0, host)
}

pub(crate) fn pod_address(host: u8, pod: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 42, host, pod)
}

pub(crate) fn settings() -> Settings {
    Settings {
        pods: "10.42.0.0/16".parse().unwrap(),
        services: "10.43.0.0/16".parse().unwrap(),
        sysctls: "/proc/sys/net".into(),
    }
}

/// A switch with hosts 1 and 2, which are nodes, and host 3, which is not.
pub(crate) struct Lab {
    pub(crate) hosts: Vec<Namespace>,
    _switch: Namespace,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let switch = Namespace::new();
        switch.ip("link add br0 type bridge");
        switch.ip("link set br0 up");
        let mut hosts = Vec::new();
        for number in 1..=3 {
            let host = Namespace::new();
            switch.ip(&format!("link add p{number} type veth peer name eth0 netns {}", host.pid()));
            switch.ip(&format!("link set p{number} master br0 up"));
            host.ip("link set lo up");
            host.ip(&format!("address add {}/24 dev eth0", host_address(number)));
            host.ip("link set eth0 up");
            host.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=1");
            hosts.push(host);
        }
        for (host, other) in [(1, 2), (2, 1)] {
            let (here, there) = (&hosts[host - 1], host_address(u8::try_from(other).unwrap()));
            here.ip(&format!("route add 10.42.{other}.0/24 via {there}"));
            here.ip(&format!("route add 10.43.0.0/16 dev eth0 src 10.98.0.{host}"));
        }
        Self { hosts, _switch: switch }
    }

    /// A pod that answers its name at [`POD_PORT`].
    pub(crate) fn pod(&self, host: u8, pod: u8) -> Namespace {
        let (space, here) = (Namespace::new(), &self.hosts[usize::from(host) - 1]);
        let (address, link) = (pod_address(host, pod), format!("pod{pod}"));
        here.ip(&format!(
            "link add {link} address ee:ee:ee:ee:ee:ee type veth peer name eth0 netns {}",
            space.pid()
        ));
        here.ip(&format!("link set {link} up"));
        here.ip(&format!("route add {address} dev {link} src {}", host_address(host)));
        space.ip("link set lo up");
        space.ip(&format!("address add {address}/32 dev eth0"));
        space.ip("link set eth0 up");
        space.ip("neighbour add 169.254.1.1 lladdr ee:ee:ee:ee:ee:ee dev eth0");
        space.ip("route add default via 169.254.1.1 dev eth0 onlink");
        space.serve(&format!("pod{host}{pod}"), POD_PORT);
        space
    }

    /// A programmer for a host, with this table applied.
    pub(crate) fn program(&self, host: u8, table: &Table) -> Programmer {
        let mut programmer = self.on(host, || Programmer::open(settings()).unwrap());
        assert!(self.apply(host, &mut programmer, table).is_reload);
        programmer
    }

    pub(crate) fn apply(&self, host: u8, programmer: &mut Programmer, table: &Table) -> Report {
        self.on(host, || programmer.apply(table).unwrap())
    }

    pub(crate) fn on<T: Send>(&self, host: u8, act: impl FnOnce() -> T + Send) -> T {
        self.host(host).inside(act)
    }

    pub(crate) fn host(&self, host: u8) -> &Namespace {
        &self.hosts[usize::from(host) - 1]
    }
}

/// Services and their slices.
#[derive(Clone, Default)]
pub(crate) struct Cluster {
    world: World,
    revision: u64,
    last: Option<Change>,
}

impl Cluster {
    /// Writes service `number`, at 10.43.0.NUMBER and node port 30000 + NUMBER; `spec` is merged.
    pub(crate) fn service(&mut self, number: u16, protocol: &str, spec: &Value) {
        let mut all = json!({"type": "NodePort", "clusterIP": service_address(number).to_string(),
            "ports": [{"port": PORT, "protocol": protocol, "nodePort": node_port(number)}]});
        for (field, value) in spec.as_object().unwrap() {
            all[field] = value.clone();
        }
        let name = format!("s{number}");
        let body = json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": "d"}, "spec": all});
        self.write("services", &name, &body);
    }

    /// Says which pods answer a service: host and number of each.
    pub(crate) fn endpoints(&mut self, number: u16, protocol: &str, pods: &[(u8, u8)]) {
        self.endpoints_at(number, protocol, POD_PORT, pods);
    }

    pub(crate) fn endpoints_at(
        &mut self,
        number: u16,
        protocol: &str,
        port: u16,
        pods: &[(u8, u8)],
    ) {
        let name = format!("s{number}");
        let endpoint = |(host, pod): &(u8, u8)| {
            json!({"addresses": [pod_address(*host, *pod).to_string()],
                "nodeName": format!("host{host}"), "conditions": {"ready": true}})
        };
        let endpoints: Vec<Value> = pods.iter().map(endpoint).collect();
        let body = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": name, "namespace": "d",
                "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4", "endpoints": endpoints,
            "ports": [{"name": "", "protocol": protocol, "port": port}]});
        self.write("endpointslices.discovery.k8s.io", &name, &body);
    }

    pub(crate) fn world(&self) -> World {
        self.world.clone()
    }

    pub(crate) fn table(&self, host: u8) -> Table {
        table(&self.world, &format!("host{host}"))
    }

    /// The last table with the last change.
    pub(crate) fn follow(&self, table: &Table, host: u8) -> Table {
        let mut table = table.clone();
        if let Some(change) = &self.last {
            table.update(&self.world, &format!("host{host}"), change);
        }
        table
    }

    fn write(&mut self, kind: &str, name: &str, body: &Value) {
        self.revision += 1;
        let key = Key::new(kind, "d", name);
        self.last = self.world.apply(key, self.revision, Some(body.to_string().into()));
    }
}

pub(crate) fn service_address(number: u16) -> Ipv4Addr {
    let [high, low] = number.to_be_bytes();
    Ipv4Addr::new(10, 43, high, low)
}

pub(crate) fn node_port(number: u16) -> u16 {
    30_000 + number
}
