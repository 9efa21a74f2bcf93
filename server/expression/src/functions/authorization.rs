//! What a condition may ask the authorizer.

use object::name;

use super::{Row, failed, mismatch};
use crate::{
    authorizer::{Asking, Decision, Question},
    evaluate::Evaluated,
    opaque::Opaque as O,
    value::Value::{self, Bool, Opaque, String},
};

pub(super) const ROWS: &[Row] = &[
    ("authorizer::path(string) -> path_check", |_, args| {
        extend(args, "path", |asking, path| {
            O::PathCheck(asking.with(|question| path.clone_into(&mut question.path)))
        })
    }),
    ("authorizer::group(string) -> group_check", |_, args| {
        with(args, |asking, group| {
            O::GroupCheck(asking.with(|question| group.clone_into(&mut question.group)))
        })
    }),
    ("authorizer::serviceAccount(string, string) -> authorizer", |_, args| match args {
        [asking, String(namespace), String(account)] => {
            if name::label(namespace).is_err() {
                return failed(format!("Invalid service account namespace: {namespace:?}"));
            }
            if name::subdomain(account).is_err() {
                return failed(format!("Invalid service account name: {account:?}"));
            }
            let Some(asking) = asking_of(asking) else { return mismatch() };
            let account = Some((namespace.to_string(), account.to_string()));
            let changed = asking.with(|question| question.service_account = account);
            Ok(Value::opaque(O::Authorizer(changed)))
        }
        _ => mismatch(),
    }),
    ("group_check::resource(string) -> resource_check", |_, args| {
        extend(args, "resource", |asking, text| {
            O::ResourceCheck(asking.with(|question| text.clone_into(&mut question.resource)))
        })
    }),
    ("resource_check::subresource(string) -> resource_check", |_, args| {
        change(args, |question, text| text.clone_into(&mut question.subresource))
    }),
    ("resource_check::namespace(string) -> resource_check", |_, args| {
        change(args, |question, text| text.clone_into(&mut question.namespace))
    }),
    ("resource_check::name(string) -> resource_check", |_, args| {
        change(args, |question, text| text.clone_into(&mut question.name))
    }),
    ("resource_check::fieldSelector(string) -> resource_check", |_, args| {
        change(args, |question, text| text.clone_into(&mut question.field_selector))
    }),
    ("resource_check::labelSelector(string) -> resource_check", |_, args| {
        change(args, |question, text| text.clone_into(&mut question.label_selector))
    }),
    ("path_check::check(string) -> decision", check),
    ("resource_check::check(string) -> decision", check),
    ("decision::allowed() -> bool", |_, args| {
        decision(args).map_or_else(mismatch, |decision| Ok(Bool(decision.allowed)))
    }),
    ("decision::reason() -> string", |_, args| {
        decision(args).map_or_else(mismatch, |decision| Ok(Value::string(&decision.reason)))
    }),
    ("decision::errored() -> bool", |_, args| {
        decision(args).map_or_else(mismatch, |decision| Ok(Bool(decision.error.is_some())))
    }),
    ("decision::error() -> string", |_, args| {
        decision(args).map_or_else(mismatch, |decision| {
            Ok(Value::string(decision.error.as_deref().unwrap_or_default()))
        })
    }),
];

/// Asking goes through all roles and bindings.
const CHECK_COST: usize = 350_000;

fn asking_of(value: &Value) -> Option<&Asking> {
    let Opaque(opaque) = value else { return None };
    match &**opaque {
        O::Authorizer(asking)
        | O::PathCheck(asking)
        | O::GroupCheck(asking)
        | O::ResourceCheck(asking) => Some(asking),
        _ => None,
    }
}

fn with(args: &[Value], extended: fn(&Asking, &str) -> O) -> Evaluated {
    match args {
        [asking, String(text)] => match asking_of(asking) {
            Some(asking) => Ok(Value::opaque(extended(asking, text))),
            None => mismatch(),
        },
        _ => mismatch(),
    }
}

/// As [`with`], for what must be said.
fn extend(args: &[Value], what: &str, extended: fn(&Asking, &str) -> O) -> Evaluated {
    if matches!(args, [_, String(text)] if text.trim().is_empty()) {
        return failed(format!("{what} must not be empty"));
    }
    with(args, extended)
}

fn change(args: &[Value], changed: fn(&mut Question, &str)) -> Evaluated {
    match args {
        [asking, String(text)] => match asking_of(asking) {
            Some(asking) => {
                let asking = asking.with(|question| changed(question, text));
                Ok(Value::opaque(O::ResourceCheck(asking)))
            }
            None => mismatch(),
        },
        _ => mismatch(),
    }
}

fn check(meter: &mut crate::budget::Meter<'_>, args: &[Value]) -> Evaluated {
    meter.pay(CHECK_COST)?;
    match args {
        [asking, String(verb)] => match asking_of(asking) {
            Some(asking) => {
                let asking = asking.with(|question| question.verb = verb.to_string());
                Ok(Value::opaque(O::Decision(asking.ask())))
            }
            None => mismatch(),
        },
        _ => mismatch(),
    }
}

fn decision(args: &[Value]) -> Option<&Decision> {
    let [Opaque(opaque)] = args else { return None };
    if let O::Decision(decision) = &**opaque { Some(decision) } else { None }
}
