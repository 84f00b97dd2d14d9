//! The body of a request, which has to keep to a least rate.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use azulejo_protocol::ApiError;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

/// The least rate of a body.
#[derive(Debug, Clone, Copy)]
pub struct LeastRate {
    /// Bytes a second; 0 for none.
    pub bytes: u64,
    /// Over how long it is averaged: the time that a body may be behind.
    pub window: Duration,
}

impl LeastRate {
    /// The time that so many bytes may take.
    fn time_of(self, bytes: usize) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.bytes.max(1) as f64)
    }

    /// What a client is told whose body fell behind.
    pub fn error(self) -> ApiError {
        let detail = format!(
            "less than {} bytes a second came, averaged over {} seconds (--min-upload-rate, AZULEJO_MIN_UPLOAD_RATE), so the \
             upload was given up: send it again, or the rest of it where it can be resumed",
            self.bytes,
            self.window.as_secs()
        );
        ApiError::new(408, "upload_stalled", detail)
    }
}

/// A body that ends with an error when it falls behind its least rate.
///
/// Only the time counts that somebody waits for its bytes: what a disk or a full buffer takes is not the client's fault. The time is
/// gathered as a debt, which bytes pay off; bytes that come faster than they must are no credit.
#[derive(Debug)]
pub struct Arriving<B> {
    body: B,
    rate: LeastRate,
    debt: Duration,
    waiting_since: Option<Instant>,
    alarm: Pin<Box<Sleep>>,
    has_stalled: Arc<AtomicBool>,
}

/// A body fell behind its least rate.
#[derive(Debug, thiserror::Error)]
#[error("the body came too slowly")]
pub struct Stalled;

/// What a body of a request ends with.
type BodyError = Box<dyn std::error::Error + Send + Sync>;

impl<B> Arriving<B> {
    /// `body`, which has to keep to `rate`. `has_stalled` is set when it does not.
    pub fn new(body: B, rate: LeastRate, has_stalled: Arc<AtomicBool>) -> Self {
        Self {
            body,
            rate,
            debt: Duration::ZERO,
            waiting_since: None,
            alarm: Box::pin(tokio::time::sleep(rate.window)),
            has_stalled,
        }
    }

    /// Sets the alarm when waiting begins, and waits for it.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.rate.bytes == 0 {
            return Poll::Pending;
        }
        if self.waiting_since.is_none() {
            let now = Instant::now();
            self.waiting_since = Some(now);
            self.alarm
                .as_mut()
                .reset(now + self.rate.window.saturating_sub(self.debt));
        }
        self.alarm.as_mut().poll(cx)
    }

    fn arrived(&mut self, bytes: usize) {
        let waited = self
            .waiting_since
            .take()
            .map_or(Duration::ZERO, |since| since.elapsed());
        self.debt = (self.debt + waited).saturating_sub(self.rate.time_of(bytes));
    }
}

impl<B> HttpBody for Arriving<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BodyError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if this.has_stalled.load(Ordering::Relaxed) {
            return Poll::Ready(None);
        }
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                if let Some(Ok(frame)) = &frame {
                    this.arrived(frame.data_ref().map_or(0, Bytes::len));
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                ready!(this.poll_alarm(cx));
                this.has_stalled.store(true, Ordering::Relaxed);
                Poll::Ready(Some(Err(Stalled.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use futures::{StreamExt, stream};

    /// The bytes that come through of pieces that come with pauses before them, in milliseconds, and when it ended; whether it stalled.
    async fn taken(rate: u64, pieces: &[(u64, usize)], then: Option<u64>) -> (usize, Duration, bool) {
        let rate = LeastRate {
            bytes: rate,
            window: Duration::from_secs(30),
        };
        let pieces: Vec<_> = pieces.to_vec();
        let body = stream::iter(pieces)
            .then(|(pause, bytes)| async move {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                Ok::<_, std::io::Error>(Bytes::from(vec![0; bytes]))
            })
            .chain(stream::once(async move {
                if let Some(pause) = then {
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
                Ok(Bytes::new())
            }));
        let has_stalled = Arc::new(AtomicBool::new(false));
        let start = Instant::now();
        let body = Arriving::new(Body::from_stream(body), rate, Arc::clone(&has_stalled));
        let mut body = Body::new(body).into_data_stream();
        let mut bytes = 0;
        let mut failed = false;
        while let Some(piece) = body.next().await {
            match piece {
                Ok(piece) => bytes += piece.len(),
                Err(_) => failed = true,
            }
        }
        assert_eq!(failed, has_stalled.load(Ordering::Relaxed));
        (bytes, start.elapsed(), failed)
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_a_body_after_the_window() {
        let (bytes, time, failed) = taken(1000, &[(0, 5000)], Some(60_000)).await;
        assert!(failed && bytes == 5000);
        assert_eq!(time.as_secs(), 30, "what came before is no credit");
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_now_and_then_does_not_keep_it_alive() {
        let (bytes, time, failed) = taken(1000, &[(29_000, 1); 10], None).await;
        assert!(failed);
        assert_eq!((bytes, time.as_secs()), (1, 30));
    }

    #[tokio::test(start_paused = true)]
    async fn what_keeps_to_the_rate_may_take_for_ever_and_pause() {
        let steady = vec![(1000, 1001); 500];
        let (bytes, _, failed) = taken(1000, &steady, None).await;
        assert!(!failed && bytes == 500 * 1001);
        // A pause of 29 seconds, then what pays it off, ten times.
        let with_pauses = vec![(29_000, 30_000); 10];
        assert!(!taken(1000, &with_pauses, None).await.2);
        // A little below the rate adds up.
        let (_, time, failed) = taken(1000, &vec![(1000, 900); 500], None).await;
        assert!(failed);
        assert!(
            (291..=292).contains(&time.as_secs()),
            "{time:?}: 100 ms behind each second, and the last one waited for"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_nothing_is_ended() {
        assert!(!taken(0, &[(100_000, 1); 3], Some(500_000)).await.2);
    }

    #[tokio::test(start_paused = true)]
    async fn time_that_nobody_waits_is_not_counted() {
        let rate = LeastRate {
            bytes: 1000,
            window: Duration::from_secs(30),
        };
        let pieces = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(b"x"))).take(5);
        let body = Arriving::new(Body::from_stream(pieces), rate, Arc::default());
        let mut body = Body::new(body).into_data_stream();
        while let Some(piece) = body.next().await {
            piece.unwrap();
            tokio::time::sleep(Duration::from_secs(100)).await;
        }
    }
}
