//! The rules of tus, one by one, against a server.

use std::time::Duration;

use crate::support::images::{png, png_header};
use crate::support::{Running, error_of, start};
use azulejo_protocol::{JOB_HEADER, JobStatus};
use reqwest::{Method, RequestBuilder, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PIECE: &str = "application/offset+octet-stream";
/// base64 of the metadata that is used here.
const NAME_COAST: &str = "filename Y29hc3QucG5n";
const RECIPE_INVERT: &str = "transformation aW52ZXJ0";

fn request(server: &Running, method: Method, path: &str) -> RequestBuilder {
    let request = server.client.request(method, format!("{}{path}", server.url));
    request.header("tus-resumable", "1.0.0")
}

async fn created(server: &Running, length: usize, metadata: &str) -> String {
    let request = request(server, Method::POST, "/files")
        .header("upload-length", length)
        .header("upload-metadata", metadata);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 201);
    assert!(response.headers().contains_key("upload-expires"));
    header(&response, "location")
}

fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    let value = value.unwrap_or_else(|| panic!("no {name} in {response:?}"));
    value.to_str().unwrap().to_owned()
}

async fn patch(server: &Running, path: &str, offset: usize, bytes: &[u8]) -> Response {
    let request = request(server, Method::PATCH, path)
        .header("upload-offset", offset)
        .header("content-type", PIECE);
    request.body(bytes.to_vec()).send().await.unwrap()
}

async fn head(server: &Running, path: &str) -> Response {
    request(server, Method::HEAD, path).send().await.unwrap()
}

async fn delete(server: &Running, path: &str) -> Response {
    request(server, Method::DELETE, path).send().await.unwrap()
}

async fn no_files(server: &Running) {
    assert_eq!(server.files("uploads"), Vec::<std::path::PathBuf>::new());
    assert_eq!(server.json("/files").await, serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_pieces_becomes_the_job_that_its_metadata_names() {
    let server = start(&[]).await;
    let _worker = server.worker();
    server.until_ready().await;
    let options = server
        .client
        .request(Method::OPTIONS, format!("{}/files", server.url));
    let options = options.send().await.unwrap();
    assert_eq!(options.status(), 204);
    assert_eq!(header(&options, "tus-version"), "1.0.0");
    assert_eq!(
        header(&options, "tus-extension"),
        "creation,creation-with-upload,termination,expiration,checksum"
    );
    assert_eq!(header(&options, "tus-max-size"), (4_u64 << 30).to_string());
    assert_eq!(header(&options, "tus-checksum-algorithm"), "sha1,sha256");

    let file = png(1100, 1050);
    let metadata = format!("{NAME_COAST},{RECIPE_INVERT},format dGlmZg==");
    let path = created(&server, file.len(), &metadata).await;
    let half = file.len() / 2;
    let first = patch(&server, &path, 0, &file[..half]).await;
    assert_eq!(
        (first.status().as_u16(), header(&first, "upload-offset")),
        (204, half.to_string())
    );
    assert!(first.headers().get(JOB_HEADER).is_none());
    let at = head(&server, &path).await;
    assert_eq!(at.status(), 200);
    for (name, value) in [
        ("tus-resumable", "1.0.0"),
        ("cache-control", "no-store"),
        ("upload-offset", &half.to_string()),
        ("upload-length", &file.len().to_string()),
        ("upload-metadata", &metadata),
    ] {
        assert_eq!(header(&at, name), value);
    }
    let listed = server.json("/files").await;
    assert_eq!(format!("/files/{}", listed[0]["id"].as_str().unwrap()), path);
    assert_eq!(
        (&listed[0]["filename"], &listed[0]["bytes"], &listed[0]["offset"]),
        (&"coast.png".into(), &file.len().into(), &half.into())
    );
    assert!(listed[0]["expires"].as_str().unwrap().ends_with('Z'));

    let last = patch(&server, &path, half, &file[half..]).await;
    assert_eq!(
        (last.status().as_u16(), header(&last, "upload-offset")),
        (204, file.len().to_string())
    );
    let id = header(&last, JOB_HEADER);
    // A client that did not hear the answer asks, or sends an empty piece.
    assert_eq!(header(&head(&server, &path).await, JOB_HEADER), id);
    let again = patch(&server, &path, file.len(), b"").await;
    assert_eq!(
        (again.status().as_u16(), header(&again, JOB_HEADER)),
        (204, id.clone())
    );
    let job = server.finished(&id).await;
    assert_eq!(job.status, JobStatus::Completed, "{:?}", job.error);
    assert_eq!(
        (job.original_filename.as_str(), job.transformation.as_str()),
        ("coast.png", "invert")
    );
    assert!(job.result_filename.ends_with(".tiff") || job.result_filename.ends_with(".tif"));
    let original = server.get(&format!("/job/{id}/original")).await;
    assert_eq!(original.bytes().await.unwrap(), file);
    assert_eq!(server.json("/files").await, serde_json::json!([]));
    assert_eq!(server.json("/jobs").await.as_array().unwrap().len(), 1);

    // Once the job is gone, so is what was known of its upload.
    let url = format!("{}/job/{id}", server.url);
    assert_eq!(server.client.delete(url).send().await.unwrap().status(), 204);
    assert_eq!(head(&server, &path).await.status(), 404);
    no_files(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_without_a_recipe_is_used_like_one_that_came_whole_or_given_up() {
    let server = start(&[]).await;
    let file = png(1024, 1024);
    let whole = request(&server, Method::POST, "/files")
        .header("upload-length", file.len())
        .header("content-type", PIECE)
        .body(file.clone());
    let whole = whole.send().await.unwrap();
    assert_eq!(
        (whole.status().as_u16(), header(&whole, "upload-offset")),
        (201, file.len().to_string())
    );
    let path = header(&whole, "location");
    let id = path.strip_prefix("/files/").unwrap();
    let process = |id: String, recipe: &'static str| {
        let request = server.client.post(format!("{}/api/process", server.url));
        request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("upload={id}&recipe={recipe}&format=webp"))
            .send()
    };
    // A refused recipe costs nothing.
    let refused = process(id.to_owned(), "crop:x=5000,y=0,width=9,height=9")
        .await
        .unwrap();
    assert_eq!(refused.status(), 422);
    assert_eq!(
        header(&head(&server, &path).await, "upload-offset"),
        file.len().to_string()
    );
    let job: serde_json::Value = process(id.to_owned(), "invert")
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(job["transformation"], "invert");
    assert!(
        job["result_filename"].as_str().unwrap().ends_with(".webp"),
        "{job}"
    );
    assert_eq!(head(&server, &path).await.status(), 404);
    no_files(&server).await;

    // Given up: an unfinished one in both ways, and one that came by PUT.
    for way in ["files", "uploads"] {
        let path = created(&server, 5000, NAME_COAST).await;
        patch(&server, &path, 0, &file[..1000]).await;
        let id = path.strip_prefix("/files/").unwrap();
        let unfinished = process(id.to_owned(), "invert").await.unwrap();
        assert_eq!(unfinished.status(), 409);
        let given_up = delete(&server, &format!("/{way}/{id}")).await;
        assert_eq!(given_up.status(), 204);
        assert_eq!(head(&server, &path).await.status(), 404);
        assert_eq!(patch(&server, &path, 1000, b"x").await.status(), 404);
        no_files(&server).await;
    }
    let put = server
        .client
        .put(format!("{}/uploads?filename=a.png", server.url))
        .body(file);
    let put: serde_json::Value = put.send().await.unwrap().json().await.unwrap();
    let path = format!("/uploads/{}", put["upload_id"].as_str().unwrap());
    assert_eq!(delete(&server, &path).await.status(), 204);
    assert_eq!(delete(&server, &path).await.status(), 404);
    no_files(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_break_a_rule_are_refused_and_change_nothing() {
    let server = start(&["--max-upload-bytes", "1M"]).await;
    let file = png(1024, 1024);
    let path = created(&server, file.len(), NAME_COAST).await;
    patch(&server, &path, 0, &file[..1000]).await;
    let piece = |headers: &[(&str, &str)]| {
        let mut request = server
            .client
            .request(Method::PATCH, format!("{}{path}", server.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(file[1000..2000].to_vec()).send()
    };
    let (tus, at, kind) = (
        ("tus-resumable", "1.0.0"),
        ("upload-offset", "1000"),
        ("content-type", PIECE),
    );
    let sum = |text: &'static str| ("upload-checksum", text);
    for (headers, status, code) in [
        (&[at, kind][..], 412, "unknown_tus_version"),
        (
            &[("tus-resumable", "0.2.2"), at, kind],
            412,
            "unknown_tus_version",
        ),
        (&[tus, kind], 400, "bad_header"),
        (&[tus, ("upload-offset", "+1000"), kind], 400, "bad_header"),
        (&[tus, at], 415, "not_a_piece"),
        (&[tus, at, ("content-type", "image/png")], 415, "not_a_piece"),
        (&[tus, ("upload-offset", "999"), kind], 409, "offset_mismatch"),
        (&[tus, ("upload-offset", "1001"), kind], 409, "offset_mismatch"),
        (
            &[tus, at, kind, sum("sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=")],
            460,
            "checksum_mismatch",
        ),
        (
            &[tus, at, kind, sum("md5 kAFQmDzST7DWlj99KOF/cg==")],
            400,
            "bad_checksum",
        ),
        (
            &[tus, at, kind, ("origin", "http://evil.example")],
            403,
            "cross_site",
        ),
    ] {
        let answer = piece(headers).await.unwrap();
        if status == 412 {
            assert_eq!(header(&answer, "tus-version"), "1.0.0");
        }
        let (is, named, detail) = error_of(answer).await;
        assert_eq!((is, named.as_str()), (status, code), "{headers:?}: {detail}");
        assert_eq!(
            header(&head(&server, &path).await, "upload-offset"),
            "1000",
            "{headers:?}"
        );
    }
    let beyond = patch(&server, &path, 1000, &vec![0; file.len()]).await;
    assert_eq!(error_of(beyond).await.1, "upload_too_long");
    let create = |headers: &[(&str, &str)]| {
        let mut create = request(&server, Method::POST, "/files");
        for (name, value) in headers {
            create = create.header(*name, *value);
        }
        create.send()
    };
    for (headers, status, code) in [
        (&[][..], 400, "bad_header"),
        (&[("upload-defer-length", "1")], 400, "bad_header"),
        (&[("upload-length", "-1")], 400, "bad_header"),
        (&[("upload-length", "0")], 422, "image_empty"),
        (&[("upload-length", "1048577")], 413, "file_too_large"),
        (
            &[("upload-length", "99"), ("upload-metadata", "filename !")],
            400,
            "bad_header",
        ),
        (
            &[
                ("upload-length", "99"),
                ("upload-metadata", "transformation eA=="),
            ],
            422,
            "unknown_recipe",
        ),
        (
            &[("upload-length", "99"), ("upload-metadata", "format cHNk")],
            422,
            "unknown_format",
        ),
    ] {
        let (is, named, detail) = error_of(create(headers).await.unwrap()).await;
        assert_eq!((is, named.as_str()), (status, code), "{headers:?}: {detail}");
    }
    for (method, path, status) in [
        (Method::PUT, "/files", 405),
        (Method::GET, path.as_str(), 405),
        (Method::HEAD, "/files/6f0cbd26-0d1a-4b8f-9c54-0f3f9a2b1c11", 404),
        (Method::DELETE, "/files/nonsense", 404),
        (Method::DELETE, "/uploads/nonsense", 404),
    ] {
        assert_eq!(
            request(&server, method.clone(), path)
                .send()
                .await
                .unwrap()
                .status(),
            status,
            "{method} {path}"
        );
    }
    // A right checksum, and a client that can only POST.
    let mut overridden = request(&server, Method::POST, &path).header("x-http-method-override", "PATCH");
    for (name, value) in [
        at,
        kind,
        sum("sha256 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="),
    ] {
        overridden = overridden.header(name, value);
    }
    let taken = overridden.body("abc").send().await.unwrap();
    assert_eq!(
        (taken.status().as_u16(), header(&taken, "upload-offset")),
        (204, "1003".to_owned())
    );
    assert_eq!(server.json("/files").await.as_array().unwrap().len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hopeless_file_is_refused_long_before_its_end_and_a_broken_one_at_it() {
    let server = start(&["--max-side", "4000"]).await;
    let rest = vec![0; 100_000];
    for (start, status, code) in [
        (b"<html>this is no picture</html>".to_vec(), 415, "not_an_image"),
        (png_header(5000, 1024), 413, "image_too_large"),
    ] {
        let path = created(&server, 50_000_000, NAME_COAST).await;
        let answer = patch(&server, &path, 0, &[start, rest.clone()].concat()).await;
        assert_eq!(header(&answer, "tus-resumable"), "1.0.0");
        let (is, named, _) = error_of(answer).await;
        assert_eq!((is, named.as_str()), (status, code));
        assert_eq!(head(&server, &path).await.status(), 404);
        no_files(&server).await;
    }
    let file = png(1024, 1024);
    let path = created(&server, file.len() - 20, &format!("{NAME_COAST},{RECIPE_INVERT}")).await;
    let answer = patch(&server, &path, 0, &file[..file.len() - 20]).await;
    assert_eq!(error_of(answer).await.1, "image_damaged");
    no_files(&server).await;
    assert_eq!(server.json("/jobs").await, serde_json::json!([]));

    // A recipe that does not suit the image is known at the end only; nothing stays then, as with `/process`.
    let crop = "transformation Y3JvcDp4PTUwMDAseT0wLHdpZHRoPTksaGVpZ2h0PTk=";
    let path = created(&server, file.len(), crop).await;
    assert_eq!(
        error_of(patch(&server, &path, 0, &file).await).await.1,
        "unsuitable_recipe"
    );
    no_files(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_of_which_nothing_comes_expires() {
    let server = start(&["--upload-expiry", "1"]).await;
    let path = created(&server, 5000, NAME_COAST).await;
    assert_eq!(head(&server, &path).await.status(), 200);
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(head(&server, &path).await.status(), 404);
    assert_eq!(patch(&server, &path, 0, b"x").await.status(), 404);
    no_files(&server).await;
    server.stop().await;
}

/// Sends the head of a piece and some of it on a connection of its own, which stays open.
async fn half_open(server: &Running, path: &str, file: &[u8], sent: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: {PIECE}\r\n\
         Content-Length: {}\r\n\r\n",
        file.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&file[..sent]).await.unwrap();
    stream.flush().await.unwrap();
    for _ in 0..200 {
        if server.json("/files").await[0]["offset"] == sent {
            return stream;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the bytes do not arrive: {}", server.json("/files").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_line_costs_nothing_that_arrived_and_a_half_open_one_no_time() {
    let server = start(&[]).await;
    let file = png(1024, 1024);
    let path = created(&server, file.len(), &format!("{NAME_COAST},{RECIPE_INVERT}")).await;
    let sent = file.len() / 3;
    drop(half_open(&server, &path, &file, sent).await);
    let at = head(&server, &path).await;
    assert_eq!(header(&at, "upload-offset"), sent.to_string());
    assert_eq!(delete(&server, &path).await.status(), 204);

    let path = created(&server, file.len(), &format!("{NAME_COAST},{RECIPE_INVERT}")).await;
    let mut old = half_open(&server, &path, &file, sent).await;
    let begun = std::time::Instant::now();
    let at = head(&server, &path).await;
    assert_eq!(header(&at, "upload-offset"), sent.to_string());
    let done = patch(&server, &path, sent, &file[sent..]).await;
    assert_eq!(done.status(), 204);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let mut answer = vec![0; 4096];
    let count = old.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..count]);
    assert!(
        answer.starts_with("HTTP/1.1 423") && answer.contains("upload_taken_over"),
        "{answer}"
    );
    let id = header(&done, JOB_HEADER);
    let original = server.get(&format!("/job/{id}/original")).await;
    assert_eq!(original.bytes().await.unwrap(), file);
    server.stop().await;
}
