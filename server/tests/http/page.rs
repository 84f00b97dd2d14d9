//! A job on one page of a file, chosen in a form, in an upload in pieces, or on the image of an earlier job.

use crate::support::images::{png, two_pages};
use crate::support::{Running, error_of, start};
use azulejo_imaging::file::{Decoder, Limits};
use azulejo_protocol::{Job, JobStatus};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Response;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

const SETTINGS: &[&str] = &["--result-cache", "own"];

/// Rows of the two pages; the second, which is the larger, is the image where none is chosen.
const ROWS: [u32; 2] = [1024, 1040];

async fn process(server: &Running, file: &[u8], page: &str) -> Response {
    let form = Form::new()
        .part("file", Part::bytes(file.to_owned()).file_name("scan.tif"))
        .text("transformation", "invert")
        .text("page", page.to_owned());
    let request = server.client.post(format!("{}/process", server.url));
    request.multipart(form).send().await.unwrap()
}

async fn again(server: &Running, id: &str, page: &str) -> Response {
    let request = server.client.post(format!("{}/job/{id}/again", server.url));
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("transformation=flip_vertical&page={page}"))
        .send()
        .await
        .unwrap()
}

async fn job(server: &Running, response: Response) -> Job {
    assert_eq!(response.status(), 200);
    let accepted: Value = response.json().await.unwrap();
    let job = server.finished(accepted["job_id"].as_str().unwrap()).await;
    assert_eq!(job.status, JobStatus::Completed, "{:?}", job.error);
    job
}

/// Rows and first sample of the result, which is a TIFF of one value.
async fn result(server: &Running, job: &Job) -> (u32, u8) {
    let response = server.get(&format!("/download/{}", job.job_id)).await;
    let bytes = response.bytes().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("result.tif");
    std::fs::write(&path, &bytes).unwrap();
    let mut decoder = Decoder::open(&path, &Limits::default()).unwrap();
    let mut rows = Vec::new();
    decoder.next_rows(&mut rows).unwrap();
    (decoder.info().size().height, rows[0])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_on_the_page_that_was_chosen_and_no_result_of_another_page_answers_it() {
    let server = start(SETTINGS).await;
    let _worker = server.worker();
    server.until_ready().await;
    let file = two_pages(1024, ROWS[1]);
    let largest = job(&server, process(&server, &file, "").await).await;
    assert_eq!(
        (largest.page, result(&server, &largest).await),
        (None, (ROWS[1], 0))
    );
    let first = job(&server, process(&server, &file, "1").await).await;
    assert_eq!(
        (first.page, first.cached_from, first.input_size.height),
        (Some(1), None, ROWS[0])
    );
    assert_eq!(result(&server, &first).await, (ROWS[0], 255));
    let repeated = job(&server, process(&server, &file, " 1 ").await).await;
    assert_eq!(
        (repeated.page, repeated.cached_from),
        (Some(1), Some(first.job_id))
    );

    // On the image of an earlier job: its page unless another is named.
    let id = first.job_id.to_string();
    let same = job(&server, again(&server, &id, "").await).await;
    assert_eq!((same.page, result(&server, &same).await), (Some(1), (ROWS[0], 0)));
    let other = job(&server, again(&server, &id, "2").await).await;
    assert_eq!(
        (other.page, result(&server, &other).await),
        (Some(2), (ROWS[1], 255))
    );

    // What is asked of the job is told by its page, too.
    let page = server.page(&format!("/job/{id}")).await.text().await.unwrap();
    assert!(page.contains("page 1"), "{page}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_in_pieces_names_its_page() {
    let server = start(SETTINGS).await;
    let _worker = server.worker();
    server.until_ready().await;
    let file = two_pages(1024, ROWS[1]);
    let create = |page: &str| {
        let pair = |key: &str, value: &str| format!("{key} {}", STANDARD.encode(value));
        let metadata = [pair("transformation", "invert"), pair("page", page)].join(",");
        let request = server.client.post(format!("{}/files", server.url));
        request
            .header("tus-resumable", "1.0.0")
            .header("upload-length", file.len())
            .header("upload-metadata", metadata)
            .header("content-type", "application/offset+octet-stream")
            .body(file.clone())
            .send()
    };
    let created = create("1").await.unwrap();
    assert_eq!(created.status(), 201);
    let id = created.headers()["azulejo-job-id"].to_str().unwrap().to_owned();
    let job = server.finished(&id).await;
    assert_eq!((job.page, result(&server, &job).await), (Some(1), (ROWS[0], 255)));
    let uploads = server.files("uploads");
    for page in ["3", "0"] {
        let (status, code, detail) = error_of(create(page).await.unwrap()).await;
        assert_eq!((status, code.as_str()), (422, "no_such_page"), "{detail}");
    }
    // Nothing but what is remembered of the upload that became a job.
    assert_eq!(server.files("uploads"), uploads);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_not_there_is_refused_and_leaves_nothing() {
    let server = start(&[]).await;
    let file = two_pages(1024, ROWS[1]);
    for (file, page, says) in [
        (&file, "3", "2 pages"),
        (&file, "0", "'0'"),
        (&file, "last", "'last'"),
        (&png(1024, 1024), "2", "1 page"),
    ] {
        let (status, code, detail) = error_of(process(&server, file, page).await).await;
        assert_eq!((status, code.as_str()), (422, "no_such_page"), "{page}");
        assert!(detail.contains(says), "{detail}");
    }
    assert_eq!(server.json("/jobs").await, serde_json::json!([]));
    assert_eq!(server.files("uploads"), Vec::<std::path::PathBuf>::new());
    server.stop().await;
}

/// What the pages send by themselves is a server function, whose page is a number already.
#[tokio::test(flavor = "multi_thread")]
async fn the_pages_choose_a_page_by_server_functions() {
    let server = start(SETTINGS).await;
    let file = two_pages(1024, ROWS[1]);
    let call = |name: &str, body: String| {
        let request = server.client.post(format!("{}/api/{name}", server.url));
        request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
    };
    let created = server
        .client
        .post(format!("{}/files", server.url))
        .header("tus-resumable", "1.0.0")
        .header("upload-length", file.len())
        .header("content-type", "application/offset+octet-stream")
        .body(file)
        .send()
        .await
        .unwrap();
    assert_eq!(created.status(), 201);
    let location = created.headers()["location"].to_str().unwrap();
    let upload = location.rsplit('/').next().unwrap().to_owned();
    let wrong = ["0", "3", "4294967295"];
    for page in wrong {
        let body = format!("upload={upload}&recipe=invert&page={page}");
        assert_eq!(call("process", body).await.unwrap().status(), 422, "{page}");
    }
    // The upload is still there.
    let body = format!("upload={upload}&recipe=invert&page=1");
    let first: Job = call("process", body).await.unwrap().json().await.unwrap();
    assert_eq!((first.page, first.input_size.height), (Some(1), ROWS[0]));
    let id = first.job_id;
    for page in wrong {
        let body = format!("id={id}&recipe=invert&page={page}");
        assert_eq!(call("run_again", body).await.unwrap().status(), 422, "{page}");
    }
    for (page, height) in [("", ROWS[0]), ("&page=2", ROWS[1])] {
        let body = format!("id={id}&recipe=flip_vertical{page}");
        let job: Job = call("run_again", body).await.unwrap().json().await.unwrap();
        assert_eq!(job.input_size.height, height, "{page}");
    }
    server.stop().await;
}
