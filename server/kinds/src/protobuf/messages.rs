//! The table of messages: which field of which message has which number, name and type.

use std::{collections::BTreeMap, sync::OnceLock};

use super::special::Special;

/// The file says what its columns are.
const TABLE: &str = include_str!("../../data/messages.tsv");

/// A message: its fields, sorted by number.
#[derive(Debug)]
pub(super) struct Message {
    pub fields: Vec<Field>,
    /// Whether it stands for the last of its fields: a schema, or whether there may be one.
    pub choice: bool,
}

#[derive(Debug)]
pub(super) struct Field {
    pub number: u64,
    pub name: &'static str,
    /// Whether JSON has it even when it is zero.
    pub kept: bool,
    /// Whether it is a pointer, so that it can be absent.
    pub optional: bool,
    /// Whether its fields are the message's own.
    pub inline: bool,
    pub shape: Shape,
    pub kind: Type,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    One,
    List,
    Map,
    /// A message that only wraps a list.
    ListMessage,
    MapOfListMessages,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Type {
    Text,
    Integer,
    Bool,
    Double,
    Bytes,
    Special(Special),
    /// An index into the table.
    Message(usize),
}

/// All messages, read once.
pub(super) struct Messages {
    names: BTreeMap<&'static str, usize>,
    messages: Vec<Message>,
}

pub(super) fn table() -> &'static Messages {
    static MESSAGES: OnceLock<Messages> = OnceLock::new();
    MESSAGES.get_or_init(|| {
        let lines = || TABLE.lines().filter(|line| !line.starts_with('#'));
        let names = lines()
            .enumerate()
            .map(|(index, line)| (line.split('\t').next().unwrap_or_default(), index))
            .collect();
        let messages = lines().map(|line| read_message(line, &names)).collect();
        Messages { names, messages }
    })
}

impl Messages {
    /// The message of a kind: `apps/v1` and `Deployment` are `apps.v1.Deployment`. The options of
    /// requests are the same in every group.
    pub(super) fn of_kind(&self, api_version: &str, kind: &str) -> Option<usize> {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("core", api_version));
        let package = group.split('.').next().unwrap_or_default();
        let named = |name: String| self.names.get(name.as_str()).copied();
        named(format!("{package}.{version}.{kind}")).or_else(|| {
            let shared = kind.ends_with("Options") || kind == "Status";
            shared.then(|| named(format!("meta.v1.{kind}"))).flatten()
        })
    }

    pub(super) fn get(&self, index: usize) -> &Message {
        &self.messages[index]
    }
}

/// Whether a definition's field is there even in its zero value: `io.k8s.api.apps.v1.Deployment`
/// always has a `spec`.
pub(super) fn is_implied(definition: &str, field: &str) -> bool {
    let table = table();
    let mut parts = definition.rsplitn(4, '.');
    let (Some(kind), Some(version), Some(package)) = (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let name = format!("{package}.{version}.{kind}");
    let Some(message) = table.names.get(name.as_str()) else { return false };
    let message = table.get(*message);
    message.fields.iter().any(|found| found.inline && found.is_implied_within(table, field))
        || message.fields.iter().any(|found| found.name == field && found.is_implied())
}

impl Field {
    fn is_implied(&self) -> bool {
        let is_struct = self.shape == Shape::One && matches!(self.kind, Type::Message(_));
        !self.optional && (is_struct || self.kept)
    }

    /// The same for a field of an inlined message.
    fn is_implied_within(&self, table: &Messages, name: &str) -> bool {
        let Type::Message(message) = self.kind else { return false };
        table.get(message).fields.iter().any(|found| found.name == name && found.is_implied())
    }
}

fn read_message(line: &'static str, names: &BTreeMap<&'static str, usize>) -> Message {
    let (name, fields) = line.split_once('\t').unwrap_or((line, ""));
    let package = name.rsplit_once('.').expect("a message's name has a package").0;
    let choice = fields.contains('|');
    let fields = fields.split_whitespace().map(|text| read_field(text, package, names)).collect();
    Message { fields, choice }
}

fn read_field(text: &'static str, package: &str, names: &BTreeMap<&'static str, usize>) -> Field {
    let (declared, kind) = text.split_once('=').expect("a field has a type");
    let digits = declared.find(|c: char| !c.is_ascii_digit()).unwrap_or(declared.len());
    let (number, name) = declared.split_at(digits);
    let (shape, kind) = read_shape(kind);
    Field {
        number: number.parse().expect("a field has a number"),
        name: name.trim_start_matches(['?', '!', '<', '|']),
        kept: name.starts_with(['?', '!', '|']),
        optional: name.starts_with('?'),
        inline: name.starts_with('<'),
        shape,
        kind: read_type(kind, package, names),
    }
}

fn read_shape(kind: &'static str) -> (Shape, &'static str) {
    let prefixes = [
        ("%L", Shape::MapOfListMessages),
        ("%", Shape::Map),
        ("*", Shape::List),
        ("L", Shape::ListMessage),
    ];
    prefixes
        .into_iter()
        .find_map(|(prefix, shape)| Some((shape, kind.strip_prefix(prefix)?)))
        .unwrap_or((Shape::One, kind))
}

fn read_type(kind: &str, package: &str, names: &BTreeMap<&'static str, usize>) -> Type {
    match kind {
        "s" => Type::Text,
        "i" => Type::Integer,
        "b" => Type::Bool,
        "d" => Type::Double,
        "y" => Type::Bytes,
        _ => {
            let name =
                if kind.starts_with('.') { format!("{package}{kind}") } else { kind.to_owned() };
            Special::named(&name).map(Type::Special).unwrap_or_else(|| {
                Type::Message(*names.get(name.as_str()).expect("a field's message is in the table"))
            })
        }
    }
}
