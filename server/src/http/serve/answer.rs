//! The body of an answer, which says how far it has got.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::places::{Place, RequestPlace};

/// Most bytes handed over at a time. What a client has to take within the time of its connection to be seen as one that takes
/// its answer.
pub const PIECE_BYTES: usize = 32 * 1024;

/// A request from its headers to the end of its answer.
#[derive(Debug)]
pub struct UnderWay {
    place: Arc<Place>,
    answer: u64,
    _request: Option<RequestPlace>,
}

impl UnderWay {
    /// A request that came by the connection of `place`, over HTTP/2 when `is_framed`.
    pub fn new(place: Arc<Place>, request: Option<RequestPlace>, is_framed: bool) -> Self {
        let answer = place.activity.begin(is_framed);
        Self {
            place,
            answer,
            _request: request,
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.place.activity.end(self.answer, Instant::now());
    }
}

/// The body of an answer in pieces of at most [`PIECE_BYTES`].
#[derive(Debug)]
pub struct Answer {
    body: Body,
    /// What was given in one piece and goes out in several.
    rest: Bytes,
    under_way: UnderWay,
}

impl Answer {
    /// `body` as the answer to the request that is under way.
    pub fn new(body: Body, under_way: UnderWay) -> Self {
        Self {
            body,
            rest: Bytes::new(),
            under_way,
        }
    }

    fn hand_over(&mut self) -> Frame<Bytes> {
        let piece = self.rest.split_to(self.rest.len().min(PIECE_BYTES));
        let UnderWay { place, answer, .. } = &self.under_way;
        place.activity.handed_over(*answer, Instant::now());
        Frame::data(piece)
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        this.under_way.place.activity.taken(this.under_way.answer);
        if !this.rest.is_empty() {
            return Poll::Ready(Some(Ok(this.hand_over())));
        }
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(match frame.into_data() {
                Ok(data) => {
                    this.rest = data;
                    this.hand_over()
                }
                Err(trailers) => trailers,
            }))),
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(inner.lower().saturating_add(rest));
        hint
    }
}
