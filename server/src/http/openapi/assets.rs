//! The files that `/docs` and `/redoc` load, carried in the program: the pages work without the built site and without a network.
//! `server/assets/description/README.md` says where they are from.

use std::io::Read;
use std::sync::OnceLock;

use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use azulejo_protocol::ApiError;
use flate2::read::GzDecoder;

use super::{constant, tag_of};
use crate::http::error::Failure;

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// The largest has 1.7 MB.
const MOST_BYTES: u64 = 8 << 20;

/// A file, packed by gzip or as it is.
struct File {
    name: &'static str,
    kind: &'static str,
    packed: bool,
    bytes: &'static [u8],
    tag: OnceLock<String>,
    /// What is sent to those who do not take it as it is: unpacked once, and shared by all answers.
    whole: OnceLock<std::io::Result<Bytes>>,
}

macro_rules! file {
    ($name:literal, $kind:expr, packed) => {
        file!($name, $kind, true, ".gz")
    };
    ($name:literal, $kind:expr) => {
        file!($name, $kind, false, "")
    };
    ($name:literal, $kind:expr, $packed:literal, $ending:literal) => {
        File {
            name: $name,
            kind: $kind,
            packed: $packed,
            bytes: include_bytes!(concat!("../../../assets/description/", $name, $ending)),
            tag: OnceLock::new(),
            whole: OnceLock::new(),
        }
    };
}

static FILES: [File; 6] = [
    file!("docs.js", SCRIPT),
    file!("redoc.css", STYLE),
    file!("redoc.js", SCRIPT),
    file!("redoc.standalone.js", SCRIPT, packed),
    file!("swagger-ui-bundle.js", SCRIPT, packed),
    file!("swagger-ui.css", STYLE, packed),
];

/// `GET /description/{file}`.
pub async fn file(Path(name): Path<String>, method: Method, headers: HeaderMap) -> Response {
    let Some(file) = FILES.iter().find(|file| file.name == name) else {
        let shown: String = name.chars().take(200).collect();
        let detail = format!("there is nothing at /description/{shown}");
        return Failure(ApiError::not_found("not_found", detail)).into_response();
    };
    let as_it_is = !file.packed || takes_gzip(&headers);
    let mut failed = None;
    let tag = file.tag.get_or_init(|| tag_of(file.bytes));
    let mut response = constant(&method, &headers, tag, file.kind, || {
        if as_it_is {
            return Bytes::from_static(file.bytes).into();
        }
        if method == Method::HEAD {
            // Nothing of the file is needed, and its length is said below. A body of no bytes would say another.
            return Body::from_stream(futures::stream::empty::<std::io::Result<Bytes>>());
        }
        match file.whole.get_or_init(|| unpacked(file.bytes)) {
            Ok(whole) => whole.clone().into(),
            Err(error) => {
                failed = Some(error.to_string());
                Body::empty()
            }
        }
    });
    if let Some(error) = failed {
        return Failure(ApiError::new(500, "internal", error)).into_response();
    }
    let answer = response.headers_mut();
    if file.packed && as_it_is && answer.contains_key(header::CONTENT_TYPE) {
        answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if method == Method::HEAD && !as_it_is && answer.contains_key(header::CONTENT_TYPE) {
        answer.insert(header::CONTENT_LENGTH, HeaderValue::from(length_of(file.bytes)));
    }
    answer.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    response
}

fn unpacked(bytes: &[u8]) -> std::io::Result<Bytes> {
    let mut whole = Vec::new();
    GzDecoder::new(bytes).take(MOST_BYTES).read_to_end(&mut whole)?;
    Ok(whole.into())
}

/// How long a packed file is when it is unpacked: its last four bytes say it (RFC 1952).
fn length_of(bytes: &[u8]) -> u32 {
    bytes.last_chunk().map_or(0, |length| u32::from_le_bytes(*length))
}

/// Whether the client says that it takes gzip, and does not rule it out.
fn takes_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
            let refused = parts.any(|part| {
                let weight = part.strip_prefix("q=").or(part.strip_prefix("Q="));
                weight.is_some_and(|weight| weight.parse() == Ok(0.0))
            });
            is_gzip && !refused
        })
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn packed_files_are_those_that_the_readme_names() {
        let readme = include_str!("../../../assets/description/README.md");
        for file in FILES.iter().filter(|file| file.packed) {
            let whole = unpacked(file.bytes).unwrap();
            let digest: String = Sha256::digest(&whole)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let row = readme
                .lines()
                .find(|line| line.starts_with(&format!("| `{}` |", file.name)))
                .unwrap();
            assert!(row.contains(&digest), "{}: {digest}", file.name);
        }
    }

    async fn asked(method: Method, headers: HeaderMap) -> Response {
        file(Path("redoc.standalone.js".to_owned()), method, headers).await
    }

    #[tokio::test]
    async fn a_file_is_unpacked_once_for_all_and_not_for_those_who_need_none_of_it() {
        let named = FILES
            .iter()
            .find(|file| file.name == "redoc.standalone.js")
            .unwrap();
        let head = asked(Method::HEAD, HeaderMap::new()).await;
        assert_eq!(head.status(), 200);
        let mut known = HeaderMap::new();
        known.insert(header::IF_NONE_MATCH, head.headers()[header::ETAG].clone());
        assert_eq!(asked(Method::GET, known).await.status(), 304);
        assert!(named.whole.get().is_none(), "unpacked for nobody");
        let mut places = Vec::new();
        for _ in 0..2 {
            let response = asked(Method::GET, HeaderMap::new()).await;
            let mut body = response.into_body().into_data_stream();
            let whole = futures::StreamExt::next(&mut body).await.unwrap().unwrap();
            assert_eq!(head.headers()[header::CONTENT_LENGTH], whole.len().to_string());
            places.push((whole.as_ptr(), whole));
        }
        assert_eq!(places[0].0, places[1].0, "each answer has its own");
    }

    #[test]
    fn nothing_in_them_is_loaded_from_elsewhere() {
        for file in FILES.iter().filter(|file| file.packed) {
            let whole = String::from_utf8(unpacked(file.bytes).unwrap().to_vec()).unwrap();
            for loaded in ["src:\"http", "src=\"http", "url(http", "@import"] {
                assert!(!whole.contains(loaded), "{}: {loaded}", file.name);
            }
        }
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        let takes = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            takes_gzip(&headers)
        };
        assert!(takes("br, GZIP;q=0.5"));
        assert!(!takes("gzip;q=0, br"));
        assert!(!takes("br"));
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
