use proptest::prelude::*;

use super::*;

fn beat() -> Heartbeat {
    Heartbeat {
        worker_id: "w1".into(),
        status: WorkerState::Idle,
        tasks_processed: 7,
        current_task: None,
        timestamp: Timestamp::UNIX_EPOCH,
        uptime: 10.0,
        avg_processing_time: 0.5,
        tasks_per_minute: 3.0,
        slots: 2,
        busy: 1,
        tasks_failed: 0,
        partitions: vec![0, 1],
        memory_bytes: 1,
        interval: 5.0,
        host: "kiln".into(),
        version: "0.1.0".into(),
        instance: "i".into(),
        versions: vec![1, 2],
        alone: None,
        trouble: None,
    }
}

#[test]
fn an_ordinary_heartbeat_stays_as_it_is() {
    let json = serde_json::to_vec(&beat()).unwrap();
    assert_eq!(Heartbeat::from_json(&json).unwrap(), beat());
}

#[test]
fn a_heartbeat_of_the_first_version_reads_records_of_version_1_alone() {
    let json = br#"{"worker_id":"w1","status":"idle","tasks_processed":18,"current_task":null,
        "timestamp":"2026-11-22T22:16:19Z","uptime":1.0,"avg_processing_time":0.1,"tasks_per_minute":0.0}"#;
    let beat = Heartbeat::from_json(json).unwrap();
    assert!(beat.reads(1) && !beat.reads(2));
    assert_eq!((beat.slots, beat.interval), (1, 5.0));
    assert!(super::tests::beat().reads(2) && !super::tests::beat().reads(3));
}

#[test]
fn a_heartbeat_without_a_usable_id_or_end_is_refused() {
    for id in ["", "a\nb", &"x".repeat(129)] {
        let json = serde_json::to_vec(&Heartbeat {
            worker_id: id.to_owned(),
            ..beat()
        })
        .unwrap();
        assert!(
            matches!(Heartbeat::from_json(&json), Err(HeartbeatError::Id(_))),
            "{id}"
        );
    }
    let long = vec![b' '; MAX_HEARTBEAT_BYTES + 1];
    assert!(matches!(
        Heartbeat::from_json(&long),
        Err(HeartbeatError::TooLarge(_))
    ));
    assert!(matches!(
        Heartbeat::from_json(b"{\"uptime\":-1}"),
        Err(HeartbeatError::Json(_))
    ));
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(-1.0),
        Just(f64::MAX)
    ]
}

fn counter() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), Just(u64::MAX), Just(i64::MAX as u64 + 1)]
}

proptest! {
    #[test]
    fn whatever_a_worker_says_is_within_bounds(
        numbers in proptest::array::uniform4(number()),
        counters in proptest::array::uniform3(counter()),
        (slots, busy) in any::<(u32, u32)>(),
        partitions in prop_oneof![
            proptest::collection::vec(any::<i32>(), 0..50),
            Just(vec![-1; 3]),
            Just((0..20_000).collect()),
        ],
        text in prop_oneof![any::<String>(), Just("ö".repeat(500))],
    ) {
        let [uptime, avg_processing_time, tasks_per_minute, interval] = numbers;
        let [tasks_processed, tasks_failed, memory_bytes] = counters;
        let said = Heartbeat {
            uptime, avg_processing_time, tasks_per_minute, interval,
            tasks_processed, tasks_failed, memory_bytes,
            slots, busy, partitions,
            current_task: Some(text.clone()), host: text.clone(), version: text.clone(), instance: text.clone(),
            alone: Some(text.clone()), trouble: Some(text.clone()),
            versions: vec![u32::MAX; 100],
            ..beat()
        };
        let heard = said.bounded().unwrap();
        for number in [heard.uptime, heard.avg_processing_time, heard.tasks_per_minute] {
            prop_assert!((0.0..=1e12).contains(&number));
        }
        prop_assert!((0.1..=600.0).contains(&heard.interval));
        for counter in [heard.tasks_processed, heard.tasks_failed, heard.memory_bytes] {
            prop_assert!(i64::try_from(counter).is_ok());
        }
        prop_assert!((1..=MAX_SLOTS).contains(&heard.slots) && heard.busy <= heard.slots);
        prop_assert!(heard.partitions.len() <= MAX_PARTITIONS && heard.partitions.iter().all(|p| *p >= 0));
        prop_assert!(heard.versions.len() <= MAX_VERSIONS);
        for text in [&heard.host, &heard.version, &heard.instance] {
            prop_assert!(text.len() <= MAX_TEXT_BYTES);
        }
        for text in [&heard.current_task, &heard.alone, &heard.trouble] {
            prop_assert!(text.as_ref().is_some_and(|text| text.len() <= MAX_TEXT_BYTES));
        }
        // What was brought within bounds can be told on.
        let json = serde_json::to_vec(&heard).unwrap();
        prop_assert_eq!(Heartbeat::from_json(&json).unwrap().partitions, heard.partitions);
    }

    #[test]
    fn no_bytes_at_all_upset_the_reader(json in any::<Vec<u8>>()) {
        let _ = Heartbeat::from_json(&json);
    }
}
