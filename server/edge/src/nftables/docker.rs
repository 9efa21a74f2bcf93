//! Docker's firewall. It may drop what is forwarded, and no other table can overrule that; but it
//! has a chain for users, where one rule lets packets pass that our table has marked.

use std::{fs, io};

use super::{
    MARK_FORWARD,
    expressions::{Expressions, Verdict},
    messages::NEW_RULE,
};
use crate::netlink::{Batch, CREATE, DUMP, FAMILY_IPV4, NFTABLES, NONE, Netlink, Refusal, find};

const FILTER: &str = "filter";
const CHAIN: &str = "DOCKER-USER";
/// A comment, as `nft` and `iptables` show it: kind, length, text.
const COMMENT: &[u8] = b"\0\x0alongshore\0";
const GET_CHAIN: u16 = NFTABLES | 4;
const GET_RULE: u16 = NFTABLES | 7;
const DELETE_RULE: u16 = NFTABLES | 8;
const RULE_HANDLE: u16 = 3;
const RULE_USERDATA: u16 = 7;
/// Names the tables of the old iptables that this network namespace uses.
const LEGACY_TABLES: &str = "/proc/thread-self/net/ip_tables_names";

/// Whether Docker lets pods' packets pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Forwarding {
    /// There is our rule, or nothing that needs one.
    Free,
    /// Rules of the old iptables are in force, which only its own tool can change.
    Legacy,
}

impl Forwarding {
    pub(crate) fn warning(&self) -> Option<String> {
        (*self == Self::Legacy).then(|| {
            format!(
                "this host uses iptables-legacy, whose rules may drop what pods send and receive: \
                 run `iptables-legacy -I {CHAIN} -m mark --mark {MARK_FORWARD:#x}/{MARK_FORWARD:#x} \
                 -j ACCEPT` on it, or switch it to iptables-nft and restart Docker"
            )
        })
    }
}

/// Lets marked packets pass, unless they may already.
pub(crate) fn allow_in_docker(netlink: &mut Netlink) -> Result<Forwarding, Refusal> {
    if !has_chain(netlink)? {
        let legacy = fs::read_to_string(LEGACY_TABLES).unwrap_or_default();
        let is_legacy = legacy.lines().any(|table| table == FILTER);
        return Ok(if is_legacy { Forwarding::Legacy } else { Forwarding::Free });
    }
    if our_rules(netlink)?.is_empty() {
        let rule = Expressions::default().packet_has(MARK_FORWARD).decide(&Verdict::Accept);
        let mut batch = Batch::new();
        // Without the flag to append it stands first.
        batch.add(NEW_RULE, CREATE, FAMILY_IPV4, |a| {
            a.string(1, FILTER).string(2, CHAIN);
            a.nested(4, |list| list.raw(&rule.0)).bytes(RULE_USERDATA, COMMENT);
        });
        netlink.commit(batch)?;
    }
    Ok(Forwarding::Free)
}

/// Takes our rule back.
pub(crate) fn forbid_in_docker(netlink: &mut Netlink) -> Result<(), Refusal> {
    if !has_chain(netlink)? {
        return Ok(());
    }
    let mut batch = Batch::new();
    for handle in our_rules(netlink)? {
        batch.add(DELETE_RULE, NONE, FAMILY_IPV4, |a| {
            a.string(1, FILTER).string(2, CHAIN).bytes(RULE_HANDLE, &handle);
        });
    }
    if batch.is_empty() { Ok(()) } else { netlink.commit(batch) }
}

fn has_chain(netlink: &mut Netlink) -> io::Result<bool> {
    let found = netlink.request(GET_CHAIN, NONE, FAMILY_IPV4, |a| {
        a.string(1, FILTER).string(3, CHAIN);
    });
    match found {
        Ok(answers) => Ok(!answers.is_empty()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The handles of the rules that we made.
fn our_rules(netlink: &mut Netlink) -> io::Result<Vec<Vec<u8>>> {
    let rules = netlink.request(GET_RULE, DUMP, FAMILY_IPV4, |a| {
        a.string(1, FILTER).string(2, CHAIN);
    })?;
    let ours = rules.iter().filter(|rule| find(rule, RULE_USERDATA) == Some(COMMENT));
    Ok(ours.filter_map(|rule| find(rule, RULE_HANDLE).map(<[u8]>::to_vec)).collect())
}
