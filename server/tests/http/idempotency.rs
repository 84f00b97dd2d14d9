//! `Idempotency-Key`: a request that is sent again starts no second job.

use crate::support::images::png;
use crate::support::{Running, error_of, start};
use reqwest::multipart::{Form, Part};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;

fn submission(server: &Running, key: &str, file: &[u8], recipe: &str) -> RequestBuilder {
    let file = Part::bytes(file.to_vec()).file_name("coast.png");
    let form = Form::new()
        .part("file", file)
        .text("transformation", recipe.to_owned());
    let request = server.client.post(format!("{}/process", server.url));
    request.header("idempotency-key", key).multipart(form)
}

async fn answer(response: Response) -> Value {
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

async fn jobs(server: &Running) -> usize {
    server.json("/jobs").await.as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_and_body_give_the_same_answer_also_after_a_restart_and_a_deletion() {
    let server = start(&[]).await;
    let file = png(1100, 1050);
    let first = answer(
        submission(&server, "\"k1\"", &file, "invert")
            .send()
            .await
            .unwrap(),
    )
    .await;
    let second = answer(
        submission(&server, "\"k1\"", &file, "invert")
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(first, second);
    assert_eq!(jobs(&server).await, 1);
    let other = answer(
        submission(&server, "\"k2\"", &file, "invert")
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_ne!(first["job_id"], other["job_id"]);

    let server = server.restarted(&[]).await;
    let third = answer(submission(&server, "k1", &file, "invert").send().await.unwrap()).await;
    assert_eq!(first, third, "after a restart, and without quotes");
    assert_eq!(jobs(&server).await, 2);

    let id = first["job_id"].as_str().unwrap();
    let job = format!("{}/job/{id}", server.url);
    server.client.post(format!("{job}/cancel")).send().await.unwrap();
    assert_eq!(server.client.delete(job).send().await.unwrap().status(), 204);
    let fourth = answer(submission(&server, "k1", &file, "invert").send().await.unwrap()).await;
    assert_eq!(first, fourth, "the job is gone, and none takes its place");
    assert_eq!(jobs(&server).await, 1);
    assert_eq!(server.files("uploads"), Vec::<std::path::PathBuf>::new());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_for_another_file_recipe_or_name_is_refused() {
    let server = start(&[]).await;
    let file = png(1024, 1024);
    answer(submission(&server, "k", &file, "invert").send().await.unwrap()).await;
    let mut changed = png(1025, 1024);
    for (file, recipe) in [(&file, "grayscale"), (&changed, "invert")] {
        let (status, code, detail) =
            error_of(submission(&server, "k", file, recipe).send().await.unwrap()).await;
        assert_eq!(
            (status, code.as_str()),
            (422, "idempotency_key_reused"),
            "{detail}"
        );
    }
    let form = Form::new()
        .part("file", Part::bytes(file.clone()).file_name("other.png"))
        .text("transformation", "invert");
    let request = server.client.post(format!("{}/process", server.url));
    let renamed = request.header("idempotency-key", "k").multipart(form);
    assert_eq!(error_of(renamed.send().await.unwrap()).await.0, 422);

    // Nothing was started by what is refused, so its key is free for what is meant.
    changed.truncate(500);
    let refused = submission(&server, "cut", &changed, "invert")
        .send()
        .await
        .unwrap();
    assert_eq!(error_of(refused).await.1, "image_damaged");
    answer(submission(&server, "cut", &file, "invert").send().await.unwrap()).await;
    assert_eq!(jobs(&server).await, 2);
    for key in ["", "\"open", "a b", &"k".repeat(256)] {
        let (status, code, _) =
            error_of(submission(&server, key, &file, "invert").send().await.unwrap()).await;
        assert_eq!((status, code.as_str()), (400, "bad_header"), "{key}");
    }
    assert_eq!(server.files("uploads"), Vec::<std::path::PathBuf>::new());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_requests_at_the_same_time_one_starts_the_job() {
    let server = start(&[]).await;
    let file = png(1024, 1024);
    // The first one's file does not end before the second was answered.
    let (go_on, wait) = tokio::sync::oneshot::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel::<()>();
    let (start_of_file, end_of_file) = (file[..1000].to_vec(), file[1000..].to_vec());
    let body = futures::stream::unfold(
        (0, Some((start_of_file, end_of_file, begun, wait))),
        |(step, parts)| async move {
            let (head, tail, begun, wait) = parts?;
            if step == 0 {
                return Some((
                    Ok::<_, std::io::Error>(head),
                    (1, Some((Vec::new(), tail, begun, wait))),
                ));
            }
            begun.send(()).ok();
            wait.await.ok();
            Some((Ok(tail), (2, None)))
        },
    );
    let form = Form::new().text("transformation", "invert").part(
        "file",
        Part::stream(reqwest::Body::wrap_stream(body)).file_name("coast.png"),
    );
    let request = server.client.post(format!("{}/process", server.url));
    let slow = tokio::spawn(request.header("idempotency-key", "k").multipart(form).send());
    has_begun.await.unwrap();
    // The first chunk is on its way: asked until the server has seen it.
    let in_flight = async {
        loop {
            let form = Form::new().text("transformation", "invert");
            let request = server.client.post(format!("{}/process", server.url));
            let response = request
                .header("idempotency-key", "k")
                .multipart(form)
                .send()
                .await
                .unwrap();
            let (status, code, _) = error_of(response).await;
            if status == 409 {
                return code;
            }
            assert_eq!(code, "missing_field", "the form without a file came first");
        }
    };
    let code = tokio::time::timeout(std::time::Duration::from_secs(20), in_flight).await;
    assert_eq!(code.unwrap(), "idempotency_in_flight");
    go_on.send(()).unwrap();
    let first = answer(slow.await.unwrap().unwrap()).await;
    let second = answer(submission(&server, "k", &file, "invert").send().await.unwrap()).await;
    assert_eq!(first, second);
    assert_eq!(jobs(&server).await, 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_on_an_earlier_image_is_started_once_too_and_a_key_is_forgotten_in_time() {
    let server = start(&[]).await;
    let earlier = answer(
        submission(&server, "k0", &png(1024, 1024), "invert")
            .send()
            .await
            .unwrap(),
    )
    .await;
    let id = earlier["job_id"].as_str().unwrap().to_owned();
    let first = answer(again(&server, &id, "transformation=sharpen").await).await;
    let second = answer(again(&server, &id, "format=&transformation=sharpen").await).await;
    assert_eq!(first, second);
    let other = again(&server, &id, "transformation=sharpen&format=tiff").await;
    assert_eq!(error_of(other).await.1, "idempotency_key_reused");
    assert_eq!(jobs(&server).await, 2);

    let server = server.restarted(&["--idempotency-expiry", "1"]).await;
    let forgotten = async {
        while answer(again(&server, &id, "transformation=sharpen").await).await == first {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let limit = std::time::Duration::from_secs(20);
    tokio::time::timeout(limit, forgotten).await.unwrap();
    assert_eq!(jobs(&server).await, 3);
    server.stop().await;
}

async fn again(server: &Running, id: &str, form: &'static str) -> Response {
    let request = server.client.post(format!("{}/job/{id}/again", server.url));
    request
        .header("idempotency-key", "k")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .unwrap()
}
