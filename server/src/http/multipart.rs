//! `multipart/form-data` in bounded memory.
//!
//! The parser (`multer`) takes as much of the body as is ready into its buffer, and keeps everything it has while it
//! looks for a boundary or for the end of a field's headers. Two things in the stream that it reads from bound that:
//! it gets one chunk per poll ([`Paced`]), and between fields only [`HEAD_BYTES`] in all.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::http::{HeaderMap, header};
use azulejo_protocol::ApiError;
use bytes::Bytes;
use futures::Stream;

use super::disposition::Disposition;
use super::incoming::Incoming;

/// Bytes before and between fields, boundary and headers and what stands before the first boundary.
const HEAD_BYTES: u64 = 64 * 1024;

/// Longest boundary; the standard allows 70 characters.
const MAX_BOUNDARY: usize = 200;

const UNLIMITED: u64 = u64::MAX;

/// The fields of one request.
pub struct Form {
    inner: multer::Multipart<'static>,
    body: SharedBody,
    allowance: Arc<AtomicU64>,
}

impl Form {
    /// Reads `body` as the form that `headers` announce.
    ///
    /// # Errors
    /// 415 when it is no form, 400 when it has no boundary.
    pub fn new(headers: &HeaderMap, body: Incoming) -> Result<Self, ApiError> {
        let kind = headers
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        if !kind
            .trim_start()
            .to_ascii_lowercase()
            .starts_with("multipart/form-data")
        {
            let detail = "send a form of the type multipart/form-data with the fields 'file' and 'transformation', \
                          such as curl -F file=@photo.png -F transformation=grayscale";
            return Err(ApiError::new(415, "not_a_form", detail));
        }
        let boundary = multer::parse_boundary(kind)
            .ok()
            .filter(|boundary| (1..=MAX_BOUNDARY).contains(&boundary.len()))
            .ok_or_else(|| bad("the Content-Type has no usable boundary"))?;
        let allowance = Arc::new(AtomicU64::new(HEAD_BYTES));
        let body = SharedBody(Arc::new(Mutex::new(body)));
        let stream = Paced {
            body: body.clone(),
            allowance: Arc::clone(&allowance),
            pause: false,
        };
        Ok(Self {
            inner: multer::Multipart::new(stream, boundary),
            body,
            allowance,
        })
    }

    /// The rest of the body, as it comes, for a form that is refused before its end.
    pub fn into_rest(self) -> impl Stream<Item = Result<Bytes, axum::Error>> + Send + Unpin {
        self.body
    }

    /// The next field. The field before it must have been read to its end.
    ///
    /// # Errors
    /// 400 when the body is not a well-formed form.
    pub async fn next_field(&mut self) -> Result<Option<multer::Field<'static>>, ApiError> {
        self.allowance.store(HEAD_BYTES, Ordering::Relaxed);
        let field = self
            .inner
            .next_field()
            .await
            .map_err(|error| from_multer(&error))?;
        self.allowance.store(UNLIMITED, Ordering::Relaxed);
        Ok(field)
    }
}

/// Reads a short field as text.
///
/// # Errors
/// 400 when it has more than `most` bytes, is not UTF-8, or is cut off.
pub async fn short_text(mut field: multer::Field<'static>, most: usize) -> Result<String, ApiError> {
    let name = Disposition::of(field.headers()).name;
    let name: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
    let mut text = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| from_multer(&error))? {
        if text.len() + chunk.len() > most {
            return Err(bad(format!("the field '{name}' has more than {most} bytes")));
        }
        text.extend_from_slice(&chunk);
    }
    String::from_utf8(text).map_err(|_| bad(format!("the field '{name}' is not UTF-8 text")))
}

/// The sentence for what `multer` found.
pub fn from_multer(error: &multer::Error) -> ApiError {
    match error {
        multer::Error::StreamReadFailed(source) if source.is::<HeadTooLong>() => {
            bad(format!("no field begins within {HEAD_BYTES} bytes"))
        }
        multer::Error::StreamReadFailed(_) => ApiError::new(
            400,
            "upload_interrupted",
            "the connection broke before the form was complete",
        ),
        multer::Error::IncompleteFieldData { .. } | multer::Error::IncompleteStream => {
            bad("the form is not complete: the body ends, or goes on, where a boundary should be")
        }
        other => bad(other.to_string()),
    }
}

fn bad(detail: impl std::fmt::Display) -> ApiError {
    ApiError::new(400, "bad_form", format!("the form cannot be read: {detail}"))
}

#[derive(Debug, thiserror::Error)]
#[error("too many bytes between fields")]
struct HeadTooLong;

/// The body, for the parser and, when that gives up, for whoever reads the rest.
#[derive(Clone)]
struct SharedBody(Arc<Mutex<Incoming>>);

impl Stream for SharedBody {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *body).poll_next(cx)
    }
}

/// A body that gives one chunk and then says "not yet" once, so that its reader works on what it has.
struct Paced {
    body: SharedBody,
    allowance: Arc<AtomicU64>,
    pause: bool,
}

impl Stream for Paced {
    type Item = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.pause) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let left = self.allowance.load(Ordering::Relaxed);
        if left == 0 {
            return Poll::Ready(Some(Err(Box::new(HeadTooLong))));
        }
        let polled = Pin::new(&mut self.body).poll_next(cx);
        if let Poll::Ready(Some(Ok(chunk))) = &polled {
            self.pause = true;
            if left != UNLIMITED {
                self.allowance
                    .store(left.saturating_sub(chunk.len() as u64), Ordering::Relaxed);
            }
        }
        polled.map(|item| item.map(|item| item.map_err(Into::into)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use proptest::prelude::*;

    const FORM: &[u8] =
        b"--XX\r\nContent-Disposition: form-data; name=\"transformation\"\r\n\r\nblur\r\n--XX\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\
        \r\n--X\r\n\r--XX not a boundary\r\n--XX--\r\n";

    fn headers(kind: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
        headers
    }

    fn body(bytes: &[u8], cuts: &[usize]) -> Body {
        let mut chunks = Vec::new();
        let mut rest = bytes.to_vec();
        for cut in cuts {
            let tail = rest.split_off((*cut).min(rest.len()));
            chunks.push(Ok::<_, std::io::Error>(Bytes::from(rest)));
            rest = tail;
        }
        chunks.push(Ok(Bytes::from(rest)));
        Body::from_stream(futures::stream::iter(chunks))
    }

    async fn read(body: Body) -> Result<Vec<(String, Vec<u8>)>, ApiError> {
        let headers = headers("multipart/form-data; boundary=XX");
        let mut form = Form::new(&headers, Incoming::new(&headers, body))?;
        let mut fields = Vec::new();
        while let Some(mut field) = form.next_field().await? {
            let name = field.name().unwrap_or_default().to_owned();
            let mut value = Vec::new();
            while let Some(chunk) = field.chunk().await.map_err(|error| from_multer(&error))? {
                value.extend_from_slice(&chunk);
            }
            fields.push((name, value));
        }
        Ok(fields)
    }

    fn empty(kind: &str) -> Result<Form, ApiError> {
        let headers = headers(kind);
        Form::new(&headers, Incoming::new(&headers, Body::empty()))
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(future)
    }

    proptest! {
        #[test]
        fn fields_are_the_same_however_the_body_is_cut(cuts in proptest::collection::vec(0usize..40, 0..20)) {
            let fields = run(read(body(FORM, &cuts))).unwrap();
            prop_assert_eq!(&fields[0], &("transformation".to_owned(), b"blur".to_vec()));
            prop_assert_eq!(&fields[1], &("file".to_owned(), b"\r\n--X\r\n\r--XX not a boundary".to_vec()));
            prop_assert_eq!(fields.len(), 2);
        }

        #[test]
        fn a_cut_off_form_is_an_error_and_never_a_hang(end in 0usize..FORM.len() - 4) {
            let error = run(read(body(&FORM[..end], &[7]))).unwrap_err();
            prop_assert_eq!(error.status, 400);
        }

        #[test]
        fn arbitrary_bytes_are_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            prop_assert_eq!(run(read(body(&bytes, &[3, 50]))).unwrap_err().status, 400);
        }
    }

    #[test]
    fn a_body_without_a_boundary_is_refused_before_it_fills_memory() {
        let endless =
            futures::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 4096])));
        let error = run(read(Body::from_stream(endless))).unwrap_err();
        assert_eq!(error.status, 400);
        assert!(error.detail.contains("no field begins"), "{}", error.detail);
    }

    #[test]
    fn endless_headers_are_refused() {
        let start = Bytes::from_static(b"--XX\r\nContent-Disposition: form-data; name=\"");
        let endless = futures::stream::repeat_with(|| Bytes::from_static(&[b'x'; 4096]));
        let stream = futures::StreamExt::chain(futures::stream::iter([start]), endless);
        let stream = futures::StreamExt::map(stream, Ok::<_, std::io::Error>);
        assert_eq!(run(read(Body::from_stream(stream))).unwrap_err().status, 400);
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for (kind, status) in [
            ("application/json", 415),
            ("text/plain; boundary=XX", 415),
            ("multipart/form-data", 400),
            ("multipart/form-data; boundary=", 400),
            ("multipart/form-data; boundary=\"", 400),
        ] {
            let error = empty(kind).err().unwrap();
            assert_eq!(error.status, status, "{kind}");
        }
        let long = format!("multipart/form-data; boundary={}", "x".repeat(300));
        assert_eq!(empty(&long).err().unwrap().status, 400);
    }
}
