//! Netfilter's netlink: messages with attributes, sent in batches that succeed or fail as a whole.

mod attributes;
mod socket;

pub(crate) use attributes::{Attributes, attributes, find};
pub(crate) use socket::{Batch, Netlink, Refusal};

/// Netfilter subsystems, as they stand in the high byte of a message's type.
pub(crate) const CONNTRACK: u16 = 1 << 8;
pub(crate) const NFTABLES: u16 = 10 << 8;

pub(crate) const FAMILY_IPV4: u8 = 2;

/// Flags of a request, beside those that every request has.
pub(crate) const CREATE: u16 = 0x400;
pub(crate) const APPEND: u16 = 0x800;
pub(crate) const DUMP: u16 = 0x300;
pub(crate) const NONE: u16 = 0;
