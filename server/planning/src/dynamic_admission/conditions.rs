//! Match conditions: what must hold for a webhook or a policy to be asked at all.

use expression::{Environment, Program, Type, Variables};
use k8s_openapi::api::admissionregistration::v1::MatchCondition;

/// An expression, or why it could not be compiled.
pub(super) type Compiled = Result<Program, String>;

pub(super) fn compile(source: &str, environment: &Environment) -> Compiled {
    Program::compile(source, environment).map_err(|error| error.to_string())
}

#[derive(Debug)]
pub(super) struct Conditions(Vec<(String, Compiled)>);

/// Whether all conditions hold.
#[derive(Debug, PartialEq)]
pub(super) enum Met {
    Yes,
    No,
    Failed(String),
}

impl Conditions {
    pub(super) fn new(conditions: &[MatchCondition], environment: &Environment) -> Self {
        let environment = environment.clone().returning(Type::Bool);
        let conditions = conditions.iter().map(|condition| {
            (condition.name.clone(), compile(&condition.expression, &environment))
        });
        Self(conditions.collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One that does not hold decides, even if others fail.
    pub(super) fn met(&self, variables: &Variables<'_>) -> Met {
        let mut failures = Vec::new();
        for (name, program) in &self.0 {
            match evaluate(program, variables) {
                Ok(true) => {}
                Ok(false) => return Met::No,
                Err(error) => failures.push(format!("{name}: {error}")),
            }
        }
        if failures.is_empty() { Met::Yes } else { Met::Failed(failures.join(", ")) }
    }
}

fn evaluate(program: &Compiled, variables: &Variables<'_>) -> Result<bool, String> {
    let program = program.as_ref().map_err(String::clone)?;
    let value = program.evaluate(variables).map_err(|error| failure(program, &error))?;
    value.as_bool().ok_or_else(|| "the expression gives no bool".to_owned())
}

/// As Kubernetes words it.
pub(super) fn failure(program: &Program, error: &expression::EvaluationError) -> String {
    format!("expression '{}' resulted in error: {error}", program.source())
}
