//! Macros that go through a list or a map.

use std::sync::Arc;

use super::{Evaluated, Evaluator};
use crate::{
    compile::ast::{Loop, LoopKind, Node},
    error::EvaluationError,
    value::{Entries, MapKey, Value},
};

/// What a loop has gathered.
#[derive(Default)]
struct Gathered {
    list: Vec<Value>,
    map: Entries,
    count: usize,
    /// What one item failed with, while another may still decide.
    failure: Option<EvaluationError>,
}

impl Evaluator<'_, '_> {
    pub(super) fn run_loop(&mut self, l: &Loop) -> Evaluated {
        let range = self.eval(&l.range)?;
        let mut gathered = Gathered::default();
        let has_two = l.second.is_some();
        match &range {
            Value::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    let at = Value::Int(i64::try_from(at).unwrap_or(i64::MAX));
                    let (first, second) =
                        if has_two { (at, item.clone()) } else { (item.clone(), Value::Null) };
                    if let Some(result) = self.step(l, first, second, &mut gathered)? {
                        return Ok(result);
                    }
                }
            }
            Value::Map(entries) => {
                for (key, value) in entries.iter() {
                    let step = self.step(l, key.value(), value.clone(), &mut gathered)?;
                    if let Some(result) = step {
                        return Ok(result);
                    }
                }
            }
            _ => return Err(EvaluationError::no_such_overload()),
        }
        if let Some(failure) = gathered.failure {
            return Err(failure);
        }
        Ok(match l.kind {
            LoopKind::All => Value::Bool(true),
            LoopKind::Exists => Value::Bool(false),
            LoopKind::ExistsOne => Value::Bool(gathered.count == 1),
            LoopKind::Filter | LoopKind::List => Value::list(gathered.list),
            LoopKind::Map | LoopKind::MapEntry => Value::Map(Arc::new(gathered.map)),
        })
    }

    /// One item; gives the loop's result when that is decided.
    fn step(
        &mut self,
        l: &Loop,
        first: Value,
        second: Value,
        gathered: &mut Gathered,
    ) -> Result<Option<Value>, EvaluationError> {
        let depth = self.scope.len();
        self.scope.push((Arc::clone(&l.first), first.clone()));
        if let Some(name) = &l.second {
            self.scope.push((Arc::clone(name), second));
        }
        let result = self.step_within(l, &first, gathered);
        self.scope.truncate(depth);
        result
    }

    fn step_within(
        &mut self,
        l: &Loop,
        first: &Value,
        gathered: &mut Gathered,
    ) -> Result<Option<Value>, EvaluationError> {
        if let Some(filter) = &l.filter
            && !self.truth(filter)?
        {
            return Ok(None);
        }
        match l.kind {
            LoopKind::All | LoopKind::Exists => {
                let decisive = l.kind == LoopKind::Exists;
                match self.truth(&l.body) {
                    Ok(is) if is == decisive => return Ok(Some(Value::Bool(decisive))),
                    Ok(_) => {}
                    Err(EvaluationError::CostExceeded) => {
                        return Err(EvaluationError::CostExceeded);
                    }
                    Err(error) => {
                        gathered.failure.get_or_insert(error);
                    }
                }
            }
            LoopKind::ExistsOne => gathered.count += usize::from(self.truth(&l.body)?),
            LoopKind::Filter => {
                if self.truth(&l.body)? {
                    gathered.list.push(first.clone());
                }
            }
            LoopKind::List => {
                let value = self.eval(&l.body)?;
                gathered.list.push(value);
            }
            LoopKind::Map => {
                let value = self.eval(&l.body)?;
                let key = MapKey::of(first).ok_or_else(EvaluationError::no_such_overload)?;
                gathered.map.insert(key, value);
            }
            LoopKind::MapEntry => {
                let Value::Map(entries) = self.eval(&l.body)? else {
                    return Err(EvaluationError::no_such_overload());
                };
                for (key, value) in entries.iter() {
                    self.meter.pay(1)?;
                    if gathered.map.insert(key.clone(), value.clone()).is_some() {
                        let message = format!("insert failed: key {key} already exists");
                        return Err(EvaluationError::failed(message));
                    }
                }
            }
        }
        Ok(None)
    }

    fn truth(&mut self, node: &Node) -> Result<bool, EvaluationError> {
        self.eval(node)?.as_bool().ok_or_else(EvaluationError::no_such_overload)
    }
}
