//! Moments and durations. A time zone is a name or an offset as `-08:00`; without one it is UTC.

use jiff::{SignedDuration, Timestamp, Zoned, tz::TimeZone};

use super::{Row, failed, mismatch};
use crate::{
    error::EvaluationError,
    evaluate::Evaluated,
    value::Value::{self, Duration as D, Int, String, Timestamp as T},
};

const NANOS_PER_SECOND: i128 = 1_000_000_000;

macro_rules! part {
    ($name:literal, $read:expr) => {
        [
            (concat!("timestamp::", $name, "() -> int"), |_, args| {
                let read: fn(&Zoned) -> i64 = $read;
                zoned(args).map(|time| Int(read(&time)))
            }),
            (concat!("timestamp::", $name, "(string) -> int"), |_, args| {
                let read: fn(&Zoned) -> i64 = $read;
                zoned(args).map(|time| Int(read(&time)))
            }),
        ]
    };
}

const FULL_YEAR: [Row; 2] = part!("getFullYear", |time| time.year().into());
const MONTH: [Row; 2] = part!("getMonth", |time| i64::from(time.month()) - 1);
const DATE: [Row; 2] = part!("getDate", |time| time.day().into());
const DAY_OF_MONTH: [Row; 2] = part!("getDayOfMonth", |time| i64::from(time.day()) - 1);
const DAY_OF_WEEK: [Row; 2] =
    part!("getDayOfWeek", |time| time.weekday().to_sunday_zero_offset().into());
const DAY_OF_YEAR: [Row; 2] = part!("getDayOfYear", |time| i64::from(time.day_of_year()) - 1);
const HOURS: [Row; 2] = part!("getHours", |time| time.hour().into());
const MINUTES: [Row; 2] = part!("getMinutes", |time| time.minute().into());
const SECONDS: [Row; 2] = part!("getSeconds", |time| time.second().into());
const MILLISECONDS: [Row; 2] = part!("getMilliseconds", |time| time.millisecond().into());

pub(super) const ROWS: &[Row] = &[
    FULL_YEAR[0],
    FULL_YEAR[1],
    MONTH[0],
    MONTH[1],
    DATE[0],
    DATE[1],
    DAY_OF_MONTH[0],
    DAY_OF_MONTH[1],
    DAY_OF_WEEK[0],
    DAY_OF_WEEK[1],
    DAY_OF_YEAR[0],
    DAY_OF_YEAR[1],
    HOURS[0],
    HOURS[1],
    MINUTES[0],
    MINUTES[1],
    SECONDS[0],
    SECONDS[1],
    MILLISECONDS[0],
    MILLISECONDS[1],
    ("duration::getHours() -> int", |_, args| whole(args, |d| d.as_secs() / 3600)),
    ("duration::getMinutes() -> int", |_, args| whole(args, |d| d.as_secs() / 60)),
    ("duration::getSeconds() -> int", |_, args| whole(args, |d| d.as_secs())),
    ("duration::getMilliseconds() -> int", |_, args| {
        whole(args, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
    }),
];

fn whole(args: &[Value], read: fn(&SignedDuration) -> i64) -> Evaluated {
    match args {
        [D(duration)] => Ok(Int(read(duration))),
        _ => mismatch(),
    }
}

fn zoned(args: &[Value]) -> Result<Zoned, EvaluationError> {
    match args {
        [T(time)] => Ok(time.to_zoned(TimeZone::UTC)),
        [T(time), String(zone)] => in_zone(*time, zone),
        _ => mismatch(),
    }
}

fn in_zone(time: Timestamp, zone: &str) -> Result<Zoned, EvaluationError> {
    let signless = zone.strip_prefix(['+', '-']).unwrap_or(zone);
    if let Some((hours, minutes)) = signless.split_once(':') {
        let seconds = hours.parse::<i32>().ok().zip(minutes.parse::<i32>().ok());
        let seconds = seconds.filter(|(h, m)| (0..24).contains(h) && (0..60).contains(m));
        let offset = seconds.map(|(hours, minutes)| hours * 3600 + minutes * 60);
        let signed = offset.map(|offset| if zone.starts_with('-') { -offset } else { offset });
        let offset = signed.and_then(|offset| jiff::tz::Offset::from_seconds(offset).ok());
        return match offset {
            Some(offset) => Ok(time.to_zoned(TimeZone::fixed(offset))),
            None => failed(format!("unknown time zone {zone}")),
        };
    }
    let found = if zone == "UTC" { Ok(TimeZone::UTC) } else { TimeZone::get(zone) };
    found.map(|zone| time.to_zoned(zone)).or_else(|_| failed(format!("unknown time zone {zone}")))
}

/// Reads a duration as Go writes them: `1h30m`, `-1.5s`, `100ms`.
pub(crate) fn duration(text: &str) -> Option<SignedDuration> {
    let signless = text.strip_prefix(['+', '-']).unwrap_or(text);
    if signless == "0" {
        return Some(SignedDuration::ZERO);
    }
    if signless.is_empty() {
        return None;
    }
    let (mut nanos, mut rest) = (0_i128, signless);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let unit: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => NANOS_PER_SECOND,
            "m" => 60 * NANOS_PER_SECOND,
            "h" => 3600 * NANOS_PER_SECOND,
            _ => return None,
        };
        nanos = nanos.checked_add(scaled(number, unit)?)?;
        rest = after;
    }
    let nanos = if text.starts_with('-') { -nanos } else { nanos };
    // Go counts nanoseconds in 64 bits.
    i64::try_from(nanos).ok().map(SignedDuration::from_nanos)
}

fn scaled(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut nanos = whole.checked_mul(unit)?;
    let mut part = unit;
    for digit in fraction.chars() {
        part /= 10;
        nanos += i128::from(digit.to_digit(10)?) * part;
    }
    Some(nanos)
}

/// A duration as CEL writes it: seconds.
pub(crate) fn duration_text(duration: SignedDuration) -> std::string::String {
    let sign = if duration.is_negative() { "-" } else { "" };
    let (seconds, nanos) =
        (duration.as_secs().unsigned_abs(), duration.subsec_nanos().unsigned_abs());
    let fraction = format!("{nanos:09}");
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{seconds}s"),
        fraction => format!("{sign}{seconds}.{fraction}s"),
    }
}
