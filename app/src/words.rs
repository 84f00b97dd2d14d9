//! How numbers, durations and points in time are said. Plain, short, exact; numbers have units.

use azulejo_imaging::FileKind;
use azulejo_protocol::{Job, Timestamp};

/// `1 tile`, `384 tiles`.
pub fn plural(count: u64, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// Bytes in decimal units, three figures at most: `214 MB`, `1.3 GB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{} {}", figures(value), UNITS[unit])
}

/// Whether browsers show a file of that name: all that Azulejo reads and writes but TIFF.
pub fn browsers_show(filename: &str) -> bool {
    let extension = filename.rsplit('.').next().unwrap_or_default();
    !["tif", "tiff"]
        .iter()
        .any(|tiff| extension.eq_ignore_ascii_case(tiff))
}

/// Whether the picture that `job` was started on can be shown beside its result: browsers show the file, and the page of it that they
/// choose is the job's.
pub fn is_comparable(job: &Job) -> bool {
    browsers_show(&job.original_filename) && job.page.is_none()
}

/// The kind of a file of that name; one without a known ending counts as PNG.
pub fn file_kind(filename: &str) -> FileKind {
    let ending = filename.rsplit('.').next().unwrap_or_default();
    FileKind::from_name(ending).unwrap_or(FileKind::Png)
}

/// A number with one decimal below ten, none above: `0.4`, `9.8`, `96`.
pub fn figures(value: f64) -> String {
    if value < 9.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// Tiles in a second: `96 tiles/s`.
pub fn rate(tiles_per_second: f64) -> String {
    format!("{} tiles/s", figures(tiles_per_second.max(0.0)))
}

/// Milliseconds: `6.8 ms`, `140 ms`.
pub fn milliseconds(ms: f64) -> String {
    format!("{} ms", figures(ms.max(0.0)))
}

/// A length of time: `0.4 s`, `48 s`, `3 min 20 s`, `2 h 5 min`, `4 d 1 h`.
pub fn duration(seconds: f64) -> String {
    let seconds = if seconds.is_finite() {
        seconds.max(0.0)
    } else {
        0.0
    };
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    let two = |big: u64, big_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{big} {big_unit}"),
        _ => format!("{big} {big_unit} {small} {small_unit}"),
    };
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => two(whole / 60, "min", whole % 60, "s"),
        3600..86_400 => two(whole / 3600, "h", whole % 3600 / 60, "min"),
        _ => two(whole / 86_400, "d", whole % 86_400 / 3600, "h"),
    }
}

/// A length of time that is only an estimate: no decimals, coarser the longer it is.
pub fn roughly(seconds: f64) -> String {
    let seconds = if seconds.is_finite() {
        seconds.max(0.0)
    } else {
        0.0
    };
    match seconds.ceil() as u64 {
        0 | 1 => "1 s".to_owned(),
        whole @ 2..=90 => format!("{whole} s"),
        whole @ 91..=5400 => format!("{} min", whole.div_ceil(60)),
        whole @ 5401..=129_600 => format!("{} h", whole.div_ceil(3600)),
        whole => format!("{} d", whole.div_ceil(86_400)),
    }
}

/// How long ago `then` was at `now_ms` (milliseconds since 1970): `just now`, `12 s ago`, `3 h ago`.
pub fn ago(then: Timestamp, now_ms: i64) -> String {
    let seconds = (now_ms - millis(then)) / 1000;
    match seconds {
        ..3 => "just now".to_owned(),
        3..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// Milliseconds since 1970.
pub fn millis(time: Timestamp) -> i64 {
    (time.unix_timestamp_nanos() / 1_000_000) as i64
}

/// Seconds between two points in time.
pub fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    (to - from).as_seconds_f64()
}

/// The exact time, for a tooltip: `2026-11-22 20:57:03 UTC`.
pub fn exact(time: Timestamp) -> String {
    let time = time.to_offset(time::UtcOffset::UTC);
    let (hour, minute, second) = time.to_hms();
    format!("{} {hour:02}:{minute:02}:{second:02} UTC", time.date())
}

/// The time as machines read it, for `<time datetime>`: RFC 3339 to the second.
pub fn machine(time: Timestamp) -> String {
    let time = time.to_offset(time::UtcOffset::UTC);
    let (hour, minute, second) = time.to_hms();
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", time.date())
}

/// The sentence with its first letter large and a full stop: errors come without either.
pub fn sentence(text: &str) -> String {
    let mut letters = text.trim().chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    let mut out: String = first.to_uppercase().collect();
    out.push_str(letters.as_str());
    if !out.ends_with(['.', '!', '?']) {
        out.push('.');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn bytes_have_at_most_three_figures() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1000), "1.0 kB");
        assert_eq!(bytes(214_000_000), "214 MB");
        assert_eq!(bytes(999_600_000), "1.0 GB");
        assert_eq!(bytes(u64::MAX), "18447 PB");
    }

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!(duration(0.42), "0.4 s");
        assert_eq!(duration(48.4), "48 s");
        assert_eq!(duration(200.0), "3 min 20 s");
        assert_eq!(duration(7500.0), "2 h 5 min");
        assert_eq!(duration(86_400.0), "1 d");
        assert_eq!(duration(f64::NAN), "0.0 s");
    }

    #[test]
    fn an_estimate_is_rounded_up_and_never_zero() {
        assert_eq!(roughly(0.0), "1 s");
        assert_eq!(roughly(1.2), "2 s");
        assert_eq!(roughly(100.0), "2 min");
        assert_eq!(roughly(f64::INFINITY), "1 s");
    }

    #[test]
    fn times_are_relative_and_a_clock_that_is_behind_says_just_now() {
        let then = datetime!(2026-11-22 20:57:03 UTC);
        let at = |seconds: i64| ago(then, millis(then) + seconds * 1000);
        assert_eq!(at(-40), "just now");
        assert_eq!(at(12), "12 s ago");
        assert_eq!(at(150), "2 min ago");
        assert_eq!(at(90_000), "1 d ago");
        assert_eq!(exact(then), "2026-11-22 20:57:03 UTC");
        assert_eq!(machine(then), "2026-11-22T20:57:03Z");
    }

    #[test]
    fn an_error_becomes_a_sentence() {
        assert_eq!(
            sentence("unknown operation 'blurr'"),
            "Unknown operation 'blurr'."
        );
        assert_eq!(sentence(""), "");
    }
}
