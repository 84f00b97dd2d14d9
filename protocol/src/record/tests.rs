use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::bounds::{MAX_HEADER_BYTES, MAX_HEADERS, MAX_ID_BYTES};

fn task() -> TaskHeader {
    TaskHeader {
        version: 2,
        job: JobId(Uuid::from_u128(7)),
        tile: 3,
        attempt: 1,
        recipe: "blur:sigma=2|sharpen".into(),
        image: Size::new(100, 80),
        format: PixelFormat::RGB8,
        region: Region::new(0, 0, 40, 30),
        output: Region::new(0, 0, 32, 22),
        measure: None,
        results: Some("results-7".into()),
        holder: Some("a-process".into()),
        traceparent: None,
    }
}

fn read(pairs: &[(&'static str, String)]) -> Result<TaskHeader, RecordError> {
    TaskHeader::from_headers(&Headers::new(pairs.iter().map(|(k, v)| (*k, Some(v.as_bytes())))))
}

#[test]
fn a_task_round_trips() {
    assert_eq!(read(&task().to_pairs()), Ok(task()));
}

fn result() -> ResultHeader {
    ResultHeader {
        version: 2,
        job: JobId(Uuid::from_u128(7)),
        tile: 3,
        attempt: 2,
        format: PixelFormat::GRAY8,
        output: Region::new(0, 0, 32, 22),
        measure: None,
        statistic: None,
        worker: "kiln-01".into(),
        micros: 4100,
        error: Some("no".into()),
        traceparent: Some("00-x".into()),
    }
}

fn with(mut pairs: Vec<(&'static str, String)>, name: &str, value: String) -> Vec<(&'static str, String)> {
    pairs.iter_mut().find(|(key, _)| *key == name).unwrap().1 = value;
    pairs
}

fn read_result(pairs: &[(&'static str, String)]) -> Result<ResultHeader, RecordError> {
    ResultHeader::from_headers(&Headers::new(pairs.iter().map(|(k, v)| (*k, Some(v.as_bytes())))))
}

#[test]
fn a_result_round_trips() {
    assert_eq!(read_result(&result().to_pairs()), Ok(result()));
}

#[test]
fn both_versions_are_read_and_what_version_1_did_not_know_says_nothing_in_it() {
    let pairs = with(task().to_pairs(), "v", "1".into());
    let first = read(&pairs).unwrap();
    assert_eq!((first.version, first.results, first.holder), (1, None, None));
    for version in ["0", "4", "02", "two", ""] {
        let pairs = with(task().to_pairs(), "v", version.into());
        assert!(
            matches!(read(&pairs), Err(RecordError::Invalid { name: "v", .. })),
            "{version}"
        );
    }
}

#[test]
fn what_needs_newer_formats_or_operations_is_version_3_and_nothing_else_is() {
    let recipe = |text: &str| text.parse::<azulejo_imaging::Recipe>().unwrap();
    for (format, text, version) in [
        ("rgb8", "blur", 2),
        ("gray16le", "blur", 2),
        ("gray-i16le", "blur", 3),
        ("bands4-u8", "rotate_90", 3),
        ("gray8", "no_data:value=0|blur", 3),
        ("rgb8", "grayscale|rotate_270|tophat", 3),
        ("rgb8", "convert", 3),
    ] {
        assert_eq!(
            version_for(format.parse().unwrap(), &recipe(text)),
            version,
            "{format} {text}"
        );
    }
    let mut measured = TaskHeader {
        version: 3,
        format: "bands4-f32le".parse().unwrap(),
        ..task()
    };
    assert_eq!(read(&measured.to_pairs()), Ok(measured.clone()));
    measured.version = 2;
    assert!(matches!(
        read(&measured.to_pairs()),
        Err(RecordError::Invalid { name: "format", .. })
    ));
}

#[test]
fn a_result_can_be_written_in_the_version_of_its_task() {
    let old = ResultHeader {
        version: 1,
        ..result()
    };
    assert_eq!(old.to_pairs()[0], ("v", "1".to_owned()));
    assert_eq!(read_result(&old.to_pairs()), Ok(old));
}

#[test]
fn values_beyond_their_bounds_are_refused_by_name() {
    for (name, value) in [
        ("attempt", "0".to_owned()),
        ("attempt", "1000001".to_owned()),
        ("recipe", "x".repeat(4097)),
        ("results", "a/b".to_owned()),
        ("results", "x".repeat(250)),
        ("results", String::new()),
        ("holder", String::new()),
        ("holder", "x".repeat(129)),
        ("holder", "a\u{7}".to_owned()),
    ] {
        let refused = read(&with(task().to_pairs(), name, value.clone()));
        assert!(
            matches!(refused, Err(RecordError::Invalid { name: said, .. }) if said == name),
            "{name} {value}: {refused:?}"
        );
    }
    for (name, value) in [
        ("attempt", "4294967295".to_owned()),
        ("micros", u64::MAX.to_string()),
        ("micros", (MAX_MICROS + 1).to_string()),
        ("micros", "-1".to_owned()),
        ("worker", String::new()),
        ("worker", "x".repeat(129)),
        ("worker", "a\nb".to_owned()),
        ("error", "x".repeat(4097)),
        ("traceparent", "x".repeat(129)),
    ] {
        let refused = read_result(&with(result().to_pairs(), name, value.clone()));
        assert!(
            matches!(refused, Err(RecordError::Invalid { name: said, .. }) if said == name),
            "{name} {value}: {refused:?}"
        );
    }
}

#[test]
fn a_writer_cuts_its_error_so_that_a_reader_takes_it() {
    let long = ResultHeader {
        error: Some("ö".repeat(5000)),
        micros: u64::MAX,
        ..result()
    };
    let read = read_result(&long.to_pairs()).unwrap();
    assert_eq!(read.error.map(|error| error.len()), Some(4096));
    assert_eq!(read.micros, MAX_MICROS);
}

#[test]
fn more_headers_than_are_read_are_refused() {
    let many = (0..MAX_HEADERS).map(|_| ("more", "x".to_owned()));
    let pairs: Vec<_> = task().to_pairs().into_iter().chain(many).collect();
    assert_eq!(read(&pairs), Err(RecordError::TooLarge));
    let mut pairs = task().to_pairs();
    pairs.push(("long", "x".repeat(MAX_HEADER_BYTES)));
    assert_eq!(read(&pairs), Err(RecordError::TooLarge));
}

fn origin(pairs: &[(&'static str, String)]) -> Option<Origin> {
    Headers::new(pairs.iter().map(|(k, v)| (*k, Some(v.as_bytes())))).origin()
}

#[test]
fn whose_task_it_was_can_be_told_when_the_rest_does_not_parse() {
    for (name, value) in [
        ("v", "4"),
        ("format", "cmyk"),
        ("region", "1,2"),
        ("output", "all"),
        ("image", "big"),
    ] {
        let pairs = with(task().to_pairs(), name, value.into());
        assert!(read(&pairs).is_err());
        let origin = origin(&pairs).unwrap();
        assert_eq!((origin.job, origin.tile, origin.attempt), (task().job, 3, 1));
        assert_eq!(origin.results, task().results);
        assert_eq!(origin.version, 2);
        let refusal = origin.refusal("w", "cannot be read".into());
        assert_eq!(read_result(&refusal.to_pairs()), Ok(refusal));
    }
    let old = with(with(task().to_pairs(), "v", "1".into()), "format", "cmyk".into());
    let old = origin(&old).unwrap();
    assert_eq!((old.version, old.results), (1, None));
    for name in ["job", "tile", "attempt"] {
        assert_eq!(origin(&with(task().to_pairs(), name, "?".into())), None);
    }
}

#[test]
fn each_missing_header_is_named() {
    let pairs = task().to_pairs();
    for (name, _) in &pairs {
        if matches!(*name, "results" | "holder") {
            continue;
        }
        let rest: Vec<_> = pairs.iter().filter(|(k, _)| k != name).cloned().collect();
        assert_eq!(read(&rest), Err(RecordError::Missing(name)));
    }
}

#[test]
fn a_doubled_header_is_refused() {
    let mut pairs = task().to_pairs();
    pairs.push(("tile", "4".into()));
    assert!(matches!(
        read(&pairs),
        Err(RecordError::Invalid { name: "tile", .. })
    ));
}

#[test]
fn a_region_outside_the_image_is_refused() {
    let mut bad = task();
    bad.region = Region::new(90, 0, 40, 30);
    assert!(matches!(
        read(&bad.to_pairs()),
        Err(RecordError::Invalid { name: "region", .. })
    ));
}

#[test]
fn a_value_of_another_length_is_refused() {
    assert!(task().check_value(&[0; 40 * 30 * 3]).is_ok());
    assert!(task().check_value(&[0; 40 * 30 * 3 - 1]).is_err());
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        any::<u64>().prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        "[0-9]{1,9},[0-9]{1,10},[0-9]{1,10},[0-9]{1,10}",
        "[a-z0-9.-]{0,300}",
        Just(u64::MAX.to_string()),
        Just("NaN".to_owned()),
        Just("ö".repeat(3000)),
    ]
}

proptest! {
    /// Whatever single value is put in the place of a good one: what is read is within bounds, and goes out as it came.
    #[test]
    fn whatever_is_read_of_a_record_is_within_bounds(at in any::<prop::sample::Index>(), value in hostile()) {
        let mut pairs = result().to_pairs();
        let at_result = at.index(pairs.len());
        pairs[at_result].1.clone_from(&value);
        if let Ok(read) = read_result(&pairs) {
            prop_assert!(i64::try_from(read.micros).is_ok() && read.micros <= MAX_MICROS);
            prop_assert!((1..=bounds::MAX_ATTEMPT).contains(&read.attempt));
            prop_assert!((1..=MAX_ID_BYTES).contains(&read.worker.len()));
            prop_assert!(read.error.as_ref().is_none_or(|error| error.len() <= MAX_ERROR_BYTES));
            prop_assert_eq!(read_result(&read.to_pairs()), Ok(read));
        }
        let mut pairs = task().to_pairs();
        let at_task = at.index(pairs.len());
        pairs[at_task].1 = value;
        if let Ok(task) = read(&pairs) {
            prop_assert!(task.recipe.len() <= MAX_RECIPE_BYTES);
            prop_assert!(task.region.is_within(task.image));
            prop_assert!(task.results.as_deref().is_none_or(bounds::is_topic));
            prop_assert!(task.holder.as_deref().is_none_or(bounds::is_id));
            prop_assert_eq!(read(&task.to_pairs()), Ok(task));
        }
        let _ = origin(&pairs);
    }
}
