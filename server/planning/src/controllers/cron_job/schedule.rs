//! The times that a schedule names.

use croner::{
    Cron,
    parser::{CronParser, Seconds},
};
use jiff::{
    SignedDuration, Timestamp, Zoned,
    tz::{TimeZone, TimeZoneDatabase},
};

pub(super) struct Schedule {
    times: Times,
    zone: TimeZone,
}

enum Times {
    Cron(Box<Cron>),
    Every { from: Timestamp, pause: SignedDuration },
}

/// What is wrong with a schedule.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Schedule {
    /// `@every` counts from `from`.
    pub(super) fn parse(text: &str, zone: Option<&str>, from: Timestamp) -> Result<Self, Flaw> {
        // What is compiled in: a lookup on the machine would depend on the machine.
        let zone = match zone {
            None => TimeZone::UTC,
            Some(name) => TimeZoneDatabase::bundled().get(name).map_err(|error| Flaw {
                reason: "UnknownTimeZone",
                message: format!("invalid timeZone: {name:?}: {error}"),
            })?,
        };
        let flaw = |why: String| Flaw {
            reason: "UnparseableSchedule",
            message: format!("unparseable schedule: {text:?}: {why}"),
        };
        let times = match text.strip_prefix("@every ") {
            Some(pause) => {
                let pause: SignedDuration =
                    pause.trim().parse().map_err(|error: jiff::Error| flaw(error.to_string()))?;
                let pause = SignedDuration::from_secs(pause.as_secs().max(1));
                Times::Every { from, pause }
            }
            None => {
                let parser = CronParser::builder().seconds(Seconds::Disallowed).build();
                let cron = parser.parse(&plain(text)).map_err(|error| flaw(error.to_string()))?;
                Times::Cron(Box::new(cron))
            }
        };
        Ok(Self { times, zone })
    }

    /// The first time after `now`, if there is any.
    pub(super) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.times {
            Times::Cron(cron) => {
                let next: Zoned = cron.find_next_occurrence(&self.zoned(now), false).ok()?;
                Some(next.timestamp())
            }
            Times::Every { pause, .. } => self.last(now)?.checked_add(*pause).ok(),
        }
    }

    /// The last time up to `now`, if there is any.
    pub(super) fn last(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.times {
            Times::Cron(cron) => {
                let last: Zoned = cron.find_previous_occurrence(&self.zoned(now), true).ok()?;
                Some(last.timestamp())
            }
            Times::Every { from, pause } => {
                let passed = now.as_second() - from.as_second();
                Timestamp::from_second(now.as_second() - passed.rem_euclid(pause.as_secs())).ok()
            }
        }
    }

    fn zoned(&self, time: Timestamp) -> Zoned {
        time.to_zoned(self.zone.clone())
    }

    /// A time as people of the schedule's zone write it.
    pub(super) fn shown(&self, time: Timestamp) -> String {
        let zoned = self.zoned(time);
        match zoned.offset().is_zero() {
            true => zoned.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            false => zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        }
    }
}

/// Steps that begin with a number go on to the end: `5/15` is `5-59/15`.
fn plain(text: &str) -> String {
    const LAST: [&str; 5] = ["59", "23", "31", "12", "6"];
    let mut fields: Vec<String> = text.split_whitespace().map(ToOwned::to_owned).collect();
    if fields.len() != LAST.len() {
        return text.to_owned();
    }
    for (field, last) in fields.iter_mut().zip(LAST) {
        let parts = field.split(',').map(|part| match part.split_once('/') {
            Some((start, step)) if start.chars().all(|c| c.is_ascii_alphanumeric()) => {
                format!("{start}-{last}/{step}")
            }
            _ => part.replace('?', "*"),
        });
        *field = parts.collect::<Vec<_>>().join(",");
    }
    fields.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn around(schedule: &str, zone: Option<&str>, now: &str) -> (String, String) {
        let schedule = Schedule::parse(schedule, zone, time("2026-01-01T00:00:10Z")).unwrap();
        let text = |time: Option<Timestamp>| time.map_or("-".to_owned(), |time| time.to_string());
        (text(schedule.last(time(now))), text(schedule.next(time(now))))
    }

    #[test]
    fn names_times_before_and_after() {
        for (schedule, zone, now, last, next) in [
            (
                "*/15 * * * *",
                None,
                "2026-01-01T00:15:00Z",
                "2026-01-01T00:15:00Z",
                "2026-01-01T00:30:00Z",
            ),
            (
                "5/20 0 * * *",
                None,
                "2026-01-01T00:30:00Z",
                "2026-01-01T00:25:00Z",
                "2026-01-01T00:45:00Z",
            ),
            (
                "0 9 * * mon-fri",
                Some("Europe/Berlin"),
                "2026-07-03T12:00:00Z",
                "2026-07-03T07:00:00Z",
                "2026-07-06T07:00:00Z",
            ),
            (
                "@hourly",
                None,
                "2026-01-01T00:30:00Z",
                "2026-01-01T00:00:00Z",
                "2026-01-01T01:00:00Z",
            ),
            (
                "0 0 ? * *",
                None,
                "2026-01-01T00:30:00Z",
                "2026-01-01T00:00:00Z",
                "2026-01-02T00:00:00Z",
            ),
            (
                "0 0 29 2 *",
                None,
                "2026-01-01T00:30:00Z",
                "2024-02-29T00:00:00Z",
                "2028-02-29T00:00:00Z",
            ),
            (
                "0 0 13 * 5",
                None,
                "2026-01-01T00:30:00Z",
                "2025-12-26T00:00:00Z",
                "2026-01-02T00:00:00Z",
            ),
            (
                "@every 1h30m",
                None,
                "2026-01-01T02:00:00Z",
                "2026-01-01T01:30:10Z",
                "2026-01-01T03:00:10Z",
            ),
        ] {
            let expected = (last.to_owned(), next.to_owned());
            assert_eq!(around(schedule, zone, now), expected, "{schedule}");
        }
    }

    #[test]
    fn the_thirtieth_of_february_never_comes() {
        let never = ("-".to_owned(), "-".to_owned());
        assert_eq!(around("0 0 30 2 *", None, "2026-01-01T00:00:00Z"), never);
    }

    #[test]
    fn says_what_is_wrong() {
        let flaw = |text, zone| Schedule::parse(text, zone, Timestamp::UNIX_EPOCH).err().unwrap();
        assert_eq!(flaw("61 * * * *", None).reason, "UnparseableSchedule");
        assert_eq!(flaw("* * * * *", Some("Mars/Olympus")).reason, "UnknownTimeZone");
    }
}
