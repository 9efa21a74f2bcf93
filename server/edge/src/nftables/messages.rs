//! Messages about tables, chains, rules, sets and their elements.

use std::{collections::BTreeSet, io};

use super::{
    content::{Content, Key, Set, Value},
    expressions::Expressions,
};
use crate::netlink::{
    APPEND, Attributes, Batch, CREATE, DUMP, FAMILY_IPV4, NFTABLES, NONE, Netlink, attributes, find,
};

/// The name of our table.
const TABLE: &str = "longshore";

const NEW_TABLE: u16 = NFTABLES;
const GET_TABLE: u16 = NFTABLES | 1;
const DELETE_TABLE: u16 = NFTABLES | 2;
const NEW_CHAIN: u16 = NFTABLES | 3;
const GET_CHAIN: u16 = NFTABLES | 4;
const DELETE_CHAIN: u16 = NFTABLES | 5;
pub(super) const NEW_RULE: u16 = NFTABLES | 6;
const DELETE_RULE: u16 = NFTABLES | 8;
const NEW_SET: u16 = NFTABLES | 9;
const NEW_ELEMENT: u16 = NFTABLES | 12;
const DELETE_ELEMENT: u16 = NFTABLES | 14;
const GET_GENERATION: u16 = NFTABLES | 16;

/// An attribute's length is a `u16`: a message takes elements up to here.
const ELEMENT_BYTES_MAX: usize = 48 * 1024;

/// Where a chain is hooked in.
pub(super) struct Hook {
    pub(super) kind: &'static str,
    pub(super) number: u32,
    pub(super) priority: i32,
}

pub(super) fn create_table(batch: &mut Batch) {
    batch.add(NEW_TABLE, CREATE, FAMILY_IPV4, |a| {
        a.string(1, TABLE);
    });
}

/// Deletes the table with all it holds, whether it is there or not.
pub(crate) fn delete_table(batch: &mut Batch) {
    create_table(batch);
    batch.add(DELETE_TABLE, NONE, FAMILY_IPV4, |a| {
        a.string(1, TABLE);
    });
}

pub(super) fn create_chain(batch: &mut Batch, name: &str, hook: Option<&Hook>) {
    batch.add(NEW_CHAIN, CREATE, FAMILY_IPV4, |a| {
        a.string(1, TABLE).string(3, name);
        if let Some(hook) = hook {
            a.nested(4, |h| {
                h.u32(1, hook.number).u32(2, hook.priority.cast_unsigned());
            });
            a.string(7, hook.kind);
        }
    });
}

pub(super) fn delete_chain(batch: &mut Batch, name: &str) {
    batch.add(DELETE_CHAIN, NONE, FAMILY_IPV4, |a| {
        a.string(1, TABLE).string(3, name);
    });
}

pub(super) fn add_rule(batch: &mut Batch, chain: &str, expressions: &Expressions) {
    batch.add(NEW_RULE, CREATE | APPEND, FAMILY_IPV4, |a| {
        a.string(1, TABLE).string(2, chain).nested(4, |list| list.raw(&expressions.0));
    });
}

/// Deletes all rules of a chain.
pub(super) fn empty_chain(batch: &mut Batch, chain: &str) {
    batch.add(DELETE_RULE, NONE, FAMILY_IPV4, |a| {
        a.string(1, TABLE).string(2, chain);
    });
}

pub(super) fn create_set(batch: &mut Batch, set: Set, id: u32) {
    const MAP: u32 = 0x8;
    let shape = set.shape();
    let flags = if shape.value.is_some() { MAP } else { 0 };
    batch.add(NEW_SET, CREATE, FAMILY_IPV4, |a| {
        a.string(1, TABLE).string(2, set.name()).u32(3, flags);
        a.u32(4, shape.key.kind()).u32(5, shape.key.bytes());
        if let Some(value) = &shape.value {
            a.u32(6, value.kind()).u32(7, value.bytes());
        }
        a.u32(10, id);
    });
}

pub(super) fn empty_set(batch: &mut Batch, set: Set) {
    batch.add(DELETE_ELEMENT, NONE, FAMILY_IPV4, |a| {
        a.string(1, TABLE).string(2, set.name());
    });
}

pub(super) fn add_elements(batch: &mut Batch, content: &Content) {
    write_elements(batch, NEW_ELEMENT, content.iter().map(|(at, value)| (at, Some(value))));
}

pub(super) fn delete_elements<'c>(
    batch: &mut Batch,
    keys: impl IntoIterator<Item = &'c (Set, Key)>,
) {
    write_elements(batch, DELETE_ELEMENT, keys.into_iter().map(|at| (at, None)));
}

/// Writes elements, sorted by their set, in as few messages as they fit into.
fn write_elements<'c>(
    batch: &mut Batch,
    kind: u16,
    elements: impl Iterator<Item = (&'c (Set, Key), Option<&'c Value>)>,
) {
    let flags = if kind == NEW_ELEMENT { CREATE } else { NONE };
    let mut elements = elements.peekable();
    while let Some(((set, _), _)) = elements.peek().copied() {
        batch.add(kind, flags, FAMILY_IPV4, |a| {
            a.string(1, TABLE).string(2, set.name());
            a.nested(3, |list| {
                let start = list.position();
                while let Some(((_, key), value)) = elements.next_if(|((other, _), _)| {
                    other == set && list.position() - start < ELEMENT_BYTES_MAX
                }) {
                    write_element(list, key, value);
                }
            });
        });
    }
}

fn write_element(list: &mut Attributes<'_>, key: &Key, value: Option<&Value>) {
    list.nested(1, |element| {
        element.nested(1, |data| {
            data.bytes(1, key);
        });
        match value {
            Some(Value::Verdict(verdict)) => {
                element.nested(2, |data| verdict.write(data));
            }
            Some(Value::Endpoint(bytes)) => {
                element.nested(2, |data| {
                    data.bytes(1, bytes);
                });
            }
            Some(Value::Nothing) | None => {}
        }
    });
}

/// The number of the kernel's rule set: every transaction, whoever's, raises it by one.
pub(crate) fn generation(netlink: &mut Netlink) -> io::Result<u32> {
    let answers = netlink.request(GET_GENERATION, NONE, 0, |_| {})?;
    let number = answers.first().and_then(|answer| u32_in(answer, 1));
    number.ok_or_else(|| io::Error::other("the kernel named no generation of its rules"))
}

/// The names of the chains in our table. There are none without the table.
pub(crate) fn chains(netlink: &mut Netlink) -> io::Result<BTreeSet<String>> {
    let all = netlink.request(GET_CHAIN, DUMP, FAMILY_IPV4, |_| {})?;
    let text = |chain: &[u8], kind| {
        let bytes = find(chain, kind)?.strip_suffix(&[0])?;
        String::from_utf8(bytes.to_vec()).ok()
    };
    let ours = all.iter().filter(|chain| text(chain, 1).as_deref() == Some(TABLE));
    Ok(ours.filter_map(|chain| text(chain, 3)).collect())
}

/// What changes when our table is deleted, or another makes or deletes chains or sets in it.
pub(crate) fn table_identity(netlink: &mut Netlink) -> io::Result<Option<Vec<u8>>> {
    const USE: u16 = 3;
    const HANDLE: u16 = 4;
    let answers = netlink.request(GET_TABLE, NONE, FAMILY_IPV4, |a| {
        a.string(1, TABLE);
    });
    match answers {
        Ok(answers) => Ok(answers.first().map(|answer| {
            let parts = attributes(answer).filter(|(kind, _)| [USE, HANDLE].contains(kind));
            parts.flat_map(|(_, value)| value.iter().copied()).collect()
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn u32_in(answer: &[u8], kind: u16) -> Option<u32> {
    find(answer, kind)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}
