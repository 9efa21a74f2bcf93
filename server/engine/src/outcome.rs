//! How jobs end, and what errors mean to them.

use object::{ApiError, Reason};
use planning::{Answer, Failure};

use crate::Barrier;

/// How a job ended.
#[derive(Debug, Default)]
pub struct Outcome {
    pub barriers: Vec<Barrier>,
    /// What was refused; the next plan is told.
    pub failures: Vec<Failure>,
    /// What was asked for; the next plan is told.
    pub answers: Vec<Answer>,
    /// The world was behind: the plan is void, a fresh one will be right.
    pub is_stale: bool,
    /// The API was away, and what became of a write is not known.
    pub is_unknown: bool,
    pub done: usize,
}

/// Why an action was not carried out.
pub(crate) enum Trouble {
    Stale,
    Refused(ApiError),
    Unknown(ApiError),
}

impl From<ApiError> for Trouble {
    fn from(error: ApiError) -> Self {
        match error.reason {
            Reason::Conflict | Reason::AlreadyExists | Reason::NotFound | Reason::Expired => {
                Self::Stale
            }
            Reason::ServiceUnavailable | Reason::Timeout | Reason::InternalError => {
                Self::Unknown(error)
            }
            _ => Self::Refused(error),
        }
    }
}
