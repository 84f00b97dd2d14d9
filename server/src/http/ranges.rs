//! Which bytes a request asks for: the header `Range`, as RFC 9110 (section 14) has it.
//!
//! The crate below tower-http (`http-range-header`) has one error for what must be told apart: a unit that is not ours and a
//! range that is no range are to be ignored, and only ranges that lie outside are refused.

use std::ops::Range;

use axum::http::{HeaderMap, header};

/// Most ranges of one request. One for more is answered with the whole, which costs less than what it asks for.
const MAX_RANGES: usize = 16;

/// What of a representation goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// One range of bytes, never empty.
    One(Range<u64>),
    /// Several ranges that do not overlap, in the order in which they were asked for.
    Several(Vec<Range<u64>>),
    /// Nothing: every range that was asked for begins behind the end.
    Outside,
}

/// The extent that `headers` ask for of a representation with `length` bytes. The whole where they ask for none, for another unit
/// than bytes, for what is no range, for too many ranges, or for ranges that overlap.
pub fn asked(headers: &HeaderMap, length: u64) -> Extent {
    let mut values = headers.get_all(header::RANGE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Extent::Whole;
    };
    let set = value.to_str().ok().and_then(|text| text.split_once('='));
    match set {
        Some((unit, set)) if unit.trim().eq_ignore_ascii_case("bytes") => {
            of_set(set, length).unwrap_or(Extent::Whole)
        }
        _ => Extent::Whole,
    }
}

/// The extent of a set of ranges; `None` when it is to be ignored.
fn of_set(set: &str, length: u64) -> Option<Extent> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    let mut count = 0;
    // A list may have empty elements.
    for spec in set.split(',').map(str::trim).filter(|spec| !spec.is_empty()) {
        count += 1;
        if count > MAX_RANGES {
            return None;
        }
        let (first, last) = spec.split_once('-')?;
        let range = match (position(first)?, position(last)?) {
            (None, None) => return None,
            (None, Some(suffix)) => length.saturating_sub(suffix)..length,
            (Some(first), None) => first..length,
            (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
            (Some(_), Some(_)) => return None,
        };
        if range.start < range.end {
            ranges.push(range);
        }
    }
    match (count, ranges.as_slice()) {
        (0, _) => None,
        (_, []) => Some(Extent::Outside),
        (_, [one]) => Some(Extent::One(one.clone())),
        _ if overlap(&ranges) => None,
        _ => Some(Extent::Several(ranges)),
    }
}

/// A position: digits, or nothing at all. One with more digits than a number holds lies behind every end.
fn position(text: &str) -> Option<Option<u64>> {
    if text.is_empty() {
        return Some(None);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Some(text.parse().unwrap_or(u64::MAX)))
}

fn overlap(ranges: &[Range<u64>]) -> bool {
    let mut sorted: Vec<_> = ranges.iter().collect();
    sorted.sort_by_key(|range| range.start);
    sorted.windows(2).any(|pair| pair[1].start < pair[0].end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn extent(text: &str, length: u64) -> Extent {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, text.parse().unwrap());
        asked(&headers, length)
    }

    #[test]
    fn one_range_is_cut_at_the_end() {
        for (text, range) in [
            ("bytes=0-0", 0..1),
            ("bytes=2-4", 2..5),
            ("bytes=5-", 5..10),
            ("bytes=5-999", 5..10),
            ("bytes=5-99999999999999999999999999", 5..10),
            ("bytes=-3", 7..10),
            ("bytes=-30", 0..10),
            ("Bytes=1-1", 1..2),
            ("bytes= 1-1 ,", 1..2),
            ("bytes=1-1,50-60", 1..2),
        ] {
            assert_eq!(extent(text, 10), Extent::One(range), "{text}");
        }
    }

    #[test]
    fn several_ranges_keep_their_order() {
        assert_eq!(
            extent("bytes=8-, 0-1,4-4", 10),
            Extent::Several(vec![8..10, 0..2, 4..5])
        );
    }

    #[test]
    fn what_is_no_range_is_ignored() {
        for text in [
            "lines=1-2",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=1",
            "bytes=4-2",
            "bytes=1-2-3",
            "bytes=1 - 2",
            "bytes=0x1-0x2",
            "bytes=0-1,x-3",
            "bytes=0-4,4-6",
            "bytes=0-,0-,0-",
        ] {
            assert_eq!(extent(text, 10), Extent::Whole, "{text}");
        }
        let many: Vec<String> = (0..=MAX_RANGES as u64)
            .map(|at| format!("{}-{}", at * 2, at * 2))
            .collect();
        assert_eq!(extent(&format!("bytes={}", many.join(",")), 1000), Extent::Whole);
        let most = format!("bytes={}", many[1..].join(","));
        assert!(matches!(extent(&most, 1000), Extent::Several(ranges) if ranges.len() == MAX_RANGES));
        let mut twice = HeaderMap::new();
        twice.append(header::RANGE, "bytes=0-1".parse().unwrap());
        twice.append(header::RANGE, "bytes=3-4".parse().unwrap());
        assert_eq!(asked(&twice, 10), Extent::Whole);
        assert_eq!(asked(&HeaderMap::new(), 10), Extent::Whole);
    }

    #[test]
    fn what_lies_outside_is_told() {
        for text in ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99-,100-200"] {
            assert_eq!(extent(text, 10), Extent::Outside, "{text}");
        }
        assert_eq!(extent("bytes=0-", 0), Extent::Outside);
        assert_eq!(extent("bytes=-5", 0), Extent::Outside);
    }

    proptest! {
        #[test]
        fn whatever_is_asked_stays_inside(text in "(bytes|lines)?=?[-0-9, ]{0,60}", length in 0u64..200) {
            match extent(&text, length) {
                Extent::Whole | Extent::Outside => {}
                Extent::One(range) => prop_assert!(range.start < range.end && range.end <= length),
                Extent::Several(ranges) => {
                    prop_assert!((2..=MAX_RANGES).contains(&ranges.len()));
                    let bytes: u64 = ranges.iter().map(|range| range.end - range.start).sum();
                    prop_assert!(bytes <= length);
                    prop_assert!(ranges.iter().all(|range| range.start < range.end && range.end <= length));
                }
            }
        }
    }
}
