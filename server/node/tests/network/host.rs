//! Hosts whose network is under test.

use std::{future::Future, net::Ipv4Addr, ops::Deref};

use node::network::Network;

use crate::namespace::Namespace;

/// A namespace with a link to another host.
pub(crate) struct Host {
    space: Namespace,
    address: Ipv4Addr,
}

impl Deref for Host {
    type Target = Namespace;
    fn deref(&self) -> &Namespace {
        &self.space
    }
}

impl Host {
    /// Two hosts on one link; each gets an address of the same /24.
    pub(crate) fn pair(addresses: [Ipv4Addr; 2]) -> [Self; 2] {
        let hosts = addresses.map(|address| Self { space: Namespace::new(), address });
        let peer = hosts[1].pid();
        hosts[0].ip(&format!("link add eth0 type veth peer name eth0 netns {peer}"));
        for host in &hosts {
            host.ip("link set lo up");
            host.ip(&format!("address add {}/24 dev eth0", host.address));
            host.ip("link set eth0 mtu 1400 up");
            // The strictest that distributions set.
            host.run("sysctl -qw net.ipv4.conf.all.rp_filter=1");
            host.act(async |_| ());
        }
        hosts
    }

    /// Does something with this host's network, made ready.
    pub(crate) fn act<T, F>(&self, act: impl FnOnce(Network) -> F + Send) -> T
    where
        T: Send,
        F: Future<Output = T>,
    {
        self.inside(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let mut network = Network::open("10.43.0.0/16".parse().unwrap()).unwrap();
                network.prepare(self.address).await.unwrap();
                act(network).await
            })
        })
    }
}
