//! Numbers that may be given as a percentage of another.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// A percentage rounds up.
pub fn up(value: &IntOrString, of: i32) -> i32 {
    resolve(value, of, |hundredths| (hundredths + 99) / 100)
}

/// A percentage rounds down.
pub fn down(value: &IntOrString, of: i32) -> i32 {
    resolve(value, of, |hundredths| hundredths / 100)
}

fn resolve(value: &IntOrString, of: i32, round: fn(i64) -> i64) -> i32 {
    let percent = match value {
        IntOrString::Int(number) => return (*number).max(0),
        IntOrString::String(text) => {
            text.strip_suffix('%').and_then(|digits| digits.parse::<i64>().ok()).unwrap_or(0)
        }
    };
    i32::try_from(round(percent.max(0).saturating_mul(i64::from(of)))).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_round_as_asked_for() {
        let text = |text: &str| IntOrString::String(text.to_owned());
        assert_eq!((up(&text("25%"), 10), down(&text("25%"), 10)), (3, 2));
        assert_eq!((up(&IntOrString::Int(7), 3), down(&IntOrString::Int(-7), 3)), (7, 0));
        assert_eq!((up(&text("150%"), 2), up(&text("x"), 2)), (3, 0));
    }
}
