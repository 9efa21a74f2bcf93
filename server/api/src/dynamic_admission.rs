//! The part of admission that waits for others: mutating policies and webhooks change what is
//! written, validating ones refuse it. What is asked and what an answer means `planning` decides.
//!
//! The order of a write: the built-in checks complete it; then the mutating policies and webhooks,
//! by name, and once more those that want to see what others changed after them; the built-in
//! checks again, if something changed; validation; then the validating policies, and all validating
//! webhooks at once.

mod call;
mod changes;
mod mutators;
mod options;
mod parts;
mod refusals;

pub(crate) use changes::Before;
use options::Options;

use std::sync::Arc;

use object::ApiError;
use planning::{
    access::User,
    admission::Notes,
    dynamic_admission::{Attempt, Operation, Part},
};
use serde_json::Value;

use crate::{Api, query::WriteOptions, resolve::Target, world::Known};

/// What a request does, before it is known who is to be asked.
pub(crate) struct Event<'e> {
    pub(crate) operation: Operation,
    pub(crate) target: &'e Target,
    /// The object's name; of a new one it may not stand in the path.
    pub(crate) name: &'e str,
    pub(crate) user: &'e User,
    pub(crate) options: Options<'e>,
}

impl<'e> Event<'e> {
    pub(crate) fn new(
        operation: Operation,
        target: &'e Target,
        user: &'e User,
        write: &'e WriteOptions,
    ) -> Self {
        Self { operation, target, name: &target.name, user, options: Options::Write(write) }
    }

    pub(crate) fn named(self, name: &'e str) -> Self {
        Self { name, ..self }
    }
}

/// Object, old object, and their kind if it is not the target's.
#[derive(Default)]
struct Shown {
    object: Option<Value>,
    old: Option<Value>,
    part: Option<Part>,
}

impl Api {
    /// What is attempted, as far as the request alone says: see [`fill`].
    fn attempt<'a>(&'a self, event: &'a Event<'_>, known: &'a Known) -> Attempt<'a> {
        Attempt {
            operation: event.operation,
            def: &event.target.def,
            subresource: &event.target.subresource,
            part: None,
            namespace: &event.target.namespace,
            name: event.name,
            user: event.user,
            object: None,
            old: None,
            options: Value::Null,
            dry_run: event.options.are_dry(),
            registry: &known.registry,
            access: &known.access,
            objects: self,
        }
    }

    /// Asks about what is no stored object: a deletion, a stream, what is posted to a part. Gives
    /// what was posted as mutating webhooks left it.
    async fn ask_all(
        &self,
        event: &Event<'_>,
        shown: Shown,
    ) -> Result<(Option<Value>, Notes), ApiError> {
        let known = self.feed.at(self.store.revision()).await?;
        let mut attempt = self.attempt(event, &known);
        fill(&mut attempt, event, shown);
        let mut notes = Notes::default();
        let complete = |_: &Arc<kinds::KindDef>, value: Value| Ok(value);
        self.run_mutators(&known, &mut attempt, &complete, &mut notes).await?;
        notes.extend(self.run_validators(&known, &attempt).await?);
        Ok((attempt.object, notes))
    }

    /// Whether nobody is to be asked about such a request.
    async fn is_unasked(&self, event: &Event<'_>) -> Result<bool, ApiError> {
        let known = self.feed.at(self.store.revision()).await?;
        let attempt = self.attempt(event, &known);
        let definitions = &known.definitions;
        Ok(!definitions.may_mutate(&attempt) && !definitions.may_refuse(&attempt))
    }
}

/// Adds what is only made when somebody is to be asked.
fn fill(attempt: &mut Attempt<'_>, event: &Event<'_>, shown: Shown) {
    let Shown { object, old, part } = shown;
    attempt.object = object;
    attempt.old = old;
    attempt.part = part;
    attempt.options = event.options.show(event.operation);
}
