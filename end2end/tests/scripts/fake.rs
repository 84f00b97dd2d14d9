//! A server that answers as a test wants, which a real one does not: with text that means harm, or late.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The answer to a request.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    /// Given after so long.
    pub after: Duration,
    /// Bytes that it announces beyond its body, which never come.
    pub missing: usize,
}

impl Answer {
    pub fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            body: body.to_string().into_bytes(),
            after: Duration::ZERO,
            missing: 0,
        }
    }

    pub fn late(self, after: Duration) -> Self {
        Self { after, ..self }
    }
}

/// A running fake. It ends with its test.
pub struct Fake {
    pub url: String,
    /// Method and path of each request that it has read whole.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    /// Starts it; `answer` is given the method and path of each request, `GET /jobs`.
    pub async fn start(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let (seen, answer) = (Arc::clone(&requests), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                tokio::spawn(async move {
                    // A client that has gone is the test's to notice.
                    let _ = serve(stream, &seen, answer.as_ref()).await;
                });
            }
        });
        Ok(Self { url, requests })
    }

    /// As if it had read nothing so far.
    pub fn forget(&self) {
        self.requests.lock().map(|mut seen| seen.clear()).ok();
    }

    /// Whether it has read such a request.
    pub fn has_seen(&self, request: &str) -> bool {
        self.requests
            .lock()
            .is_ok_and(|seen| seen.iter().any(|one| one == request))
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: &Mutex<Vec<String>>,
    answer: &impl Fn(&str) -> Answer,
) -> Result<()> {
    let mut request = Vec::new();
    while missing(&request) != Some(0) {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let text = String::from_utf8_lossy(&request);
    let mut words = text.split([' ', '?']);
    let request = format!(
        "{} {}",
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default()
    );
    if let Ok(mut seen) = seen.lock() {
        seen.push(request.clone());
    }
    let Answer {
        status,
        body,
        after,
        missing,
    } = answer(&request);
    tokio::time::sleep(after).await;
    let length = body.len() + missing;
    let head = format!("HTTP/1.1 {status} Told\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    if missing > 0 {
        stream.flush().await?;
        std::future::pending::<()>().await;
    }
    Ok(())
}

/// Bytes of a request that are not here yet; `None` while its headers are not.
fn missing(request: &[u8]) -> Option<usize> {
    let end = request.windows(4).position(|end| end == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let whole = end + 4 + length.map_or(0, |length| length.parse().unwrap_or(0));
    Some(whole.saturating_sub(request.len()))
}
