//! What goes wrong with expressions.

use std::fmt;

use thiserror::Error;

/// Why an expression is none: positioned, in the words of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct CompileError {
    pub issues: Vec<Issue>,
    source_text: String,
}

/// One thing that is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Where, in bytes from the start; `None` for what concerns the whole.
    pub at: Option<usize>,
    pub message: String,
}

impl CompileError {
    pub(crate) fn new(source: &str, issues: Vec<Issue>) -> Self {
        Self { issues, source_text: source.to_owned() }
    }

    /// As [`Display`](fmt::Display), without "compilation failed".
    pub fn listing(&self) -> String {
        let shown = self.issues.iter().map(|issue| self.show(issue));
        shown.collect::<Vec<_>>().join("\n")
    }

    fn show(&self, issue: &Issue) -> String {
        let Some(at) = issue.at else { return issue.message.clone() };
        let (mut line, mut column) = (1, 1);
        let before = self.source_text.get(..at).unwrap_or(&self.source_text);
        for letter in before.chars() {
            if letter == '\n' {
                (line, column) = (line + 1, 1);
            } else {
                column += 1;
            }
        }
        let text = self.source_text.lines().nth(line - 1).unwrap_or_default();
        let dots = ".".repeat(column - 1);
        format!("ERROR: <input>:{line}:{column}: {}\n | {text}\n | {dots}^", issue.message)
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What concerns the whole is no failure of the compiler, but of what it gave.
        if self.issues.iter().all(|issue| issue.at.is_none()) {
            return f.write_str(&self.listing());
        }
        write!(f, "compilation failed: {}", self.listing())
    }
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EvaluationError {
    #[error("{0}")]
    Failed(String),
    /// The budget is used up; the expression was stopped.
    #[error("operation cancelled: actual cost limit exceeded")]
    CostExceeded,
}

impl EvaluationError {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    pub(crate) fn no_such_overload() -> Self {
        Self::failed("no such overload")
    }
}
