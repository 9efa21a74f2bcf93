//! The evaluator: walks the tree, pays for every step.

mod aggregates;
mod loops;

use std::{cell::OnceCell, collections::BTreeMap, sync::Arc};

use crate::{
    budget::{Budget, Meter},
    compile::{
        Program,
        ast::{Expr, Node},
    },
    equality::{contains, equal},
    error::EvaluationError,
    functions,
    types::Type,
    value::{MapKey, Value, whole},
};

pub(crate) type Evaluated = Result<Value, EvaluationError>;

/// What an expression's names stand for, and what it may cost.
#[derive(Debug, Default)]
pub struct Variables<'p> {
    values: BTreeMap<&'static str, Value>,
    /// `variables.NAME`: evaluated when it is first asked for.
    composed: BTreeMap<&'p str, (&'p Program, OnceCell<Evaluated>)>,
    budget: Budget,
}

/// The name of the object whose fields are composed variables.
const COMPOSED: &str = "variables";

impl<'p> Variables<'p> {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn set(&mut self, name: &'static str, value: Value) {
        self.values.insert(name, value);
    }

    /// Makes `variables.NAME` the value of a program, which is run at most once, when it is named.
    pub fn compose(&mut self, name: &'p str, program: &'p Program) {
        self.composed.insert(name, (program, OnceCell::new()));
    }

    /// What is left to spend; all expressions that see these variables share it.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    fn composed(&self, name: &str) -> Evaluated {
        let Some((program, cell)) = self.composed.get(name) else {
            return Err(no_such_key(name));
        };
        // A program may only name those that were composed before it: the checker saw to it.
        cell.get_or_init(|| run(program, self)).clone()
    }
}

pub(crate) fn run(program: &Program, variables: &Variables<'_>) -> Evaluated {
    let meter = variables.budget.meter(&program.patterns);
    let mut evaluator = Evaluator { variables, meter, scope: Vec::new() };
    let result = evaluator.eval(&program.root);
    variables.budget.settle(&evaluator.meter);
    result
}

struct Evaluator<'p, 'v> {
    variables: &'p Variables<'v>,
    meter: Meter<'p>,
    /// What macros bind, innermost last.
    scope: Vec<(Arc<str>, Value)>,
}

fn no_such_key(key: impl std::fmt::Display) -> EvaluationError {
    EvaluationError::failed(format!("no such key: {key}"))
}

impl Evaluator<'_, '_> {
    fn eval(&mut self, node: &Node) -> Evaluated {
        self.meter.pay(1)?;
        match &node.expr {
            Expr::Literal(value) => Ok(value.clone()),
            Expr::Name(name) => self.name(name),
            Expr::Select { operand, field, optional } => self.select(operand, field, *optional),
            Expr::Has { operand, field } => self.has(operand, field),
            Expr::Index { operand, index, optional } => self.index(operand, index, *optional),
            Expr::Call { name, args, .. } => self.call(node, name, args),
            Expr::List(items) => self.list(items),
            Expr::Map(entries) => self.map(entries),
            Expr::Struct { fields, .. } => self.structure(fields),
            Expr::And(terms) => self.logic(terms, false),
            Expr::Or(terms) => self.logic(terms, true),
            Expr::Conditional(parts) => self.conditional(parts),
            Expr::Loop(l) => self.run_loop(l),
            Expr::Bind { name, value, body } => {
                let value = self.eval(value)?;
                self.within(name, value, body)
            }
            Expr::OptionalMap { operand, name, body, is_flat } => {
                self.optional_map(operand, name, body, *is_flat)
            }
        }
    }

    fn within(&mut self, name: &Arc<str>, value: Value, body: &Node) -> Evaluated {
        self.scope.push((Arc::clone(name), value));
        let result = self.eval(body);
        self.scope.pop();
        result
    }

    fn name(&self, name: &str) -> Evaluated {
        let bound = self.scope.iter().rev().find(|(known, _)| **known == *name);
        let value = bound.map(|(_, value)| value).or_else(|| self.variables.values.get(name));
        value.cloned().ok_or_else(|| EvaluationError::failed(format!("no such attribute: {name}")))
    }

    /// The composed variable that a selection names.
    fn composed(&mut self, operand: &Node, field: &str) -> Option<Evaluated> {
        let Expr::Name(name) = &operand.expr else { return None };
        let is_hidden = self.scope.iter().any(|(known, _)| **known == *COMPOSED);
        if **name != *COMPOSED || is_hidden || self.variables.composed.is_empty() {
            return None;
        }
        // What it costs comes out of the same purse.
        self.variables.budget.settle(&self.meter);
        let result = self.variables.composed(field);
        self.meter = self.variables.budget.meter(self.meter.patterns);
        Some(result)
    }

    fn select(&mut self, operand: &Node, field: &Arc<str>, optional: bool) -> Evaluated {
        if let Some(value) = self.composed(operand, field) {
            return if optional { value.map(Value::some) } else { value };
        }
        let value = self.eval(operand)?;
        let key = Value::String(Arc::clone(field));
        get(&value, &key, optional)
    }

    fn has(&mut self, operand: &Node, field: &Arc<str>) -> Evaluated {
        if let Expr::Name(name) = &operand.expr
            && **name == *COMPOSED
            && !self.variables.composed.is_empty()
        {
            return Ok(Value::Bool(self.variables.composed.contains_key(&**field)));
        }
        let value = self.eval(operand)?;
        let inner = match &value {
            Value::Optional(None) => return Ok(Value::Bool(false)),
            Value::Optional(Some(inner)) => inner,
            other => other,
        };
        match inner {
            Value::Map(entries) => {
                Ok(Value::Bool(entries.contains_key(&MapKey::String(Arc::clone(field)))))
            }
            other => Err(EvaluationError::failed(format!(
                "type '{}' does not support field selection",
                other.type_name()
            ))),
        }
    }

    fn index(&mut self, operand: &Node, index: &Node, optional: bool) -> Evaluated {
        let operand = self.eval(operand)?;
        let index = self.eval(index)?;
        get(&operand, &index, optional)
    }

    fn call(&mut self, node: &Node, name: &str, args: &[Node]) -> Evaluated {
        let values = args.iter().map(|arg| self.eval(arg)).collect::<Result<Vec<Value>, _>>()?;
        match (name, &values[..]) {
            ("_==_", [a, b]) => return equal(&mut self.meter, a, b).map(Value::Bool),
            ("_!=_", [a, b]) => return equal(&mut self.meter, a, b).map(|is| Value::Bool(!is)),
            ("@in", [item, range]) => {
                return contains(&mut self.meter, range, item).map(Value::Bool);
            }
            _ => {}
        }
        let Expr::Call { overloads, .. } = &node.expr else {
            return Err(EvaluationError::no_such_overload());
        };
        functions::call(&mut self.meter, name, overloads, &values)
    }

    /// One term may decide although another fails.
    fn logic(&mut self, terms: &[Node], decisive: bool) -> Evaluated {
        let mut failure = None;
        for term in terms {
            match self.eval(term) {
                Ok(Value::Bool(b)) if b == decisive => return Ok(Value::Bool(b)),
                Ok(Value::Bool(_)) => {}
                Ok(_) => failure = failure.or(Some(EvaluationError::no_such_overload())),
                Err(EvaluationError::CostExceeded) => return Err(EvaluationError::CostExceeded),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(Value::Bool(!decisive)), Err)
    }

    fn conditional(&mut self, parts: &[Node; 3]) -> Evaluated {
        match self.eval(&parts[0])? {
            Value::Bool(true) => self.eval(&parts[1]),
            Value::Bool(false) => self.eval(&parts[2]),
            _ => Err(EvaluationError::no_such_overload()),
        }
    }

    fn optional_map(
        &mut self,
        operand: &Node,
        name: &Arc<str>,
        body: &Node,
        is_flat: bool,
    ) -> Evaluated {
        let inner = match self.eval(operand)? {
            Value::Optional(Some(inner)) => inner,
            none @ Value::Optional(None) => return Ok(none),
            _ => return Err(EvaluationError::no_such_overload()),
        };
        let value = self.within(name, (*inner).clone(), body)?;
        if is_flat { Ok(value) } else { Ok(Value::some(value)) }
    }
}

/// The item of a list or map, the field of an object.
fn get(operand: &Value, index: &Value, optional: bool) -> Evaluated {
    if let Value::Optional(inner) = operand {
        return match inner {
            None => Ok(Value::NONE),
            Some(inner) => get(inner, index, true),
        };
    }
    let found = match operand {
        Value::Map(entries) => {
            let key = MapKey::of(index).ok_or_else(EvaluationError::no_such_overload)?;
            entries.get(&key)
        }
        Value::List(items) => {
            let at = match index {
                Value::Int(at) => Some(*at),
                Value::Uint(at) => i64::try_from(*at).ok(),
                Value::Double(at) => whole(*at),
                _ => return Err(EvaluationError::no_such_overload()),
            };
            at.and_then(|at| usize::try_from(at).ok()).and_then(|at| items.get(at))
        }
        other => {
            return Err(EvaluationError::failed(format!(
                "type '{}' does not support field selection",
                other.type_name()
            )));
        }
    };
    match found {
        Some(value) if optional => Ok(Value::some(value.clone())),
        Some(value) => Ok(value.clone()),
        None if optional => Ok(Value::NONE),
        None if matches!(operand, Value::List(_)) => Err(EvaluationError::failed(format!(
            "index out of bounds: {}",
            MapKey::of(index).map(|key| key.to_string()).unwrap_or_default()
        ))),
        None => Err(no_such_key(MapKey::of(index).map(|key| key.to_string()).unwrap_or_default())),
    }
}

/// Whether a value may be given where a function asks for this type.
pub(crate) fn fits(param: &Type, value: &Value) -> bool {
    match (param, value) {
        (Type::Dyn | Type::Param(_), _)
        | (Type::Null, Value::Null)
        | (Type::Bool, Value::Bool(_))
        | (Type::Int, Value::Int(_))
        | (Type::Uint, Value::Uint(_))
        | (Type::Double, Value::Double(_))
        | (Type::String, Value::String(_))
        | (Type::Bytes, Value::Bytes(_))
        | (Type::Timestamp, Value::Timestamp(_))
        | (Type::Duration, Value::Duration(_))
        | (Type::List(_), Value::List(_))
        | (Type::Map(..) | Type::Object(_), Value::Map(_))
        | (Type::Optional(_), Value::Optional(_))
        | (Type::Type, Value::Type(_)) => true,
        (Type::Opaque(name), Value::Opaque(opaque)) => *name == opaque.type_name(),
        _ => false,
    }
}
