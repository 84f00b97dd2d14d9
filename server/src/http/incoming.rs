//! The body of a request that may be refused.
//!
//! A client that sends `Expect: 100-continue` waits for a word before it sends its body, and hyper says "100 Continue" when the
//! body is asked for. So a request that is refused without a look at its body must not ask for it, not even to throw it away;
//! without `Expect`, the body is on its way already and is read for a while, because many clients do not look for an answer
//! before they have sent everything.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use futures::{Stream, StreamExt};

/// What is read and thrown away of a refused body, so that the client gets to read the answer instead of a reset
/// connection.
const DRAIN_BYTES: u64 = 64 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// A body, as it comes.
#[derive(Debug)]
pub struct Incoming {
    body: BodyDataStream,
    /// The client holds the body back until it is asked for.
    is_held_back: bool,
}

impl Incoming {
    /// The body of a request with these headers.
    pub fn new(headers: &HeaderMap, body: Body) -> Self {
        let is_held_back = headers
            .get(header::EXPECT)
            .is_some_and(|what| what.as_bytes().trim_ascii().eq_ignore_ascii_case(b"100-continue"));
        Self {
            body: body.into_data_stream(),
            is_held_back,
        }
    }

    /// Reads and throws away some of the rest, unless the client did not begin to send it.
    pub async fn drain(self) {
        if !self.is_held_back {
            drain(self).await;
        }
    }
}

impl Stream for Incoming {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.is_held_back = false;
        Pin::new(&mut self.body).poll_next(cx)
    }
}

/// Reads and throws away some of the rest of a refused body that was begun.
pub async fn drain(body: impl Stream<Item = Result<Bytes, axum::Error>> + Unpin) {
    let mut body = body;
    let read = async {
        let mut left = DRAIN_BYTES;
        while let Some(Ok(chunk)) = body.next().await {
            match left.checked_sub(chunk.len() as u64) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    // Whether it ends by itself or by the clock is the same to us.
    let _ = tokio::time::timeout(DRAIN_TIME, read).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn body(polls: &Arc<AtomicUsize>) -> Body {
        let polls = Arc::clone(polls);
        Body::from_stream(futures::stream::iter(0..3).map(move |_| {
            polls.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from_static(b"x"))
        }))
    }

    #[tokio::test]
    async fn a_body_that_is_held_back_is_not_asked_for() {
        for (expect, polled) in [(None, 3), (Some("100-Continue"), 0), (Some("something"), 3)] {
            let mut headers = HeaderMap::new();
            if let Some(expect) = expect {
                headers.insert(header::EXPECT, expect.parse().unwrap());
            }
            let polls = Arc::new(AtomicUsize::new(0));
            Incoming::new(&headers, body(&polls)).drain().await;
            assert_eq!(polls.load(Ordering::Relaxed), polled, "{expect:?}");
        }
    }

    #[tokio::test]
    async fn a_body_that_was_asked_for_is_read_on() {
        let headers = HeaderMap::from_iter([(header::EXPECT, "100-continue".parse().unwrap())]);
        let polls = Arc::new(AtomicUsize::new(0));
        let mut incoming = Incoming::new(&headers, body(&polls));
        assert!(incoming.next().await.is_some());
        incoming.drain().await;
        assert_eq!(polls.load(Ordering::Relaxed), 3);
    }
}
