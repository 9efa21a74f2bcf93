//! From a query's bytes to those of its answer.

use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
};

use hickory_proto::{
    ProtoError,
    op::{Edns, Message, MessageType, Metadata, OpCode, Query, ResponseCode},
    rr::{
        DNSClass, Name, RData, Record, RecordType,
        rdata::{A, CNAME, PTR, SOA, SRV, TXT},
    },
};
use planning::routing::dns::{Data, Meaning, Record as KnownRecord, Sort};
use tracing::debug;

use super::{Resolve, upstream::Upstream};

/// How long clients may keep what they were told: endpoints change quickly.
const TTL_S: u32 = 5;
/// What passes every network in one piece.
const DATAGRAM_BYTES_SAFE: u16 = 1232;
const HEADER_BYTES: usize = 12;
/// How many names an alias may lead over.
const ALIASES_MAX: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Datagram,
    Connection,
}

/// What comes next for a query.
pub(super) enum Step {
    /// It is no query, and gets no answer.
    Silence,
    Answer(Vec<u8>),
    /// Others have to be asked first: see [`Answerer::ask`].
    Ask(Box<Question>),
}

/// A query that memory alone can't answer.
pub(super) struct Question {
    query: Vec<u8>,
    /// The answer so far.
    reply: Message,
    /// The name that an alias leads to; without one the query itself is handed on.
    target: Option<Name>,
    transport: Transport,
    bytes_max: usize,
}

pub(super) struct Answerer {
    domain: Name,
    resolve: Resolve,
    upstream: Upstream,
    /// Turns the order of addresses, as clients take the first.
    turn: AtomicUsize,
}

impl Answerer {
    pub(super) fn new(domain: &str, resolve: Resolve, upstream: Upstream) -> io::Result<Self> {
        let domain = absolute(domain).map_err(io::Error::other)?;
        Ok(Self { domain, resolve, upstream, turn: AtomicUsize::new(0) })
    }

    pub(super) fn consider(&self, bytes: &[u8], transport: Transport) -> Step {
        let Ok(query) = Message::from_vec(bytes) else { return malformed(bytes) };
        if query.metadata.message_type != MessageType::Query {
            return Step::Silence;
        }
        let bytes_max = match transport {
            Transport::Datagram => usize::from(query.max_payload().min(DATAGRAM_BYTES_SAFE)),
            Transport::Connection => usize::from(u16::MAX),
        };
        let mut reply = reply_to(&query);
        let target = match self.fill(&mut reply) {
            Filled::Whole => return Step::Answer(encode(&reply, bytes_max)),
            Filled::Alias(target) => Some(target),
            Filled::Foreign => None,
        };
        let query = bytes.to_vec();
        Step::Ask(Box::new(Question { query, reply, target, transport, bytes_max }))
    }

    /// Completes an answer by asking the host's name servers.
    pub(super) async fn ask(&self, question: Question) -> Vec<u8> {
        let Question { query, mut reply, target, transport, bytes_max } = question;
        let done = match target {
            None => match self.upstream.ask(&query, transport).await {
                Ok(answer) => return answer,
                Err(error) => Err(error),
            },
            Some(target) => self.follow(&mut reply, target).await,
        };
        if let Err(error) = done {
            debug!(%error, "the host's name servers do not answer");
            reply.metadata.response_code = ResponseCode::ServFail;
        }
        encode(&reply, bytes_max)
    }

    /// Adds what memory says.
    fn fill(&self, reply: &mut Message) -> Filled {
        let [asked] = reply.queries.as_slice() else {
            return failed(reply, ResponseCode::FormErr);
        };
        let (name, kind) = (asked.name().clone(), asked.query_type());
        if reply.metadata.op_code != OpCode::Query || asked.query_class() != DNSClass::IN {
            return failed(reply, ResponseCode::NotImp);
        }
        match (self.resolve)(&name.to_ascii(), sort_of(kind)) {
            Meaning::Foreign => Filled::Foreign,
            Meaning::Unknown => {
                reply.metadata.authoritative = true;
                reply.add_authority(self.authority());
                failed(reply, ResponseCode::NXDomain)
            }
            Meaning::Known { records, others } => {
                reply.metadata.authoritative = true;
                self.add_known(reply, &name, kind, &records, &others)
            }
        }
    }

    fn add_known(
        &self,
        reply: &mut Message,
        name: &Name,
        kind: RecordType,
        records: &[KnownRecord],
        others: &[KnownRecord],
    ) -> Filled {
        if records.is_empty() {
            reply.add_authority(self.authority());
            return Filled::Whole;
        }
        let mut alias = None;
        for record in self.in_turn(records) {
            let Ok(data) = data_of(&record.data) else { continue };
            if let RData::CNAME(CNAME(target)) = &data {
                alias = Some(target.clone());
            }
            reply.add_answer(Record::from_rdata(name.clone(), TTL_S, data));
        }
        for record in others {
            if let (Ok(name), Ok(data)) = (absolute(&record.name), data_of(&record.data)) {
                reply.add_additional(Record::from_rdata(name, TTL_S, data));
            }
        }
        match alias {
            Some(target) if kind != RecordType::CNAME => Filled::Alias(target),
            _ => Filled::Whole,
        }
    }

    /// Adds what the target of an alias means: programs ask for addresses, and follow no alias.
    async fn follow(&self, reply: &mut Message, mut target: Name) -> io::Result<()> {
        let kind = reply.queries.first().map_or(RecordType::A, Query::query_type);
        for _ in 0..ALIASES_MAX {
            match (self.resolve)(&target.to_ascii(), sort_of(kind)) {
                Meaning::Foreign => return self.follow_outside(reply, target, kind).await,
                Meaning::Unknown => return Ok(()),
                Meaning::Known { records, others } => {
                    match self.add_known(reply, &target, kind, &records, &others) {
                        Filled::Alias(next) => target = next,
                        Filled::Whole | Filled::Foreign => return Ok(()),
                    }
                }
            }
        }
        Err(io::Error::other("an alias leads over too many names"))
    }

    async fn follow_outside(
        &self,
        reply: &mut Message,
        target: Name,
        kind: RecordType,
    ) -> io::Result<()> {
        let mut query = Message::query();
        query.metadata.recursion_desired = true;
        query.add_query(Query::query(target, kind));
        let bytes = query.to_vec().map_err(io::Error::other)?;
        let mut answer = self.upstream.ask(&bytes, Transport::Datagram).await?;
        let mut outside = Message::from_vec(&answer).map_err(io::Error::other)?;
        if outside.metadata.truncation {
            answer = self.upstream.ask(&bytes, Transport::Connection).await?;
            outside = Message::from_vec(&answer).map_err(io::Error::other)?;
        }
        reply.metadata.response_code = outside.metadata.response_code;
        reply.add_answers(outside.answers);
        Ok(())
    }

    fn in_turn<'r>(&self, records: &'r [KnownRecord]) -> impl Iterator<Item = &'r KnownRecord> {
        let start = self.turn.fetch_add(1, Ordering::Relaxed) % records.len().max(1);
        records[start..].iter().chain(&records[..start])
    }

    /// Says who knows that something is not there, and how long that may be kept.
    fn authority(&self) -> Record {
        let server = Name::from_ascii("ns.dns").unwrap_or_default().append_domain(&self.domain);
        let server = server.unwrap_or_else(|_| self.domain.clone());
        let soa = SOA::new(server.clone(), server, 1, 7200, 1800, 86_400, TTL_S);
        Record::from_rdata(self.domain.clone(), TTL_S, RData::SOA(soa))
    }
}

/// What became of a reply.
enum Filled {
    Whole,
    Alias(Name),
    Foreign,
}

fn failed(reply: &mut Message, code: ResponseCode) -> Filled {
    reply.metadata.response_code = code;
    Filled::Whole
}

fn reply_to(query: &Message) -> Message {
    let metadata = &query.metadata;
    let mut reply = Message::response(metadata.id, metadata.op_code);
    reply.metadata = Metadata::response_from_request(metadata);
    reply.metadata.recursion_available = true;
    reply.queries.clone_from(&query.queries);
    if query.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(DATAGRAM_BYTES_SAFE).set_version(0);
        reply.set_edns(edns);
    }
    reply
}

/// Says that a query can't be read, if it is one.
fn malformed(bytes: &[u8]) -> Step {
    const IS_RESPONSE: u8 = 0x80;
    match bytes {
        [high, low, flags, ..] if bytes.len() >= HEADER_BYTES && flags & IS_RESPONSE == 0 => {
            let id = u16::from_be_bytes([*high, *low]);
            let answer = Message::error_msg(id, OpCode::Query, ResponseCode::FormErr);
            answer.to_vec().map_or(Step::Silence, Step::Answer)
        }
        _ => Step::Silence,
    }
}

/// The bytes of an answer. One that does not fit says so, and is asked for by a connection.
fn encode(reply: &Message, bytes_max: usize) -> Vec<u8> {
    let whole = reply.to_vec().ok().filter(|bytes| bytes.len() <= bytes_max);
    whole.or_else(|| reply.truncate().to_vec().ok()).unwrap_or_default()
}

fn sort_of(kind: RecordType) -> Sort {
    match kind {
        RecordType::A => Sort::A,
        RecordType::SRV => Sort::Srv,
        RecordType::PTR => Sort::Ptr,
        RecordType::TXT => Sort::Txt,
        _ => Sort::Other,
    }
}

fn data_of(data: &Data) -> Result<RData, ProtoError> {
    Ok(match data {
        Data::A(address) => RData::A(A(*address)),
        Data::Srv { port, target } => RData::SRV(SRV::new(0, 100, *port, absolute(target)?)),
        Data::Ptr(name) => RData::PTR(PTR(absolute(name)?)),
        Data::Txt(text) => RData::TXT(TXT::new(vec![(*text).to_owned()])),
        Data::Cname(name) => RData::CNAME(CNAME(absolute(name)?)),
    })
}

fn absolute(name: &str) -> Result<Name, ProtoError> {
    let mut name = Name::from_ascii(name)?;
    name.set_fqdn(true);
    Ok(name)
}
