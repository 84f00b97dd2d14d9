//! What whoever looks after the process is told: a server whose Kafka is away lives and takes jobs; only one that stops does not.

use std::time::{Duration, Instant};

use crate::support::start;
use serde_json::Value;

/// Waits until `/health` is as `wanted` says.
async fn health(server: &crate::support::Running, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let health = server.json("/health").await;
        if wanted(&health) {
            return health;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{health}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_that_is_away_is_no_death_and_health_says_why() {
    let mut server = start(&[]).await;
    let well = health(&server, |health| health["kafka_connected"] == true).await;
    assert_eq!(well["kafka_error"], Value::Null);
    let roles: Vec<&str> = well["topics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|topic| topic["role"].as_str().unwrap())
        .collect();
    assert_eq!(
        roles,
        ["tasks", "results", "heartbeats", "dead-letters", "control"]
    );
    let number = |field: &str| well["disk"][field].as_u64().unwrap();
    assert!(number("free_bytes") > number("reserve_bytes") && number("promised_bytes") == 0);

    server.stop_broker();
    let away = health(&server, |health| health["kafka_connected"] == false).await;
    let reason = away["kafka_error"].as_str().unwrap();
    assert!(!reason.is_empty(), "{away}");
    for (path, status) in [("/live", "live"), ("/ready", "ready")] {
        let answer = server.get(path).await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["cache-control"]),
            (200, &"no-store".parse().unwrap())
        );
        assert_eq!(answer.json::<Value>().await.unwrap()["status"], status);
    }
    server.stop().await;
}
