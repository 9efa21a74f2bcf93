//! The tree of an expression, as the parser makes it and the checker completes it.

use std::sync::Arc;

use crate::{functions::Overload, value::Value};

/// A part of an expression.
#[derive(Debug)]
pub(crate) struct Node {
    /// Where it stands, in bytes from the start.
    pub(crate) at: usize,
    /// How many levels of parts are below it.
    pub(crate) height: usize,
    pub(crate) expr: Expr,
}

#[derive(Debug)]
pub(crate) enum Expr {
    Literal(Value),
    Name(Arc<str>),
    Select {
        operand: Box<Node>,
        field: Arc<str>,
        /// `a.?b`.
        optional: bool,
    },
    /// `has(a.b)`.
    Has {
        operand: Box<Node>,
        field: Arc<str>,
    },
    Index {
        operand: Box<Node>,
        index: Box<Node>,
        /// `a[?b]`.
        optional: bool,
    },
    Call {
        name: Arc<str>,
        /// The receiver of a member function comes first.
        args: Vec<Node>,
        is_member: bool,
        /// What the checker found that the name may mean.
        overloads: Vec<&'static Overload>,
    },
    /// Each item with whether it is optional: `[?a]`.
    List(Vec<(bool, Node)>),
    Map(Vec<Entry>),
    Struct {
        name: Arc<str>,
        fields: Vec<(Arc<str>, bool, Node)>,
    },
    And(Vec<Node>),
    Or(Vec<Node>),
    Conditional(Box<[Node; 3]>),
    Loop(Box<Loop>),
    /// `cel.bind(name, value, body)`.
    Bind {
        name: Arc<str>,
        value: Box<Node>,
        body: Box<Node>,
    },
    /// `optional.optMap(name, body)`, and `optFlatMap`.
    OptionalMap {
        operand: Box<Node>,
        name: Arc<str>,
        body: Box<Node>,
        is_flat: bool,
    },
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: Node,
    pub(crate) value: Node,
    pub(crate) optional: bool,
}

/// A macro that goes through the items of a list or the entries of a map.
#[derive(Debug)]
pub(crate) struct Loop {
    pub(crate) kind: LoopKind,
    pub(crate) range: Node,
    pub(crate) first: Arc<str>,
    /// The second name, of a macro with two.
    pub(crate) second: Option<Arc<str>>,
    pub(crate) filter: Option<Node>,
    pub(crate) body: Node,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoopKind {
    All,
    Exists,
    ExistsOne,
    Filter,
    /// `map` and `transformList`.
    List,
    /// `transformMap`.
    Map,
    /// `transformMapEntry`.
    MapEntry,
}

impl Expr {
    /// The parts right below.
    pub(crate) fn children(&self) -> Vec<&Node> {
        match self {
            Self::Literal(_) | Self::Name(_) => Vec::new(),
            Self::Select { operand, .. } | Self::Has { operand, .. } => vec![operand],
            Self::Index { operand, index, .. } => vec![operand, index],
            Self::Call { args, .. } => args.iter().collect(),
            Self::List(items) => items.iter().map(|(_, item)| item).collect(),
            Self::Map(entries) => {
                entries.iter().flat_map(|entry| [&entry.key, &entry.value]).collect()
            }
            Self::Struct { fields, .. } => fields.iter().map(|(_, _, value)| value).collect(),
            Self::And(terms) | Self::Or(terms) => terms.iter().collect(),
            Self::Conditional(parts) => parts.iter().collect(),
            Self::Loop(l) => [&l.range, &l.body].into_iter().chain(&l.filter).collect(),
            Self::Bind { value, body, .. } => vec![value, body],
            Self::OptionalMap { operand, body, .. } => vec![operand, body],
        }
    }
}

impl Node {
    pub(crate) fn new(at: usize, expr: Expr) -> Self {
        let height = expr.children().iter().map(|child| child.height + 1).max().unwrap_or(0);
        Self { at, height, expr }
    }

    /// The dotted name that the part spells, as `a.b.c`.
    pub(crate) fn path(&self) -> Option<String> {
        match &self.expr {
            Expr::Name(name) => Some(name.to_string()),
            Expr::Select { operand, field, optional: false } => {
                Some(format!("{}.{field}", operand.path()?))
            }
            _ => None,
        }
    }

    /// The first name of [`Node::path`].
    pub(crate) fn root(&self) -> Option<&str> {
        match &self.expr {
            Expr::Name(name) => Some(name),
            Expr::Select { operand, .. } => operand.root(),
            _ => None,
        }
    }
}
