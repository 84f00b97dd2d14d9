//! The REST API as a script uses it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use reqwest::multipart::{Form, Part};
use serde_json::Value;

/// A client of one server.
#[derive(Clone)]
pub struct Client {
    url: String,
    http: reqwest::Client,
}

/// What a request was answered.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body as JSON, or `null` when it is none.
    pub json: Value,
}

impl Answer {
    async fn of(response: reqwest::Response) -> Result<Self> {
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok(Self {
            status,
            json: serde_json::from_str(&text).unwrap_or(Value::Null),
        })
    }
}

impl Client {
    /// A client of the server at `url`.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.trim_end_matches('/').to_owned(),
            http: reqwest::Client::new(),
        }
    }

    /// The same, with a key of that server.
    ///
    /// # Errors
    /// When the key cannot be a header, or no client can be made.
    pub fn with_key(url: &str, key: &str) -> Result<Self> {
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert(reqwest::header::AUTHORIZATION, format!("Bearer {key}").parse()?);
        Ok(Self {
            http: reqwest::Client::builder().default_headers(headers).build()?,
            ..Self::new(url)
        })
    }

    /// Posts a file and a transformation to `/process`, as `curl -F file=@... -F transformation=...` does.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn process(&self, name: &str, bytes: Vec<u8>, transformation: &str) -> Result<Answer> {
        let form = Form::new()
            .part("file", Part::bytes(bytes).file_name(name.to_owned()))
            .text("transformation", transformation.to_owned());
        let response = self
            .http
            .post(format!("{}/process", self.url))
            .multipart(form)
            .send()
            .await?;
        Answer::of(response).await
    }

    /// Posts as [`Client::process`] does and gives the job's id.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn submit(&self, name: &str, bytes: Vec<u8>, transformation: &str) -> Result<String> {
        let answer = self.process(name, bytes, transformation).await?;
        let id = answer.json["job_id"].as_str().map(str::to_owned);
        id.with_context(|| format!("{name} with {transformation} was refused: {answer:?}"))
    }

    /// GET, as JSON.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        let response = self.http.get(format!("{}{path}", self.url)).send().await?;
        Answer::of(response).await
    }

    /// POST without a body, answered in JSON.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(&self, path: &str) -> Result<Answer> {
        let response = self.http.post(format!("{}{path}", self.url)).send().await?;
        Answer::of(response).await
    }

    /// DELETE, answered in JSON or with nothing.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn delete(&self, path: &str) -> Result<Answer> {
        let response = self.http.delete(format!("{}{path}", self.url)).send().await?;
        Answer::of(response).await
    }

    /// Waits until the server answers, the broker is there and `workers` are live.
    ///
    /// # Errors
    /// When that takes longer than a minute.
    pub async fn wait_until_ready(&self, workers: usize) -> Result<()> {
        let wanted = workers as u64;
        self.wait_for("a ready installation", Duration::from_secs(60), async |client| {
            let Ok(answer) = client.get("/health").await else {
                return Ok(None);
            };
            let ready = answer.json["kafka_connected"] == true
                && answer.json["workers"].as_u64().unwrap_or(0) >= wanted;
            Ok(ready.then_some(()))
        })
        .await
    }

    /// Waits until the job has ended; gives it.
    ///
    /// # Errors
    /// When it takes longer than `limit`.
    pub async fn wait_for_end(&self, id: &str, limit: Duration) -> Result<Value> {
        self.wait_for("the job's end", limit, async |client| {
            // The server may be down for a moment: a test kills it.
            let Ok(answer) = client.get(&format!("/job/{id}")).await else {
                return Ok(None);
            };
            Ok((answer.json["status"] != "processing" && answer.status == 200).then_some(answer.json))
        })
        .await
    }

    /// Waits until at least `tiles` tiles of the job are completed.
    ///
    /// # Errors
    /// When it takes longer than a minute, or the job has ended before: then the test would test nothing.
    pub async fn wait_for_tiles(&self, id: &str, tiles: u64) -> Result<()> {
        self.wait_for("some tiles", Duration::from_secs(60), async |client| {
            let job = client.get(&format!("/job/{id}")).await?.json;
            if job["status"] != "processing" {
                bail!("the job ended before the test could interfere: {}", job["status"]);
            }
            Ok((job["progress"]["completed"].as_u64().unwrap_or(0) >= tiles).then_some(()))
        })
        .await
    }

    /// Asks again and again until `check` gives something.
    ///
    /// # Errors
    /// When that takes longer than `limit`, or `check` fails.
    pub async fn wait_for<T>(
        &self,
        what: &str,
        limit: Duration,
        check: impl AsyncFn(&Self) -> Result<Option<T>>,
    ) -> Result<T> {
        let start = Instant::now();
        loop {
            if let Some(value) = check(self).await? {
                return Ok(value);
            }
            if start.elapsed() > limit {
                bail!("waited {limit:?} for {what} in vain");
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Downloads the job's result.
    ///
    /// # Errors
    /// When there is none.
    pub async fn download(&self, id: &str) -> Result<Vec<u8>> {
        let response = self
            .http
            .get(format!("{}/download/{id}", self.url))
            .send()
            .await?;
        if !response.status().is_success() {
            bail!(
                "download of {id}: {}: {}",
                response.status(),
                response.text().await?
            );
        }
        Ok(response.bytes().await?.to_vec())
    }

    /// Submits, waits and downloads.
    ///
    /// # Errors
    /// When the job does not complete within two minutes.
    pub async fn run(&self, name: &str, bytes: Vec<u8>, transformation: &str) -> Result<Vec<u8>> {
        let id = self.submit(name, bytes, transformation).await?;
        self.result(&id).await
    }

    /// Waits for the job's end and downloads.
    ///
    /// # Errors
    /// When the job does not complete within two minutes.
    pub async fn result(&self, id: &str) -> Result<Vec<u8>> {
        let job = self.wait_for_end(id, Duration::from_secs(120)).await?;
        if job["status"] != "completed" {
            bail!("job {id} ended {}: {}", job["status"], job["error"]);
        }
        self.download(id).await
    }
}
