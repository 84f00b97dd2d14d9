//! Limits on how many requests one caller may send.

use crate::support::images::png;
use crate::support::{error_of, start};

fn header<'a>(response: &'a reqwest::Response, name: &str) -> Vec<&'a str> {
    response
        .headers()
        .get_all(name)
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_the_rate_are_told_when_to_come_again() {
    let server = start(&["--request-rate", "1", "--request-burst", "3"]).await;
    let first = server.get("/recipes").await;
    assert_eq!(first.status(), 200);
    assert_eq!(header(&first, "ratelimit-policy"), ["\"requests\";q=3;w=3"]);
    assert_eq!(header(&first, "ratelimit"), ["\"requests\";r=2;t=1"]);
    let mut refused = None;
    for _ in 0..5 {
        let response = server.get("/jobs").await;
        if response.status() == 429 {
            refused = Some(response);
            break;
        }
    }
    let refused = refused.expect("none of six requests was one too many");
    let wait: u64 = header(&refused, "retry-after")[0].parse().unwrap();
    assert_eq!(wait, 1);
    assert!(header(&refused, "ratelimit")[0].starts_with("\"requests\";r=0;"));
    let (_, code, detail) = error_of(refused).await;
    assert_eq!(code, "too_many_requests");
    assert!(detail.contains("AZULEJO_REQUEST_RATE"), "{detail}");
    // Whoever asks whether the server lives is always answered.
    for _ in 0..5 {
        assert_eq!(server.get("/live").await.status(), 200);
    }
    tokio::time::sleep(std::time::Duration::from_secs(wait)).await;
    assert_eq!(
        server.get("/recipes").await.status(),
        200,
        "after the time that was told"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn submissions_have_a_limit_of_their_own() {
    let server = start(&["--submission-rate", "1", "--submission-burst", "2"]).await;
    let image = png(1100, 1050);
    for left in [1, 0] {
        let response = server.process(&image, "a.png", "grayscale").await;
        assert!(response.status().is_success());
        assert_eq!(
            header(&response, "ratelimit"),
            [format!("\"submissions\";r={left};t={}", 120 - 60 * left)]
        );
    }
    let refused = server.process(&image, "a.png", "grayscale").await;
    let wait: u64 = header(&refused, "retry-after")[0].parse().unwrap();
    assert!((50..=60).contains(&wait), "{wait}");
    assert_eq!(error_of(refused).await.1, "too_many_requests");
    assert!(server.files("uploads").is_empty());
    // Everything else goes on.
    assert_eq!(server.get("/jobs").await.status(), 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_loopback_without_keys_nobody_is_limited() {
    let server = start(&[]).await;
    for _ in 0..300 {
        let response = server.get("/recipes").await;
        assert!(response.status() == 200 && header(&response, "ratelimit").is_empty());
    }
    server.stop().await;
}
