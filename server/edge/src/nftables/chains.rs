//! One chain for each number of endpoints, and each way in which services treat clients.

use planning::routing::{Backends, Frontend, Masquerade, Place};

use super::{
    MARK_MASQUERADE, MARK_SERVICE, Settings,
    content::Set,
    expressions::{Expressions, Side},
    numbers::numbered,
};

/// What tells chains apart. Services of the same kind share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Chain {
    is_port: bool,
    masquerade: Masquerade,
    has_affinity: bool,
    /// How many numbers there are, each with an endpoint.
    numbers: u32,
}

impl Chain {
    /// The chain for a frontend. `None`: nobody answers it.
    pub(super) fn of(frontend: Frontend, backends: &Backends) -> Option<Self> {
        let numbers = u32::try_from(numbered(backends).len()).ok()?;
        (numbers > 0).then_some(Self {
            is_port: frontend.place == Place::Node,
            masquerade: backends.masquerade,
            has_affinity: backends.has_affinity,
            numbers,
        })
    }

    /// `service-3`, `port-nobody-client-256`.
    pub(super) fn name(&self) -> String {
        let place = if self.is_port { "port" } else { "service" };
        let masquerade = match (self.is_port, self.masquerade) {
            (false, Masquerade::Outsiders) | (true, Masquerade::Everyone) => "",
            (_, Masquerade::Outsiders) => "-outsiders",
            (_, Masquerade::Everyone) => "-everyone",
            (_, Masquerade::Nobody) => "-nobody",
        };
        let affinity = if self.has_affinity { "-client" } else { "" };
        format!("{place}{masquerade}{affinity}-{}", self.numbers)
    }

    pub(super) fn rules(&self, settings: &Settings) -> Vec<Expressions> {
        let rule = Expressions::default;
        let mut rules = match self.masquerade {
            Masquerade::Everyone => vec![rule().mark_connection(MARK_SERVICE | MARK_MASQUERADE)],
            Masquerade::Nobody => vec![rule().mark_connection(MARK_SERVICE)],
            Masquerade::Outsiders => vec![
                rule().mark_connection(MARK_SERVICE),
                rule().outside(Side::Source, settings.pods).mark_connection(MARK_MASQUERADE),
            ],
        };
        rules.push(self.spread(|rule, to| {
            if self.has_affinity {
                rule.load_address(Side::Source, to).load_hash(to, self.numbers, to)
            } else {
                rule.load_random(self.numbers, to)
            }
        }));
        // See the module's invariant: there is always an endpoint with this number.
        rules.push(self.spread(|rule, to| rule.load_random(1, to)));
        rules
    }

    /// Sends the connection to the endpoint with the number that `load` puts into a register.
    fn spread(&self, load: impl FnOnce(Expressions, u32) -> Expressions) -> Expressions {
        let (rule, next) = self.load_frontend(0);
        load(rule, next).load_from(self.endpoints_map(), 0, 0).redirect(0, 1)
    }

    /// Loads what the connection is for; the second is the next free register.
    fn load_frontend(&self, at: u32) -> (Expressions, u32) {
        let rule = Expressions::default();
        if self.is_port {
            (rule.load_protocol(at).load_port(at + 1), at + 2)
        } else {
            let rule = rule.load_address(Side::Destination, at);
            (rule.load_protocol(at + 1).load_port(at + 2), at + 3)
        }
    }

    fn endpoints_map(&self) -> &'static str {
        if self.is_port { Set::PortEndpoints.name() } else { Set::Endpoints.name() }
    }
}
