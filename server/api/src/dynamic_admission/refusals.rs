//! Validating policies, then all validating webhooks at once.

use std::sync::Arc;

use futures::future::join_all;
use kinds::KindDef;
use object::ApiError;
use planning::{
    admission::Notes,
    dynamic_admission::{Attempt, Scene, Webhook, validate},
};

use crate::{Api, world::Known};

type Concerned = Vec<(Arc<Webhook>, Arc<KindDef>)>;

impl Api {
    pub(super) async fn run_validators(
        &self,
        known: &Known,
        attempt: &Attempt<'_>,
    ) -> Result<Notes, ApiError> {
        let (mut notes, concerned) = look(known, attempt)?;
        let asked =
            concerned.iter().map(|(webhook, def)| self.ask_validator(webhook, attempt, def));
        // All of them end: each has its time.
        for noted in join_all(asked).await {
            notes.extend(noted?);
        }
        Ok(notes)
    }

    async fn ask_validator(
        &self,
        webhook: &Webhook,
        attempt: &Attempt<'_>,
        def: &KindDef,
    ) -> Result<Notes, ApiError> {
        let Some(answer) = self.call(webhook, attempt, def).await? else {
            return Ok(Notes::default());
        };
        answer.verdict?;
        Ok(Notes { warnings: answer.warnings, annotations: answer.annotations })
    }
}

/// What the policies say, and which webhooks are to be asked.
fn look(known: &Known, attempt: &Attempt<'_>) -> Result<(Notes, Concerned), ApiError> {
    let scene = Scene::new(attempt);
    let notes = validate(&known.definitions, &scene)?;
    let mut concerned = Vec::new();
    for webhook in known.definitions.validating_webhooks() {
        if let Some(def) = webhook.concerned(&scene)? {
            concerned.push((webhook.clone(), def.clone()));
        }
    }
    Ok((notes, concerned))
}
