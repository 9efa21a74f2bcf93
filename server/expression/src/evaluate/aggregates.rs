//! Lists, maps and objects that an expression makes.

use std::sync::Arc;

use super::{Evaluated, Evaluator};
use crate::{
    compile::ast::{Entry, Node},
    error::EvaluationError,
    value::{Entries, MapKey, Value},
};

impl Evaluator<'_, '_> {
    /// The value of an item; `None` for an optional one that is not there.
    fn item(&mut self, optional: bool, node: &Node) -> Result<Option<Value>, EvaluationError> {
        match self.eval(node)? {
            Value::Optional(inner) if optional => Ok(inner.map(|inner| (*inner).clone())),
            _ if optional => Err(EvaluationError::no_such_overload()),
            value => Ok(Some(value)),
        }
    }

    pub(super) fn list(&mut self, items: &[(bool, Node)]) -> Evaluated {
        let mut list = Vec::with_capacity(items.len());
        for (optional, item) in items {
            list.extend(self.item(*optional, item)?);
        }
        Ok(Value::list(list))
    }

    pub(super) fn map(&mut self, entries: &[Entry]) -> Evaluated {
        let mut map = Entries::new();
        for entry in entries {
            let key = self.eval(&entry.key)?;
            let Some(key) = MapKey::of(&key) else {
                let message = format!("unsupported key type: {}", key.type_name());
                return Err(EvaluationError::failed(message));
            };
            if let Some(value) = self.item(entry.optional, &entry.value)?
                && map.insert(key.clone(), value).is_some()
            {
                return Err(EvaluationError::failed(format!("Failed with repeated key: {key}")));
            }
        }
        Ok(Value::Map(Arc::new(map)))
    }

    pub(super) fn structure(&mut self, fields: &[(Arc<str>, bool, Node)]) -> Evaluated {
        let mut map = Entries::new();
        for (name, optional, value) in fields {
            if let Some(value) = self.item(*optional, value)? {
                map.insert(MapKey::String(Arc::clone(name)), value);
            }
        }
        Ok(Value::Map(Arc::new(map)))
    }
}
