//! What the pages show, worked out of objects. Pure.

pub(crate) mod age;
pub(crate) mod app;
pub(crate) mod event;
pub(crate) mod host;

/// How something fares; the word is shown beside the colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Health {
    Failing,
    Progressing,
    Healthy,
    Stopped,
}

impl Health {
    /// The style that colours it.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Failing => "bad",
            Self::Progressing => "busy",
            Self::Healthy => "good",
            Self::Stopped => "idle",
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Failing => "Failing",
            Self::Progressing => "Updating",
            Self::Healthy => "Running",
            Self::Stopped => "Stopped",
        }
    }
}
