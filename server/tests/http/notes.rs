//! What of an image is left out, and what its result has no room for, is said by its job and on its page.

use crate::support::images::{png, two_pages};
use crate::support::{Running, start};
use azulejo_protocol::{Job, JobStatus};
use reqwest::multipart::{Form, Part};
use serde_json::Value;

const SETTINGS: &[&str] = &["--result-cache", "own"];

async fn send(server: &Running, file: Vec<u8>, format: &str) -> String {
    let form = Form::new()
        .part("file", Part::bytes(file).file_name("scan.tif"))
        .text("transformation", "invert")
        .text("format", format.to_owned());
    let request = server.client.post(format!("{}/process", server.url));
    let response = request.multipart(form).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let accepted: Value = response.json().await.unwrap();
    accepted["job_id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_and_its_page_say_what_is_left_out_also_after_a_restart_and_of_a_result_that_was_there() {
    let server = start(SETTINGS).await;
    let worker = server.worker();
    server.until_ready().await;
    let (plain, file) = (png(1024, 1024), two_pages(1024, 1040));
    let without = send(&server, plain, "png").await;
    assert_eq!(server.finished(&without).await.notes, Vec::<String>::new());

    let first = send(&server, file.clone(), "png").await;
    let job = server.finished(&first).await;
    assert_eq!(job.status, JobStatus::Completed, "{:?}", job.error);
    let [pages, no_data] = job.notes.as_slice() else {
        panic!("{:?}", job.notes)
    };
    assert!(pages.contains("2 pages"), "{pages}");
    assert!(no_data.contains("no data"), "{no_data}");
    drop(worker);

    let cached = send(&server, file, "png").await;
    let server = server.restarted(SETTINGS).await;
    for id in [&first, &cached] {
        let told: Job = server.get(&format!("/job/{id}")).await.json().await.unwrap();
        assert_eq!(told.notes, job.notes);
        let page = server.page(&format!("/job/{id}")).await.text().await.unwrap();
        assert!(page.contains("2 pages") && page.contains("stands for no data"));
    }
    let list: Vec<Job> = server.get("/jobs").await.json().await.unwrap();
    assert_eq!(list.iter().filter(|told| told.notes == job.notes).count(), 2);
    server.stop().await;
}
