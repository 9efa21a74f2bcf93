//! A pod's link: a veth pair, one end on the host, the other the pod's `eth0`.

use std::{fs::File, io, net::Ipv4Addr, os::fd::AsRawFd, thread};

use ipnet::Ipv4Net;
use nix::sched::{CloneFlags, setns};
use rtnetlink::{
    LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder,
    packet_route::{
        link::{InfoData, InfoVeth, LinkMessage},
        route::RouteScope,
    },
};
use tokio::runtime::Handle;

use super::{
    Network, NetworkError,
    kernel::{Kernel, failed, peer_of, route_to},
};

const POD_LINK: &str = "eth0";
/// The pod's way out. No machine has this address: a permanent neighbour entry leads to the host's
/// end of the link.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);
/// The hardware address of every host's end, so that the neighbour entry is always right.
const HOST_ADDRESS: [u8; 6] = [0xee; 6];

impl Network {
    /// Gives the network namespace of a process an `eth0` with this address and a way out, and the
    /// host a route to it. `name` is what the host's end is called: see [`super::link_name`].
    ///
    /// # Errors
    /// When the process is gone, its namespace is closed to us or has an `eth0` of another's
    /// making, or the kernel refuses a change.
    pub async fn attach(
        &self,
        pid: u32,
        address: Ipv4Addr,
        name: &str,
    ) -> Result<(), NetworkError> {
        let namespace = open_namespace(pid)?;
        let pod = enter(&namespace).map_err(|source| NetworkError::Enter { pid, source })?;
        let (inside, outside) = match self.pair(&pod, name).await? {
            Some(pair) => pair,
            None => {
                self.create_pair(&namespace, name).await?;
                let pair = self.pair(&pod, name).await?;
                pair.ok_or(NetworkError::Occupied { pid, name: POD_LINK })?
            }
        };
        set_up_pod(&pod, inside.header.index, address).await?;
        let mut route = route_to(Ipv4Net::from(address))
            .output_interface(outside.header.index)
            .scope(RouteScope::Link);
        if let Some(source) = self.source {
            route = route.pref_source(source);
        }
        self.kernel.replace_route(route.build(), &format!("route {address} to its pod")).await
    }

    /// Takes a pod's link away, and its route with it. No link is fine.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn detach(&self, name: &str) -> Result<(), NetworkError> {
        match self.kernel.link_named(name).await? {
            Some(link) => self.kernel.delete_link(link.header.index).await,
            None => Ok(()),
        }
    }

    /// Both ends of a pod's link, if it is there and whole.
    async fn pair(
        &self,
        pod: &Kernel,
        name: &str,
    ) -> Result<Option<(LinkMessage, LinkMessage)>, NetworkError> {
        let (inside, outside) =
            (pod.link_named(POD_LINK).await?, self.kernel.link_named(name).await?);
        Ok(inside.zip(outside).filter(|(inside, outside)| {
            peer_of(inside) == Some(outside.header.index)
                && peer_of(outside) == Some(inside.header.index)
        }))
    }

    async fn create_pair(&self, namespace: &File, name: &str) -> Result<(), NetworkError> {
        // A link of that name leads into the namespace of a sandbox that is gone.
        self.detach(name).await?;
        let mtu = self.mtu;
        let peer = LinkMessageBuilder::<LinkUnspec>::new()
            .name(POD_LINK)
            .mtu(mtu)
            .setns_by_fd(namespace.as_raw_fd())
            .build();
        let link = LinkMessageBuilder::<LinkVeth>::new(name, POD_LINK)
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
            .address(HOST_ADDRESS.to_vec())
            .mtu(mtu)
            .up();
        let created = self.kernel.handle.link().add(link.build()).execute().await;
        match created.map_err(failed(format!("create link {name}"))) {
            // The pod's end has its name already: the caller finds that it is not our pair.
            Err(NetworkError::Kernel { source, .. })
                if source.kind() == io::ErrorKind::AlreadyExists =>
            {
                Ok(())
            }
            other => other,
        }
    }
}

/// Sets up the pod's side: loopback, address, gateway.
async fn set_up_pod(pod: &Kernel, link: u32, address: Ipv4Addr) -> Result<(), NetworkError> {
    let links = pod.handle.link();
    for index in [1, link] {
        let up = LinkUnspec::new_with_index(index).up().build();
        links.set(up).execute().await.map_err(failed("set the pod's links up"))?;
    }
    let addresses = pod.handle.address();
    let add = addresses.add(link, address.into(), 32).replace().execute();
    add.await.map_err(failed(format!("give the pod its address {address}")))?;
    let neighbour = pod.handle.neighbours().add(link, GATEWAY.into());
    let neighbour = neighbour.link_layer_address(&HOST_ADDRESS).replace().execute();
    neighbour.await.map_err(failed("give the pod its gateway's hardware address"))?;
    let route = RouteMessageBuilder::<Ipv4Addr>::new()
        .gateway(GATEWAY)
        .output_interface(link)
        .onlink()
        .build();
    pod.replace_route(route, "give the pod its default route").await
}

fn open_namespace(pid: u32) -> Result<File, NetworkError> {
    File::open(format!("/proc/{pid}/ns/net")).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => NetworkError::Gone(pid),
        _ => NetworkError::Enter { pid, source },
    })
}

/// A netlink socket inside a namespace. A socket belongs to the namespace of the thread that makes
/// it, so a thread of its own goes in, and ends there.
fn enter(namespace: &File) -> io::Result<Kernel> {
    let runtime = Handle::current();
    thread::scope(|scope| {
        let inside = scope.spawn(|| {
            setns(namespace, CloneFlags::CLONE_NEWNET)?;
            let _context = runtime.enter();
            let (connection, handle, _) = rtnetlink::new_connection()?;
            runtime.spawn(connection);
            Ok(Kernel { handle })
        });
        inside.join().unwrap_or_else(|_| Err(io::Error::other("the thread inside panicked")))
    })
}
