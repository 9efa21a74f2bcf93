//! Selectors: which objects a list, a watch or a controller means.

pub mod field;
pub mod label;
mod lexer;
mod parser;

pub use field::FieldSelector;
pub use label::{LabelSelector, Operator, Requirement};
