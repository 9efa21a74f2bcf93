//! The language as its users see it.

mod bounds;
mod errors;
mod libraries;
mod values;

use expression::{Environment, EvaluationError, Program, Type, Value, Variables};
use serde_json::{Value as Json, json};

/// The value of an expression over `object`, whose type shows at run time only.
fn evaluate_over(source: &str, object: &Json) -> Result<Value, EvaluationError> {
    let environment = Environment::new().with("object", Type::Dyn);
    let program =
        Program::compile(source, &environment).unwrap_or_else(|e| panic!("{source}: {e}"));
    let mut variables = Variables::new();
    variables.set("object", Value::from_json(object));
    program.evaluate(&variables)
}

fn evaluate(source: &str) -> Result<Value, EvaluationError> {
    evaluate_over(source, &json!({"a": {"b": 1}, "list": [1, 2, 3], "text": "häuser"}))
}

fn holds(source: &str) {
    let value = evaluate(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    assert_eq!(value.as_bool(), Some(true), "{source}");
}

fn fails(source: &str, with: &str) {
    match evaluate(source) {
        Err(error) => assert_eq!(error.to_string(), with, "{source}"),
        Ok(value) => panic!("{source} is {value:?}"),
    }
}

fn compile_error(source: &str) -> String {
    let environment = Environment::new()
        .with("object", Type::Dyn)
        .with("number", Type::Int)
        .with("text", Type::String);
    match Program::compile(source, &environment) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("{source} compiles"),
    }
}
