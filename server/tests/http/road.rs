//! One image from upload to download, as a client sees it, and the live streams meanwhile.

use std::time::Duration;

use crate::support::images::png;
use crate::support::{Running, error_of, start};
use azulejo_protocol::{JobStatus, LiveEvent, Topics};
use azulejo_transport::KafkaSettings;
use futures::StreamExt;
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Reads live events until `enough` says so.
async fn events_until(
    server: &Running,
    path: &str,
    mut enough: impl FnMut(&LiveEvent) -> bool,
) -> Vec<LiveEvent> {
    let response = server.get(path).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert!(response.headers().get("content-encoding").is_none());
    let mut stream = response.bytes_stream();
    let (mut events, mut text) = (Vec::new(), String::new());
    let read = async {
        while let Some(chunk) = stream.next().await {
            text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
            while let Some((event, rest)) = text.split_once("\n\n") {
                let data = event
                    .lines()
                    .find_map(|line| line.strip_prefix("data: "))
                    .map(str::to_owned);
                text = rest.to_owned();
                if let Some(data) = data {
                    let event: LiveEvent = serde_json::from_str(&data).unwrap();
                    let done = enough(&event);
                    events.push(event);
                    if done {
                        return;
                    }
                }
            }
        }
        panic!("the stream ended after {events:?}");
    };
    tokio::time::timeout(Duration::from_secs(60), read)
        .await
        .expect("the events do not come");
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_goes_in_and_its_result_comes_out() {
    let server = start(&[]).await;
    let _worker = server.worker();
    server.until_ready().await;
    let accepted = server
        .process(&png(1100, 1050), "Zoë \"1\".png", "rotate_90")
        .await;
    assert_eq!(accepted.status(), 200);
    let accepted: Value = accepted.json().await.unwrap();
    let mut keys: Vec<_> = accepted.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    assert_eq!(keys, ["job_id", "status", "total_tiles", "transformation"]);
    assert_eq!(
        (&accepted["status"], &accepted["total_tiles"]),
        (&"processing".into(), &9.into())
    );
    let id = accepted["job_id"].as_str().unwrap().to_owned();

    let watching = format!("/events?job={id}");
    let events = events_until(
        &server,
        &watching,
        |event| matches!(event, LiveEvent::Job { job } if job.status.is_final()),
    )
    .await;
    assert!(matches!(events[0], LiveEvent::Health { .. }));
    assert!(matches!(events[1], LiveEvent::Workers { .. }));
    assert!(
        matches!(&events[2], LiveEvent::Job { job } if job.job_id.to_string() == id && !job.stages.is_empty())
    );

    let job = server.finished(&id).await;
    assert_eq!(job.status, JobStatus::Completed, "{:?}", job.error);
    let progress = server.json(&format!("/job/{id}/progress")).await;
    assert_eq!(
        progress,
        serde_json::json!({"total": 9, "pending": 0, "completed": 9, "failed": 0})
    );
    assert_eq!(server.files("uploads"), Vec::<std::path::PathBuf>::new());

    let path = format!("/download/{id}");
    let response = server.get(&path).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "image/png");
    assert_eq!(response.headers()["accept-ranges"], "bytes");
    let disposition = response.headers()["content-disposition"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        disposition.starts_with("attachment; filename=\"Zo"),
        "{disposition}"
    );
    assert!(disposition.contains("filename*=UTF-8''Zo%C3%AB"), "{disposition}");
    let whole = response.bytes().await.unwrap();
    assert_eq!(Some(whole.len() as u64), job.output_bytes);
    let reader = png::Decoder::new(std::io::Cursor::new(&whole[..]))
        .read_info()
        .unwrap();
    assert_eq!((reader.info().width, reader.info().height), (1050, 1100));

    let ranged = |range: &str| {
        server
            .client
            .get(format!("{}{path}", server.url))
            .header("range", range.to_owned())
            .send()
    };
    let part = ranged("bytes=10-19").await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(
        part.headers()["content-range"].to_str().unwrap(),
        format!("bytes 10-19/{}", whole.len())
    );
    assert_eq!(part.bytes().await.unwrap(), whole[10..20]);
    let (status, code, _) = error_of(ranged("bytes=999999999-").await.unwrap()).await;
    assert_eq!((status, code.as_str()), (416, "bad_range"));

    let shown = server.get(&format!("/job/{id}/result")).await;
    assert!(
        shown.headers()["content-disposition"]
            .to_str()
            .unwrap()
            .starts_with("inline")
    );
    let mosaic = server
        .get(&format!("/job/{id}/mosaic.png?v={}", job.mosaic_version))
        .await;
    assert_eq!(mosaic.headers()["content-type"], "image/png");
    assert!(
        mosaic.headers()["cache-control"]
            .to_str()
            .unwrap()
            .contains("immutable")
    );
    let old = server.get(&format!("/job/{id}/mosaic.png?v=1000000")).await;
    assert_eq!(old.headers()["cache-control"], "no-cache");
    let tile = server.json(&format!("/job/{id}/tile/8")).await;
    assert_eq!(
        (&tile["state"], &tile["worker_id"]),
        (&"done".into(), &"test-worker".into())
    );

    let page = server.page(&format!("/job/{id}")).await;
    assert_eq!(page.status(), 200);
    assert!(
        page.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    let listed = server.json("/jobs?status=completed&search=Zo").await;
    assert_eq!(listed[0]["job_id"], id.as_str());

    let gone = server
        .client
        .delete(format!("{}/job/{id}", server.url))
        .send()
        .await
        .unwrap();
    assert_eq!(gone.status(), 204);
    assert_eq!(server.get(&path).await.status(), 404);
    assert_eq!(server.files("jobs"), Vec::<std::path::PathBuf>::new());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_javascript_is_sent_on_to_its_job_or_told_why_not() {
    let server = start(&[]).await;
    let send = |file: Vec<u8>| {
        let file = reqwest::multipart::Part::bytes(file).file_name("x.png");
        let form = reqwest::multipart::Form::new()
            .part("file", file)
            .text("transformation", "grayscale");
        server
            .client
            .post(format!("{}/process", server.url))
            .header("accept", "text/html")
            .header("origin", server.url.clone())
            .multipart(form)
            .send()
    };
    let sent_on = send(png(1024, 1024)).await.unwrap();
    assert_eq!(sent_on.status(), 303);
    let location = sent_on.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(server.page(&location).await.status(), 200);
    let id = location.strip_prefix("/job/").unwrap();
    let (status, code, _) = error_of(server.get(&format!("/download/{id}")).await).await;
    assert_eq!((status, code.as_str()), (409, "job_not_completed"));

    let refused = send(b"<b>no image</b>".to_vec()).await.unwrap();
    assert_eq!(refused.status(), 415);
    assert!(
        refused.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    assert!(refused.text().await.unwrap().contains("<h1>"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_of_all_tells_of_new_and_deleted_jobs() {
    let server = start(&[]).await;
    let all = events_until(&server, "/events", |event| {
        matches!(event, LiveEvent::Workers { .. })
    });
    assert_eq!(
        all.await.len(),
        2,
        "health and workers are the whole state of an idle server"
    );

    let (watching, told) = (Notify::new(), Notify::new());
    let watch = events_until(&server, "/events", |event| {
        match event {
            LiveEvent::Job { .. } => told.notify_one(),
            _ => watching.notify_one(),
        }
        matches!(event, LiveEvent::JobGone { .. })
    });
    let act = async {
        watching.notified().await;
        let accepted: Value = server
            .process(&png(1024, 1024), "x.png", "grayscale")
            .await
            .json()
            .await
            .unwrap();
        let id = accepted["job_id"].as_str().unwrap().to_owned();
        // Only once the job was told of: a job that comes and goes at once is nothing but gone.
        told.notified().await;
        let url = format!("{}/job/{id}", server.url);
        assert_eq!(
            server
                .client
                .post(format!("{url}/cancel"))
                .send()
                .await
                .unwrap()
                .status(),
            200
        );
        assert_eq!(server.client.delete(url).send().await.unwrap().status(), 204);
    };
    let (events, ()) = tokio::join!(watch, act);
    let job = events.iter().find_map(|event| match event {
        LiveEvent::Job { job } => Some(job),
        _ => None,
    });
    assert!(job.is_some_and(|job| job.stages.is_empty()), "{events:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_originals_socket_tells_of_workers_progress_and_the_end() {
    let server = start(&[]).await;
    let _worker = server.worker();
    server.until_ready().await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let request = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    let accepted: Value = server
        .process(&png(1024, 1024), "x.png", "grayscale")
        .await
        .json()
        .await
        .unwrap();
    let id = accepted["job_id"].as_str().unwrap().to_owned();
    let mut heard = Vec::new();
    let end = format!("\"result_path\":\"/download/{id}\"");
    let read = async {
        let mut buffer = [0; 4096];
        loop {
            let count = socket.read(&mut buffer).await.unwrap();
            assert_ne!(count, 0, "the socket was closed");
            heard.extend_from_slice(&buffer[..count]);
            if String::from_utf8_lossy(&heard).contains(&end) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), read)
        .await
        .expect("the end is not told");
    let heard = String::from_utf8_lossy(&heard);
    for message in [
        "HTTP/1.1 101",
        "{\"type\":\"workers\",\"workers\":[{\"worker_id\":\"test-worker\"",
        &format!("{{\"type\":\"progress\",\"job_id\":\"{id}\",\"progress\":{{\"total\":4,"),
        &format!("{{\"type\":\"completed\",\"job_id\":\"{id}\""),
    ] {
        assert!(heard.contains(message), "{message} is not in {heard}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_done_with_are_deleted() {
    let server = start(&[]).await;
    let _worker = server.worker();
    server.until_ready().await;
    let accepted = server.process(&png(1100, 1050), "x.png", "rotate_90").await;
    let accepted: Value = accepted.json().await.unwrap();
    let job = server.finished(accepted["job_id"].as_str().unwrap()).await;
    assert_eq!(job.status, JobStatus::Completed, "{:?}", job.error);
    let kafka = KafkaSettings::new(server.kafka.clone());
    let results = server.results.clone();
    let left = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = kafka.client("test").create().unwrap();
        let tasks = Topics::default().tasks;
        let begin = std::time::Instant::now();
        loop {
            let left: i64 = [(&tasks, 12), (&results, 4)]
                .iter()
                .flat_map(|(topic, partitions)| (0..*partitions).map(move |partition| (topic, partition)))
                .map(|(topic, partition)| {
                    let (low, high) = consumer
                        .fetch_watermarks(topic, partition, Duration::from_secs(10))
                        .unwrap();
                    high - low
                })
                .sum();
            if left == 0 || begin.elapsed() > Duration::from_secs(60) {
                return left;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    assert_eq!(left.await.unwrap(), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn open_streams_do_not_hold_up_the_end() {
    let server = start(&[]).await;
    let mut events = server.get("/events").await.bytes_stream();
    assert!(events.next().await.is_some());
    let begin = std::time::Instant::now();
    server.stop().await;
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    while let Some(rest) = events.next().await {
        drop(rest);
    }
}
