//! Lists, maps and objects that an expression makes.

use std::sync::Arc;

use super::{Checker, join};
use crate::{
    compile::ast::{Entry, Node},
    types::Type,
};

/// The type of the items of an empty list.
const ANYTHING: Type = Type::Param('_');

impl Checker<'_> {
    pub(super) fn list(&mut self, items: &mut [(bool, Node)]) -> Type {
        let mut common = None;
        for (optional, item) in items {
            let ty = self.unwrapped(*optional, item);
            self.unite(item.at, &mut common, ty);
        }
        Type::list(common.unwrap_or(ANYTHING))
    }

    pub(super) fn map(&mut self, entries: &mut [Entry]) -> Type {
        let (mut keys, mut values) = (None, None);
        for entry in entries {
            let key = self.visit(&mut entry.key);
            self.unite(entry.key.at, &mut keys, key);
            let value = self.unwrapped(entry.optional, &mut entry.value);
            self.unite(entry.value.at, &mut values, value);
        }
        let or_dyn = |ty: Option<Type>| Arc::new(ty.unwrap_or(ANYTHING));
        Type::Map(or_dyn(keys), or_dyn(values))
    }

    /// The type of an item; of an optional one what is inside.
    fn unwrapped(&mut self, optional: bool, item: &mut Node) -> Type {
        match self.visit(item) {
            Type::Optional(inner) if optional => (*inner).clone(),
            other if optional && !other.is_dyn() => {
                self.issue(item.at, format!("expected type 'optional_type' but found '{other}'"))
            }
            other => other,
        }
    }

    /// All items of one list have one type, as Kubernetes wants it.
    fn unite(&mut self, at: usize, common: &mut Option<Type>, ty: Type) {
        let Some(known) = common.take() else {
            *common = Some(ty);
            return;
        };
        let united = join(&known, &ty).unwrap_or_else(|| {
            self.issue(at, format!("expected type '{known}' but found '{ty}'"));
            known
        });
        *common = Some(united);
    }

    pub(super) fn structure(
        &mut self,
        at: usize,
        name: &str,
        fields: &mut [(Arc<str>, bool, Node)],
    ) -> Type {
        let is_patch = name == "JSONPatch";
        let is_known = is_patch || name == "Object" || name.starts_with("Object.");
        if !self.environment.has_objects || !is_known {
            return self.issue(at, format!("undeclared reference to '{name}' (in container '')"));
        }
        for (field, optional, value) in fields {
            let ty = self.unwrapped(*optional, value);
            if !is_patch {
                continue;
            }
            match &**field {
                "op" | "path" | "from" if ty == Type::String || ty.is_dyn() => {}
                "op" | "path" | "from" => {
                    let message = format!(
                        "expected type of field '{field}' is 'string' but provided type is '{ty}'"
                    );
                    self.issue(value.at, message);
                }
                "value" => {}
                _ => {
                    self.issue(value.at, format!("undefined field '{field}'"));
                }
            }
        }
        Type::made(name)
    }
}
