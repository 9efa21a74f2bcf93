//! What an evaluation may cost. Every step is paid for, so that nothing runs without end or grows
//! without bounds.

use std::{cell::Cell, collections::BTreeMap, sync::Arc};

use regex::Regex;

use crate::error::EvaluationError;

/// What one expression may cost, as in Kubernetes.
const COST_MAX_PER_CALL: u64 = 1_000_000;
/// What all expressions of one request may cost together, as in Kubernetes.
const COST_MAX: u64 = 10_000_000;

/// What is left to spend on the expressions of one request or object.
#[derive(Debug)]
pub struct Budget(Cell<u64>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(COST_MAX))
    }
}

impl Budget {
    pub fn is_exhausted(&self) -> bool {
        self.0.get() == 0
    }

    pub(crate) fn meter<'p>(&self, patterns: &'p BTreeMap<Arc<str>, Regex>) -> Meter<'p> {
        Meter { left: self.0.get().min(COST_MAX_PER_CALL), given: self.0.get(), patterns }
    }

    /// Takes what a meter spent.
    pub(crate) fn settle(&self, meter: &Meter<'_>) {
        let spent = meter.given.min(COST_MAX_PER_CALL) - meter.left;
        self.0.set(self.0.get().saturating_sub(spent));
    }
}

/// What is left to spend on one expression.
pub(crate) struct Meter<'p> {
    left: u64,
    given: u64,
    /// The patterns that were compiled with the expression.
    pub(crate) patterns: &'p BTreeMap<Arc<str>, Regex>,
}

impl Meter<'_> {
    pub(crate) fn pay(&mut self, cost: usize) -> Result<(), EvaluationError> {
        let cost = u64::try_from(cost).unwrap_or(u64::MAX);
        let Some(left) = self.left.checked_sub(cost) else {
            self.left = 0;
            return Err(EvaluationError::CostExceeded);
        };
        self.left = left;
        Ok(())
    }

    /// Pays for going through a text or for making it.
    pub(crate) fn pay_text(&mut self, bytes: usize) -> Result<(), EvaluationError> {
        self.pay(bytes / 10 + 1)
    }
}
