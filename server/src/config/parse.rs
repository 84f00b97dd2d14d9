//! Readers of single values, whose errors name the environment variable: clap names the flag.

/// A parser of whole numbers whose error names the environment variable and the range: clap names the flag.
pub(super) fn ranged<T>(
    variable: &'static str,
    low: u64,
    high: u64,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: TryFrom<u64> + Send + Sync + Clone + 'static,
{
    move |text| {
        text.trim()
            .parse::<u64>()
            .ok()
            .filter(|value| (low..=high).contains(value))
            .and_then(|value| T::try_from(value).ok())
            .ok_or_else(|| format!("{variable} must be a whole number from {low} to {high}"))
    }
}

/// A parser of byte counts with an optional K, M or G.
pub(super) fn bytes(
    variable: &'static str,
    low: u64,
    high: u64,
) -> impl Fn(&str) -> Result<u64, String> + Clone + Send + Sync + 'static {
    move |text| {
        let text = text.trim();
        let (digits, unit) = match text.char_indices().last() {
            Some((at, 'k' | 'K')) => (&text[..at], 1 << 10),
            Some((at, 'm' | 'M')) => (&text[..at], 1 << 20),
            Some((at, 'g' | 'G')) => (&text[..at], 1 << 30),
            _ => (text, 1),
        };
        digits
            .parse::<u64>()
            .ok()
            .and_then(|count| count.checked_mul(unit))
            .filter(|count| (low..=high).contains(count))
            .ok_or_else(|| format!("{variable} must be from {low} to {high} bytes, such as 750M or 4G"))
    }
}

/// Takes a bound away.
const OFF: &str = "off";

/// A bound that can be taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound<T>(pub(super) Option<T>);

/// A parser that takes `off`, too.
pub(super) fn or_off<T>(
    parser: impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static,
) -> impl Fn(&str) -> Result<Bound<T>, String> + Clone + Send + Sync + 'static {
    move |text| match text.trim() {
        OFF => Ok(Bound(None)),
        text => parser(text)
            .map(|value| Bound(Some(value)))
            .map_err(|error| format!("{error}; or {OFF}")),
    }
}
