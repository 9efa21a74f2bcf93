//! From text to a program: read, then checked against what an environment declares.

pub(crate) mod ast;
mod check;
mod lexer;
mod macros;
mod parser;

use std::{collections::BTreeMap, sync::Arc};

use regex::Regex;

use crate::{
    error::{CompileError, Issue},
    evaluate::Variables,
    types::Type,
    value::Value,
};

/// Longer texts are refused unread.
const SOURCE_BYTES_MAX: usize = 64 * 1024;

/// What an expression may name, and what it must give.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    pub(crate) variables: BTreeMap<String, Type>,
    results: Vec<Type>,
    pub(crate) has_objects: bool,
}

impl Environment {
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a variable.
    #[must_use]
    pub fn with(mut self, name: &str, ty: Type) -> Self {
        self.variables.insert(name.to_owned(), ty);
        self
    }

    /// The expression must have this type; said more than once, one of these.
    #[must_use]
    pub fn returning(mut self, ty: Type) -> Self {
        self.results.push(ty);
        self
    }

    /// Lets the expression make objects, as a mutating policy does: `Object{..}`,
    /// `Object.spec{..}`, `JSONPatch{..}`.
    #[must_use]
    pub fn making_objects(mut self) -> Self {
        self.has_objects = true;
        self
    }
}

/// A compiled expression.
#[derive(Debug)]
pub struct Program {
    pub(crate) root: ast::Node,
    /// The patterns that stand in the text, compiled.
    pub(crate) patterns: BTreeMap<Arc<str>, Regex>,
    result: Type,
    source: String,
    names: Vec<String>,
}

impl Program {
    /// Reads and checks an expression.
    pub fn compile(source: &str, environment: &Environment) -> Result<Self, CompileError> {
        let failed = |issues| CompileError::new(source, issues);
        if source.len() > SOURCE_BYTES_MAX {
            let message = format!("expression code point size exceeds limit: {SOURCE_BYTES_MAX}");
            return Err(failed(vec![Issue { at: Some(0), message }]));
        }
        let mut root = parser::parse(source).map_err(|issue| failed(vec![issue]))?;
        let checked = check::check(&mut root, environment);
        if !checked.issues.is_empty() {
            return Err(failed(checked.issues));
        }
        let wanted = &environment.results;
        if !wanted.is_empty() && !wanted.contains(&checked.ty) {
            let listed: Vec<String> = wanted.iter().map(ToString::to_string).collect();
            let message = match &listed[..] {
                [one] => format!("must evaluate to {one}"),
                several => format!("must evaluate to one of [{}]", several.join(" ")),
            };
            return Err(failed(vec![Issue { at: None, message }]));
        }
        let (source, names) = (source.to_owned(), checked.names.into_iter().collect());
        Ok(Self { root, patterns: checked.patterns, result: checked.ty, source, names })
    }

    /// The type that the expression has, [`Type::Dyn`] where it shows at run time only.
    pub fn result(&self) -> &Type {
        &self.result
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the expression names this variable: a rule that names `oldSelf` is for updates.
    pub fn mentions(&self, variable: &str) -> bool {
        self.names.iter().any(|name| name == variable)
    }

    /// The expression's value.
    pub fn evaluate(
        &self,
        variables: &Variables<'_>,
    ) -> Result<Value, crate::error::EvaluationError> {
        crate::evaluate::run(self, variables)
    }
}
