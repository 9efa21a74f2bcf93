//! Ranges of addresses.

use std::net::IpAddr;

pub(crate) const CIDR: &str = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

/// An address and how many of its bits all addresses of the range have.
#[derive(Clone, Copy)]
pub(crate) struct Cidr {
    bits: u128,
    prefix: u32,
    width: u32,
}

impl Cidr {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let (bits, width) = match address.parse().ok()? {
            IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
            IpAddr::V6(address) => (u128::from(address), 128),
        };
        let digits = prefix.bytes().all(|b| b.is_ascii_digit());
        let prefix = prefix.parse().ok().filter(|prefix| digits && *prefix <= width)?;
        Some(Self { bits, prefix, width })
    }

    /// Whether all of the other is in it, and more.
    pub(crate) fn strictly_contains(self, other: Self) -> bool {
        let shift = self.width - self.prefix;
        let start = |range: Self| range.bits.checked_shr(shift).unwrap_or_default();
        self.width == other.width && self.prefix < other.prefix && start(self) == start(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_lies_in_a_range() {
        for (outer, inner, expected) in [
            ("10.0.0.0/8", "10.1.0.0/16", true),
            ("10.0.0.0/8", "10.0.0.0/8", false),
            ("10.0.0.0/8", "11.0.0.0/16", false),
            ("0.0.0.0/0", "1.2.3.4/32", true),
            ("::/0", "fd00::/8", true),
            ("::/0", "1.2.3.4/32", false),
        ] {
            let (outer, inner) = (Cidr::parse(outer).unwrap(), Cidr::parse(inner).unwrap());
            assert_eq!(outer.strictly_contains(inner), expected);
        }
        for bad in ["10.0.0.0", "10.0.0.0/33", "x/8", "10.0.0.0/+8", "::/129"] {
            assert!(Cidr::parse(bad).is_none(), "{bad}");
        }
    }
}
