//! A real server on a free port, on an embedded broker, with a worker of a few lines.
#![allow(dead_code, reason = "each test program uses its own part")]

pub mod images;
pub mod worker;

use std::path::PathBuf;
use std::time::Duration;

use azulejo_broker::{BrokerConfig, RunningBroker, start_on_free_port};
use azulejo_protocol::{Job, JobStatus, TaskHeader, Topics};
use azulejo_server::config::Arguments;
use azulejo_server::server::Server;
use clap::Parser;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use worker::Worker;

/// A server, its broker, and a client that speaks to it.
pub struct Running {
    pub url: String,
    pub address: std::net::SocketAddr,
    pub client: Client,
    pub kafka: String,
    pub results: String,
    pub folder: TempDir,
    shutdown: CancellationToken,
    serving: JoinHandle<anyhow::Result<()>>,
    broker: Option<RunningBroker>,
}

/// Starts a server with these flags beside the usual ones.
pub async fn start(flags: &[&str]) -> Running {
    let folder = TempDir::new().unwrap();
    let broker = start_on_free_port(BrokerConfig::new(folder.path().join("kafka"))).unwrap();
    let kafka = broker.address().to_string();
    serve(folder, kafka, Some(broker), flags).await
}

async fn serve(folder: TempDir, kafka: String, broker: Option<RunningBroker>, flags: &[&str]) -> Running {
    let data = folder.path().join("server").display().to_string();
    let site = folder.path().join("site");
    std::fs::create_dir_all(site.join("pkg")).unwrap();
    std::fs::create_dir_all(site.join("fonts")).unwrap();
    std::fs::write(site.join("pkg/azulejo.js"), "export default 1;").unwrap();
    std::fs::write(site.join("pkg/azulejo.js.br"), "pretend brotli").unwrap();
    std::fs::write(site.join("fonts/a.woff2"), "a font").unwrap();
    let site = site.display().to_string();
    let usual = [
        "azulejo-server",
        "--listen",
        "127.0.0.1:0",
        "--kafka",
        &kafka,
        "--data-dir",
        &data,
        "--site-root",
        &site,
    ];
    // Tests send the same few pictures again and again, and most want them rendered.
    let rendered: &[&str] = match flags.contains(&"--result-cache") {
        true => &[],
        false => &["--result-cache", "off"],
    };
    let arguments = Arguments::try_parse_from(usual.iter().chain(rendered).chain(flags)).unwrap();
    let config = arguments.check(std::iter::empty()).unwrap();
    let shutdown = CancellationToken::new();
    let server = Server::start(config, shutdown.clone()).await.unwrap();
    let address = server.address();
    let results = server.engine().results_topic().to_owned();
    let serving = tokio::spawn(server.run());
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    Running {
        url: format!("http://{address}"),
        address,
        client,
        kafka,
        results,
        folder,
        shutdown,
        serving,
        broker,
    }
}

impl Running {
    pub async fn get(&self, path: &str) -> Response {
        self.client
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .unwrap()
    }

    pub async fn page(&self, path: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.url));
        request
            .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .send()
            .await
            .unwrap()
    }

    pub async fn json(&self, path: &str) -> Value {
        self.get(path).await.json().await.unwrap()
    }

    pub async fn process(&self, file: &[u8], name: &str, recipe: &str) -> Response {
        let file = Part::bytes(file.to_vec()).file_name(name.to_owned());
        let form = Form::new()
            .part("file", file)
            .text("transformation", recipe.to_owned());
        self.client
            .post(format!("{}/process", self.url))
            .multipart(form)
            .send()
            .await
            .unwrap()
    }

    /// Starts a worker on this server's broker.
    pub fn worker(&self) -> Worker {
        Worker::start(&self.kafka, &Topics::default())
    }

    /// Starts a worker that answers a task with an error where `fault` says one.
    pub fn faulty_worker(&self, fault: impl Fn(&TaskHeader) -> Option<String> + Send + 'static) -> Worker {
        Worker::faulty(&self.kafka, &Topics::default(), fault)
    }

    /// Has a worker of that id say that it is there. It does nothing else.
    pub fn say_hello(&self, id: &str) {
        worker::say_hello(&self.kafka, &Topics::default(), id);
    }

    pub async fn until_ready(&self) {
        for _ in 0..300 {
            if self.json("/health").await["status"] == "healthy" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!(
            "the server is not healthy after 30 seconds: {}",
            self.json("/health").await
        );
    }

    /// Waits until the job has ended.
    pub async fn finished(&self, id: &str) -> Job {
        for _ in 0..600 {
            let job: Job = self.get(&format!("/job/{id}")).await.json().await.unwrap();
            if job.status != JobStatus::Processing {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!(
            "job {id} has not ended after 60 seconds: {}",
            self.json(&format!("/job/{id}")).await
        );
    }

    /// Every file under the folder `name` of the server's data.
    pub fn files(&self, name: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().join("server").join(name)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path)
                } else {
                    found.push(path)
                }
            }
        }
        found
    }

    /// Stops the server and waits for its end.
    pub async fn stop(self) {
        self.shutdown.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(20), self.serving).await;
        ended.expect("the server does not end").unwrap().unwrap();
        if let Some(broker) = self.broker {
            broker.stop();
        }
    }

    /// Stops the server and starts another on its folder and its broker, at another address.
    pub async fn restarted(self, flags: &[&str]) -> Self {
        self.shutdown.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(20), self.serving).await;
        ended.expect("the server does not end").unwrap().unwrap();
        serve(self.folder, self.kafka, self.broker, flags).await
    }

    /// Ends the broker; the server goes on without.
    pub fn stop_broker(&mut self) {
        if let Some(broker) = self.broker.take() {
            broker.stop();
        }
    }
}

/// The status and the error of an answer, whose shape is checked.
pub async fn error_of(response: Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    let object = body.as_object().unwrap();
    assert_eq!(object.keys().collect::<Vec<_>>(), ["code", "detail"], "{body}");
    (
        status,
        body["code"].as_str().unwrap().to_owned(),
        body["detail"].as_str().unwrap().to_owned(),
    )
}
