//! Names of files in forms, as real clients write them, and what becomes of fields that nobody reads.

use crate::support::{Running, error_of, images, start};
use reqwest::Response;

/// Sends a form with an image whose header is as given, byte for byte.
async fn send(server: &Running, disposition: &[u8], rest: &[u8]) -> Response {
    let mut form = b"--XX\r\nContent-Disposition: ".to_vec();
    form.extend_from_slice(disposition);
    form.extend_from_slice(b"\r\nContent-Type: image/png\r\n\r\n");
    form.extend_from_slice(&images::png(64, 64));
    form.extend_from_slice(b"\r\n");
    form.extend_from_slice(rest);
    form.extend_from_slice(
        b"--XX\r\nContent-Disposition: form-data; name=\"transformation\"\r\n\r\ngrayscale\r\n--XX--\r\n",
    );
    let request = server.client.post(format!("{}/process", server.url));
    let request = request.header("content-type", "multipart/form-data; boundary=XX");
    request.body(form).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_has_the_name_that_its_file_had() {
    let server = start(&["--min-image-size", "64"]).await;
    for (written, name) in [
        (&b"filename=\"photo.png\""[..], "photo.png"),
        ("filename=\"Åke 風.png\"".as_bytes(), "Åke 風.png"),
        (b"filename=\"na\xefve.png\"", "naïve.png"),
        (b"filename=\"a %22b%22.png\"", "a \"b\".png"),
        (b"filename=\"a \\\"b\\\".png\"", "a \"b\".png"),
        (b"filename*=UTF-8''na%C3%AFve%20caf%C3%A9.png", "naïve café.png"),
        (
            b"filename=\"naive.png\"; filename*=UTF-8''na%C3%AFve.png",
            "naïve.png",
        ),
        (b"filename=token.png", "token.png"),
        // Line breaks and other control characters go, and so do folders, however they are written.
        (b"filename=\"a%0D%0Ab.png\"", "ab.png"),
        (b"filename*=UTF-8''a%00%1b%0Ab.png", "ab.png"),
        (b"filename=\"C:\\fakepath\\cat.png\"", "cat.png"),
        (b"filename=\"../../etc/passwd.png\"", "passwd.png"),
        (b"filename*=UTF-8''..%2F..%2Fetc%2Fpasswd.png", "passwd.png"),
        (b"filename=\"\"", "image"),
        (
            b"filename=\"x; name=transformation; y.png\"",
            "x; name=transformation; y.png",
        ),
    ] {
        let shown = String::from_utf8_lossy(written).into_owned();
        let disposition = [b"form-data; name=\"file\"; ", written].concat();
        let answer = send(&server, &disposition, b"").await;
        let status = answer.status();
        let job: serde_json::Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{shown}: {status} {job}");
        let job = server
            .json(&format!("/job/{}", job["job_id"].as_str().unwrap()))
            .await;
        assert_eq!(job["original_filename"], name, "{shown}");
    }
    // The name before the field's own, which it cannot change.
    let swapped = b"form-data; filename=\"name=transformation; x.png\"; name=\"file\"";
    assert!(send(&server, swapped, b"").await.status().is_success());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_field_of_another_name_gets_a_sentence_of_its_own() {
    let server = start(&["--min-image-size", "64"]).await;
    let other = |name: &str, bytes: usize| {
        let mut field =
            format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").into_bytes();
        field.resize(field.len() + bytes, b'x');
        field.extend_from_slice(b"\r\n");
        field
    };
    let small = send(
        &server,
        b"form-data; name=\"file\"; filename=x.png",
        &other("image", 1000),
    )
    .await;
    assert!(small.status().is_success());
    let large = send(
        &server,
        b"form-data; name=\"file\"; filename=x.png",
        &other("image", 2 << 20),
    )
    .await;
    let (status, code, detail) = error_of(large).await;
    assert_eq!((status, code.as_str()), (413, "form_too_large"), "{detail}");
    assert!(
        detail.contains("'image'") && detail.contains("'file'"),
        "{detail}"
    );
    assert!(!detail.contains("AZULEJO_MAX_UPLOAD_BYTES"), "{detail}");
    assert!(server.files("uploads").is_empty());
    server.stop().await;
}
