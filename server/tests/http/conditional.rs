//! Conditional requests and ranges on results, originals and mosaics, as RFC 9110 has them.

use crate::support::{Running, error_of, images, start};
use reqwest::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED};
use reqwest::{Method, Response, StatusCode};

async fn ask(server: &Running, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = server.client.request(method, format!("{}{path}", server.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

async fn get(server: &Running, path: &str, headers: &[(&str, &str)]) -> Response {
    ask(server, Method::GET, path, headers).await
}

fn header<'a>(response: &'a Response, name: &reqwest::header::HeaderName) -> &'a str {
    response
        .headers()
        .get(name)
        .unwrap_or_else(|| panic!("no {name} in {:?}", response.headers()))
        .to_str()
        .unwrap()
}

/// A server with one completed job.
async fn completed() -> (Running, Vec<u8>, String) {
    let server = start(&["--min-image-size", "64"]).await;
    let _worker = server.worker();
    server.until_ready().await;
    let image = images::png(300, 200);
    let answer = server.process(&image, "photo.png", "grayscale").await;
    let job: serde_json::Value = answer.json().await.unwrap();
    let id = job["job_id"].as_str().unwrap().to_owned();
    assert!(server.finished(&id).await.completed_at.is_some());
    (server, image, id)
}

/// The parts of a body of the type `multipart/byteranges`: the header of each, and its bytes.
fn parts(kind: &str, body: &[u8]) -> Vec<(String, Vec<u8>)> {
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").expect(kind);
    let find = |from: usize, what: &str| {
        let found = body[from..]
            .windows(what.len())
            .position(|at| at == what.as_bytes());
        from + found.unwrap_or_else(|| panic!("no {what:?} from {from} on"))
    };
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        let start = find(at, &format!("--{boundary}")) + boundary.len() + 2;
        if body[start..].starts_with(b"--\r\n") {
            assert_eq!(start + 4, body.len(), "nothing comes behind the end");
            return found;
        }
        let head_end = find(start, "\r\n\r\n");
        let end = find(head_end, &format!("\r\n--{boundary}"));
        let head = String::from_utf8(body[start + 2..head_end].to_vec()).unwrap();
        found.push((head, body[head_end + 4..end].to_vec()));
        at = end;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn downloads_answer_conditions_and_ranges() {
    let (server, image, id) = completed().await;
    for path in [
        format!("/download/{id}"),
        format!("/job/{id}/result"),
        format!("/job/{id}/original"),
    ] {
        whole_and_conditions(&server, &path).await;
        one_range(&server, &path).await;
        several_ranges(&server, &path).await;
        ranges_to_be_ignored(&server, &path).await;
        if_range(&server, &path).await;
    }
    let original = get(&server, &format!("/job/{id}/original"), &[]).await;
    assert!(original.bytes().await.unwrap() == image);
    server.stop().await;
}

async fn whole_and_conditions(server: &Running, path: &str) {
    let whole = get(server, path, &[]).await;
    assert_eq!(whole.status(), 200);
    let tag = header(&whole, &ETAG).to_owned();
    let date = header(&whole, &LAST_MODIFIED).to_owned();
    let length = header(&whole, &CONTENT_LENGTH).to_owned();
    assert!(tag.starts_with('"'), "{tag} is strong");
    assert_eq!(header(&whole, &ACCEPT_RANGES), "bytes");
    assert_eq!(whole.bytes().await.unwrap().len().to_string(), length);
    let (weak, list) = (format!("W/{tag}"), format!("\"x\", W/{tag}"));
    let (old, coming) = ("Sat, 29 Oct 1994 19:43:31 GMT", "Fri, 01 Jan 2100 00:00:00 GMT");
    for (headers, status) in [
        (vec![("if-none-match", tag.as_str())], 304),
        (vec![("if-none-match", &weak)], 304),
        (vec![("if-none-match", &list)], 304),
        (vec![("if-none-match", "*")], 304),
        (vec![("if-none-match", "\"other\"")], 200),
        (vec![("if-modified-since", &date)], 304),
        (vec![("if-modified-since", coming)], 304),
        (vec![("if-modified-since", old)], 200),
        (vec![("if-modified-since", "tomorrow")], 200),
        (
            vec![("if-none-match", "\"other\""), ("if-modified-since", &date)],
            200,
        ),
        (vec![("if-match", &tag)], 200),
        (vec![("if-match", "*")], 200),
        (vec![("if-match", &weak)], 412),
        (vec![("if-match", "\"other\"")], 412),
        (vec![("if-unmodified-since", &date)], 200),
        (vec![("if-unmodified-since", old)], 412),
        (vec![("if-match", &tag), ("if-unmodified-since", old)], 200),
        (vec![("if-match", "\"other\""), ("if-none-match", &tag)], 412),
        // A range does not undo what a condition decides.
        (vec![("if-none-match", &tag), ("range", "bytes=0-1")], 304),
        (vec![("if-match", "\"other\""), ("range", "bytes=0-1")], 412),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let answer = ask(server, method.clone(), path, &headers).await;
            assert_eq!(answer.status(), status, "{method} {path} {headers:?}");
            assert_eq!(header(&answer, &ETAG), tag, "{method} {headers:?}");
            assert_eq!(header(&answer, &LAST_MODIFIED), date);
            match status {
                200 => assert_eq!(header(&answer, &CONTENT_LENGTH), length),
                304 => assert!(answer.bytes().await.unwrap().is_empty()),
                _ if method == Method::GET => assert_eq!(error_of(answer).await.1, "precondition_failed"),
                _ => {}
            }
        }
    }
}

async fn one_range(server: &Running, path: &str) {
    let whole = get(server, path, &[]).await.bytes().await.unwrap();
    let length = whole.len();
    for (range, from, to) in [
        ("bytes=0-0".to_owned(), 0, 1),
        ("bytes=10-99".to_owned(), 10, 100),
        ("bytes=100-".to_owned(), 100, length),
        ("bytes=-7".to_owned(), length - 7, length),
        (format!("bytes=5-{}", length * 9), 5, length),
        (format!("bytes=-{}", length * 9), 0, length),
        ("BYTES=1-2, ,".to_owned(), 1, 3),
    ] {
        let answer = get(server, path, &[("range", &range)]).await;
        assert_eq!(answer.status(), 206, "{range}");
        let told = format!("bytes {from}-{}/{length}", to - 1);
        assert_eq!(header(&answer, &CONTENT_RANGE), told, "{range}");
        assert_eq!(header(&answer, &CONTENT_TYPE), "image/png");
        assert_eq!(header(&answer, &CONTENT_LENGTH), (to - from).to_string());
        assert!(answer.headers().contains_key(ETAG));
        assert!(answer.bytes().await.unwrap() == whole[from..to], "{range}");
    }
    for range in [format!("bytes={length}-"), "bytes=-0".to_owned()] {
        let answer = get(server, path, &[("range", &range)]).await;
        assert_eq!(header(&answer, &CONTENT_RANGE), format!("bytes */{length}"));
        let (status, code, detail) = error_of(answer).await;
        assert_eq!((status, code.as_str()), (416, "bad_range"), "{range}");
        assert!(detail.contains(&length.to_string()), "{detail}");
    }
    // Ranges are for GET alone: HEAD tells of the whole.
    let head = ask(server, Method::HEAD, path, &[("range", "bytes=0-0")]).await;
    assert_eq!(head.status(), 200);
    assert_eq!(header(&head, &CONTENT_LENGTH), length.to_string());
}

async fn several_ranges(server: &Running, path: &str) {
    let whole = get(server, path, &[]).await.bytes().await.unwrap();
    let length = whole.len();
    // A client that takes compressed answers gets these bytes as they are.
    let headers = [("range", "bytes=20-29,0-3, -5"), ("accept-encoding", "gzip, br")];
    let answer = get(server, path, &headers).await;
    assert_eq!(answer.status(), 206);
    assert!(
        !answer.headers().contains_key(CONTENT_RANGE),
        "each part has its own"
    );
    assert!(!answer.headers().contains_key("content-encoding"));
    let kind = header(&answer, &CONTENT_TYPE).to_owned();
    let announced = header(&answer, &CONTENT_LENGTH).to_owned();
    let body = answer.bytes().await.unwrap();
    assert_eq!(body.len().to_string(), announced);
    let wanted: Vec<_> = [20..30, 0..4, length - 5..length]
        .into_iter()
        .map(|range| {
            let head = format!(
                "Content-Type: image/png\r\nContent-Range: bytes {}-{}/{length}",
                range.start,
                range.end - 1
            );
            (head, whole[range].to_vec())
        })
        .collect();
    assert_eq!(parts(&kind, &body), wanted);
}

async fn ranges_to_be_ignored(server: &Running, path: &str) {
    let many: Vec<String> = (0..40).map(|at| format!("{}-{}", 2 * at, 2 * at)).collect();
    let many = format!("bytes={}", many.join(","));
    for range in [
        "lines=0-3",
        "bytes=x-y",
        "bytes=4-2",
        "bytes 0-3",
        "bytes=0-9,5-12",
        "bytes=0-,0-,0-",
        many.as_str(),
    ] {
        let answer = get(server, path, &[("range", range)]).await;
        assert_eq!(answer.status(), StatusCode::OK, "{range}");
        assert!(!answer.headers().contains_key(CONTENT_RANGE), "{range}");
        let length = header(&answer, &CONTENT_LENGTH).to_owned();
        assert_eq!(answer.bytes().await.unwrap().len().to_string(), length);
    }
}

async fn if_range(server: &Running, path: &str) {
    let whole = get(server, path, &[]).await;
    let (tag, date) = (
        header(&whole, &ETAG).to_owned(),
        header(&whole, &LAST_MODIFIED).to_owned(),
    );
    // A date is as good as a tag once the second that it names is over.
    let modified = httpdate::parse_http_date(&date).unwrap();
    let over = std::time::Duration::from_secs(2).saturating_sub(modified.elapsed().unwrap_or_default());
    tokio::time::sleep(over).await;
    let weak = format!("W/{tag}");
    for (value, status) in [
        (tag.as_str(), 206),
        (&date, 206),
        (&weak, 200),
        ("\"stale\"", 200),
        ("Sat, 29 Oct 1994 19:43:31 GMT", 200),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 200),
        ("nonsense", 200),
    ] {
        let headers = [("range", "bytes=3-5"), ("if-range", value)];
        let answer = get(server, path, &headers).await;
        assert_eq!(answer.status(), status, "If-Range: {value}");
        // What would be refused is whole, too, when it is asked of another state.
        let behind = [("range", "bytes=999999999-"), ("if-range", value)];
        let answer = get(server, path, &behind).await;
        assert_eq!(answer.status(), if status == 206 { 416 } else { 200 }, "{value}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mosaic_is_not_sent_to_who_has_it() {
    let (server, _, id) = completed().await;
    let path = format!("/job/{id}/mosaic.png?fit=64");
    let first = get(&server, &path, &[]).await;
    let tag = header(&first, &ETAG).to_owned();
    let opaque = tag
        .strip_prefix("W/")
        .expect("it is the same picture, perhaps not the same bytes");
    let list = format!("\"x\",{opaque}");
    for (known, status) in [
        (tag.as_str(), 304),
        (opaque, 304),
        (&list, 304),
        ("*", 304),
        ("\"x\"", 200),
    ] {
        let answer = get(&server, &path, &[("if-none-match", known)]).await;
        assert_eq!(answer.status(), status, "{known}");
        assert_eq!(header(&answer, &ETAG), tag);
    }
    let other = get(
        &server,
        &format!("/job/{id}/mosaic.png"),
        &[("if-none-match", &tag)],
    )
    .await;
    assert_eq!(other.status(), 200, "another size is another picture");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_jobs_have_two_tags_and_a_site_file_is_whole() {
    let (server, image, id) = completed().await;
    let _worker = server.worker();
    let answer = server.process(&image, "photo.png", "grayscale").await;
    let job: serde_json::Value = answer.json().await.unwrap();
    let other = job["job_id"].as_str().unwrap();
    assert!(server.finished(other).await.completed_at.is_some());
    let tag = |answer: &Response| header(answer, &ETAG).to_owned();
    let one = tag(&get(&server, &format!("/download/{id}"), &[]).await);
    let two = tag(&get(&server, &format!("/download/{other}"), &[]).await);
    assert_ne!(one, two);
    // Files of the site have no tag, so a range of one could be a range of another build.
    let file = get(
        &server,
        "/pkg/azulejo.js",
        &[("range", "bytes=0-1"), ("if-range", "\"stale\"")],
    )
    .await;
    assert_eq!(file.status(), 200);
    assert_eq!(file.text().await.unwrap(), "export default 1;");
    server.stop().await;
}
