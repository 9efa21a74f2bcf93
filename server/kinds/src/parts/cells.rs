//! What several kinds print in their tables: ages, selectors, lists.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::{
    Metadata,
    api::core::v1::PodSpec,
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta, Time},
        util::intstr::IntOrString,
    },
};
use serde_json::Value;

use crate::{Column, column};

pub const NONE: &str = "<none>";

/// AGE: the time since the object was created.
pub const fn age<T: Metadata<Ty = ObjectMeta>>() -> Column<T> {
    column("Age", |object: &T, now| {
        since(object.metadata().creation_timestamp.as_ref(), now).into()
    })
    .described("CreationTimestamp is the server time when this object was created.")
}

/// CREATED AT, the one column of kinds that declare none.
pub const fn created_at<T: Metadata<Ty = ObjectMeta>>() -> Column<T> {
    let column: Column<T> = column("Created At", |object: &T, _| {
        object.metadata().creation_timestamp.as_ref().map_or(Value::Null, |at| {
            // Whole seconds, as in the object itself.
            at.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into()
        })
    });
    Column { kind: "date", ..column }
}

/// `5m12s`, or `<unknown>` for a time that is not there.
pub fn since(time: Option<&Time>, now: Timestamp) -> String {
    time.map_or_else(
        || "<unknown>".to_owned(),
        |time| duration(now.as_second() - time.0.as_second()),
    )
}

/// Seconds as Kubernetes tells them to people: two units at most, fewer as they grow.
pub fn duration(seconds: i64) -> String {
    const DAY: i64 = 24;
    const YEAR: i64 = 365;
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let days = hours / DAY;
    match seconds {
        i64::MIN..=-2 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        _ if seconds < 120 => format!("{seconds}s"),
        _ if minutes < 10 => pair(minutes, "m", seconds % 60, "s"),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => pair(hours, "h", minutes % 60, "m"),
        _ if hours < 2 * DAY => format!("{hours}h"),
        _ if hours < 8 * DAY => pair(days, "d", hours % DAY, "h"),
        _ if hours < 2 * YEAR * DAY => format!("{days}d"),
        _ if hours < 8 * YEAR * DAY => pair(days / YEAR, "y", days % YEAR, "d"),
        _ => format!("{}y", days / YEAR),
    }
}

fn pair(large: i64, large_unit: &str, small: i64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large}{large_unit}")
    } else {
        format!("{large}{large_unit}{small}{small_unit}")
    }
}

/// The text, or `<none>` when there is none.
pub fn or_none(text: Option<&str>) -> Value {
    text.filter(|text| !text.is_empty()).unwrap_or(NONE).into()
}

/// The text, or nothing.
pub fn text(text: Option<&str>) -> Value {
    text.unwrap_or_default().into()
}

/// The text, or `<unset>` when there is none.
pub fn or_unset(text: Option<&str>) -> Value {
    text.filter(|text| !text.is_empty()).unwrap_or("<unset>").into()
}

/// A number or a percentage, or `N/A`.
pub fn amount(value: Option<&IntOrString>) -> Value {
    match value {
        Some(IntOrString::Int(number)) => number.to_string().into(),
        Some(IntOrString::String(text)) => text.as_str().into(),
        None => "N/A".into(),
    }
}

/// `a=b,c=d`, or `<none>`.
pub fn labels(labels: Option<&BTreeMap<String, String>>) -> Value {
    let pairs: Vec<String> =
        labels.into_iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    or_none(Some(&pairs.join(",")))
}

/// A selector as a query string: `app=web,tier in (a,b),!old`.
pub fn selector(selector: &LabelSelector) -> String {
    let equal = selector.match_labels.iter().flatten();
    let mut parts: Vec<(&str, String)> =
        equal.map(|(key, value)| (key.as_str(), format!("{key}={value}"))).collect();
    parts.extend(
        selector.match_expressions.iter().flatten().map(|one| (one.key.as_str(), requirement(one))),
    );
    parts.sort_by(|a, b| a.0.cmp(b.0));
    parts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(",")
}

fn requirement(requirement: &LabelSelectorRequirement) -> String {
    let key = &requirement.key;
    let mut values = requirement.values.clone().unwrap_or_default();
    values.sort();
    let values = values.join(",");
    match requirement.operator.as_str() {
        "In" => format!("{key} in ({values})"),
        "NotIn" => format!("{key} notin ({values})"),
        "DoesNotExist" => format!("!{key}"),
        _ => key.clone(),
    }
}

/// The names of a template's containers.
pub fn container_names(spec: Option<&PodSpec>) -> Value {
    join(spec.into_iter().flat_map(|spec| &spec.containers).map(|one| one.name.as_str()))
}

/// The images of a template's containers.
pub fn container_images(spec: Option<&PodSpec>) -> Value {
    let containers = spec.into_iter().flat_map(|spec| &spec.containers);
    join(containers.map(|one| one.image.as_deref().unwrap_or_default()))
}

fn join<'a>(parts: impl Iterator<Item = &'a str>) -> Value {
    parts.collect::<Vec<_>>().join(",").into()
}

/// A selector as a wide column shows it, `<none>` when it is empty or absent.
pub fn maybe_selector(labels: Option<&LabelSelector>) -> Value {
    or_none(labels.map(selector).as_deref())
}

/// The first three and how many more there are, or `empty`.
pub fn first_three(items: &[String], empty: &str) -> Value {
    match items.len() {
        0 => empty.into(),
        1..=3 => items.join(",").into(),
        count => format!("{} + {} more...", items[..3].join(","), count - 3).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_durations_as_kubernetes_does() {
        const HOUR: i64 = 3600;
        const DAY: i64 = 24 * HOUR;
        for (seconds, text) in [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (599, "9m59s"),
            (600, "10m"),
            (3 * HOUR - 1, "179m"),
            (3 * HOUR, "3h"),
            (3 * HOUR + 61, "3h1m"),
            (8 * HOUR, "8h"),
            (2 * DAY - 1, "47h"),
            (2 * DAY, "2d"),
            (2 * DAY + HOUR, "2d1h"),
            (8 * DAY, "8d"),
            (2 * 365 * DAY, "2y"),
            (2 * 365 * DAY + DAY, "2y1d"),
            (9 * 365 * DAY, "9y"),
        ] {
            assert_eq!(duration(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn writes_selectors_as_queries() {
        let requirement = |key: &str, operator: &str, values: &[&str]| LabelSelectorRequirement {
            key: key.into(),
            operator: operator.into(),
            values: Some(values.iter().map(ToString::to_string).collect()),
        };
        let all = LabelSelector {
            match_labels: Some([("app".to_owned(), "web".to_owned())].into()),
            match_expressions: Some(vec![
                requirement("z", "DoesNotExist", &[]),
                requirement("b", "In", &["y", "x"]),
                requirement("c", "NotIn", &["x"]),
                requirement("a", "Exists", &[]),
            ]),
        };
        assert_eq!(selector(&all), "a,app=web,b in (x,y),c notin (x),!z");
    }

    #[test]
    fn shortens_long_lists() {
        let items: Vec<String> = (1..=5).map(|n| n.to_string()).collect();
        assert_eq!(first_three(&items, NONE), "1,2,3 + 2 more...");
        assert_eq!(first_three(&[], NONE), NONE);
    }
}
