//! What the conditions of all kinds share.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// A time as objects hold it: whole seconds. A finer one would never equal what was stored.
pub fn time(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).expect("a timestamp's second is a timestamp"))
}

/// `True` or `False`.
pub fn word(holds: bool) -> &'static str {
    if holds { "True" } else { "False" }
}
