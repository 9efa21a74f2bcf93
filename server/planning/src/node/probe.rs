//! Probes: when to ask, and what the answers mean.

use std::time::Duration;

use k8s_openapi::api::core::v1::Probe;

/// Until a container has been ready once it is asked this often at least, so that a rollout does
/// not wait for a whole period.
const FIRST_PERIOD_MAX: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    Startup,
    Liveness,
    Readiness,
}

impl ProbeKind {
    /// As events name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Liveness => "liveness",
            Self::Readiness => "readiness",
        }
    }
}

/// A probe's numbers with Kubernetes' defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeSettings {
    pub initial_delay: Duration,
    pub period: Duration,
    pub timeout: Duration,
    pub success_threshold: u32,
    pub failure_threshold: u32,
}

impl ProbeSettings {
    pub fn of(probe: &Probe) -> Self {
        let at_least_one = |number: Option<i32>, default: u32| {
            number.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0).unwrap_or(default)
        };
        let seconds = |number: u32| Duration::from_secs(u64::from(number));
        let delay = probe.initial_delay_seconds.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        Self {
            initial_delay: seconds(delay),
            period: seconds(at_least_one(probe.period_seconds, 10)),
            timeout: seconds(at_least_one(probe.timeout_seconds, 1)),
            success_threshold: at_least_one(probe.success_threshold, 1),
            failure_threshold: at_least_one(probe.failure_threshold, 3),
        }
    }
}

/// Where one probe of one container stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeState {
    kind: ProbeKind,
    /// `None`: undecided.
    holds: Option<bool>,
    last: bool,
    in_a_row: u32,
}

impl ProbeState {
    /// `before` is what the status says of the same run, when an agent has come back.
    pub fn new(kind: ProbeKind, before: Option<bool>) -> Self {
        let initial = match kind {
            ProbeKind::Liveness => Some(true),
            ProbeKind::Readiness => Some(false),
            ProbeKind::Startup => None,
        };
        Self { kind, holds: before.or(initial), last: false, in_a_row: 0 }
    }

    /// `None` while a startup probe has not decided.
    pub fn holds(&self) -> Option<bool> {
        self.holds
    }

    /// Takes in an answer; true when that changed the outcome.
    pub fn record(&mut self, success: bool, settings: &ProbeSettings) -> bool {
        self.in_a_row = if self.in_a_row > 0 && self.last == success {
            self.in_a_row.saturating_add(1)
        } else {
            1
        };
        self.last = success;
        let threshold =
            if success { settings.success_threshold } else { settings.failure_threshold };
        if self.in_a_row < threshold || self.holds == Some(success) {
            return false;
        }
        self.holds = Some(success);
        true
    }

    /// How long to wait for the next question.
    pub fn pause(&self, settings: &ProbeSettings) -> Duration {
        let is_first = self.kind != ProbeKind::Liveness && self.holds != Some(true);
        // Counted failures of a startup probe end the container: their period is the user's.
        if is_first && self.kind == ProbeKind::Readiness {
            settings.period.min(FIRST_PERIOD_MAX)
        } else {
            settings.period
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(kind: ProbeKind, before: Option<bool>, answers: &str) -> String {
        let settings =
            ProbeSettings { success_threshold: 2, ..ProbeSettings::of(&Probe::default()) };
        let mut state = ProbeState::new(kind, before);
        let letters = answers.chars().map(|answer| {
            state.record(answer == '+', &settings);
            state.holds().map_or('?', |holds| if holds { 'y' } else { 'n' })
        });
        letters.collect()
    }

    #[test]
    fn thresholds() {
        let cases = [
            (ProbeKind::Readiness, None, "+-++---+", "nnnyyynn"),
            (ProbeKind::Readiness, Some(true), "--+---", "yyyyyn"),
            (ProbeKind::Liveness, None, "--+---", "yyyyyn"),
            (ProbeKind::Startup, None, "--++", "???y"),
            (ProbeKind::Startup, None, "---", "??n"),
        ];
        for (kind, before, answers, want) in cases {
            assert_eq!(outcomes(kind, before, answers), want, "{kind:?} {answers}");
        }
    }
}
