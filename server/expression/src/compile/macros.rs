//! Calls that are no functions: they bind names or do not evaluate what they are given.

use std::sync::Arc;

use super::{
    ast::{Expr, Loop, LoopKind, Node},
    parser::{Parsed, call, issue, node},
};
use crate::error::Issue;

/// `name(..)`.
pub(super) fn global_call(at: usize, name: &str, mut args: Vec<Node>) -> Parsed {
    if name != "has" || args.len() != 1 {
        return call(at, name, args, false);
    }
    match args.pop().map(|arg| arg.expr) {
        Some(Expr::Select { operand, field, optional: false }) => {
            node(at, Expr::Has { operand, field })
        }
        _ => issue(at, "invalid argument to has() macro"),
    }
}

/// `target.name(..)`.
pub(super) fn member_call(at: usize, target: Node, name: &str, mut args: Vec<Node>) -> Parsed {
    if let Some((kind, names, has_filter)) = loop_of(name, args.len()) {
        let mut args = args.into_iter();
        let mut next = || args.next().expect("as many arguments as loop_of counted");
        let first = simple_name(&next())?;
        let second = if names == 2 { Some(simple_name(&next())?) } else { None };
        let filter = has_filter.then(&mut next);
        let body = next();
        return node(
            at,
            Expr::Loop(Box::new(Loop { kind, range: target, first, second, filter, body })),
        );
    }
    let is_cel = matches!(&target.expr, Expr::Name(name) if &**name == "cel");
    match (name, args.len()) {
        ("bind", 3) if is_cel => {
            let body = Box::new(args.remove(2));
            let value = Box::new(args.remove(1));
            let name = simple_name(&args[0])?;
            node(at, Expr::Bind { name, value, body })
        }
        ("optMap" | "optFlatMap", 2) => {
            let body = Box::new(args.remove(1));
            let (operand, is_flat) = (Box::new(target), name == "optFlatMap");
            let name = simple_name(&args[0])?;
            node(at, Expr::OptionalMap { operand, name, body, is_flat })
        }
        _ => {
            args.insert(0, target);
            call(at, name, args, true)
        }
    }
}

/// The loop that a macro is: its kind, how many names it binds, whether it has a filter.
fn loop_of(name: &str, args: usize) -> Option<(LoopKind, usize, bool)> {
    Some(match (name, args) {
        ("all", 2) => (LoopKind::All, 1, false),
        ("all", 3) => (LoopKind::All, 2, false),
        ("exists", 2) => (LoopKind::Exists, 1, false),
        ("exists", 3) => (LoopKind::Exists, 2, false),
        ("exists_one" | "existsOne", 2) => (LoopKind::ExistsOne, 1, false),
        ("existsOne", 3) => (LoopKind::ExistsOne, 2, false),
        ("filter", 2) => (LoopKind::Filter, 1, false),
        ("map", 2) => (LoopKind::List, 1, false),
        ("map", 3) => (LoopKind::List, 1, true),
        ("transformList", 3) => (LoopKind::List, 2, false),
        ("transformList", 4) => (LoopKind::List, 2, true),
        ("transformMap", 3) => (LoopKind::Map, 2, false),
        ("transformMap", 4) => (LoopKind::Map, 2, true),
        ("transformMapEntry", 3) => (LoopKind::MapEntry, 2, false),
        ("transformMapEntry", 4) => (LoopKind::MapEntry, 2, true),
        _ => return None,
    })
}

fn simple_name(argument: &Node) -> Result<Arc<str>, Issue> {
    match &argument.expr {
        Expr::Name(name) => Ok(Arc::clone(name)),
        _ => issue(argument.at, "argument must be a simple name"),
    }
}
