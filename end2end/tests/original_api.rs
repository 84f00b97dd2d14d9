//! The original Python system's API: every request that its documentation names gives the answer that it names, with the same fields
//! first. `docs/coming-from-the-python-system.md` promises it. Everything is asked three times: as the original's clients do, who know no
//! keys; with a key that the server does not know, where it asks nobody for one and passes over it; and with a key of its own where
//! it does ask. There, what comes without one is refused with 401.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use azulejo_end2end::process::{command, must_succeed};
use azulejo_end2end::{Client, Cluster, ClusterOptions, images};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Fields of the original's rows, in its order.
const JOB: [&str; 7] = [
    "job_id",
    "original_filename",
    "total_tiles",
    "transformation",
    "status",
    "created_at",
    "completed_at",
];
const WORKER: [&str; 5] = [
    "worker_id",
    "last_heartbeat",
    "tasks_processed",
    "current_task",
    "status",
];
const WORKER_STATUS: [&str; 8] = [
    "worker_id",
    "status",
    "tasks_processed",
    "current_task",
    "timestamp",
    "uptime",
    "avg_processing_time",
    "tasks_per_minute",
];

/// A client of the original: it knows nothing but these requests, and perhaps a key.
struct Original {
    url: String,
    key: Option<String>,
    http: reqwest::Client,
}

impl Original {
    async fn ask(&self, method: Method, path: &str, form: Option<Form>) -> Result<Response> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        if let Some(form) = form {
            request = request.multipart(form);
        }
        Ok(request.send().await?)
    }

    /// The body of an answer that is well.
    async fn get(&self, path: &str) -> Result<String> {
        let response = self.ask(Method::GET, path, None).await?;
        ensure!(
            response.status() == StatusCode::OK,
            "{path}: {}",
            response.status()
        );
        Ok(response.text().await?)
    }

    async fn process(&self, file: &[u8], recipe: &str) -> Result<Response> {
        let form = Form::new()
            .part("file", Part::bytes(file.to_vec()).file_name("coast.png"))
            .text("transformation", recipe.to_owned());
        self.ask(Method::POST, "/process", Some(form)).await
    }
}

/// Whether `fields` are the first of the JSON object that `text` has, or that its list begins with.
fn begins_with(text: &str, fields: &[&str]) -> Result<Value> {
    let value: Value = serde_json::from_str(text)?;
    let object = value.get(0).unwrap_or(&value);
    ensure!(object.is_object(), "no object: {text}");
    let mut from = 0;
    for field in fields {
        ensure!(object.get(field).is_some(), "no {field} in {text}");
        let name = format!("\"{field}\":");
        let at = text.find(&name).with_context(|| format!("no {name}"))?;

        ensure!(from <= at, "{field} comes too early in {text}");
        from = at;
    }
    let first = format!("\"{}\":", fields.first().context("no field")?);
    let opening = text.trim_start_matches(['[', '{']);
    ensure!(opening.starts_with(&first), "{first} is not the first of {text}");
    Ok(object.clone())
}

/// An answer that is an error of the original: `{"detail": ...}`.
async fn refused(response: Response, status: u16) -> Result<()> {
    ensure!(
        response.status() == status,
        "{} is not {status}",
        response.status()
    );
    let text = response.text().await?;
    let error = begins_with(&text, &["detail"])?;
    ensure!(error["detail"].is_string(), "{text}");
    Ok(())
}

/// Opens `/ws`.
async fn opened(address: &str, key: Option<&str>) -> Result<TcpStream> {
    let mut socket = TcpStream::connect(address).await?;
    let key = key
        .map(|key| format!("Authorization: Bearer {key}\r\n"))
        .unwrap_or_default();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n{key}\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await?;
    Ok(socket)
}

async fn read_until(socket: &mut TcpStream, end: &str) -> Result<String> {
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    let read = async {
        while !String::from_utf8_lossy(&heard).contains(end) {
            let count = socket.read(&mut buffer).await?;
            ensure!(count > 0, "the socket was closed");
            heard.extend_from_slice(&buffer[..count]);
        }
        Ok(())
    };
    let ended = tokio::time::timeout(Duration::from_secs(60), read).await;
    let heard = String::from_utf8_lossy(&heard).into_owned();
    ended.with_context(|| format!("no {end} in {heard}"))??;
    Ok(heard)
}

async fn everything(cluster: &Cluster, key: Option<&str>) -> Result<()> {
    let url = cluster.url();
    let address = url.trim_start_matches("http://").to_owned();
    let original = Original {
        url,
        key: key.map(str::to_owned),
        http: reqwest::Client::new(),
    };
    let mut socket = opened(&address, key).await?;

    // POST /process, its five transformations and those of its siblings.
    let file = images::png(&images::photo(1030, 1024, 5))?;
    let mut ids = Vec::new();
    for recipe in [
        "grayscale",
        "blur",
        "edge_detection",
        "sharpen",
        "rotate_90",
        "contrast",
        "brightness_increase",
    ] {
        let response = original.process(&file, recipe).await?;
        ensure!(
            response.status() == StatusCode::OK,
            "{recipe}: {}",
            response.status()
        );
        let text = response.text().await?;
        let accepted = begins_with(&text, &["job_id", "total_tiles", "transformation", "status"])?;
        ensure!(accepted["total_tiles"] == 6, "{text}");
        ensure!(accepted["status"] == "processing", "{text}");
        ids.push(accepted["job_id"].as_str().context("an id")?.to_owned());
    }
    let id = ids.first().context("a job")?.clone();

    // GET /job/ID/progress until it is done.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let text = original.get(&format!("/job/{id}/progress")).await?;
        let progress = begins_with(&text, &["total", "pending", "completed", "failed"])?;
        ensure!(progress["total"] == 6, "{text}");
        if progress["completed"] == 6 {
            break;
        }
        ensure!(tokio::time::Instant::now() < deadline, "not done: {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    // The messages of /ws: workers, progress, completed.
    let end = format!("{{\"type\":\"completed\",\"job_id\":\"{id}\",\"result_path\":\"");
    let said = read_until(&mut socket, &end).await?;
    for message in [
        "HTTP/1.1 101",
        "{\"type\":\"workers\",\"workers\":[{\"worker_id\":\"",
        "{\"type\":\"progress\",\"job_id\":\"",
    ] {
        ensure!(said.contains(message), "{message} is not in {said}");
    }

    // GET /job/ID and GET /jobs.
    let job = begins_with(&original.get(&format!("/job/{id}")).await?, &JOB)?;
    ensure!(job["original_filename"] == "coast.png" && job["transformation"] == "grayscale");
    let newest = begins_with(&original.get("/jobs").await?, &JOB)?;
    ensure!(
        ids.iter().any(|id| newest["job_id"] == **id),
        "the newest is another's"
    );

    // GET /download/ID.
    let response = original
        .ask(Method::GET, &format!("/download/{id}"), None)
        .await?;
    ensure!(response.status() == StatusCode::OK, "{}", response.status());
    ensure!(response.headers()["content-type"] == "image/png");
    ensure!(
        response.headers()["content-disposition"]
            .to_str()?
            .starts_with("attachment")
    );
    let result = images::decode(&response.bytes().await?)?;
    ensure!((result.width, result.height) == (1030, 1024));

    // GET /workers, GET /health, and a worker's GET /status.
    begins_with(&original.get("/workers").await?, &WORKER)?;
    let health = begins_with(&original.get("/health").await?, &["status", "kafka_connected"])?;
    ensure!(
        health["status"] == "healthy" && health["kafka_connected"] == true,
        "{health}"
    );
    let (_, worker) = cluster.workers[0]
        .ready()
        .split_once(' ')
        .context("a worker's ready line has its address")?;
    let worker = Original {
        url: worker.trim_end_matches('/').to_owned(),
        key: key.map(str::to_owned),
        http: reqwest::Client::new(),
    };
    begins_with(&worker.get("/status").await?, &WORKER_STATUS)?;

    // GET /docs and GET /redoc, FastAPI's pages, and the description that they show.
    for page in ["/docs", "/redoc"] {
        let html = original.get(page).await?;
        ensure!(html.starts_with("<!DOCTYPE html>"), "{page}: {html}");
    }
    let description: Value = serde_json::from_str(&original.get("/openapi.json").await?)?;
    for path in [
        "/process",
        "/jobs",
        "/job/{id}",
        "/job/{id}/progress",
        "/download/{id}",
        "/workers",
        "/health",
        "/ws",
    ] {
        ensure!(description["paths"][path].is_object(), "{path} is not described");
    }

    // What it refused, it refuses.
    let nobody = "00000000-0000-0000-0000-000000000000";
    for path in [
        format!("/job/{nobody}"),
        format!("/job/{nobody}/progress"),
        format!("/download/{nobody}"),
    ] {
        refused(original.ask(Method::GET, &path, None).await?, 404).await?;
    }
    let small = images::png(&images::photo(100, 100, 5))?;
    refused(original.process(&small, "grayscale").await?, 422).await?;
    refused(original.process(&file, "no such thing").await?, 422).await?;
    refused(original.process(b"no image", "grayscale").await?, 415).await?;
    let empty = Form::new().text("transformation", "grayscale");
    refused(original.ask(Method::POST, "/process", Some(empty)).await?, 422).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_of_the_original_is_answered_as_it_was() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions {
        workers: 1,
        ..ClusterOptions::default()
    })
    .await?;
    everything(&cluster, None).await?;
    everything(&cluster, Some("azk_of_another_server")).await
}

/// An answer to whoever shows no key: what it is about does not matter.
async fn asks_for_a_key(cluster: &Cluster) -> Result<()> {
    let url = cluster.url();
    let address = url.trim_start_matches("http://").to_owned();
    let nobody = Original {
        url,
        key: None,
        http: reqwest::Client::new(),
    };
    let file = images::png(&images::photo(1030, 1024, 5))?;
    let answer = nobody.process(&file, "grayscale").await?;
    ensure!(answer.headers().contains_key("www-authenticate"));
    refused(answer, 401).await?;
    let id = "00000000-0000-0000-0000-000000000000";
    for path in [
        "/jobs".to_owned(),
        format!("/job/{id}"),
        format!("/job/{id}/progress"),
        format!("/download/{id}"),
        "/workers".to_owned(),
        "/health".to_owned(),
    ] {
        let answer = nobody.ask(Method::GET, &path, None).await?;
        refused(answer, 401).await.context(path)?;
    }
    let said = read_until(&mut opened(&address, None).await?, "\r\n").await?;
    ensure!(said.starts_with("HTTP/1.1 401 "), "/ws: {said}");
    // How to ask is told to everybody.
    for page in ["/docs", "/redoc", "/openapi.json"] {
        nobody.get(page).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_keys_are_asked_for_a_key_gets_the_same_answers() -> Result<()> {
    let mut cluster = Cluster::prepare(ClusterOptions {
        workers: 1,
        server_arguments: vec!["--auth".to_owned()],
        ..ClusterOptions::default()
    })?;
    std::fs::create_dir(cluster.path("server"))?;
    let shown = must_succeed(
        command("azulejo")?
            .args(["keys", "add", "--role", "submit", "--name", "original"])
            .args(["--data-dir", &cluster.path("server")]),
    )?;
    let key = shown.trim_end();
    cluster.start_broker()?;
    cluster.start_server()?;
    cluster.start_worker()?;
    Client::with_key(&cluster.url(), key)?.wait_until_ready(1).await?;
    asks_for_a_key(&cluster).await?;
    everything(&cluster, Some(key)).await
}
