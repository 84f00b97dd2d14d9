//! What the members of a group read, by their own words.

use std::collections::BTreeSet;

use bytes::Buf;

/// The topics that a group reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicsInUse {
    /// These.
    Known(BTreeSet<String>),
    /// Its members are there, and what they read is not known (yet): it may be any.
    Unknown,
}

impl TopicsInUse {
    /// Whether the group may be reading `topic`.
    pub fn has(&self, topic: &str) -> bool {
        match self {
            Self::Known(topics) => topics.contains(topic),
            Self::Unknown => true,
        }
    }
}

/// The topics of a subscription: version, number of topics, each with its length in front; more may follow. `None` when it
/// does not parse.
pub fn topics(mut subscription: &[u8]) -> Option<Vec<String>> {
    subscription.try_get_i16().ok()?;
    let count = subscription.try_get_i32().ok()?;
    // Nothing is reserved by the count: every topic takes at least its length's two bytes of what is there.
    let mut topics = Vec::new();
    for _ in 0..count {
        let length = usize::try_from(subscription.try_get_i16().ok()?).ok()?;
        let (name, rest) = subscription.split_at_checked(length)?;
        topics.push(std::str::from_utf8(name).ok()?.to_owned());
        subscription = rest;
    }
    Some(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_is_read_as_far_as_it_is_one() {
        let sound = [&[0, 3, 0, 0, 0, 2, 0, 1][..], b"a", &[0, 2], b"bc", &[0, 0]].concat();
        assert_eq!(topics(&sound), Some(vec!["a".to_owned(), "bc".to_owned()]));
        for length in 0..sound.len() - 2 {
            assert_eq!(topics(&sound[..length]), None, "{length} bytes");
        }
        assert_eq!(topics(&[0, 0, 0x7f, 0xff, 0xff, 0xff]), None);
        assert_eq!(topics(&[0, 0, 0, 0, 0, 1, 0xff, 0xff]), None);
        assert_eq!(topics(&[0, 0, 0, 0, 0, 1, 0, 1, 0xff]), None, "not a name");
    }
}
