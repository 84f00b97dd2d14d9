//! Bounds on everything that comes in records, in one place. What is within them fits the database, a log line and a
//! page; what is not is refused or cut where the record is read, so that nothing behind that has to think of it.

/// Longest id of a worker or of one of its instances, bytes.
pub const MAX_ID_BYTES: usize = 128;

/// Longest recipe text in a record, bytes.
pub const MAX_RECIPE_BYTES: usize = 4096;

/// Longest error text in a record, bytes. Readers refuse longer ones, writers cut.
pub const MAX_ERROR_BYTES: usize = 4096;

/// Longest W3C trace context, bytes.
pub const MAX_TRACEPARENT_BYTES: usize = 128;

/// Longest name of a topic that Kafka takes, bytes.
pub const MAX_TOPIC_BYTES: usize = 249;

/// Highest number of a try.
pub const MAX_ATTEMPT: u32 = 1_000_000;

/// Longest rendering time that is believed, microseconds: 115 days.
pub const MAX_MICROS: u64 = 10_000_000_000_000;

/// Most headers of a record.
pub const MAX_HEADERS: usize = 64;

/// Most bytes of a record's headers, names and values.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Most bytes of a heartbeat's JSON.
pub const MAX_HEARTBEAT_BYTES: usize = 256 * 1024;

/// Most bytes of a word in `control`.
pub const MAX_CONTROL_BYTES: usize = 64 * 1024;

/// Longest text in a heartbeat, bytes.
pub const MAX_TEXT_BYTES: usize = 256;

/// Most slots of a worker.
pub const MAX_SLOTS: u32 = 1024;

/// Most partitions of `tasks`.
pub const MAX_PARTITIONS: usize = 10_000;

/// `text`, or as much of its beginning as fits `bytes` and ends between two characters.
pub fn cut(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let end = (0..=bytes)
        .rev()
        .find(|&end| text.is_char_boundary(end))
        .unwrap_or(0);
    &text[..end]
}

/// Whether `text` can be the id of a worker or of an instance: 1 to 128 bytes without control characters.
pub fn is_id(text: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Whether Kafka takes `text` as the name of a topic: 1 to 249 letters, digits, `.`, `_` and `-`, not `.` or `..`.
pub fn is_topic(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=MAX_TOPIC_BYTES).contains(&text.len()) && text.bytes().all(allowed) && !matches!(text, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_ends_between_two_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abc", 2), "ab");
        assert_eq!(cut("aäö", 4), "aä");
        assert_eq!(cut("aäö", 2), "a");
        assert_eq!(cut("ö", 1), "");
    }

    #[test]
    fn topics_are_those_that_kafka_takes() {
        assert!(is_topic("results") && is_topic("a.b_c-9") && is_topic(&"x".repeat(249)));
        for bad in ["", ".", "..", "a/b", "a b", "ä", &"x".repeat(250)] {
            assert!(!is_topic(bad), "{bad}");
        }
    }
}
