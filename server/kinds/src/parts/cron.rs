//! Whether a text is a schedule, as cron(5) writes it. What it means is the controller's to know.

/// The fields: name, least and greatest number, and names of numbers.
const FIELDS: [(&str, u32, u32, &[&str]); 5] = [
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day of month", 1, 31, &[]),
    (
        "month",
        1,
        12,
        &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    ),
    ("day of week", 0, 6, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
];
const SHORTHANDS: [&str; 7] =
    ["@annually", "@daily", "@hourly", "@midnight", "@monthly", "@weekly", "@yearly"];

/// Why a text is no schedule.
pub(crate) fn check(schedule: &str) -> Result<(), String> {
    if let Some(every) = schedule.strip_prefix("@every ") {
        return match is_duration(every) {
            true => Ok(()),
            false => Err(format!("failed to parse duration {schedule}")),
        };
    }
    if schedule.starts_with('@') {
        return match SHORTHANDS.contains(&schedule) {
            true => Ok(()),
            false => Err(format!("unrecognized descriptor: {schedule}")),
        };
    }
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Err(format!(
            "expected exactly 5 fields, found {}: [{}]",
            fields.len(),
            fields.join(" ")
        ));
    }
    for (text, (_, least, greatest, names)) in fields.into_iter().zip(FIELDS) {
        for range in text.split(',') {
            check_range(range, least, greatest, names)?;
        }
    }
    Ok(())
}

/// `*`, `5`, `1-5`, each maybe with a step: `*/15`.
fn check_range(range: &str, least: u32, greatest: u32, names: &[&str]) -> Result<(), String> {
    let (span, step) = match range.split_once('/') {
        Some((_, step)) if step.contains('/') => return Err(format!("too many slashes: {range}")),
        Some((span, step)) => (span, Some(number(step, &[], 0)?)),
        None => (range, None),
    };
    if step == Some(0) {
        return Err(format!("step of range should be a positive number: {range}"));
    }
    if matches!(span, "*" | "?") {
        return Ok(());
    }
    let (start, end) = match span.split_once('-') {
        Some((_, end)) if end.contains('-') => return Err(format!("too many hyphens: {range}")),
        Some((start, end)) => (number(start, names, least)?, number(end, names, least)?),
        None => {
            let start = number(span, names, least)?;
            (start, start)
        }
    };
    if start < least {
        return Err(format!("beginning of range ({start}) below minimum ({least}): {range}"));
    }
    if end > greatest {
        return Err(format!("end of range ({end}) above maximum ({greatest}): {range}"));
    }
    if start > end {
        return Err(format!("beginning of range ({start}) beyond end of range ({end}): {range}"));
    }
    Ok(())
}

fn number(text: &str, names: &[&str], least: u32) -> Result<u32, String> {
    let lower = text.to_ascii_lowercase();
    if let Some(index) = names.iter().position(|name| *name == lower) {
        return Ok(least + u32::try_from(index).unwrap_or_default());
    }
    text.parse().map_err(|_| format!("failed to parse int from {text}: invalid syntax"))
}

/// `1h30m`, as Go writes durations.
fn is_duration(text: &str) -> bool {
    const UNITS: [&str; 7] = ["ns", "us", "µs", "ms", "s", "m", "h"];
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (amount, after) = rest.split_at(digits);
        let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        if amount.parse::<f64>().is_err() || !UNITS.contains(&unit) {
            return false;
        }
        rest = after;
    }
    !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_schedules() {
        for good in [
            "* * * * *",
            "*/15 0 1,15 jan-MAR 1-5",
            "0 0 ? * sun",
            "@hourly",
            "@every 1h30m",
            "59 23 31 12 6",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
            ("60 * * * *", "end of range (60) above maximum (59): 60"),
            ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
            ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
            ("*/0 * * * *", "step of range should be a positive number: */0"),
            ("a * * * *", "failed to parse int from a: invalid syntax"),
            ("@never", "unrecognized descriptor: @never"),
            ("@every x", "failed to parse duration @every x"),
        ] {
            assert_eq!(check(bad).unwrap_err(), why);
        }
    }
}
