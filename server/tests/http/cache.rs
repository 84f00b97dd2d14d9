//! Results of earlier jobs that answer others at once.

use crate::support::images::png;
use crate::support::{Running, error_of, start};
use azulejo_protocol::{Job, JobId, JobStatus, TileState};
use reqwest::Response;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

fn form(file: &[u8], recipe: &str) -> Form {
    Form::new()
        .part("file", Part::bytes(file.to_vec()).file_name("b.png"))
        .text("transformation", recipe.to_owned())
}

async fn send(server: &Running, form: Form) -> Response {
    let request = server.client.post(format!("{}/process", server.url));
    request.multipart(form).send().await.unwrap()
}

async fn id_of(response: Response) -> String {
    assert_eq!(response.status(), 200);
    let accepted: Value = response.json().await.unwrap();
    accepted["job_id"].as_str().unwrap().to_owned()
}

async fn job(server: &Running, id: &str) -> Job {
    server.get(&format!("/job/{id}")).await.json().await.unwrap()
}

async fn cached_from(server: &Running, form: Form) -> Option<JobId> {
    let id = id_of(send(server, form).await).await;
    job(server, &id).await.cached_from
}

async fn bytes(server: &Running, path: &str) -> Vec<u8> {
    let response = server.get(path).await;
    assert_eq!(response.status(), 200, "{path}");
    response.bytes().await.unwrap().to_vec()
}

async fn finished(server: &Running, file: &[u8], recipe: &str) -> String {
    let id = id_of(send(server, form(file, recipe)).await).await;
    assert_eq!(server.finished(&id).await.status, JobStatus::Completed);
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_image_recipe_and_format_are_answered_at_once_whatever_becomes_of_the_first_job() {
    let server = start(&["--result-cache", "own", "--tile-size", "256"]).await;
    let worker = server.worker();
    server.until_ready().await;
    let file = png(1100, 1050);
    let first = finished(&server, &file, "blur:sigma=2|invert").await;
    let result = bytes(&server, &format!("/download/{first}")).await;
    let mosaic = bytes(&server, &format!("/job/{first}/mosaic.png")).await;
    drop(worker);

    // Nobody renders any more. The recipe is the same in other words, the file has another name.
    let response = send(&server, form(&file, "blur:sigma=2 | invert")).await;
    let accepted: Value = response.json().await.unwrap();
    assert_eq!(accepted["status"], "completed");
    let second = accepted["job_id"].as_str().unwrap().to_owned();
    let told = job(&server, &second).await;
    assert_eq!(told.cached_from.unwrap().to_string(), first);
    assert_eq!(told.result_filename, "b-blur-invert.png");
    assert_eq!(told.output_bytes, Some(result.len() as u64));
    assert_eq!(
        (told.progress.completed, told.progress.pending),
        (told.total_tiles, 0)
    );
    assert!(told.completed_at.is_some());
    assert_eq!(told.tiles.0, format!("{}d", told.total_tiles));
    let tile: Value = server.json(&format!("/job/{second}/tile/3")).await;
    assert_eq!(tile["state"], serde_json::to_value(TileState::Done).unwrap());
    let page = server.page(&format!("/job/{second}")).await.text().await.unwrap();
    assert!(
        page.contains(&format!("/job/{first}")),
        "the page says whose result it is"
    );

    let deleted = server.client.delete(format!("{}/job/{first}", server.url));
    assert_eq!(deleted.send().await.unwrap().status(), 204);
    assert!(bytes(&server, &format!("/download/{second}")).await == result);
    assert!(bytes(&server, &format!("/job/{second}/mosaic.png")).await == mosaic);
    assert!(bytes(&server, &format!("/job/{second}/original")).await == file);

    // It answers others, also for a job without an upload and after a restart.
    let server = server
        .restarted(&["--result-cache", "own", "--tile-size", "256"])
        .await;
    let request = server.client.post(format!("{}/job/{second}/again", server.url));
    let again = Form::new().text("transformation", "blur:sigma=2|invert");
    let third = id_of(request.multipart(again).send().await.unwrap()).await;
    assert_eq!(
        job(&server, &third).await.cached_from.unwrap().to_string(),
        second
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_is_rendered_and_so_is_what_is_wanted_fresh() {
    let server = start(&["--result-cache", "own"]).await;
    let _worker = server.worker();
    server.until_ready().await;
    let file = png(1024, 1024);
    let first = finished(&server, &file, "invert").await;
    assert_eq!(
        cached_from(&server, form(&file, "invert"))
            .await
            .unwrap()
            .to_string(),
        first
    );
    assert_eq!(cached_from(&server, form(&file, "sharpen")).await, None);
    assert_eq!(cached_from(&server, form(&png(1025, 1024), "invert")).await, None);
    assert_eq!(
        cached_from(&server, form(&file, "invert").text("format", "tiff")).await,
        None
    );
    assert_eq!(
        cached_from(&server, form(&file, "invert").text("cache", "off")).await,
        None
    );
    let (status, code, _) = error_of(send(&server, form(&file, "invert").text("cache", "no")).await).await;
    assert_eq!((status, code.as_str()), (400, "bad_form"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_was_changed_or_is_gone_answers_nobody() {
    let server = start(&["--result-cache", "own"]).await;
    let _worker = server.worker();
    server.until_ready().await;
    let file = png(1024, 1024);
    let result = |id: &str| {
        server
            .folder
            .path()
            .join("server/jobs")
            .join(id)
            .join("result.png")
    };
    let first = finished(&server, &file, "invert").await;
    let mut whole = std::fs::read(result(&first)).unwrap();
    whole[100] ^= 1;
    std::fs::write(result(&first), &whole).unwrap();
    assert_eq!(cached_from(&server, form(&file, "invert")).await, None, "changed");
    let second = finished(&server, &file, "grayscale").await;
    std::fs::remove_file(result(&second)).unwrap();
    assert_eq!(cached_from(&server, form(&file, "grayscale")).await, None, "gone");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_setting_turns_it_off() {
    let server = start(&["--result-cache", "off"]).await;
    let _worker = server.worker();
    server.until_ready().await;
    let file = png(1024, 1024);
    finished(&server, &file, "invert").await;
    assert_eq!(cached_from(&server, form(&file, "invert")).await, None);
    server.stop().await;
}
