//! A server that asks for keys, those who call it, and what they leave there.

use std::path::Path;
use std::time::Duration;

use azulejo_access::{KeyFile, NewKey, Role};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::support::images::png;
use crate::support::{Running, start};

pub const SECRET: &str = "a secret of more than thirty-two bytes";
/// What nobody but Ann and the admin may read anywhere.
pub const ANNS: &str = "of-ann-alone";

pub fn data(server: &Running) -> std::path::PathBuf {
    server.folder.path().join("server")
}

pub fn key(folder: &Path, name: &str, owner: &str, role: Role) -> String {
    let new = NewKey {
        name: name.to_owned(),
        owner: Some(owner.to_owned()),
        role,
        expires_at: None,
    };
    KeyFile::add(folder, new, OffsetDateTime::now_utc()).unwrap().0
}

pub fn token(secret: &str, audience: &str, subject: &str, seconds: i64) -> String {
    let expires = get_current_timestamp().saturating_add_signed(seconds);
    let claims = json!({"iss": "https://id.example", "aud": audience, "sub": subject, "role": "submit", "exp": expires});
    let key = EncodingKey::from_secret(secret.as_bytes()).unwrap();
    encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
}

pub async fn start_with_auth(flags: &[&str]) -> Running {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), SECRET).unwrap();
    let path = secret.path().display().to_string();
    // A test asks quicker than one caller may.
    let auth = [
        "--request-rate",
        "0",
        "--submission-rate",
        "0",
        "--auth",
        "--jwt-issuer",
        "https://id.example",
        "--jwt-audience",
        "azulejo",
        "--jwt-secret-file",
        &path,
    ];
    start(&[&auth, flags].concat()).await
}

pub fn with_key(request: RequestBuilder, key: &str) -> RequestBuilder {
    if key.is_empty() {
        request
    } else {
        request.bearer_auth(key)
    }
}

/// What the server says to an image that comes with this key.
pub async fn process(server: &Running, key: &str, name: &str) -> Response {
    let file = reqwest::multipart::Part::bytes(png(1024, 1024)).file_name(name.to_owned());
    let form = reqwest::multipart::Form::new()
        .part("file", file)
        .text("transformation", "invert");
    let request = server.client.post(format!("{}/process", server.url));
    request.multipart(form).bearer_auth(key).send().await.unwrap()
}

/// Submits an image with the key and gives the job's id.
pub async fn submit(server: &Running, key: &str, name: &str) -> String {
    let answer = process(server, key, name).await;
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.unwrap();
    answer["job_id"].as_str().unwrap().to_owned()
}

pub async fn until_completed(server: &Running, key: &str, id: &str) {
    for _ in 0..600 {
        let request = server
            .client
            .get(format!("{}/job/{id}", server.url))
            .bearer_auth(key);
        let job: Value = request.send().await.unwrap().json().await.unwrap();
        if job["status"] == "completed" {
            return;
        }
        assert_eq!(job["status"], "processing", "{job}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("job {id} does not end");
}

/// Creates an empty resumable upload and gives its id.
pub async fn upload(server: &Running, key: &str) -> String {
    use base64::Engine as _;
    let name = base64::engine::general_purpose::STANDARD.encode(format!("{ANNS}.png"));
    let request = server
        .client
        .post(format!("{}/files", server.url))
        .bearer_auth(key);
    let request = request
        .header("tus-resumable", "1.0.0")
        .header("upload-length", "1000")
        .header("upload-metadata", format!("filename {name}"));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let location = answer.headers()["location"].to_str().unwrap();
    location.rsplit('/').next().unwrap().to_owned()
}

pub fn encoded(fields: &[(&str, &str)]) -> String {
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(fields);
    text.finish()
}
