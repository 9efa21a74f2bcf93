//! What mutating policies change.

use std::sync::Arc;

use expression::Variables;
use kinds::KindDef;
use object::{ApiError, patch};
use serde_json::Value;

use super::{
    Attempt, Definitions, Scene,
    conditions::{Compiled, Met, failure},
    params,
    policy::{Binding, Mutation, Policy},
    validation::refusal,
};

/// Makes a whole object of the pipeline's version out of one that a policy changed.
type Complete<'c> = &'c (dyn Fn(&Arc<KindDef>, Value) -> Result<Value, ApiError> + Sync);

impl Policy {
    /// Changes the object of an attempt as the policy says; whether it did.
    ///
    /// # Errors
    /// The policy's failure, if it fails closed.
    pub fn mutate(
        &self,
        definitions: &Definitions,
        attempt: &mut Attempt<'_>,
        complete: Complete<'_>,
    ) -> Result<bool, ApiError> {
        let mut has_changed = false;
        for binding in definitions.mutating_bindings(&self.name) {
            match self.mutate_bound(binding, attempt, complete) {
                Ok(changed) => has_changed |= changed,
                Err(_) if self.fails_open => {}
                Err(Failure::Api(error)) => return Err(error),
                Err(Failure::Policy(why)) => {
                    let why = format!(
                        "policy '{}' with binding '{}' denied request: {why}",
                        self.name, binding.name
                    );
                    return Err(refusal(&Scene::new(attempt), &why, None));
                }
            }
        }
        Ok(has_changed)
    }

    fn mutate_bound(
        &self,
        binding: &Binding,
        attempt: &mut Attempt<'_>,
        complete: Complete<'_>,
    ) -> Result<bool, Failure> {
        let Some(def) = self.criteria.matched(attempt).cloned() else { return Ok(false) };
        if binding.criteria.as_ref().is_some_and(|criteria| criteria.matched(attempt).is_none()) {
            return Ok(false);
        }
        let kind = self.param_kind.as_ref();
        let params = params::resolve(attempt, kind, binding.param.as_ref())?;
        let mut has_changed = false;
        for param in params {
            let mut variables = Scene::new(attempt).variables(&def, param.as_ref())?;
            match self.conditions.met(&variables) {
                Met::Yes => {}
                Met::No => continue,
                Met::Failed(why) => return Err(why.into()),
            }
            for mutation in &self.mutations {
                self.compose(&mut variables)?;
                let Some(object) = attempt.in_version(&def)?.0 else { break };
                let changed = mutation.apply(&variables, object.clone(), &def)?;
                if changed == object {
                    continue;
                }
                attempt.object = Some(complete(&def, changed)?);
                has_changed = true;
                // The next one sees what this one did.
                variables = Scene::new(attempt).variables(&def, param.as_ref())?;
            }
        }
        Ok(has_changed)
    }
}

/// Why a policy cannot do its work: for a reason of its own, or of the server's.
enum Failure {
    Policy(String),
    Api(ApiError),
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::Policy(why)
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl Mutation {
    fn apply(
        &self,
        variables: &Variables<'_>,
        mut object: Value,
        def: &KindDef,
    ) -> Result<Value, String> {
        match self {
            Self::Apply(program) => {
                let config = evaluate(program, variables)?;
                patch::apply::merge(object, config, kinds::schema::of(def))
                    .map_err(|why| format!("error applying patch: {why}"))
            }
            Self::Patch(program) => {
                let operations = evaluate(program, variables)?.to_string();
                patch::json::apply(&mut object, operations.as_bytes())
                    .map_err(|error| format!("error applying patch: {error}"))?;
                Ok(object)
            }
        }
    }
}

fn evaluate(program: &Compiled, variables: &Variables<'_>) -> Result<Value, String> {
    let program = program.as_ref().map_err(String::clone)?;
    let value = program.evaluate(variables);
    value.and_then(|value| value.to_json()).map_err(|error| failure(program, &error))
}
