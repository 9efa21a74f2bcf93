//! How long ago something was, in one or two units.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// `12s`, `5m`, `3h`, `2d`.
pub(crate) fn since(then: Option<&Time>, now: Timestamp) -> String {
    let Some(then) = then else { return String::new() };
    let seconds = (now.as_second() - then.0.as_second()).max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_a_unit() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let ago = |seconds: i64| {
            let then = Time(Timestamp::from_second(1_000_000 - seconds).unwrap());
            since(Some(&then), now)
        };
        assert_eq!([ago(5), ago(300), ago(7200), ago(900_000)], ["5s", "5m", "2h", "10d"]);
        assert_eq!(since(None, now), "");
    }
}
