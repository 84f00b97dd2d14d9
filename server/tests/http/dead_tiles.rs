//! Tiles that were given up: the list, the replay, the report.

use crate::support::images::png;
use crate::support::{Running, error_of, start};
use azulejo_imaging::{PixelFormat, Raster, Recipe, Region, Size, render};
use azulejo_protocol::dead::{DeadTile, Replayed};
use azulejo_protocol::{Job, JobStatus, TileReport, TileState};
use reqwest::Response;

async fn submit(server: &Running, file: &[u8], name: &str, recipe: &str) -> String {
    let response = server.process(file, name, recipe).await;
    assert_eq!(response.status(), 200);
    let accepted: serde_json::Value = response.json().await.unwrap();
    accepted["job_id"].as_str().unwrap().to_owned()
}

async fn post(server: &Running, path: &str) -> Response {
    let request = server.client.post(format!("{}{path}", server.url));
    request.send().await.unwrap()
}

async fn list(server: &Running, query: &str) -> Vec<DeadTile> {
    let response = server.get(&format!("/dead-tiles{query}")).await;
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

/// The pixels of [`png`].
fn pixels(file: &[u8]) -> Raster {
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    Raster::from_bytes(Size::new(info.width, info.height), PixelFormat::RGB8, pixels).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_tile_is_listed_reported_rendered_elsewhere_and_replayed() {
    let server = start(&["--tile-size", "256"]).await;
    let worker = server.faulty_worker(|task| (task.tile == 7).then(|| "poison: 100%".to_owned()));
    server.until_ready().await;
    let (file, text) = (png(1100, 1050), "blur:sigma=2|rotate_90");
    let id = submit(&server, &file, "coast.png", text).await;
    let job = server.finished(&id).await;
    assert_eq!((job.status, job.progress.failed), (JobStatus::Failed, 1));

    let dead = list(&server, "").await;
    assert_eq!(dead.len(), 1);
    let DeadTile {
        job_id,
        tile,
        attempt,
        error,
        transformation,
        ..
    } = &dead[0];
    assert_eq!((job_id.to_string(), *tile, *attempt), (id.clone(), 7, 3));
    assert_eq!(
        (error.as_deref(), transformation.as_str()),
        (Some("poison: 100%"), text)
    );
    assert_eq!(
        list(&server, "?error=100%25&recipe=rotate&status=failed&search=coast").await,
        dead
    );
    for other in [
        "?error=1_0",
        "?recipe=sharpen",
        "?status=cancelled",
        "?search=other",
        "?offset=1",
    ] {
        assert_eq!(list(&server, other).await, [], "{other}");
    }

    // What the worker got, from the uploaded file: the scratch is gone.
    let response = server.get(&format!("/job/{id}/tile/7/report")).await;
    assert_eq!(response.status(), 200);
    let named = response.headers()["content-disposition"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        named,
        format!("attachment; filename=\"{}-7.tile\"", &id[id.len() - 8..])
    );
    let report = TileReport::from_bytes(&response.bytes().await.unwrap()).unwrap();
    assert_eq!((report.state, report.attempts), (TileState::Dead, 3));
    assert_eq!(report.error.as_deref(), Some("poison: 100%"));
    assert_eq!(report.worker.as_deref(), Some("test-worker"));
    let image = pixels(&file);
    assert!(report.pixels == image.crop(report.task.region).unwrap().into_bytes());
    let made = report.task.render(report.pixels).outcome.unwrap();
    let recipe: Recipe = text.parse().unwrap();
    let Size { width, height } = image.size();
    let all = Region::new(0, 0, width, height);
    let whole = Region::new(0, 0, height, width);
    let result = render(&recipe, image.size(), all, &image, whole).unwrap();
    let wanted = result.crop(report.task.output).unwrap();
    assert_eq!(made.format, wanted.format());
    assert!(made.value == wanted.bytes(), "the bytes that a worker gives");

    for (path, status, code) in [
        (format!("/job/{id}/tile/6/replay"), 409, "tile_not_dead"),
        (format!("/job/{id}/tile/99/replay"), 404, "tile_not_found"),
        (format!("/job/{id}/tile/x/replay"), 404, "tile_not_found"),
        ("/job/x/replay".to_owned(), 404, "job_not_found"),
        (
            "/job/01a20544-b985-730f-82a6-b84d915d4169/replay".to_owned(),
            404,
            "job_not_found",
        ),
        ("/dead-tiles/replay?status=lost".to_owned(), 422, "bad_query"),
    ] {
        let (is, named, detail) = error_of(post(&server, &path).await).await;
        assert_eq!((is, named.as_str()), (status, code), "{path}: {detail}");
    }

    drop(worker);
    let _worker = server.worker();
    let response = post(&server, &format!("/job/{id}/tile/7/replay")).await;
    assert_eq!(response.status(), 200);
    let going_on: Job = response.json().await.unwrap();
    assert_eq!(going_on.status, JobStatus::Processing);
    let job = server.finished(&id).await;
    assert_eq!(job.status, JobStatus::Completed, "{:?}", job.error);
    assert_eq!(list(&server, "").await, []);
    let response = server.get(&format!("/download/{id}")).await;
    assert!(pixels(&response.bytes().await.unwrap()) == result);
    let replayed: serde_json::Value = server.json(&format!("/job/{id}/tile/7")).await;
    assert_eq!(
        (replayed["state"].as_str(), replayed["attempt"].as_u64()),
        (Some("done"), Some(1))
    );
    let (status, code, _) = error_of(post(&server, &format!("/job/{id}/replay")).await).await;
    assert_eq!((status, code.as_str()), (409, "no_dead_tiles"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_dead_tile_gets_its_attempts_anew() {
    let server = start(&["--tile-size", "256"]).await;
    // Tile 3 fails once and is not given up: a replay does not give that try back.
    let worker = server.faulty_worker(|task| match task.tile {
        3 if task.attempt == 1 => Some("a hiccup".to_owned()),
        7 => Some("poison".to_owned()),
        _ => None,
    });
    server.until_ready().await;
    let id = submit(&server, &png(1024, 1024), "a.png", "invert").await;
    assert_eq!(server.finished(&id).await.status, JobStatus::Failed);
    drop(worker);
    let _worker = server.worker();
    assert_eq!(post(&server, &format!("/job/{id}/replay")).await.status(), 200);
    assert_eq!(server.finished(&id).await.status, JobStatus::Completed);
    let attempt = async |tile: u32| server.json(&format!("/job/{id}/tile/{tile}")).await["attempt"].clone();
    assert_eq!(attempt(7).await, 1);
    assert!(attempt(3).await.as_u64().unwrap() >= 2, "it counts on");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_tiles_of_all_jobs_that_match_are_replayed_and_what_cannot_be_is_said() {
    let server = start(&["--tile-size", "256"]).await;
    let worker = server.faulty_worker(|task| {
        (task.tile == 2 && task.recipe != "grayscale").then(|| format!("no {}", task.recipe))
    });
    server.until_ready().await;
    let file = png(1024, 1024);
    let mut ids = Vec::new();
    for recipe in ["invert", "sharpen", "invert", "grayscale"] {
        ids.push(submit(&server, &file, "a.png", recipe).await);
    }
    for id in &ids {
        server.finished(id).await;
    }
    assert_eq!(list(&server, "").await.len(), 3);
    assert_eq!(list(&server, "?limit=2").await.len(), 2);
    let original = server
        .folder
        .path()
        .join("server/jobs")
        .join(&ids[2])
        .join("original");
    std::fs::remove_file(original).unwrap();
    let (status, code, _) = error_of(server.get(&format!("/job/{}/tile/2/report", ids[2])).await).await;
    assert_eq!((status, code.as_str()), (410, "original_gone"));

    drop(worker);
    let _worker = server.worker();
    let response = post(&server, "/dead-tiles/replay?recipe=invert").await;
    assert_eq!(response.status(), 200);
    let replayed: Replayed = response.json().await.unwrap();
    let went_on: Vec<String> = replayed.jobs.iter().map(ToString::to_string).collect();
    assert_eq!(went_on, ids[..1]);
    assert_eq!(replayed.refused.len(), 1);
    let refused = &replayed.refused[0];
    assert_eq!(
        (refused.job_id.to_string(), refused.code.as_str()),
        (ids[2].clone(), "upload_gone")
    );
    assert!(!replayed.more);
    assert_eq!(server.finished(&ids[0]).await.status, JobStatus::Completed);
    let left = list(&server, "?recipe=sharpen").await;
    assert_eq!(left.len(), 1, "it did not match");
    assert_eq!(
        post(&server, "/dead-tiles/replay?error=no+sharpen")
            .await
            .status(),
        200
    );
    assert_eq!(server.finished(&ids[1]).await.status, JobStatus::Completed);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_without_javascript_and_its_function_replay_too() {
    let server = start(&["--tile-size", "256"]).await;
    let worker = server.faulty_worker(|task| (task.tile == 7).then(|| "poison".to_owned()));
    server.until_ready().await;
    let id = submit(&server, &png(1024, 1024), "a.png", "invert").await;
    assert_eq!(server.finished(&id).await.status, JobStatus::Failed);
    let page = server.page(&format!("/job/{id}")).await.text().await.unwrap();
    assert!(page.contains("Replay this tile"), "{page}");
    assert!(page.contains(&format!("/job/{id}/tile/7/report")), "{page}");
    drop(worker);
    let _worker = server.worker();
    let sent_on = post_form(&server, "replay_tiles", &format!("/job/{id}"), format!("id={id}")).await;
    assert_eq!(sent_on, 302);
    assert_eq!(server.finished(&id).await.status, JobStatus::Completed);
    let page = server.page(&format!("/job/{id}")).await.text().await.unwrap();
    assert!(!page.contains("Replay this tile"));
    server.stop().await;
}

/// As a browser posts a form without JavaScript.
async fn post_form(server: &Running, function: &str, page: &str, body: String) -> u16 {
    let request = server.client.post(format!("{}/api/{function}", server.url));
    let request = request
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "text/html,*/*;q=0.8")
        .header("referer", format!("{}{page}", server.url))
        .body(body);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_jobs_replays_all_that_match() {
    let server = start(&["--tile-size", "256"]).await;
    let worker = server.faulty_worker(|task| (task.tile == 7).then(|| "poison".to_owned()));
    server.until_ready().await;
    let mut ids = Vec::new();
    for name in ["a.png", "coast.png", "coast-2.png"] {
        let id = submit(&server, &png(1024, 1024), name, "invert").await;
        assert_eq!(server.finished(&id).await.status, JobStatus::Failed);
        ids.push(id);
    }
    let offer = "Replay all dead tiles that match";
    let page = server.page("/jobs?search=coast&status=failed").await;
    let page = page.text().await.unwrap();
    let (_, form) = page.split_once("replay_all_tiles").unwrap();
    let form = form.split_once("</form>").unwrap().0;
    assert!(form.contains(offer), "{form}");
    for field in [
        "name=\"search\" value=\"coast\"",
        "name=\"status\" value=\"failed\"",
    ] {
        assert!(form.contains(field), "{field}: {form}");
    }
    for empty in ["/jobs?status=completed", "/jobs?search=nothing"] {
        let page = server.page(empty).await.text().await.unwrap();
        assert!(!page.contains(offer), "{empty}: {page}");
    }
    drop(worker);
    let _worker = server.worker();
    let body = "search=coast&status=failed".to_owned();
    let status = post_form(
        &server,
        "replay_all_tiles",
        "/jobs?search=coast&status=failed",
        body,
    )
    .await;
    assert_eq!(status, 302);
    for id in &ids[1..] {
        assert_eq!(server.finished(id).await.status, JobStatus::Completed);
    }
    assert_eq!(
        server.finished(&ids[0]).await.status,
        JobStatus::Failed,
        "it did not match"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_the_original_is_not_offered_when_it_has_expired() {
    let server = start(&["--tile-size", "256"]).await;
    let _worker =
        server.faulty_worker(|task| (task.tile == 7 && task.recipe == "invert").then(|| "poison".to_owned()));
    server.until_ready().await;
    let failed = submit(&server, &png(1024, 1024), "a.png", "invert").await;
    assert_eq!(server.finished(&failed).await.status, JobStatus::Failed);
    let completed = submit(&server, &png(1024, 1024), "a.png", "sharpen").await;
    assert_eq!(server.finished(&completed).await.status, JobStatus::Completed);
    let job_page = async |id: &str| server.page(&format!("/job/{id}")).await.text().await.unwrap();
    let of_failed = [
        "Change the recipe",
        ">Retry<",
        "Replay this tile",
        "/tile/7/report",
    ];
    let of_completed = ["Change the recipe", "Compare"];
    let offered = async |is_offered: bool| {
        let pages = [
            (job_page(&failed).await, &of_failed[..]),
            (job_page(&completed).await, &of_completed),
        ];
        for (page, offers) in pages {
            for offer in offers {
                assert_eq!(page.contains(offer), is_offered, "{offer}: {page}");
            }
            assert_eq!(page.contains("original deleted"), !is_offered);
            assert!(page.contains("Use this recipe") && page.contains("Delete"));
        }
        let jobs = server.page("/jobs").await.text().await.unwrap();
        assert_eq!(jobs.contains("Replay all dead tiles"), is_offered);
        let studio = server
            .page(&format!("/?job={completed}"))
            .await
            .text()
            .await
            .unwrap();
        assert_eq!(studio.contains("deleted because of its age"), !is_offered);
    };
    offered(true).await;
    // As days later: nobody waits for them.
    let database = server.folder.path().join("server/azulejo.sqlite");
    let database = rusqlite::Connection::open(database).unwrap();
    assert_eq!(
        database.execute("UPDATE jobs SET original_gone = 1", []).unwrap(),
        2
    );
    let told: Job = server.get(&format!("/job/{failed}")).await.json().await.unwrap();
    assert!(told.original_gone);
    offered(false).await;
    server.stop().await;
}
