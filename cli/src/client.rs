//! The server's REST API, as the commands need it. Files go up and come down in streams.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use azulejo_imaging::Encoding;
use azulejo_protocol::{ApiError, Health, Job, JobId, JobStatus, Progress, STATUS_HEADER, WorkerInfo};
use futures::{StreamExt as _, TryStreamExt as _};
use indicatif::ProgressBar;
use reqwest::header::ACCEPT;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, RequestBuilder, Response, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::ReaderStream;

/// Longest answer that is read into memory.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// How long a list or the state of the installation may take. What is cheap for the server is not waited for longer.
const PATIENCE: Duration = Duration::from_secs(10);

const UPLOAD_CHUNK: usize = 256 * 1024;

/// The address of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server(Url);

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url =
            Url::parse(text).map_err(|error| format!("{error}; it looks like http://127.0.0.1:8000"))?;
        match url.scheme() {
            "http" if url.has_host() => Ok(Self(url)),
            "https" => {
                Err("this program speaks plain http only: put a TLS tunnel in front, or use http".into())
            }
            other => Err(format!("'{other}' is not a scheme that can be used; http is")),
        }
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

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
}

impl Client {
    /// A client for `server`. Nothing is sent yet.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(server: Server) -> anyhow::Result<Self> {
        // A proxy of the environment is for the world outside; a server of one's own is reached directly.
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .no_proxy()
            .build()
            .context("cannot make an HTTP client")?;
        Ok(Self { server, http })
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let response = request
            .header(ACCEPT, "application/json")
            .send()
            .await
            .map_err(|error| {
                if error.is_connect() {
                    anyhow!(Unreachable(self.server.clone()))
                } else {
                    anyhow!(error.without_url())
                        .context(format!("the server at {} did not answer", self.server))
                }
            })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = limited(response).await.unwrap_or_default();
        let detail = serde_json::from_slice::<ApiError>(&body).map(|error| error.detail);
        Err(Refused {
            status: status.as_u16(),
            detail: detail.unwrap_or_else(|_| status.to_string()),
        }
        .into())
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> anyhow::Result<T> {
        let body = limited(self.send(request).await?).await?;
        serde_json::from_slice(&body)
            .with_context(|| format!("{} answers something that is not Azulejo's", self.server))
    }

    /// Sends an image under the name of its file and starts its job.
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
        self.process_as(&name, image, recipe, encoding, bar).await
    }

    /// Sends the image in the file `image` under `name` and starts its job. `bar` follows what was read of it.
    ///
    /// # Errors
    /// When the file cannot be read, the server cannot be reached, or it refuses the image: then with its reason.
    pub async fn process_as(
        &self,
        name: &str,
        image: &Path,
        recipe: &str,
        encoding: Option<Encoding>,
        bar: &ProgressBar,
    ) -> anyhow::Result<Accepted> {
        let unreadable = || format!("cannot read {}", image.display());
        let file = tokio::fs::File::open(image).await.with_context(unreadable)?;
        let metadata = file.metadata().await.with_context(unreadable)?;
        if !metadata.is_file() {
            bail!("{} is not a file", image.display());
        }
        bar.set_length(metadata.len());
        let bar = bar.clone();
        let stream = ReaderStream::with_capacity(file, UPLOAD_CHUNK)
            .inspect_ok(move |chunk| bar.inc(chunk.len() as u64));
        let part =
            Part::stream_with_length(Body::wrap_stream(stream), metadata.len()).file_name(form_name(name));
        // The recipe first: a wrong one is refused before the file has travelled.
        let form = Form::new()
            .text("transformation", recipe.to_owned())
            .text(
                "format",
                encoding.map_or_else(String::new, |encoding| encoding.to_string()),
            )
            .part("file", part);
        self.json(self.http.post(self.url("/process")).multipart(form))
            .await
    }

    /// Starts a new job on the image of job `id`.
    ///
    /// # Errors
    /// When the server cannot be reached, does not know the job or has its image no more, or refuses the recipe.
    pub async fn again(
        &self,
        id: JobId,
        recipe: &str,
        encoding: Option<Encoding>,
    ) -> anyhow::Result<Accepted> {
        let form = Form::new().text("transformation", recipe.to_owned()).text(
            "format",
            encoding.map_or_else(String::new, |encoding| encoding.to_string()),
        );
        let url = self.url(&format!("/job/{id}/again"));
        self.json(self.http.post(url).multipart(form)).await
    }

    /// One job, whole.
    ///
    /// # Errors
    /// When the server cannot be reached or does not know it.
    pub async fn job(&self, id: JobId) -> anyhow::Result<Job> {
        self.json(
            self.http
                .get(self.url(&format!("/job/{id}")))
                .timeout(Duration::from_secs(30)),
        )
        .await
    }

    /// A job's status and its tiles by state: cheap, whatever its size. The status is `None` where a server of an earlier version
    /// does not say it.
    ///
    /// # Errors
    /// When the server cannot be reached or does not know the job.
    pub async fn progress(&self, id: JobId) -> anyhow::Result<(Option<JobStatus>, Progress)> {
        let url = self.url(&format!("/job/{id}/progress"));
        let response = self
            .send(self.http.get(url).timeout(Duration::from_secs(30)))
            .await?;
        let status = response
            .headers()
            .get(STATUS_HEADER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let body = limited(response).await?;
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
        self.json(self.http.get(url).timeout(PATIENCE)).await
    }

    /// Ends a job.
    ///
    /// # Errors
    /// When the server cannot be reached or the job has ended.
    pub async fn cancel(&self, id: JobId) -> anyhow::Result<()> {
        let url = self.url(&format!("/job/{id}/cancel"));
        self.send(self.http.post(url).timeout(PATIENCE)).await.map(drop)
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
        let response = self
            .send(self.http.get(self.url(&format!("/download/{id}"))))
            .await?;
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

/// A file's name as it stands between quotes in a form. HTML's rule for forms, to which RFC 7578 points, escapes the quote
/// and line breaks as `%22`, `%0D`, `%0A`. Other control characters, which no header may have, and the backslash, which some
/// readers take for an escape and others for a folder, are escaped alike. reqwest, which would put a backslash before what it
/// takes for special and leave the line break, finds nothing to do.
pub fn form_name(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_control() || matches!(c, '"' | '\\') {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                escaped.push_str(&format!("%{byte:02X}"));
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Nobody answers at the server's address.
#[derive(Debug)]
pub struct Unreachable(Server);

impl std::fmt::Display for Unreachable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no server answers at {}; `azulejo up` starts one", self.0)
    }
}

impl std::error::Error for Unreachable {}

/// The server answered, and said no.
#[derive(Debug)]
pub struct Refused {
    /// HTTP status.
    pub status: u16,
    /// Its reason.
    pub detail: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the server refuses ({}): {}", self.status, self.detail)
    }
}

impl std::error::Error for Refused {}

async fn limited(response: Response) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(chunk) = stream.next().await {
        body.extend_from_slice(&chunk.map_err(|error| anyhow!(error.without_url()))?);
        if body.len() > MAX_ANSWER {
            bail!("the server's answer is too long");
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_form_is_escaped_as_browsers_do() {
        for (name, escaped) in [
            ("Åke & Zoë 風 100%.png", "Åke & Zoë 風 100%.png"),
            ("a\"b.png", "a%22b.png"),
            ("a\r\nb.png", "a%0D%0Ab.png"),
            ("a\\b\\", "a%5Cb%5C"),
            ("a\u{1b}\u{7f}\u{85}", "a%1B%7F%C2%85"),
        ] {
            assert_eq!(form_name(name), escaped, "{name:?}");
        }
    }

    #[test]
    fn an_address_that_cannot_work_is_refused_with_the_reason() {
        assert!(
            "https://example.org"
                .parse::<Server>()
                .unwrap_err()
                .contains("plain http")
        );
        assert!("ftp://example.org".parse::<Server>().unwrap_err().contains("ftp"));
        assert!("127.0.0.1:8000".parse::<Server>().is_err());
        let server: Server = "http://127.0.0.1:8000/".parse().unwrap();
        assert_eq!(server.to_string(), "http://127.0.0.1:8000");
    }
}
