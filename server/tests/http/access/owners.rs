//! What owners see of each other, and how much each may have.

use std::time::Duration;

use azulejo_access::{KeyFile, Role};
use futures::StreamExt;
use reqwest::Method;
use serde_json::Value;
use time::OffsetDateTime;

use super::callers::*;
use crate::support::images::png;
use crate::support::{Running, error_of};

/// What a live stream tells within a moment after something was done.
async fn told_meanwhile(server: &Running, key: &str, path: &str, doing: impl Future<Output = ()>) -> String {
    let answer = server
        .client
        .get(format!("{}{path}", server.url))
        .bearer_auth(key)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let mut stream = answer.bytes_stream();
    let mut text = Vec::new();
    text.extend_from_slice(&stream.next().await.unwrap().unwrap());
    let read = async {
        while let Some(Ok(chunk)) = stream.next().await {
            text.extend_from_slice(&chunk);
        }
    };
    // Changes are told a few times a second: what was not told after two seconds is not told.
    let done = async {
        doing.await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    };
    tokio::select! {
        () = read => panic!("the stream has ended"),
        () = done => {}
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn live_streams_and_lists_tell_of_ones_own_jobs_alone() {
    let server = start_with_auth(&[]).await;
    let folder = data(&server);
    let ann = key(&folder, "ann", "ann", Role::Submit);
    let bob = key(&folder, "bob", "bob", Role::Submit);
    let _worker = server.worker();
    for (key, sees) in [(&bob, false), (&ann, true)] {
        let id = std::sync::Mutex::new(String::new());
        let text = told_meanwhile(&server, key, "/events", async {
            let job = submit(&server, &ann, &format!("{ANNS}.png")).await;
            until_completed(&server, &ann, &job).await;
            // Of what changes faster than it is told only the end is told.
            tokio::time::sleep(Duration::from_secs(1)).await;
            let request = server
                .client
                .delete(format!("{}/job/{job}", server.url))
                .bearer_auth(&ann);
            assert_eq!(request.send().await.unwrap().status(), 204);
            *id.lock().unwrap() = job;
        })
        .await;
        let id = id.lock().unwrap().clone();
        assert_eq!(text.contains(ANNS), sees, "{text}");
        assert_eq!(text.contains(&id), sees, "{text}");
        assert_eq!(text.contains("job_gone"), sees, "{text}");
        assert!(text.contains("\"type\":\"workers\""), "{text}");
    }
    let job = submit(&server, &ann, &format!("{ANNS}.png")).await;
    let list = |key: String, path: &'static str| {
        let request = server
            .client
            .get(format!("{}{path}", server.url))
            .bearer_auth(key);
        async move { request.send().await.unwrap().text().await.unwrap() }
    };
    for path in ["/jobs", "/api/list_jobs", "/jobs?owner=ann", "/jobs?search=alone"] {
        assert!(list(ann.clone(), path).await.contains(&job), "{path}");
        assert!(!list(bob.clone(), path).await.contains(&job), "{path}");
    }
    let wrong = server
        .client
        .get(format!("{}/events?job={job}", server.url))
        .bearer_auth(&bob);
    assert_eq!(wrong.send().await.unwrap().status(), 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_key_is_revoked() {
    let server = start_with_auth(&[]).await;
    let folder = data(&server);
    let ann = key(&folder, "ann", "ann", Role::Read);
    let answer = server
        .client
        .get(format!("{}/events", server.url))
        .bearer_auth(&ann)
        .send()
        .await
        .unwrap();
    let mut stream = answer.bytes_stream();
    assert!(stream.next().await.unwrap().is_ok());
    KeyFile::revoke(&folder, "ann", OffsetDateTime::now_utc()).unwrap();
    // The next thing that would be told ends it: a beat at the latest.
    let ended = async { while let Some(Ok(_)) = stream.next().await {} };
    tokio::time::timeout(Duration::from_secs(20), ended)
        .await
        .expect("the stream goes on");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_are_visible_to_all_are_still_changed_by_their_owner_alone() {
    let server = start_with_auth(&["--jobs-visible", "all"]).await;
    let folder = data(&server);
    let ann = key(&folder, "ann", "ann", Role::Submit);
    let bob = key(&folder, "bob", "bob", Role::Submit);
    let job = submit(&server, &ann, "a.png").await;
    let of_bob = |method: Method, path: String| {
        server
            .client
            .request(method, format!("{}{path}", server.url))
            .bearer_auth(&bob)
            .send()
    };
    assert_eq!(
        of_bob(Method::GET, format!("/job/{job}")).await.unwrap().status(),
        200
    );
    for (method, path) in [
        (Method::POST, format!("/job/{job}/cancel")),
        (Method::POST, format!("/job/{job}/retry")),
        (Method::DELETE, format!("/job/{job}")),
    ] {
        let (status, code, _) = error_of(of_bob(method, path.clone()).await.unwrap()).await;
        assert_eq!((status, code.as_str()), (403, "not_yours"), "{path}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_has_as_many_jobs_and_bytes_as_the_quotas_say() {
    let image = png(1024, 1024);
    let bytes = (image.len() as u64 * 5 / 2).max(1 << 20).to_string();
    let server = start_with_auth(&["--quota-jobs", "1", "--quota-bytes-per-day", &bytes]).await;
    let folder = data(&server);
    let ann = key(&folder, "ann", "ann", Role::Submit);
    let bob = key(&folder, "bob", "bob", Role::Submit);
    let ask = async |key: &str| process(&server, key, "a.png").await;
    // Nobody works, so a job stays under way.
    let first: Value = ask(&ann).await.json().await.unwrap();
    let (status, code, detail) = error_of(ask(&ann).await).await;
    assert_eq!((status, code.as_str()), (429, "quota_exceeded"), "{detail}");
    assert!(detail.contains("AZULEJO_QUOTA_JOBS"), "{detail}");
    assert_eq!(ask(&bob).await.status(), 200);
    let job = first["job_id"].as_str().unwrap();
    let of_job = |method: Method, what: &str| {
        let request = server
            .client
            .request(method, format!("{}/job/{job}{what}", server.url));
        request.bearer_auth(&ann).send()
    };
    assert_eq!(of_job(Method::POST, "/cancel").await.unwrap().status(), 200);
    let mut sent = image.len() as u64;
    loop {
        let answer = ask(&ann).await;
        if answer.status() == 200 {
            sent += image.len() as u64;
            let second: Value = answer.json().await.unwrap();
            let (status, code, _) = error_of(of_job(Method::POST, "/retry").await.unwrap()).await;
            assert_eq!(
                (status, code.as_str()),
                (429, "quota_exceeded"),
                "another is under way"
            );
            let cancel = format!("{}/job/{}/cancel", server.url, second["job_id"].as_str().unwrap());
            assert_eq!(
                server
                    .client
                    .post(cancel)
                    .bearer_auth(&ann)
                    .send()
                    .await
                    .unwrap()
                    .status(),
                200
            );
            continue;
        }
        let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((23 * 3600..=25 * 3600).contains(&wait), "{wait}");
        let (status, code, detail) = error_of(answer).await;
        assert_eq!((status, code.as_str()), (429, "quota_exceeded"), "{detail}");
        assert!(detail.contains("AZULEJO_QUOTA_BYTES_PER_DAY"), "{detail}");
        break;
    }
    let most: u64 = bytes.parse().unwrap();
    assert!(
        sent <= most && sent + image.len() as u64 > most,
        "{sent} of {most}"
    );
    // Deleting gives nothing back.
    assert_eq!(of_job(Method::DELETE, "").await.unwrap().status(), 204);
    assert_eq!(ask(&ann).await.status(), 429);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_owner_leaves_places_for_the_uploads_of_others() {
    let server = start_with_auth(&[]).await;
    let folder = data(&server);
    let ann = key(&folder, "ann", "ann", Role::Submit);
    let bob = key(&folder, "bob", "bob", Role::Submit);
    for _ in 0..16 {
        upload(&server, &ann).await;
    }
    let request = server
        .client
        .post(format!("{}/files", server.url))
        .bearer_auth(&ann)
        .header("tus-resumable", "1.0.0")
        .header("upload-length", "1000");
    let (status, code, _) = error_of(request.send().await.unwrap()).await;
    assert_eq!((status, code.as_str()), (429, "too_many_uploads"));
    upload(&server, &bob).await;
    server.stop().await;
}
