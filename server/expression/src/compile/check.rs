//! The checker: every name is declared, every call has a meaning, types fit as far as they show.

mod aggregates;
mod calls;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use regex::Regex;

use super::{
    Environment,
    ast::{Expr, Loop, LoopKind, Node},
};
use crate::{
    error::Issue,
    types::{Bindings, Type},
    value::Value,
};

/// More issues help nobody.
const ISSUES_MAX: usize = 20;

pub(super) struct Checked {
    pub(super) ty: Type,
    pub(super) issues: Vec<Issue>,
    pub(super) patterns: BTreeMap<Arc<str>, Regex>,
    /// The variables that are named.
    pub(super) names: BTreeSet<String>,
}

pub(super) fn check(root: &mut Node, environment: &Environment) -> Checked {
    let mut checker = Checker {
        environment,
        scope: Vec::new(),
        issues: Vec::new(),
        patterns: BTreeMap::new(),
        names: BTreeSet::new(),
    };
    let ty = checker.visit(root);
    let Checker { issues, patterns, names, .. } = checker;
    Checked { ty, issues, patterns, names }
}

struct Checker<'e> {
    environment: &'e Environment,
    /// Names that macros bind, innermost last.
    scope: Vec<(Arc<str>, Type)>,
    issues: Vec<Issue>,
    patterns: BTreeMap<Arc<str>, Regex>,
    names: BTreeSet<String>,
}

impl Checker<'_> {
    fn issue(&mut self, at: usize, message: impl Into<String>) -> Type {
        if self.issues.len() < ISSUES_MAX {
            self.issues.push(Issue { at: Some(at), message: message.into() });
        }
        Type::Dyn
    }

    fn no_overload(&mut self, at: usize, name: &str, args: &[Type]) -> Type {
        let shown: Vec<String> = args.iter().map(ToString::to_string).collect();
        let shown = shown.join(", ");
        self.issue(at, format!("found no matching overload for '{name}' applied to '({shown})'"))
    }

    fn declared(&self, name: &str) -> Option<&Type> {
        let bound = self.scope.iter().rev().find(|(known, _)| **known == *name);
        bound.map(|(_, ty)| ty).or_else(|| self.environment.variables.get(name))
    }

    fn visit(&mut self, node: &mut Node) -> Type {
        if let Some(ty) = self.type_name(node) {
            node.expr = Expr::Literal(Value::Type(ty));
            return Type::Type;
        }
        if let Some(name) = self.dotted_name(node) {
            node.expr = Expr::Name(name.into());
        }
        let at = node.at;
        match &mut node.expr {
            Expr::Literal(value) => value.type_of(),
            Expr::Name(name) => {
                let name = Arc::clone(name);
                self.name(at, &name)
            }
            Expr::Select { operand, field, optional } => {
                let ty = self.visit(operand);
                let found = self.field(at, &ty, field);
                if *optional && !matches!(found, Type::Optional(_)) {
                    Type::optional(found)
                } else {
                    found
                }
            }
            Expr::Has { operand, field } => {
                let ty = self.visit(operand);
                self.field(at, &ty, field);
                Type::Bool
            }
            Expr::Index { operand, index, optional } => {
                let types = [self.visit(operand), self.visit(index)];
                self.index(at, &types, *optional)
            }
            Expr::Call { .. } => self.call(node),
            Expr::List(items) => self.list(items),
            Expr::Map(entries) => self.map(entries),
            Expr::Struct { name, fields } => {
                let name = Arc::clone(name);
                self.structure(at, &name, fields)
            }
            Expr::And(terms) => self.logic(at, "_&&_", terms),
            Expr::Or(terms) => self.logic(at, "_||_", terms),
            Expr::Conditional(parts) => self.conditional(at, parts),
            Expr::Loop(l) => self.loop_over(at, l),
            Expr::Bind { name, value, body } => {
                let ty = self.visit(value);
                self.within(vec![(Arc::clone(name), ty)], |checker| checker.visit(body))
            }
            Expr::OptionalMap { operand, name, body, is_flat } => {
                let inner = match self.visit(operand) {
                    Type::Optional(inner) => (*inner).clone(),
                    Type::Dyn => Type::Dyn,
                    other => {
                        let function = if *is_flat { "optFlatMap" } else { "optMap" };
                        return self.no_overload(at, function, &[other]);
                    }
                };
                let ty =
                    self.within(vec![(Arc::clone(name), inner)], |checker| checker.visit(body));
                if *is_flat { ty } else { Type::optional(ty) }
            }
        }
    }

    fn within<T>(&mut self, names: Vec<(Arc<str>, Type)>, visit: impl FnOnce(&mut Self) -> T) -> T {
        let outside = self.scope.len();
        self.scope.extend(names);
        let result = visit(self);
        self.scope.truncate(outside);
        result
    }

    /// The type that a part names, as `string` or `google.protobuf.Timestamp`.
    fn type_name(&self, node: &Node) -> Option<Type> {
        if !matches!(node.expr, Expr::Name(_) | Expr::Select { .. })
            || self.declared(node.root()?).is_some()
        {
            return None;
        }
        Some(match node.path()?.as_str() {
            "bool" => Type::Bool,
            "int" => Type::Int,
            "uint" => Type::Uint,
            "double" => Type::Double,
            "string" => Type::String,
            "bytes" => Type::Bytes,
            "null_type" => Type::Null,
            "type" => Type::Type,
            "list" => Type::list(Type::Dyn),
            "map" => Type::Map(Arc::new(Type::Dyn), Arc::new(Type::Dyn)),
            "optional_type" => Type::optional(Type::Dyn),
            "google.protobuf.Timestamp" => Type::Timestamp,
            "google.protobuf.Duration" => Type::Duration,
            path => Type::Opaque(crate::opaque::type_name(path)?),
        })
    }

    /// A variable whose name has dots in it: `authorizer.requestResource`.
    fn dotted_name(&self, node: &Node) -> Option<String> {
        let Expr::Select { .. } = &node.expr else { return None };
        let root = node.root()?;
        if self.scope.iter().any(|(bound, _)| **bound == *root) {
            return None;
        }
        let variables = &self.environment.variables;
        if !variables.keys().any(|name| name.contains('.') && name.starts_with(root)) {
            return None;
        }
        node.path().filter(|path| variables.contains_key(path))
    }

    fn name(&mut self, at: usize, name: &str) -> Type {
        if let Some(ty) = self.declared(name).cloned() {
            if self.environment.variables.contains_key(name) {
                self.names.insert(name.to_owned());
            }
            return ty;
        }
        self.issue(at, format!("undeclared reference to '{name}' (in container '')"))
    }

    /// The type of a field of a value of this type.
    fn field(&mut self, at: usize, ty: &Type, field: &str) -> Type {
        match ty {
            Type::Dyn | Type::Param(_) => Type::Dyn,
            Type::Object(object) => match object.fields.get(field) {
                Some(field) => field.ty.clone(),
                None => self.issue(at, format!("undefined field '{field}'")),
            },
            Type::Map(_, values) => (**values).clone(),
            Type::Optional(inner) => {
                let inner = Arc::clone(inner);
                Type::optional(self.field(at, &inner, field))
            }
            other => {
                let message = format!("type '{other}' does not support field selection");
                self.issue(at, message)
            }
        }
    }

    fn index(&mut self, at: usize, types: &[Type; 2], optional: bool) -> Type {
        let [operand, index] = types;
        let (inner, is_optional) = match operand {
            Type::Optional(inner) => (&**inner, true),
            other => (other, optional),
        };
        let accepts = |wanted: &Type| wanted.accepts(index, &mut Bindings::default());
        let found = match inner {
            Type::Dyn | Type::Param(_) => Some(Type::Dyn),
            Type::List(items) if accepts(&Type::Int) => Some((**items).clone()),
            Type::Map(keys, values) if accepts(keys) => Some((**values).clone()),
            _ => None,
        };
        match found {
            None => self.no_overload(at, if optional { "_[?_]" } else { "_[_]" }, types),
            Some(ty) if is_optional => Type::optional(ty),
            Some(ty) => ty,
        }
    }

    fn is_bool(ty: &Type) -> bool {
        Type::Bool.accepts(ty, &mut Bindings::default())
    }

    fn logic(&mut self, at: usize, operator: &str, terms: &mut [Node]) -> Type {
        let types: Vec<Type> = terms.iter_mut().map(|term| self.visit(term)).collect();
        if types.iter().all(Self::is_bool) {
            return Type::Bool;
        }
        self.no_overload(at, operator, &types)
    }

    fn conditional(&mut self, at: usize, parts: &mut [Node; 3]) -> Type {
        let types = parts.each_mut().map(|part| self.visit(part));
        let joined = join(&types[1], &types[2]);
        match joined.filter(|_| Self::is_bool(&types[0])) {
            Some(ty) => ty,
            None => self.no_overload(at, "_?_:_", &types),
        }
    }

    fn loop_over(&mut self, at: usize, l: &mut Loop) -> Type {
        let range = self.visit(&mut l.range);
        let (first, second) = match (&range, l.second.is_some()) {
            (Type::List(items), false) => ((**items).clone(), Type::Dyn),
            (Type::List(items), true) => (Type::Int, (**items).clone()),
            (Type::Map(keys, values), _) => ((**keys).clone(), (**values).clone()),
            (ty, _) if ty.is_dyn() => (Type::Dyn, Type::Dyn),
            (other, _) => {
                let message = format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                return self.issue(at, message);
            }
        };
        let mut names = vec![(Arc::clone(&l.first), first)];
        names.extend(l.second.as_ref().map(|name| (Arc::clone(name), second)));
        let wants_bool = matches!(
            l.kind,
            LoopKind::All | LoopKind::Exists | LoopKind::ExistsOne | LoopKind::Filter
        );
        let body = self.within(names, |checker| {
            if let Some(filter) = &mut l.filter {
                let ty = checker.visit(filter);
                if !Self::is_bool(&ty) {
                    checker.issue(filter.at, format!("expected type 'bool' but found '{ty}'"));
                }
            }
            let ty = checker.visit(&mut l.body);
            if wants_bool && !Self::is_bool(&ty) {
                checker.issue(l.body.at, format!("expected type 'bool' but found '{ty}'"));
            }
            ty
        });
        match l.kind {
            LoopKind::All | LoopKind::Exists | LoopKind::ExistsOne => Type::Bool,
            // Filtering a map gives its keys.
            LoopKind::Filter => match range {
                Type::Map(keys, _) => Type::List(keys),
                list @ Type::List(_) => list,
                _ => Type::list(Type::Dyn),
            },
            LoopKind::List => Type::list(body),
            LoopKind::Map => match range {
                Type::Map(keys, _) => Type::Map(keys, Arc::new(body)),
                Type::List(_) => Type::Map(Arc::new(Type::Int), Arc::new(body)),
                _ => Type::Map(Arc::new(Type::Dyn), Arc::new(body)),
            },
            LoopKind::MapEntry => body,
        }
    }
}

/// The type of what is either this or that.
fn join(a: &Type, b: &Type) -> Option<Type> {
    match (a, b) {
        // An empty list may be a list of anything.
        (Type::Param(_), other) | (other, Type::Param(_)) => return Some(other.clone()),
        (Type::Dyn, _) | (_, Type::Dyn) => return Some(Type::Dyn),
        (Type::List(a), Type::List(b)) => return join(a, b).map(Type::list),
        (Type::Optional(a), Type::Optional(b)) => return join(a, b).map(Type::optional),
        (Type::Map(a, b), Type::Map(c, d)) => {
            return Some(Type::Map(Arc::new(join(a, c)?), Arc::new(join(b, d)?)));
        }
        _ => {}
    }
    if a.accepts(b, &mut Bindings::default()) {
        // Null fits what may be absent, and the other says what that is.
        return Some(if *a == Type::Null { b.clone() } else { a.clone() });
    }
    b.accepts(a, &mut Bindings::default()).then(|| b.clone())
}
