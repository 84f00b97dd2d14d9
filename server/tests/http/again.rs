//! Another recipe on the original of an earlier job, without an upload.

use crate::support::images::png;
use crate::support::{Running, error_of, start};
use azulejo_protocol::JobStatus;
use reqwest::Response;
use serde_json::Value;

async fn again(server: &Running, id: &str, form: &[(&str, &str)]) -> Response {
    let mut encoded = url::form_urlencoded::Serializer::new(String::new());
    let request = server.client.post(format!("{}/job/{id}/again", server.url));
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(encoded.extend_pairs(form).finish())
        .send()
        .await
        .unwrap()
}

async fn id_of(response: Response) -> String {
    assert_eq!(response.status(), 200);
    let accepted: Value = response.json().await.unwrap();
    let mut keys: Vec<_> = accepted.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    assert_eq!(keys, ["job_id", "status", "total_tiles", "transformation"]);
    accepted["job_id"].as_str().unwrap().to_owned()
}

async fn result(server: &Running, id: &str) -> Vec<u8> {
    let job = server.finished(id).await;
    assert_eq!(job.status, JobStatus::Completed, "{:?}", job.error);
    let response = server.get(&format!("/download/{id}")).await;
    response.bytes().await.unwrap().to_vec()
}

async fn original(server: &Running, id: &str) -> Vec<u8> {
    let response = server.get(&format!("/job/{id}/original")).await;
    assert_eq!(response.status(), 200);
    response.bytes().await.unwrap().to_vec()
}

async fn delete(server: &Running, id: &str) {
    let request = server.client.delete(format!("{}/job/{id}", server.url));
    assert_eq!(request.send().await.unwrap().status(), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_an_upload_gives_the_bytes_of_one_with_it_whatever_is_deleted() {
    let server = start(&[]).await;
    let _worker = server.worker();
    server.until_ready().await;
    let file = png(1100, 1050);
    let first = id_of(server.process(&file, "coast.png", "rotate_90").await).await;
    // The original is there as soon as the job is accepted, and form and format are those of `/process`.
    let second = id_of(again(&server, &first, &[("transformation", "blur:sigma=2 | invert")]).await).await;
    let form = reqwest::multipart::Form::new()
        .text("format", "tiff")
        .text("transformation", "invert");
    let request = server.client.post(format!("{}/job/{second}/again", server.url));
    let third = id_of(request.multipart(form).send().await.unwrap()).await;

    let uploaded = id_of(server.process(&file, "coast.png", "blur:sigma=2|invert").await).await;
    let wanted = result(&server, &uploaded).await;
    assert_eq!(result(&server, &second).await, wanted);
    assert!(result(&server, &third).await.starts_with(b"II*\0"));
    let job = server.finished(&second).await;
    assert_eq!(
        (job.original_filename.as_str(), job.input_bytes),
        ("coast.png", file.len() as u64)
    );

    result(&server, &first).await;
    delete(&server, &first).await;
    assert_eq!(original(&server, &second).await, file);
    delete(&server, &third).await;
    assert_eq!(original(&server, &second).await, file);
    let fourth = id_of(again(&server, &second, &[("transformation", "blur:sigma=2|invert")]).await).await;
    delete(&server, &second).await;
    assert_eq!(result(&server, &fourth).await, wanted);
    assert_eq!(original(&server, &fourth).await, file);
    assert_eq!(server.files("uploads"), Vec::<std::path::PathBuf>::new());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_run_again_is_refused_and_leaves_nothing() {
    let server = start(&[]).await;
    let first = id_of(server.process(&png(1024, 1024), "x.png", "grayscale").await).await;
    let unknown = "01a20544-b985-730f-82a6-b84d915d4169";
    for (id, form, status, code) in [
        (
            unknown,
            &[("transformation", "grayscale")][..],
            404,
            "job_not_found",
        ),
        (
            "nonsense",
            &[("transformation", "grayscale")],
            404,
            "job_not_found",
        ),
        (&first, &[], 422, "missing_field"),
        (&first, &[("transformation", "sepia_tone")], 422, "unknown_recipe"),
        (
            &first,
            &[("transformation", "crop:x=5000,y=0,width=10,height=10")],
            422,
            "unsuitable_recipe",
        ),
        (
            &first,
            &[("transformation", "invert"), ("format", "psd")],
            422,
            "unknown_format",
        ),
        (
            &first,
            &[("transformation", "invert"), ("transformation", "invert")],
            400,
            "bad_form",
        ),
    ] {
        let (is, named, detail) = error_of(again(&server, id, form).await).await;
        assert_eq!((is, named.as_str()), (status, code), "{form:?}: {detail}");
    }
    let request = server.client.post(format!("{}/job/{first}/again", server.url));
    let (status, code, _) = error_of(request.json(&["invert"]).send().await.unwrap()).await;
    assert_eq!((status, code.as_str()), (415, "not_a_form"));
    let request = server.client.post(format!("{}/job/{first}/again", server.url));
    let foreign = request.header("origin", "http://evil.example");
    assert_eq!(error_of(foreign.send().await.unwrap()).await.0, 403);

    for file in server
        .files("jobs")
        .iter()
        .filter(|path| path.ends_with("original"))
    {
        std::fs::remove_file(file).unwrap();
    }
    let (status, code, _) = error_of(again(&server, &first, &[("transformation", "invert")]).await).await;
    assert_eq!((status, code.as_str()), (410, "original_gone"));
    assert_eq!(server.json("/jobs").await.as_array().unwrap().len(), 1);
    assert_eq!(server.files("uploads"), Vec::<std::path::PathBuf>::new());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_javascript_is_sent_on_to_the_new_job_or_told_why_not() {
    let server = start(&[]).await;
    let first = id_of(server.process(&png(1024, 1024), "x.png", "grayscale").await).await;
    let send = |path: String, form: &'static str| {
        let request = server.client.post(format!("{}{path}", server.url));
        request
            .header("accept", "text/html,*/*;q=0.8")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
    };
    let path = format!("/job/{first}/again");
    let sent_on = send(path.clone(), "transformation=rotate_90&format=")
        .await
        .unwrap();
    assert_eq!(sent_on.status(), 303);
    let location = sent_on.headers()["location"].to_str().unwrap().to_owned();
    assert_ne!(location, format!("/job/{first}"));
    assert_eq!(server.json(&location).await["transformation"], "rotate_90");
    let refused = send(path, "transformation=no_such").await.unwrap();
    assert_eq!(refused.status(), 422);
    assert!(refused.text().await.unwrap().contains("<h1>"));

    // The pages' own way to the same.
    let call = "/api/run_again".to_owned();
    let form = format!("id={first}&recipe=rotate_180");
    let request = server.client.post(format!("{}{call}", server.url));
    let answer = request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let job: Value = answer.json().await.unwrap();
    assert_eq!(job["transformation"], "rotate_180");
    server.stop().await;
}
