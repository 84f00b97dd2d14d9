//! The server's REST API, as the commands need it. Files go up and come down in streams.
//!
//! [`server`]: its address. [`connection`]: TLS, key, redirects. [`refused`]: why a request came to nothing. [`waits`]: when it is
//! tried again. [`once`]: what is done once, however often it is sent. [`order`], [`form`]: what is sent in a form. [`tiles`]: tiles
//! that were given up.

mod connection;
mod form;
mod once;
mod order;
mod refused;
mod server;
mod tiles;
mod waits;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow, bail};
use azulejo_imaging::Encoding;
use azulejo_protocol::{ApiError, Health, Job, JobId, JobStatus, Progress, STATUS_HEADER, WorkerInfo};
use futures::{StreamExt as _, TryStreamExt as _};
use indicatif::ProgressBar;
use reqwest::header::{ACCEPT, LOCATION};
use reqwest::multipart::Part;
use reqwest::{Body, RequestBuilder, Response, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::ReaderStream;

pub use self::connection::Access;
use self::form::form_name;
pub use self::form::received_name;
use self::once::Lost;
pub use self::once::{IdempotencyKey, Once};
pub use self::order::Order;
use self::refused::Broken;
pub use self::refused::{Refused, Unreachable, Untrusted};
pub use self::server::Server;
use self::waits::{Waits, wait};

/// Longest answer that is read into memory.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// How long a list or the state of the installation may take. What is cheap for the server is not waited for longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long one job may take to be told: it may have many tiles.
const JOB_PATIENCE: Duration = Duration::from_secs(30);

const UPLOAD_CHUNK: usize = 256 * 1024;

/// What `POST /process` answers.
#[derive(Debug, Deserialize)]
pub struct Accepted {
    /// The job.
    pub job_id: JobId,
    /// Its tiles.
    pub total_tiles: u32,
}

/// A connection to one server.
#[derive(Debug, Clone)]
pub struct Client {
    server: Server,
    http: reqwest::Client,
    has_key: bool,
    is_patient: bool,
}

impl Client {
    /// A client for `server`. Nothing is sent yet.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(server: Server, access: &Access) -> anyhow::Result<Self> {
        let http = connection::connect(&server, access)?;
        Ok(Self {
            server,
            http,
            has_key: access.key.is_some(),
            is_patient: false,
        })
    }

    /// The same client, which waits when the server has had enough for the moment (429), up to two minutes for a request.
    pub fn patient(mut self) -> Self {
        self.is_patient = true;
        self
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }

    /// Sends a request without a body.
    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let mut waits = Waits::new(self.is_patient);
        loop {
            let again = request
                .try_clone()
                .context("a request without a body can be sent twice")?;
            match self.once(again).await {
                Ok(response) => return Ok(response),
                Err(error) => wait(&mut waits, error, None).await?,
            }
        }
    }

    /// Sends what `make` makes, whose body is read as it goes: made anew for each try. Where it is done `once`, it is sent again when
    /// its answer is lost, as long as it `is_readable`.
    async fn start(
        &self,
        once: Option<&Once>,
        make: impl AsyncFn() -> anyhow::Result<RequestBuilder>,
        is_readable: impl Fn() -> bool,
    ) -> anyhow::Result<Accepted> {
        let mut waits = Waits::new(self.is_patient);
        let mut has_broken = false;
        loop {
            let request = make().await?;
            let request = match once {
                Some(once) => once.mark(request),
                None => request,
            };
            let answer = match self.once(request).await {
                Ok(response) => self.read(response).await,
                Err(error) => Err(error),
            };
            let error = match answer {
                Ok(accepted) => return Ok(accepted),
                Err(error) => error,
            };
            let lost = once
                .and_then(|_| Lost::of(&error, has_broken))
                .filter(|_| is_readable());
            has_broken |= lost.is_some();
            wait(&mut waits, error, lost).await?;
        }
    }

    async fn once(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let request = request.header(ACCEPT, "application/json");
        match request.send().await {
            Ok(response) if response.status().is_success() => Ok(response),
            Ok(response) => Err(self.refused(response).await.into()),
            Err(error) => Err(refused::no_answer(&self.server, error)),
        }
    }

    async fn refused(&self, response: Response) -> Refused {
        let status = response.status();
        let retry_after = waits::retry_after(response.headers(), SystemTime::now());
        let location = response
            .headers()
            .get(LOCATION)
            .filter(|_| status.is_redirection());
        let elsewhere = location.map(|location| {
            format!(
                "this address leads to {}: if that is right, give it as --server",
                String::from_utf8_lossy(location.as_bytes())
            )
        });
        let body = self.limited(response).await.unwrap_or_default();
        let said = serde_json::from_slice::<ApiError>(&body);
        let (code, detail) = said.map_or_else(
            |_| (String::new(), status.to_string()),
            |error| (error.code, error.detail),
        );
        Refused {
            status: status.as_u16(),
            code,
            detail: elsewhere.unwrap_or(detail),
            retry_after,
            had_key: self.has_key,
        }
    }

    async fn limited(&self, response: Response) -> anyhow::Result<Vec<u8>> {
        let mut body = Vec::new();
        let mut stream = response.bytes_stream();
        while let Some(chunk) = stream.next().await {
            body.extend_from_slice(&chunk.map_err(|error| Broken::midway(&self.server, error))?);
            if body.len() > MAX_ANSWER {
                bail!("the server's answer is too long");
            }
        }
        Ok(body)
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> anyhow::Result<T> {
        self.read(self.send(request).await?).await
    }

    async fn read<T: DeserializeOwned>(&self, response: Response) -> anyhow::Result<T> {
        let body = self.limited(response).await?;
        serde_json::from_slice(&body)
            .with_context(|| format!("{} answers something that is not Azulejo's", self.server))
    }

    /// Sends an image under the name of its file and starts its job, which is rendered in any case.
    ///
    /// # Errors
    /// When the file cannot be read, the server cannot be reached, or it refuses the image: then with its reason.
    pub async fn process(
        &self,
        image: &Path,
        recipe: &str,
        encoding: Option<Encoding>,
        bar: &ProgressBar,
    ) -> anyhow::Result<Accepted> {
        let name = image
            .file_name()
            .map_or_else(|| "image".into(), |name| name.to_string_lossy().into_owned());
        let order = Order {
            recipe,
            encoding,
            page: None,
            fresh: true,
            once: None,
        };
        self.process_as(&name, image, order, bar).await
    }

    /// Sends the image in the file `image` under `name` and starts its job. `bar` follows what was read of the image.
    ///
    /// # Errors
    /// When the file cannot be read, the server cannot be reached, or it refuses the image: then with its reason.
    pub async fn process_as(
        &self,
        name: &str,
        image: &Path,
        order: Order<'_>,
        bar: &ProgressBar,
    ) -> anyhow::Result<Accepted> {
        let is_unreadable = Arc::new(AtomicBool::new(false));
        let unreadable = || format!("cannot read {}", image.display());
        let make = async || {
            let file = tokio::fs::File::open(image).await.with_context(unreadable)?;
            let metadata = file.metadata().await.with_context(unreadable)?;
            if !metadata.is_file() {
                bail!("{} is not a file", image.display());
            }
            if let Some(once) = order.once
                && bar.position() > 0
                && bar.length() <= Some(bar.position())
            {
                once.note_sent();
            }
            bar.set_length(metadata.len());
            bar.set_position(0);
            let (bar, is_unreadable) = (bar.clone(), is_unreadable.clone());
            let stream = ReaderStream::with_capacity(file, UPLOAD_CHUNK)
                .inspect_ok(move |chunk| bar.inc(chunk.len() as u64))
                .inspect_err(move |_| is_unreadable.store(true, Ordering::Relaxed));
            let part = Part::stream_with_length(Body::wrap_stream(stream), metadata.len())
                .file_name(form_name(name));
            let form = form::order(&order).part("file", part);
            Ok(self.http.post(self.url("/process")).multipart(form))
        };
        let is_readable = || !is_unreadable.load(Ordering::Relaxed);
        self.start(order.once, make, is_readable).await
    }

    /// Starts a new job on the image of job `id`.
    ///
    /// # Errors
    /// When the server cannot be reached, does not know the job or has its image no more, or refuses the recipe.
    pub async fn again(&self, id: JobId, order: Order<'_>) -> anyhow::Result<Accepted> {
        let url = self.url(&format!("/job/{id}/again"));
        let make = async || Ok(self.http.post(&url).multipart(form::order(&order)));
        self.start(order.once, make, || true).await
    }

    /// One job, whole.
    ///
    /// # Errors
    /// When the server cannot be reached or does not know it.
    pub async fn job(&self, id: JobId) -> anyhow::Result<Job> {
        let url = self.url(&format!("/job/{id}"));
        self.json(self.http.get(&url).timeout(JOB_PATIENCE)).await
    }

    /// A job's status and its tiles by state: cheap, whatever its size. The status is `None` where a server of an earlier version
    /// does not say it.
    ///
    /// # Errors
    /// When the server cannot be reached or does not know the job.
    pub async fn progress(&self, id: JobId) -> anyhow::Result<(Option<JobStatus>, Progress)> {
        let url = self.url(&format!("/job/{id}/progress"));
        let response = self.send(self.http.get(&url).timeout(JOB_PATIENCE)).await?;
        let status = response
            .headers()
            .get(STATUS_HEADER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let body = self.limited(response).await?;
        let progress = serde_json::from_slice(&body).context("the server's answer is not understood")?;
        Ok((status, progress))
    }

    /// Jobs, newest first.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn jobs(&self, query: &[(&str, String)]) -> anyhow::Result<Vec<Job>> {
        let mut url = Url::parse(&self.url("/jobs")).context("the server's address")?;
        url.query_pairs_mut().extend_pairs(query);
        self.json(self.http.get(url.clone()).timeout(PATIENCE)).await
    }

    /// Ends a job.
    ///
    /// # Errors
    /// When the server cannot be reached or the job has ended.
    pub async fn cancel(&self, id: JobId) -> anyhow::Result<()> {
        let url = self.url(&format!("/job/{id}/cancel"));
        self.send(self.http.post(&url).timeout(PATIENCE)).await.map(drop)
    }

    /// Workers known.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn workers(&self) -> anyhow::Result<Vec<WorkerInfo>> {
        self.json(self.http.get(self.url("/workers")).timeout(PATIENCE))
            .await
    }

    /// State of the installation.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn health(&self) -> anyhow::Result<Health> {
        self.json(self.http.get(self.url("/health")).timeout(PATIENCE))
            .await
    }

    /// Writes the result of a job to `file`; returns its length.
    ///
    /// # Errors
    /// When the server cannot be reached, there is no result, it ends early, or the file cannot be written.
    pub async fn download(&self, id: JobId, file: std::fs::File, bar: &ProgressBar) -> anyhow::Result<u64> {
        let url = self.url(&format!("/download/{id}"));
        let response = self.send(self.http.get(&url)).await?;
        let length = response.content_length();
        bar.set_length(length.unwrap_or(0));
        let mut file = tokio::fs::File::from_std(file);
        let mut stream = response.bytes_stream();
        let mut written = 0;
        while let Some(chunk) = stream.next().await {
            let chunk =
                chunk.map_err(|error| anyhow!(error.without_url()).context("the download broke off"))?;
            file.write_all(&chunk).await.context("cannot write the result")?;
            written += chunk.len() as u64;
            bar.inc(chunk.len() as u64);
        }
        file.flush().await.context("cannot write the result")?;
        if length.is_some_and(|length| length != written) {
            bail!("the download broke off after {written} bytes");
        }
        Ok(written)
    }
}

#[cfg(test)]
mod lost_tests;
#[cfg(test)]
mod tests;
