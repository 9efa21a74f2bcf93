//! Conditions and rules in CEL, as Kubernetes speaks it: compiled once, evaluated within bounds.
//!
//! **Invariant:** pure. No expression and no object can hang an evaluation, overflow its stack or
//! fill its memory: texts, nesting and cost are bounded, patterns take linear time.
//!
//! A rule of a custom resource, with types from its schema:
//!
//! ```
//! use expression::{Environment, Program, Type, Value, Variables};
//! use serde_json::json;
//!
//! let schema = json!({"type": "object", "properties": {"replicas": {"type": "integer"}}});
//! let own = Type::from_openapi(&schema, true).expect("an object has a type");
//! let environment = Environment::new().with("self", own.clone()).with("oldSelf", own.clone());
//! let rule = Program::compile("self.replicas >= oldSelf.replicas", &environment)?;
//! assert_eq!(*rule.result(), Type::Bool);
//! assert!(rule.mentions("oldSelf"), "a transition rule: for updates only");
//!
//! let mut variables = Variables::new();
//! variables.set("self", Value::typed(&json!({"replicas": 2}), &own));
//! variables.set("oldSelf", Value::typed(&json!({"replicas": 3}), &own));
//! assert_eq!(rule.evaluate(&variables)?.as_bool(), Some(false));
//!
//! let error = Program::compile("self.replica > 1", &environment).unwrap_err();
//! assert!(error.to_string().starts_with(
//!     "compilation failed: ERROR: <input>:1:5: undefined field 'replica'"
//! ));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What a caller should know:
//!
//! - [`Environment`] declares the variables with their types; [`Type::Dyn`] fits everywhere and is
//!   checked at run time. [`Environment::returning`] makes another result a compile error (Dyn is
//!   another, as in Kubernetes); without it look at [`Program::result`].
//! - [`Type::from_openapi`] gives the type of a structural schema, [`Type::from_schema`] that of a
//!   built-in one, `Type::optional` that of an `optionalOldSelf`.
//! - [`Value::typed`] takes JSON by such a type (dates, durations, base64, escaped names of
//!   fields), [`Value::from_json`] as it stands; [`Value::to_json`] gives it back. Values are
//!   cheap to copy: convert an object once for all its rules.
//! - [`Variables`] hold the values and the [`Budget`], which all programs that are evaluated with
//!   them share: one object or request, one `Variables`.
//! - [`Program::cost_max`] says what an expression can cost by its schema, before there is an object.
//! - [`CompileError`] and [`EvaluationError`] are worded for users; the caller adds the field.

mod authorizer;
mod budget;
mod compile;
mod equality;
mod error;
mod estimate;
mod evaluate;
mod functions;
mod json;
mod names;
mod opaque;
mod schema;
mod types;
mod value;

pub use authorizer::{Authorizer, Decision, Question};
pub use budget::Budget;
pub use compile::{Environment, Program};
pub use error::{CompileError, EvaluationError, Issue};
pub use estimate::{occurrences_max, stated_max};
pub use evaluate::Variables;
pub use names::escape;
pub use opaque::Opaque;
pub use types::{ObjectField, ObjectType, Type};
pub use value::{Entries, MapKey, Value};
