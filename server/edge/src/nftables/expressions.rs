//! The words of rules: each loads, compares, looks up or acts.

use crate::netlink::Attributes;
use ipnet::Ipv4Net;

/// A register of 32 bits; values of several follow each other.
pub(super) const fn register(number: u32) -> u32 {
    8 + number
}

const VERDICT_REGISTER: u32 = 0;
const LIST_ELEMENT: u16 = 1;
const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;
const META_MARK: u32 = 3;
const META_INPUT_LINK: u32 = 4;
const META_OUTPUT_LINK: u32 = 5;
const META_PROTOCOL: u32 = 16;
const CT_STATE: u32 = 0;
const CT_MARK: u32 = 3;
const LOOPBACK_LINK: u32 = 1;
const EQUAL: u32 = 0;
const DIFFERENT: u32 = 1;

pub(super) const CT_INVALID: u32 = 1;
pub(super) const CT_NEW: u32 = 8;

/// What happens to a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Drop,
    Accept,
    Goto(String),
}

impl Verdict {
    pub(super) fn write(&self, data: &mut Attributes<'_>) {
        let (code, chain) = match self {
            Self::Drop => (0, None),
            Self::Accept => (1, None),
            Self::Goto(chain) => (-4_i32, Some(chain)),
        };
        data.nested(2, |verdict| {
            verdict.u32(1, code.cast_unsigned());
            if let Some(chain) = chain {
                verdict.string(2, chain);
            }
        });
    }
}

#[derive(Clone, Copy)]
pub(super) enum Side {
    Source,
    Destination,
}

/// The expressions of a rule, in order.
#[derive(Clone, Default)]
pub(super) struct Expressions(pub(super) Vec<u8>);

impl Expressions {
    fn add(mut self, name: &str, write: impl FnOnce(&mut Attributes<'_>)) -> Self {
        Attributes::to(&mut self.0).nested(LIST_ELEMENT, |element| {
            element.string(1, name).nested(2, write);
        });
        self
    }

    fn load_payload(self, base: u32, offset: u32, length: u32, to: u32) -> Self {
        self.add("payload", |p| {
            p.u32(1, register(to)).u32(2, base).u32(3, offset).u32(4, length);
        })
    }

    pub(super) fn load_address(self, side: Side, to: u32) -> Self {
        let offset = match side {
            Side::Source => 12,
            Side::Destination => 16,
        };
        self.load_payload(NETWORK_HEADER, offset, 4, to)
    }

    /// The port that the packet is for; all our protocols have it at the same place.
    pub(super) fn load_port(self, to: u32) -> Self {
        self.load_payload(TRANSPORT_HEADER, 2, 2, to)
    }

    fn load_meta(self, key: u32, to: u32) -> Self {
        self.add("meta", |m| {
            m.u32(1, register(to)).u32(2, key);
        })
    }

    pub(super) fn load_protocol(self, to: u32) -> Self {
        self.load_meta(META_PROTOCOL, to)
    }

    fn load_ct(self, key: u32, to: u32) -> Self {
        self.add("ct", |ct| {
            ct.u32(1, register(to)).u32(2, key);
        })
    }

    pub(super) fn load_random(self, modulus: u32, to: u32) -> Self {
        self.add("numgen", |n| {
            n.u32(1, register(to)).u32(2, modulus).u32(3, 1).u32(4, 0);
        })
    }

    /// A number below the modulus that is the same for the same value in a register, here and on
    /// every other node.
    pub(super) fn load_hash(self, of: u32, modulus: u32, to: u32) -> Self {
        const SEED: u32 = 0x6c6f_6e67;
        self.add("hash", |h| {
            h.u32(1, register(of)).u32(2, register(to)).u32(3, 4).u32(4, modulus);
            h.u32(5, SEED).u32(6, 0).u32(7, 0);
        })
    }

    fn compare(self, operator: u32, value: &[u8]) -> Self {
        self.add("cmp", |cmp| {
            cmp.u32(1, register(0)).u32(2, operator).nested(3, |data| {
                data.bytes(1, value);
            });
        })
    }

    /// `value = value & mask ^ flip`, in the first register.
    fn mask(self, mask: [u8; 4], flip: [u8; 4]) -> Self {
        self.add("bitwise", |b| {
            b.u32(1, register(0)).u32(2, register(0)).u32(3, 4);
            b.nested(4, |data| {
                data.bytes(1, &mask);
            });
            b.nested(5, |data| {
                data.bytes(1, &flip);
            });
        })
    }

    fn match_network(self, side: Side, network: Ipv4Net, operator: u32) -> Self {
        self.load_address(side, 0)
            .mask(network.netmask().octets(), [0; 4])
            .compare(operator, &network.network().octets())
    }

    pub(super) fn within(self, side: Side, network: Ipv4Net) -> Self {
        self.match_network(side, network, EQUAL)
    }

    pub(super) fn outside(self, side: Side, network: Ipv4Net) -> Self {
        self.match_network(side, network, DIFFERENT)
    }

    pub(super) fn protocol_is(self, number: u8) -> Self {
        self.load_protocol(0).compare(EQUAL, &[number])
    }

    /// The packet came over a link, and not from this host itself.
    pub(super) fn came_over_a_link(self) -> Self {
        self.load_meta(META_INPUT_LINK, 0).compare(DIFFERENT, &LOOPBACK_LINK.to_ne_bytes())
    }

    /// The packet goes out over a link, and not to this host itself.
    pub(super) fn goes_over_a_link(self) -> Self {
        self.load_meta(META_OUTPUT_LINK, 0).compare(DIFFERENT, &LOOPBACK_LINK.to_ne_bytes())
    }

    /// The packet is for an address of this host.
    pub(super) fn for_this_host(self) -> Self {
        const ADDRESS_KIND: u32 = 3;
        const OF_DESTINATION: u32 = 2;
        const LOCAL: u32 = 2;
        self.add("fib", |fib| {
            fib.u32(1, register(0)).u32(2, ADDRESS_KIND).u32(3, OF_DESTINATION);
        })
        .compare(EQUAL, &LOCAL.to_ne_bytes())
    }

    pub(super) fn state_is(self, state: u32) -> Self {
        self.load_ct(CT_STATE, 0)
            .mask(state.to_ne_bytes(), [0; 4])
            .compare(DIFFERENT, &0_u32.to_ne_bytes())
    }

    pub(super) fn connection_has(self, mark: u32) -> Self {
        self.load_ct(CT_MARK, 0)
            .mask(mark.to_ne_bytes(), [0; 4])
            .compare(DIFFERENT, &0_u32.to_ne_bytes())
    }

    pub(super) fn packet_has(self, mark: u32) -> Self {
        self.load_meta(META_MARK, 0)
            .mask(mark.to_ne_bytes(), [0; 4])
            .compare(EQUAL, &mark.to_ne_bytes())
    }

    pub(super) fn mark_connection(self, mark: u32) -> Self {
        self.load_ct(CT_MARK, 0).mask((!mark).to_ne_bytes(), mark.to_ne_bytes()).add("ct", |ct| {
            ct.u32(2, CT_MARK).u32(4, register(0));
        })
    }

    pub(super) fn mark_packet(self, mark: u32) -> Self {
        self.load_meta(META_MARK, 0).mask((!mark).to_ne_bytes(), mark.to_ne_bytes()).add(
            "meta",
            |m| {
                m.u32(2, META_MARK).u32(3, register(0));
            },
        )
    }

    /// Goes on only if a set holds what stands in the registers from `from`.
    pub(super) fn find_in(self, set: &str, from: u32) -> Self {
        self.add("lookup", |l| {
            l.string(1, set).u32(2, register(from));
        })
    }

    /// Loads what the map has for the registers from `from`, and goes on only if it has something.
    pub(super) fn load_from(self, map: &str, from: u32, to: u32) -> Self {
        self.add("lookup", |l| {
            l.string(1, map).u32(2, register(from)).u32(3, register(to));
        })
    }

    /// Does what the map says, if it says something.
    pub(super) fn obey(self, map: &str, from: u32) -> Self {
        self.add("lookup", |l| {
            l.string(1, map).u32(2, register(from)).u32(3, VERDICT_REGISTER);
        })
    }

    /// Sends the connection to the address and port in two registers.
    pub(super) fn redirect(self, address: u32, port: u32) -> Self {
        const DESTINATION: u32 = 1;
        let family = u32::from(crate::netlink::FAMILY_IPV4);
        self.add("nat", |n| {
            n.u32(1, DESTINATION).u32(2, family);
            n.u32(3, register(address)).u32(4, register(address));
            n.u32(5, register(port)).u32(6, register(port));
        })
    }

    /// Gives the connection an address of the outgoing link as its source. The port stays if it
    /// can: with random ones (measured) two of a hundred connections in quick succession met a
    /// server that still remembered the port, and took a second longer.
    pub(super) fn masquerade(self) -> Self {
        self.add("masq", |_| {})
    }

    pub(super) fn reject_tcp(self) -> Self {
        self.add("reject", |r| {
            r.u32(1, 1);
        })
    }

    pub(super) fn reject_port(self) -> Self {
        const PORT_UNREACHABLE: u8 = 3;
        self.add("reject", |r| {
            r.u32(1, 0).u8(2, PORT_UNREACHABLE);
        })
    }

    pub(super) fn decide(self, verdict: &Verdict) -> Self {
        self.add("immediate", |i| {
            i.u32(1, VERDICT_REGISTER).nested(2, |data| verdict.write(data));
        })
    }
}
