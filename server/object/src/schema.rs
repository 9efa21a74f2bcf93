//! Types of JSON values, as far as patches and validation must know them: which fields an object
//! has, how a list is merged. `kinds` makes them for the built-in kinds; a value without a type is
//! [`Schema::untyped`].

use std::collections::BTreeMap;

/// Types: definitions that refer to each other by index.
#[derive(Debug, Default)]
pub struct Types {
    pub definitions: Vec<Definition>,
    /// The types that go by a name, as `io.k8s.api.apps.v1.Deployment`.
    pub roots: BTreeMap<Box<str>, Node>,
}

impl Types {
    /// The type that goes by this name.
    pub fn schema(&self, name: &str) -> Option<Schema<'_>> {
        Some(Schema { types: Some(self), node: self.roots.get(name)?, field: None })
    }
}

/// A named object type.
#[derive(Debug, Default)]
pub struct Definition {
    /// Its name as Go prints it, as `v1.DeploymentSpec`; empty for an object without a name.
    pub name: Box<str>,
    /// Sorted by name.
    pub fields: Vec<Field>,
    /// Whether it is owned and replaced as a whole.
    pub atomic: bool,
    /// Whether it may hold fields that are not declared.
    pub open: bool,
}

impl Definition {
    pub fn field(&self, name: &str) -> Option<&Field> {
        let at = self.fields.binary_search_by(|field| (*field.name).cmp(name)).ok()?;
        self.fields.get(at)
    }
}

/// A field of a [`Definition`].
#[derive(Debug)]
pub struct Field {
    pub name: Box<str>,
    pub node: Node,
    pub required: bool,
    /// Whether Go's zero value of the owner has the field, so that nobody owns its mere presence.
    pub implied: bool,
    pub patch: PatchStrategy,
    /// The value that stands for an absent one, as JSON text.
    pub default: Option<Box<str>>,
}

/// How a strategic merge patch treats a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatchStrategy {
    /// A list's items are merged, not replaced.
    pub merge: bool,
    /// The object is replaced as a whole.
    pub replace: bool,
    /// The field by which a merged list's objects are told apart.
    pub merge_key: Option<Box<str>>,
}

/// The type of a value.
#[derive(Debug, PartialEq, Eq)]
pub enum Node {
    /// Any JSON; objects in it are granular, lists atomic.
    Any,
    Scalar(Scalar),
    /// An index into [`Types::definitions`].
    Object(usize),
    Map {
        values: Box<Node>,
        atomic: bool,
    },
    List {
        items: Box<Node>,
        kind: ListKind,
    },
    /// The field is an object of this definition, owned and replaced as a whole only here.
    AtomicObject(usize),
    /// The field is an object of this definition, merged although the definition is atomic.
    GranularObject(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    String,
    Bool,
    Int32,
    Int64,
    Float,
    /// RFC 3339.
    Time,
    /// RFC 3339 with microseconds.
    MicroTime,
    /// Base64.
    Bytes,
    Quantity,
    IntOrString,
}

/// `x-kubernetes-list-type`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ListKind {
    #[default]
    Atomic,
    Set,
    /// Objects told apart by these fields.
    Map(Box<[Box<str>]>),
}

/// The type of the value at hand: a cursor into [`Types`].
#[derive(Clone, Copy, Debug)]
pub struct Schema<'a> {
    types: Option<&'a Types>,
    node: &'a Node,
    field: Option<&'a Field>,
}

static ANY: Node = Node::Any;

impl<'a> Schema<'a> {
    /// The type of a value that nobody declared.
    pub fn untyped() -> Self {
        Self { types: None, node: &ANY, field: None }
    }

    pub fn node(&self) -> &'a Node {
        self.node
    }

    /// The field that led here.
    pub fn declared(&self) -> Option<&'a Field> {
        self.field
    }

    /// The definition of an object.
    pub fn definition(&self) -> Option<&'a Definition> {
        match self.node {
            Node::Object(at) | Node::AtomicObject(at) | Node::GranularObject(at) => {
                self.types?.definitions.get(*at)
            }
            _ => None,
        }
    }

    /// The type of an object's field or of a map's value; `None` for a field that a declared
    /// object does not have.
    pub fn child(&self, name: &str) -> Option<Self> {
        if let Some(definition) = self.definition() {
            return match definition.field(name) {
                Some(field) => Some(Self { node: &field.node, field: Some(field), ..*self }),
                None => definition.open.then(Self::untyped),
            };
        }
        match self.node {
            Node::Map { values, .. } => Some(Self { node: values, field: None, ..*self }),
            Node::Any => Some(Self::untyped()),
            _ => None,
        }
    }

    /// As [`Schema::child`], and untyped where there is none.
    #[must_use]
    pub fn child_or_untyped(&self, name: &str) -> Self {
        self.child(name).unwrap_or_else(Self::untyped)
    }

    /// The type of a list's items.
    #[must_use]
    pub fn items(&self) -> Self {
        match self.node {
            Node::List { items, .. } => Self { node: items, field: None, ..*self },
            _ => Self::untyped(),
        }
    }

    pub fn list_kind(&self) -> &'a ListKind {
        match self.node {
            Node::List { kind, .. } => kind,
            _ => &ListKind::Atomic,
        }
    }

    /// Whether an object or a map is owned and replaced as a whole.
    pub fn is_atomic(&self) -> bool {
        match self.node {
            Node::Map { atomic, .. } => *atomic,
            Node::AtomicObject(_) => true,
            Node::Object(_) => self.definition().is_some_and(|definition| definition.atomic),
            _ => false,
        }
    }

    /// How a strategic merge patch treats the field that led here.
    pub fn patch_strategy(&self) -> PatchStrategy {
        self.field.map(|field| field.patch.clone()).unwrap_or_default()
    }
}
