//! Which endpoint has which number. Pure.

use std::net::SocketAddrV4;

use planning::routing::Backends;

/// Enough that shares differ little, and that it stays when endpoints come and go.
const NUMBERS_WITH_AFFINITY_MIN: usize = 256;

/// The endpoints behind the numbers from 0.
///
/// Without affinity each endpoint has one number, which is drawn at random. With affinity a client
/// has a number, and there are many more of them than endpoints, spread so that an endpoint which
/// comes or goes moves its own share of the clients only, and that all nodes agree.
pub(super) fn numbered(backends: &Backends) -> Vec<SocketAddrV4> {
    let endpoints = || backends.endpoints.iter().map(|endpoint| endpoint.address);
    if !backends.has_affinity || backends.endpoints.is_empty() {
        return endpoints().collect();
    }
    let wanted = backends.endpoints.len().next_power_of_two() * 4;
    let numbers = 0..wanted.max(NUMBERS_WITH_AFFINITY_MIN);
    numbers
        .filter_map(|number| endpoints().max_by_key(|address| weight(number, *address)))
        .collect()
}

/// What an endpoint bids for a number: the highest bid has it (rendezvous hashing).
fn weight(number: usize, address: SocketAddrV4) -> u64 {
    let endpoint = u64::from(address.ip().to_bits()) << 16 | u64::from(address.port());
    mix(mix(endpoint) ^ mix(number as u64))
}

/// A step of the generator SplitMix64, whose bits all depend on all bits.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use planning::routing::Endpoint;
    use proptest::prelude::*;

    use super::*;

    fn backends(hosts: impl Iterator<Item = u8>, has_affinity: bool) -> Backends {
        let address = |host| SocketAddrV4::new([10, 42, 0, host].into(), 80);
        let mut backends = Backends::single(address(0));
        backends.has_affinity = has_affinity;
        backends.endpoints =
            hosts.map(|host| Endpoint { address: address(host), is_local: true }).collect();
        backends
    }

    #[test]
    fn without_affinity_each_has_one_number() {
        let backends = backends(1..4, false);
        let all: Vec<_> = backends.endpoints.iter().map(|endpoint| endpoint.address).collect();
        assert_eq!(numbered(&backends), all);
    }

    #[test]
    fn nobody_means_no_number() {
        assert_eq!(numbered(&backends(0..0, true)), []);
    }

    proptest! {
        #[test]
        fn one_that_goes_moves_only_its_own_clients(count in 2_u8..40, gone in any::<u8>()) {
            let gone = gone % count;
            let before = numbered(&backends(0..count, true));
            let after = numbered(&backends((0..count).filter(|host| *host != gone), true));
            prop_assert_eq!(before.len(), 256);
            for (old, new) in before.iter().zip(&after) {
                prop_assert!(old == new || old.ip().octets()[3] == gone);
                prop_assert!(new.ip().octets()[3] != gone);
            }
        }
    }

    #[test]
    fn shares_are_alike() {
        let mut shares: BTreeMap<SocketAddrV4, usize> = BTreeMap::new();
        for address in numbered(&backends(0..8, true)) {
            *shares.entry(address).or_default() += 1;
        }
        assert!(shares.len() == 8 && shares.values().all(|share| (16..64).contains(share)));
    }
}
