//! The addresses of this node's pods.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Mutex, PoisonError},
};

use ipnet::Ipv4Net;

/// Which sandbox-to-be or sandbox has which address. What is taken is read from the sandboxes'
/// labels when an agent starts.
#[derive(Default)]
pub(crate) struct Addresses {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taken: BTreeMap<Ipv4Addr, String>,
    /// Addresses are handed out in turn, so that one is not used again at once.
    last: Option<Ipv4Addr>,
}

impl Addresses {
    /// An address of the range that nobody has. The first is the host's own.
    pub(crate) fn take(&self, range: Ipv4Net, pod_uid: &str) -> Option<Ipv4Addr> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let gateway = range.hosts().next()?;
        let behind = |at: &Ipv4Addr| state.last.is_some_and(|last| *at > last);
        let free = |at: &Ipv4Addr| *at != gateway && !state.taken.contains_key(at);
        let found = range.hosts().filter(behind).find(free).or_else(|| range.hosts().find(free))?;
        state.taken.insert(found, pod_uid.to_owned());
        state.last = Some(found);
        Some(found)
    }

    /// Notes an address that a sandbox has already.
    pub(crate) fn note(&self, address: Ipv4Addr, pod_uid: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.taken.insert(address, pod_uid.to_owned());
    }

    /// Whether a pod of this node has it.
    pub(crate) fn holds(&self, address: Ipv4Addr) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).taken.contains_key(&address)
    }

    /// Gives one back.
    pub(crate) fn release(&self, address: Ipv4Addr) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).taken.remove(&address);
    }

    /// Gives back whatever a pod has.
    pub(crate) fn release_all(&self, pod_uid: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.taken.retain(|_, uid| uid != pod_uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hands_out_each_address_once_and_in_turn() {
        let range: Ipv4Net = "10.42.3.0/29".parse().unwrap();
        let addresses = Addresses::default();
        addresses.note("10.42.3.3".parse().unwrap(), "old");
        let take = |uid: &str| addresses.take(range, uid).map(|ip| ip.octets()[3]);
        assert_eq!([take("a"), take("b"), take("c")], [Some(2), Some(4), Some(5)]);
        addresses.release_all("a");
        assert_eq!([take("d"), take("e"), take("f")], [Some(6), Some(2), None]);
        addresses.release("10.42.3.4".parse().unwrap());
        assert_eq!(addresses.take(range, "g"), Some("10.42.3.4".parse().unwrap()));
    }
}
