//! IP addresses and networks.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;

use super::{Row, failed, int, mismatch};
use crate::{
    evaluate::Evaluated,
    opaque::Opaque as O,
    value::Value::{self, Bool, Opaque, String},
};

/// An address with the length of its network's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr(IpNet);

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

pub(super) const ROWS: &[Row] = &[
    ("ip(string) -> ip", |_, args| match args {
        [String(text)] => match parse(text) {
            Ok(ip) => Ok(Value::opaque(O::Ip(ip))),
            Err(why) => failed(why),
        },
        _ => mismatch(),
    }),
    ("isIP(string) -> bool", |_, args| match args {
        [String(text)] => Ok(Bool(parse(text).is_ok())),
        _ => mismatch(),
    }),
    ("ip.isCanonical(string) -> bool", |_, args| match args {
        [String(text)] => match parse(text) {
            Ok(ip) => Ok(Bool(ip.to_string() == **text)),
            Err(why) => failed(why),
        },
        _ => mismatch(),
    }),
    ("ip::family() -> int", |_, args| match ip(args) {
        Some(ip) => Ok(int(if ip.is_ipv4() { 4 } else { 6 })),
        None => mismatch(),
    }),
    ("ip::isUnspecified() -> bool", |_, args| test(args, |ip| ip.is_unspecified())),
    ("ip::isLoopback() -> bool", |_, args| test(args, |ip| ip.is_loopback())),
    ("ip::isLinkLocalMulticast() -> bool", |_, args| test(args, is_link_local_multicast)),
    ("ip::isLinkLocalUnicast() -> bool", |_, args| test(args, is_link_local_unicast)),
    ("ip::isGlobalUnicast() -> bool", |_, args| test(args, is_global_unicast)),
    ("cidr(string) -> cidr", |_, args| match args {
        [String(text)] => match parse_cidr(text) {
            Ok(cidr) => Ok(Value::opaque(O::Cidr(cidr))),
            Err(why) => failed(why),
        },
        _ => mismatch(),
    }),
    ("isCIDR(string) -> bool", |_, args| match args {
        [String(text)] => Ok(Bool(parse_cidr(text).is_ok())),
        _ => mismatch(),
    }),
    ("cidr::containsIP(string) -> bool", contains_ip),
    ("cidr::containsIP(ip) -> bool", contains_ip),
    ("cidr::containsCIDR(string) -> bool", contains_cidr),
    ("cidr::containsCIDR(cidr) -> bool", contains_cidr),
    ("cidr::ip() -> ip", |_, args| match cidr(args) {
        Some(cidr) => Ok(Value::opaque(O::Ip(cidr.0.addr()))),
        None => mismatch(),
    }),
    ("cidr::masked() -> cidr", |_, args| match cidr(args) {
        Some(cidr) => Ok(Value::opaque(O::Cidr(Cidr(cidr.0.trunc())))),
        None => mismatch(),
    }),
    ("cidr::prefixLength() -> int", |_, args| match cidr(args) {
        Some(cidr) => Ok(int(cidr.0.prefix_len().into())),
        None => mismatch(),
    }),
];

fn ip(args: &[Value]) -> Option<IpAddr> {
    match args.first()? {
        Opaque(opaque) => {
            if let O::Ip(ip) = &**opaque {
                Some(*ip)
            } else {
                None
            }
        }
        _ => None,
    }
}

fn cidr(args: &[Value]) -> Option<Cidr> {
    match args.first()? {
        Opaque(opaque) => {
            if let O::Cidr(cidr) = &**opaque {
                Some(*cidr)
            } else {
                None
            }
        }
        _ => None,
    }
}

fn test(args: &[Value], holds: fn(IpAddr) -> bool) -> Evaluated {
    match ip(args) {
        Some(ip) => Ok(Bool(holds(ip))),
        None => mismatch(),
    }
}

fn is_link_local_multicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets()[..3] == [224, 0, 0],
        IpAddr::V6(ip) => ip.segments()[0] & 0xff0f == 0xff02,
    }
}

fn is_link_local_unicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

fn is_global_unicast(ip: IpAddr) -> bool {
    let is_broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !ip.is_unspecified()
        && !ip.is_loopback()
        && !ip.is_multicast()
        && !is_broadcast
        && !is_link_local_unicast(ip)
}

fn parse(text: &str) -> Result<IpAddr, std::string::String> {
    if text.contains('%') {
        return Err(format!("IP address {text:?} with zone value is not allowed"));
    }
    match IpAddr::from_str(text) {
        Ok(IpAddr::V6(ip)) if ip.to_ipv4_mapped().is_some() => {
            Err(format!("IPv4-mapped IPv6 address {text:?} is not allowed"))
        }
        Ok(ip) => Ok(ip),
        Err(_) => Err(format!(
            "IP Address {text:?} parse error during conversion from string: ParseAddr({text:?}): unable to parse IP"
        )),
    }
}

fn parse_cidr(text: &str) -> Result<Cidr, std::string::String> {
    let why = || {
        format!(
            "network address parse error during conversion from string: netip.ParsePrefix({text:?}): invalid prefix"
        )
    };
    let (_, length) = text.split_once('/').ok_or_else(why)?;
    if length.starts_with('+') || length.len() > 1 && length.starts_with('0') {
        return Err(why());
    }
    match IpNet::from_str(text) {
        Ok(IpNet::V6(net)) if net.addr().to_ipv4_mapped().is_some() => {
            Err(format!("IPv4-mapped IPv6 address {text:?} is not allowed"))
        }
        Ok(net) => Ok(Cidr(net)),
        Err(_) => Err(why()),
    }
}

fn contains_ip(_: &mut crate::budget::Meter<'_>, args: &[Value]) -> Evaluated {
    let other = match &args[1..] {
        [String(text)] => match parse(text) {
            Ok(ip) => ip,
            Err(why) => return failed(why),
        },
        rest => match ip(rest) {
            Some(ip) => ip,
            None => return mismatch(),
        },
    };
    cidr(args).map_or_else(mismatch, |cidr| Ok(Bool(cidr.0.contains(&other))))
}

fn contains_cidr(_: &mut crate::budget::Meter<'_>, args: &[Value]) -> Evaluated {
    let other = match &args[1..] {
        [String(text)] => match parse_cidr(text) {
            Ok(cidr) => cidr,
            Err(why) => return failed(why),
        },
        rest => match cidr(rest) {
            Some(cidr) => cidr,
            None => return mismatch(),
        },
    };
    cidr(args).map_or_else(mismatch, |cidr| {
        let (net, inner) = (cidr.0.trunc(), other.0);
        Ok(Bool(net.prefix_len() <= inner.prefix_len() && net.contains(&inner.addr())))
    })
}
