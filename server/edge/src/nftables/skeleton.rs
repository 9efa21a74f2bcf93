//! The fixed part of our table: where it is hooked in, and what it does to every packet.

use std::{collections::BTreeSet, path::PathBuf};

use ipnet::Ipv4Net;

use super::{
    MARK_FORWARD, MARK_MASQUERADE, MARK_SERVICE,
    content::{SETS, Set},
    expressions::{CT_INVALID, CT_NEW, Expressions, Side, Verdict},
    messages::{Hook, add_rule, create_chain, create_set, create_table, empty_chain, empty_set},
};
use crate::netlink::Batch;

/// What the rules need to know of the cluster and of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The address ranges of the cluster.
    pub pods: Ipv4Net,
    pub services: Ipv4Net,
    /// The folder `/proc/sys/net`, or where it can be written.
    pub sysctls: PathBuf,
}

/// The chain that refuses a connection.
pub(super) const REJECTING: &str = "rejecting";

const PREROUTING: u32 = 0;
const INPUT: u32 = 1;
const FORWARD: u32 = 2;
const OUTPUT: u32 = 3;
const POSTROUTING: u32 = 4;
const TCP: u8 = 6;

type Rules = Vec<Expressions>;

/// Writes the table with its sets and chains; the maps are empty.
pub(super) fn create_skeleton(batch: &mut Batch, settings: &Settings) {
    create_table(batch);
    for (id, set) in (1..).zip(SETS) {
        create_set(batch, set, id);
    }
    create_chain(batch, &layout(), None);
    create_chain(batch, REJECTING, None);
    for (name, hook, _) in base_chains(settings) {
        create_chain(batch, name, Some(&hook));
    }
    add_fixed_rules(batch, settings);
}

/// Writes the rules of the fixed chains anew, and empties the maps.
pub(super) fn refresh_skeleton(batch: &mut Batch, settings: &Settings) {
    for name in fixed_chains(settings) {
        empty_chain(batch, &name);
    }
    add_fixed_rules(batch, settings);
    for set in SETS {
        empty_set(batch, set);
    }
}

fn add_fixed_rules(batch: &mut Batch, settings: &Settings) {
    let chains = base_chains(settings).map(|(name, _, rules)| (name, rules));
    for (name, rules) in chains.into_iter().chain([(REJECTING, rejecting())]) {
        for rule in rules {
            add_rule(batch, name, &rule);
        }
    }
}

/// The chains that are there whatever the table.
pub(super) fn fixed_chains(settings: &Settings) -> BTreeSet<String> {
    let based = base_chains(settings).map(|(name, ..)| name.to_owned());
    based.into_iter().chain([REJECTING.to_owned(), layout()]).collect()
}

/// An empty chain's name that says how sets and hooks are made: a table with another one comes from
/// another version of this program, and can't be kept.
pub(super) fn layout() -> String {
    let sets = SETS.map(|set| {
        let shape = set.shape();
        format!("{} {} {:?};", set.name(), shape.key.kind(), shape.value.map(|v| v.kind()))
    });
    let any = Ipv4Net::default();
    let settings = Settings { pods: any, services: any, sysctls: PathBuf::new() };
    let hooks = base_chains(&settings)
        .map(|(name, hook, _)| format!("{name} {} {} {};", hook.kind, hook.number, hook.priority));
    let text = sets.concat() + &hooks.concat();
    // FNV-1a.
    let digest = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |digest, byte| {
        (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("layout-{digest:016x}")
}

/// Ours go a little before Docker's, which are at the usual priorities.
fn base_chains(settings: &Settings) -> [(&'static str, Hook, Rules); 7] {
    let nat = |number, priority| Hook { kind: "nat", number, priority };
    let filter = |number, priority| Hook { kind: "filter", number, priority };
    [
        ("guard", filter(PREROUTING, -310), guard()),
        ("arriving", nat(PREROUTING, -110), redirect()),
        ("sending", nat(OUTPUT, -110), redirect()),
        ("forwarding", filter(FORWARD, -10), forwarding(settings)),
        ("refusing-arriving", filter(INPUT, -10), refuse(settings)),
        ("refusing-sending", filter(OUTPUT, -10), refuse(settings)),
        ("leaving", nat(POSTROUTING, 90), leaving(settings)),
    ]
}

fn loopback() -> Ipv4Net {
    Ipv4Net::new_assert([127, 0, 0, 0].into(), 8)
}

fn rule() -> Expressions {
    Expressions::default()
}

/// The kernel setting that lets node ports answer at 127.0.0.1 would let neighbours send to that
/// address, too.
fn guard() -> Rules {
    [Side::Source, Side::Destination]
        .map(|side| rule().came_over_a_link().within(side, loopback()).decide(&Verdict::Drop))
        .into()
}

fn load_service(rule: Expressions) -> Expressions {
    rule.load_address(Side::Destination, 0).load_protocol(1).load_port(2)
}

fn load_port(rule: Expressions) -> Expressions {
    rule.load_protocol(0).load_port(1)
}

fn redirect() -> Rules {
    vec![
        load_service(rule()).obey(Set::Services.name(), 0),
        load_port(rule().for_this_host()).obey(Set::Ports.name(), 0),
    ]
}

/// Refuses new connections that nobody answers, and all others to service addresses: what has an
/// endpoint has another address by now.
fn refuse(settings: &Settings) -> Rules {
    let new = || rule().state_is(CT_NEW);
    let rejecting = Verdict::Goto(REJECTING.to_owned());
    vec![
        load_service(new()).obey(Set::Refusals.name(), 0),
        load_port(new().for_this_host()).obey(Set::RefusedPorts.name(), 0),
        new().within(Side::Destination, settings.services).decide(&rejecting),
    ]
}

fn forwarding(settings: &Settings) -> Rules {
    let mut rules = vec![
        rule().within(Side::Source, settings.pods).mark_packet(MARK_FORWARD),
        rule().within(Side::Destination, settings.pods).mark_packet(MARK_FORWARD),
        rule().connection_has(MARK_SERVICE).mark_packet(MARK_FORWARD),
        // A late answer that belongs to no connection any more would show the endpoint's own
        // address to the client, who would reset the connection in return.
        rule().state_is(CT_INVALID).within(Side::Source, settings.pods).decide(&Verdict::Drop),
    ];
    rules.extend(refuse(settings));
    rules
}

fn rejecting() -> Rules {
    vec![rule().protocol_is(TCP).reject_tcp(), rule().reject_port()]
}

fn leaving(settings: &Settings) -> Rules {
    let multicast = Ipv4Net::new_assert([224, 0, 0, 0].into(), 4);
    let loops = rule().load_address(Side::Source, 0).load_address(Side::Destination, 1);
    vec![
        rule().connection_has(MARK_MASQUERADE).masquerade(),
        loops.find_in(Set::Loops.name(), 0).masquerade(),
        // A client at 127.0.0.1 of this host, whose address nobody else could answer.
        rule().goes_over_a_link().within(Side::Source, loopback()).masquerade(),
        rule()
            .within(Side::Source, settings.pods)
            .outside(Side::Destination, settings.pods)
            .outside(Side::Destination, settings.services)
            .outside(Side::Destination, multicast)
            .masquerade(),
    ]
}
