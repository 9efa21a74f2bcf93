//! Quantities: `100m`, `1.5Gi`, `2e3`, as resources, limits and sizes are written.

use std::{cmp::Ordering, fmt, iter::Sum, ops::Add, str::FromStr};

/// A fixed-point number that remembers in which of the three forms it was written. The finest
/// unit is a nano; what is finer is rounded away from zero, as Kubernetes does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Format {
    #[default]
    Decimal,
    Binary,
    Exponent,
}

const NANOS: i128 = 1_000_000_000;
/// No quantity is greater than this; larger ones are capped.
const NANOS_MAX: i128 = i64::MAX as i128 * NANOS;
const DECIMAL: [(&str, i32); 10] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];
const BINARY: [(&str, u32); 6] =
    [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];

/// Why a text is no quantity, in Kubernetes' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    #[error(
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    )]
    Format,
    #[error("unable to parse numeric part of quantity")]
    Numeric,
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

impl Quantity {
    /// A whole number.
    pub fn new(value: i64) -> Self {
        Self { nanos: i128::from(value) * NANOS, format: Format::Decimal }
    }

    /// Thousandths, as CPU is counted.
    pub fn from_milli(value: i64) -> Self {
        Self { nanos: i128::from(value) * (NANOS / 1000), format: Format::Decimal }
    }

    /// The next whole number away from zero.
    pub fn value(self) -> i64 {
        self.scaled(NANOS)
    }

    /// Thousandths, rounded away from zero.
    pub fn milli_value(self) -> i64 {
        self.scaled(NANOS / 1000)
    }

    fn scaled(self, unit: i128) -> i64 {
        let rounded = divide_up(self.nanos, unit);
        i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
    }

    /// As a floating-point number, for ratios and charts.
    pub fn as_f64(self) -> f64 {
        self.nanos as f64 / NANOS as f64
    }

    pub fn is_zero(self) -> bool {
        self.nanos == 0
    }

    pub fn is_negative(self) -> bool {
        self.nanos < 0
    }

    /// The sum keeps the first operand's form, unless that is zero.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let format = if self.is_zero() { other.format } else { self.format };
        Self { format, ..self }.with(self.nanos + other.nanos)
    }

    /// The difference, in the same form as a sum.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        self.plus(Self { nanos: -other.nanos, ..other })
    }

    fn with(self, nanos: i128) -> Self {
        Self { nanos: nanos.clamp(-NANOS_MAX, NANOS_MAX), ..self }
    }
}

/// Division that rounds away from zero.
fn divide_up(value: i128, by: i128) -> i128 {
    let quotient = value / by;
    if value % by == 0 { quotient } else { quotient + value.signum() }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let signless = text.strip_prefix(['+', '-']).unwrap_or(text);
        let end = signless.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, suffix) = signless.split_at(end.unwrap_or(signless.len()));
        if number.is_empty() {
            return Err(QuantityError::Format);
        }
        let (format, binary, exponent) = parse_suffix(suffix)?;
        let magnitude = scale(number, binary, exponent)?;
        let nanos = if text.starts_with('-') { -magnitude } else { magnitude };
        Ok(Self { nanos, format })
    }
}

/// The form, the power of two and the power of ten that a suffix stands for.
fn parse_suffix(suffix: &str) -> Result<(Format, u32, i32), QuantityError> {
    if let Some((_, exponent)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Ok((Format::Decimal, 0, *exponent));
    }
    if let Some((_, shift)) = BINARY.iter().find(|(name, _)| *name == suffix) {
        return Ok((Format::Binary, *shift, 0));
    }
    let known = |c: char| "eEinumkKMGTP+-".contains(c) || c.is_ascii_digit();
    let digits = suffix.strip_prefix(['e', 'E']).filter(|digits| !digits.is_empty());
    let exponent = digits.and_then(|digits| digits.parse::<i32>().ok());
    match exponent {
        Some(exponent) => Ok((Format::Exponent, 0, exponent)),
        None if suffix.chars().all(known) => Err(QuantityError::Suffix),
        None => Err(QuantityError::Format),
    }
}

/// `number * 2^binary * 10^exponent` in nanos, rounded up, capped.
fn scale(number: &str, binary: u32, exponent: i32) -> Result<i128, QuantityError> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
        return Err(QuantityError::Numeric);
    }
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    let point = i32::try_from(fraction.len()).map_err(|_| QuantityError::Numeric)?;
    let power = exponent.saturating_add(9).saturating_sub(point);
    let length = i32::try_from(significant.len()).map_err(|_| QuantityError::Numeric)?;
    if length.saturating_add(power) > 29 {
        return Ok(NANOS_MAX);
    }
    // As many digits as surely fit after the shift; what is cut off only rounds up.
    let kept = significant.len().min(if binary > 0 { 20 } else { 36 });
    let mantissa: i128 = significant[..kept].parse().map_err(|_| QuantityError::Numeric)?;
    let lost = significant[kept..].bytes().any(|digit| digit != b'0');
    let dropped = i32::try_from(significant.len() - kept).map_err(|_| QuantityError::Numeric)?;
    Ok(apply_power(mantissa << binary, power.saturating_add(dropped), lost).min(NANOS_MAX))
}

fn apply_power(mantissa: i128, power: i32, lost: bool) -> i128 {
    if power >= 0 {
        let factor = 10_i128.checked_pow(power.unsigned_abs()).unwrap_or(NANOS_MAX);
        return mantissa.checked_mul(factor).unwrap_or(NANOS_MAX);
    }
    match 10_i128.checked_pow(power.unsigned_abs()) {
        Some(divisor) => {
            let value = divide_up(mantissa, divisor);
            if lost && mantissa % divisor == 0 { value + 1 } else { value }
        }
        None => 1,
    }
}

/// The canonical form: no fraction, the largest suffix that keeps it whole.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.nanos.abs() >= 1024 * NANOS;
        if self.format == Format::Binary && whole {
            let mut value = divide_up(self.nanos, NANOS);
            let mut suffix = "";
            for (name, _) in BINARY {
                if value % 1024 != 0 {
                    break;
                }
                value /= 1024;
                suffix = name;
            }
            return write!(f, "{value}{suffix}");
        }
        let (mut value, mut exponent) = (self.nanos, -9);
        while value != 0 && value % 1000 == 0 && exponent < 18 {
            value /= 1000;
            exponent += 3;
        }
        if value == 0 {
            return f.write_str("0");
        }
        if self.format == Format::Exponent && exponent != 0 {
            return write!(f, "{value}e{exponent}");
        }
        let suffix = DECIMAL.iter().find(|(_, power)| *power == exponent);
        write!(f, "{value}{}", suffix.map_or("", |(name, _)| name))
    }
}

/// Compares what they amount to, not how they are written.
impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl Add for Quantity {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.plus(other)
    }
}

impl Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(quantities: I) -> Self {
        quantities.fold(Self::default(), Self::plus)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quantity(text: &str) -> Quantity {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn writes_the_canonical_form() {
        for (text, canonical) in [
            ("0", "0"),
            ("0.5", "500m"),
            ("1.5", "1500m"),
            ("1000m", "1"),
            ("100000", "100k"),
            ("1k", "1k"),
            ("1024", "1024"),
            ("1Ki", "1Ki"),
            ("1024Ki", "1Mi"),
            ("1.5Gi", "1536Mi"),
            ("0.5Ki", "512"),
            ("1000Ki", "1000Ki"),
            ("0.1Gi", "107374183"),
            ("2e3", "2e3"),
            ("12e2", "1200"),
            ("1E", "1E"),
            ("1E3", "1e3"),
            (".5", "500m"),
            ("5.", "5"),
            ("+1", "1"),
            ("-1.5", "-1500m"),
            ("0.0000000001", "1n"),
            ("1n", "1n"),
            ("9223372036854775807", "9223372036854775807"),
            ("100E", "9223372036854775807"),
            ("1e-1000", "1e-9"),
        ] {
            assert_eq!(quantity(text).to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn refuses_with_kubernetes_words() {
        for (text, error) in [
            ("", QuantityError::Format),
            ("a", QuantityError::Format),
            ("1 Gi", QuantityError::Format),
            ("1.1.1", QuantityError::Numeric),
            (".", QuantityError::Numeric),
            ("1Kx", QuantityError::Format),
            ("1KiM", QuantityError::Suffix),
            ("1e", QuantityError::Suffix),
        ] {
            assert_eq!(text.parse::<Quantity>().unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn rounds_up_and_compares_amounts() {
        assert_eq!(quantity("1500m").value(), 2);
        assert_eq!(quantity("1u").milli_value(), 1);
        assert_eq!(quantity("-1500m").value(), -2);
        assert_eq!(quantity("250m").milli_value(), 250);
        assert_eq!(quantity("1Gi").value(), 1 << 30);
        assert_eq!(quantity("1Ei").value(), 1 << 60);
        assert_eq!(quantity("1000m"), quantity("1"));
        assert!(quantity("1Gi") > quantity("1G"));
        assert_eq!((quantity("1Gi") + quantity("1Mi")).to_string(), "1025Mi");
        let total: Quantity = ["100m", "1.9"].into_iter().map(quantity).sum();
        assert_eq!(total.to_string(), "2");
    }

    proptest! {
        #[test]
        fn canonical_form_parses_back(nanos in any::<i64>(), suffix in 0..16_usize) {
            let suffixes = ["n", "u", "m", "", "k", "M", "G", "T", "Ki", "Mi", "Gi", "e3", "e-3", "E2", "P", "Ti"];
            let quantity: Quantity = format!("{nanos}{}", suffixes[suffix]).parse().unwrap();
            let shown = quantity.to_string();
            let again: Quantity = shown.parse().unwrap();
            prop_assert_eq!(again, quantity);
            prop_assert_eq!(again.to_string(), shown);
        }

        #[test]
        fn order_is_that_of_numbers(a in -1_000_000..1_000_000_i64, b in -1_000_000..1_000_000_i64) {
            let (x, y) = (Quantity::from_milli(a), Quantity::from_milli(b));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert_eq!(x.plus(y).milli_value(), a + b);
        }

        #[test]
        fn parse_never_panics(text in "[-+0-9.eEinumkKMGTPi]{0,60}") {
            prop_assert!(text.parse::<Quantity>().map_or(true, |q| q == q.plus(Quantity::default())));
        }
    }
}
