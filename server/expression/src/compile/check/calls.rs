//! Calls: which of a function's overloads fit.

use std::{str::FromStr, sync::Arc};

use super::{Checker, join};
use crate::{
    compile::ast::{Expr, Node},
    functions::{self, Overload},
    types::{Bindings, Type},
    value::Value,
};

impl Checker<'_> {
    pub(super) fn call(&mut self, node: &mut Node) -> Type {
        self.qualify(node);
        let at = node.at;
        let Expr::Call { name, args, is_member, overloads } = &mut node.expr else {
            return Type::Dyn;
        };
        let is_format = &**name == "format";
        let types = args.iter_mut().map(|arg| match &mut arg.expr {
            // What is formatted may be of different types.
            Expr::List(items) if is_format => {
                for (_, item) in items {
                    self.visit(item);
                }
                Type::list(Type::Dyn)
            }
            _ => self.visit(arg),
        });
        let types: Vec<Type> = types.collect();
        match &**name {
            "_==_" | "_!=_" => return self.equality(at, name, &types),
            "@in" => return self.membership(at, &types),
            _ => {}
        }
        let known = functions::find(name, *is_member);
        if known.is_empty() {
            return self.issue(at, format!("undeclared reference to '{name}' (in container '')"));
        }
        let mut results: Vec<Type> = Vec::new();
        for overload in known {
            if let Some(result) = result_of(overload, &types) {
                overloads.push(overload);
                results.push(result);
            }
        }
        let name = Arc::clone(name);
        self.literals(&name, args);
        match &results[..] {
            [] => self.no_overload(at, &name, &types),
            [first, rest @ ..] if rest.iter().all(|other| other == first) => first.clone(),
            _ => Type::Dyn,
        }
    }

    /// `math.least(x)` is a call of `math.least`, unless `math` is a variable.
    fn qualify(&self, node: &mut Node) {
        let Expr::Call { name, args, is_member: is_member @ true, .. } = &mut node.expr else {
            return;
        };
        let target = args
            .first()
            .filter(|target| target.root().is_some_and(|root| self.declared(root).is_none()));
        let Some(path) = target.and_then(Node::path) else { return };
        let qualified = format!("{path}.{name}");
        if !functions::find(&qualified, false).is_empty() {
            args.remove(0);
            *name = qualified.into();
            *is_member = false;
        }
    }

    fn equality(&mut self, at: usize, name: &str, types: &[Type]) -> Type {
        match types {
            [a, b] if join(a, b).is_some() => Type::Bool,
            _ => self.no_overload(at, name, types),
        }
    }

    fn membership(&mut self, at: usize, types: &[Type]) -> Type {
        let fits = match types {
            [item, Type::List(items)] => join(item, items).is_some(),
            [key, Type::Map(keys, _)] => join(key, keys).is_some(),
            [_, range] => range.is_dyn(),
            _ => false,
        };
        if fits { Type::Bool } else { self.no_overload(at, "@in", types) }
    }

    /// What stands in the text can be tried now.
    fn literals(&mut self, name: &str, args: &[Node]) {
        let texts = args.iter().map(|arg| match &arg.expr {
            Expr::Literal(Value::String(text)) => Some((arg.at, Arc::clone(text))),
            _ => None,
        });
        let texts: Vec<_> = texts.collect();
        match (name, &texts[..]) {
            ("matches" | "find" | "findAll", [_, Some((at, pattern)), ..]) => {
                match functions::pattern(pattern) {
                    Ok(compiled) => {
                        self.patterns.insert(Arc::clone(pattern), compiled);
                    }
                    Err(_) => {
                        self.issue(*at, format!("invalid {name} argument"));
                    }
                }
            }
            ("timestamp", [Some((at, text))]) if jiff::Timestamp::from_str(text).is_err() => {
                self.issue(*at, "invalid timestamp argument");
            }
            ("duration", [Some((at, text))]) if functions::duration(text).is_none() => {
                self.issue(*at, "invalid duration argument");
            }
            _ => {}
        }
    }
}

/// What the overload gives for arguments of these types, if it takes them.
fn result_of(overload: &Overload, types: &[Type]) -> Option<Type> {
    if overload.params.len() != types.len() {
        return None;
    }
    let mut bound = Bindings::default();
    let fits = overload.params.iter().zip(types).all(|(param, ty)| param.accepts(ty, &mut bound));
    fits.then(|| overload.result.bind(&bound))
}
