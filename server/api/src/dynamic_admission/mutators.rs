//! Mutating policies and webhooks, one after the other.

use std::sync::Arc;

use kinds::KindDef;
use object::{ApiError, patch};
use planning::{
    admission::Notes,
    dynamic_admission::{Attempt, Operation, Policy, Scene, Webhook},
};
use serde_json::Value;

use crate::{Api, world::Known};

/// Makes a whole object of the pipeline's version out of one that somebody changed.
pub(super) type Complete<'c> =
    &'c (dyn Fn(&Arc<KindDef>, Value) -> Result<Value, ApiError> + Send + Sync);

/// Who may change what is written.
enum Mutator {
    Policy(Arc<Policy>),
    Webhook(Arc<Webhook>),
}

impl Mutator {
    fn reinvokes(&self) -> bool {
        match self {
            Self::Policy(policy) => policy.reinvokes,
            Self::Webhook(webhook) => webhook.reinvokes,
        }
    }
}

impl Api {
    /// Asks all of them, and once more those that want to see what others did after them. Whether
    /// the object has changed.
    pub(super) async fn run_mutators(
        &self,
        known: &Known,
        attempt: &mut Attempt<'_>,
        complete: Complete<'_>,
        notes: &mut Notes,
    ) -> Result<bool, ApiError> {
        let definitions = &known.definitions;
        let policies = definitions.mutating_policies().cloned().map(Mutator::Policy);
        let webhooks = definitions.mutating_webhooks().cloned().map(Mutator::Webhook);
        let mutators: Vec<Mutator> = policies.chain(webhooks).collect();
        let mut last_change = None;
        for (at, mutator) in mutators.iter().enumerate() {
            if self.run_mutator(known, mutator, attempt, complete, notes).await? {
                last_change = Some(at);
            }
        }
        let again = mutators.iter().take(last_change.unwrap_or(0));
        for mutator in again.filter(|mutator| mutator.reinvokes()) {
            self.run_mutator(known, mutator, attempt, complete, notes).await?;
        }
        Ok(last_change.is_some())
    }

    async fn run_mutator(
        &self,
        known: &Known,
        mutator: &Mutator,
        attempt: &mut Attempt<'_>,
        complete: Complete<'_>,
        notes: &mut Notes,
    ) -> Result<bool, ApiError> {
        match mutator {
            Mutator::Policy(policy) => policy.mutate(&known.definitions, attempt, complete),
            Mutator::Webhook(webhook) => self.run_webhook(webhook, attempt, complete, notes).await,
        }
    }

    async fn run_webhook(
        &self,
        webhook: &Webhook,
        attempt: &mut Attempt<'_>,
        complete: Complete<'_>,
        notes: &mut Notes,
    ) -> Result<bool, ApiError> {
        let concerned = webhook.concerned(&Scene::new(attempt))?.cloned();
        let Some(def) = concerned else { return Ok(false) };
        let Some(answer) = self.call(webhook, attempt, &def).await? else { return Ok(false) };
        notes.extend(Notes { warnings: answer.warnings, annotations: answer.annotations });
        answer.verdict?;
        let Some(patch) = answer.patch else { return Ok(false) };
        let object = attempt.in_version_of(&def)?;
        let Some(object) = object.filter(|_| attempt.operation != Operation::Delete) else {
            return Err(ApiError::internal(format!(
                "Internal error occurred: admission webhook {:?} attempted to modify the object, which is not supported for this operation",
                webhook.name
            )));
        };
        let mut changed = object.clone();
        patch::json::apply(&mut changed, &patch).map_err(|error| {
            ApiError::internal(format!(
                "Internal error occurred: the patch of admission webhook {:?} does not apply: {error}",
                webhook.name
            ))
        })?;
        if changed == object {
            return Ok(false);
        }
        attempt.object = Some(complete(&def, changed)?);
        Ok(true)
    }
}
