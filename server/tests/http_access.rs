//! Who may do what: every route and every server function against every kind of caller.

mod http_support;

use std::path::Path;
use std::time::Duration;

use azulejo_access::{KeyFile, NewKey, Role};
use azulejo_server::http::access::Need;
use azulejo_server::http::routes;
use futures::StreamExt;
use http_support::images::png;
use http_support::{Running, error_of, start};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;

const SECRET: &str = "a secret of more than thirty-two bytes";
/// What nobody but Ann and the admin may read anywhere.
const ANNS: &str = "of-ann-alone";

/// Every route and server function, and what it needs. A route that is not here fails the test.
const ROUTES: &[(&str, &str, &str)] = &[
    ("submit", "POST", "/process"),
    ("submit", "PUT", "/uploads"),
    ("submit", "DELETE", "/uploads/{id}"),
    ("read", "GET", "/files"),
    ("submit", "POST", "/files"),
    ("submit", "HEAD", "/files/{id}"),
    ("submit", "PATCH", "/files/{id}"),
    ("submit", "DELETE", "/files/{id}"),
    ("submit", "POST", "/files/{id}"),
    ("read", "GET", "/jobs"),
    ("read", "GET", "/job/{id}"),
    ("submit", "DELETE", "/job/{id}"),
    ("read", "GET", "/job/{id}/progress"),
    ("read", "GET", "/job/{id}/tile/{tile}"),
    ("read", "GET", "/job/{id}/mosaic.png"),
    ("read", "GET", "/job/{id}/result"),
    ("read", "GET", "/job/{id}/original"),
    ("submit", "POST", "/job/{id}/cancel"),
    ("submit", "POST", "/job/{id}/retry"),
    ("submit", "POST", "/job/{id}/again"),
    ("submit", "POST", "/job/{id}/replay"),
    ("submit", "POST", "/job/{id}/tile/{tile}/replay"),
    ("read", "GET", "/job/{id}/tile/{tile}/report"),
    ("read", "GET", "/dead-tiles"),
    ("submit", "POST", "/dead-tiles/replay"),
    ("read", "GET", "/download/{id}"),
    ("read", "GET", "/workers"),
    ("read", "GET", "/health"),
    ("nothing", "GET", "/live"),
    ("nothing", "GET", "/ready"),
    ("nothing", "GET", "/recipes"),
    ("nothing", "GET", "/openapi.json"),
    ("nothing", "GET", "/docs"),
    ("nothing", "GET", "/redoc"),
    ("nothing", "GET", "/description/{file}"),
    ("read", "GET", "/events"),
    ("read", "GET", "/ws"),
    ("nothing", "GET", "/sign-in"),
    ("nothing", "POST", "/sign-in"),
    ("nothing", "POST", "/sign-out"),
    ("read", "GET", "/"),
    ("submit", "POST", "/api/process"),
    ("submit", "POST", "/api/run_again"),
    ("read", "GET", "/api/list_jobs"),
    ("read", "GET", "/api/get_job"),
    ("read", "GET", "/api/get_tile"),
    ("submit", "POST", "/api/cancel_job"),
    ("submit", "POST", "/api/retry_job"),
    ("submit", "POST", "/api/replay_tiles"),
    ("submit", "POST", "/api/delete_job"),
    ("read", "GET", "/api/list_workers"),
    ("read", "GET", "/api/get_costs"),
    ("read", "GET", "/api/get_health"),
    ("nothing", "POST", "/api/set_theme"),
];

/// Server functions that are about one job or upload, which their arguments name.
const ABOUT_ONE: &[&str] = &[
    "/api/process",
    "/api/run_again",
    "/api/get_job",
    "/api/get_tile",
    "/api/cancel_job",
    "/api/retry_job",
    "/api/replay_tiles",
    "/api/delete_job",
];

fn data(server: &Running) -> std::path::PathBuf {
    server.folder.path().join("server")
}

fn key(folder: &Path, name: &str, owner: &str, role: Role) -> String {
    let new = NewKey {
        name: name.to_owned(),
        owner: Some(owner.to_owned()),
        role,
        expires_at: None,
    };
    KeyFile::add(folder, new, OffsetDateTime::now_utc()).unwrap().0
}

fn token(secret: &str, audience: &str, subject: &str, seconds: i64) -> String {
    let expires = get_current_timestamp().saturating_add_signed(seconds);
    let claims = json!({"iss": "https://id.example", "aud": audience, "sub": subject, "role": "submit", "exp": expires});
    let key = EncodingKey::from_secret(secret.as_bytes()).unwrap();
    encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
}

async fn start_with_auth(flags: &[&str]) -> Running {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), SECRET).unwrap();
    let path = secret.path().display().to_string();
    let auth = [
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

fn with_key(request: RequestBuilder, key: &str) -> RequestBuilder {
    if key.is_empty() {
        request
    } else {
        request.bearer_auth(key)
    }
}

/// Submits an image with the key and gives the job's id.
async fn submit(server: &Running, key: &str, name: &str) -> String {
    let file = reqwest::multipart::Part::bytes(png(1024, 1024)).file_name(name.to_owned());
    let form = reqwest::multipart::Form::new()
        .part("file", file)
        .text("transformation", "invert");
    let request = server
        .client
        .post(format!("{}/process", server.url))
        .multipart(form);
    let answer = request.bearer_auth(key).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.json::<Value>().await.unwrap()["job_id"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn until_completed(server: &Running, key: &str, id: &str) {
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
async fn upload(server: &Running, key: &str) -> String {
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

fn encoded(fields: &[(&str, &str)]) -> String {
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(fields);
    text.finish()
}

/// A request to a route, about this job or upload.
fn request(server: &Running, method: &str, route: &str, job: &str, upload: &str) -> RequestBuilder {
    let id = if route.starts_with("/files") || route.starts_with("/uploads") {
        upload
    } else {
        job
    };
    let path = route
        .replace("{id}", id)
        .replace("{tile}", "0")
        .replace("{file}", "nothing");
    let method: Method = method.parse().unwrap();
    let (is_read, method_is_post) = (method == Method::GET, method == Method::POST);
    let mut request = server.client.request(method, format!("{}{path}", server.url));
    if route.starts_with("/files") {
        request = request.header("tus-resumable", "1.0.0");
        if method_is_post && route.ends_with("{id}") {
            // What POST is for there.
            request = request.header("x-http-method-override", "DELETE");
        }
    }
    if route.ends_with("/again") {
        let form = encoded(&[("transformation", "invert")]);
        request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
    }
    if route.starts_with("/api/") {
        let arguments = [
            ("id", job),
            ("tile", "0"),
            ("upload", upload),
            ("recipe", "invert"),
            ("theme", "dark"),
        ];
        let encoded = encoded(&arguments);
        request = if is_read {
            server.client.get(format!("{}{path}?{encoded}", server.url))
        } else {
            request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(encoded)
        };
    }
    request
}

/// The status, and the text as far as it comes at once.
async fn read(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let mut stream = response.bytes_stream();
    let mut bytes = Vec::new();
    while let Ok(Some(Ok(chunk))) = tokio::time::timeout(Duration::from_millis(300), stream.next()).await {
        bytes.extend_from_slice(&chunk);
    }
    (status, String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_has_every_route() {
    let mut known: Vec<_> = routes::list()
        .into_iter()
        .map(|(method, path, need)| {
            let need = match need {
                Need::Nothing => "nothing",
                Need::Role(role) => role.name(),
            };
            format!("{method} {path}: {need}")
        })
        .collect();
    let mut table: Vec<_> = ROUTES
        .iter()
        .map(|(need, method, path)| format!("{method} {path}: {need}"))
        .collect();
    known.sort();
    table.sort();
    assert_eq!(known, table);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_caller_gets_the_right_status_everywhere() {
    let server = start_with_auth(&[]).await;
    let folder = data(&server);
    let ann = key(&folder, "ann", "ann", Role::Submit);
    let viewer = key(&folder, "ann-viewer", "ann", Role::Read);
    let bob = key(&folder, "bob", "bob", Role::Submit);
    let carl = key(&folder, "carl", "carl", Role::Read);
    let admin = key(&folder, "root", "root", Role::Admin);
    let revoked = key(&folder, "gone", "ann", Role::Admin);
    KeyFile::revoke(&folder, "gone", OffsetDateTime::now_utc()).unwrap();
    let past = OffsetDateTime::now_utc() - time::Duration::days(2);
    let expired = NewKey {
        name: "late".into(),
        owner: Some("ann".into()),
        role: Role::Admin,
        expires_at: Some(past + time::Duration::days(1)),
    };
    let expired = KeyFile::add(&folder, expired, past).unwrap().0;
    let _worker = server.worker();
    let job = submit(&server, &ann, &format!("{ANNS}.png")).await;
    until_completed(&server, &ann, &job).await;

    let strangers = [
        ("nobody", String::new()),
        ("expired", expired),
        ("revoked", revoked),
        (
            "no key",
            "azk_0123456789ab_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        ),
        ("nonsense", "nonsense".to_owned()),
        (
            "wrong signature",
            token(
                "another secret of thirty-two bytes and more",
                "azulejo",
                "ann",
                600,
            ),
        ),
        ("wrong audience", token(SECRET, "other", "ann", 600)),
        ("late token", token(SECRET, "azulejo", "ann", -600)),
    ];
    for (need, method, route) in ROUTES {
        let about_one = route.contains("{id}") || ABOUT_ONE.contains(route);
        let draft = upload(&server, &ann).await;
        let ask = |key: &str| with_key(request(&server, method, route, &job, &draft), key).send();
        for (who, key) in &strangers {
            let (status, text) = read(ask(key).await.unwrap()).await;
            if *need == "nothing" {
                assert!(
                    !matches!(status, 401 | 403 if *route != "/sign-in"),
                    "{who}: {method} {route} gave {status}"
                );
            } else {
                assert_eq!(status, 401, "{who}: {method} {route}: {text}");
            }
            assert!(!text.contains(ANNS), "{who}: {method} {route}: {text}");
        }
        if *need == "nothing" {
            continue;
        }
        // Those who may read, or submit, and whose job it is not.
        let token = token(SECRET, "azulejo", "ann", 600);
        for (who, key, role) in [
            ("carl", &carl, "read"),
            ("bob", &bob, "submit"),
            ("jwt:ann", &token, "submit"),
        ] {
            let (status, text) = read(ask(key).await.unwrap()).await;
            if role == "read" && *need == "submit" {
                assert_eq!(status, 403, "{who}: {method} {route}: {text}");
            } else if about_one {
                assert_eq!(status, 404, "{who}: {method} {route}: {text}");
            } else {
                assert!(
                    !matches!(status, 401 | 403 | 404 | 500..),
                    "{who}: {method} {route}: {status} {text}"
                );
            }
            assert!(!text.contains(ANNS), "{who}: {method} {route}: {text}");
        }
        let (status, text) = read(ask(&viewer).await.unwrap()).await;
        if *need == "submit" {
            assert_eq!(status, 403, "viewer: {method} {route}: {text}");
        } else {
            assert_reached("viewer", status, method, route, &text);
        }
        // Ann and the admin; each with a job and an upload of its own where it is deleted.
        for (who, key) in [("ann", &ann), ("admin", &admin)] {
            let (mine, draft) = (submit(&server, &ann, "a.png").await, upload(&server, &ann).await);
            until_completed(&server, &ann, &mine).await;
            let answer = with_key(request(&server, method, route, &mine, &draft), key).send();
            let (status, text) = read(answer.await.unwrap()).await;
            assert_reached(who, status, method, route, &text);
            let request = server.client.delete(format!("{}/files/{draft}", server.url));
            request
                .header("tus-resumable", "1.0.0")
                .bearer_auth(&ann)
                .send()
                .await
                .unwrap();
        }
        let request = server.client.delete(format!("{}/files/{draft}", server.url));
        request
            .header("tus-resumable", "1.0.0")
            .bearer_auth(&ann)
            .send()
            .await
            .unwrap();
    }
    server.stop().await;
}

/// The handler itself answered: a route whose request lacks something may refuse it for that.
fn assert_reached(who: &str, status: u16, method: &str, route: &str, text: &str) {
    let is_report_of_no_dead_tile = route.ends_with("/report") && status == 404;
    assert!(
        !matches!(status, 401 | 403 | 404 | 500..) || is_report_of_no_dead_tile,
        "{who}: {method} {route}: {status} {text}"
    );
}

/// What a live stream tells within a moment after something was done.
async fn told_meanwhile(server: &Running, key: &str, path: &str, doing: impl Future<Output = ()>) -> String {
    let answer = server
        .client
        .get(format!("{}{path}", server.url))
        .bearer_auth(key)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let mut stream = answer.bytes_stream();
    let mut text = Vec::new();
    text.extend_from_slice(&stream.next().await.unwrap().unwrap());
    let read = async {
        while let Some(Ok(chunk)) = stream.next().await {
            text.extend_from_slice(&chunk);
        }
    };
    // Changes are told a few times a second: what was not told after two seconds is not told.
    let done = async {
        doing.await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    };
    tokio::select! {
        () = read => panic!("the stream has ended"),
        () = done => {}
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn live_streams_and_lists_tell_of_ones_own_jobs_alone() {
    let server = start_with_auth(&[]).await;
    let folder = data(&server);
    let ann = key(&folder, "ann", "ann", Role::Submit);
    let bob = key(&folder, "bob", "bob", Role::Submit);
    let _worker = server.worker();
    for (key, sees) in [(&bob, false), (&ann, true)] {
        let id = std::sync::Mutex::new(String::new());
        let text = told_meanwhile(&server, key, "/events", async {
            let job = submit(&server, &ann, &format!("{ANNS}.png")).await;
            until_completed(&server, &ann, &job).await;
            // Of what changes faster than it is told only the end is told.
            tokio::time::sleep(Duration::from_secs(1)).await;
            let request = server
                .client
                .delete(format!("{}/job/{job}", server.url))
                .bearer_auth(&ann);
            assert_eq!(request.send().await.unwrap().status(), 204);
            *id.lock().unwrap() = job;
        })
        .await;
        let id = id.lock().unwrap().clone();
        assert_eq!(text.contains(ANNS), sees, "{text}");
        assert_eq!(text.contains(&id), sees, "{text}");
        assert_eq!(text.contains("job_gone"), sees, "{text}");
        assert!(text.contains("\"type\":\"workers\""), "{text}");
    }
    let job = submit(&server, &ann, &format!("{ANNS}.png")).await;
    let list = |key: String, path: &'static str| {
        let request = server
            .client
            .get(format!("{}{path}", server.url))
            .bearer_auth(key);
        async move { request.send().await.unwrap().text().await.unwrap() }
    };
    for path in ["/jobs", "/api/list_jobs", "/jobs?owner=ann", "/jobs?search=alone"] {
        assert!(list(ann.clone(), path).await.contains(&job), "{path}");
        assert!(!list(bob.clone(), path).await.contains(&job), "{path}");
    }
    let wrong = server
        .client
        .get(format!("{}/events?job={job}", server.url))
        .bearer_auth(&bob);
    assert_eq!(wrong.send().await.unwrap().status(), 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_key_is_revoked() {
    let server = start_with_auth(&[]).await;
    let folder = data(&server);
    let ann = key(&folder, "ann", "ann", Role::Read);
    let answer = server
        .client
        .get(format!("{}/events", server.url))
        .bearer_auth(&ann)
        .send()
        .await
        .unwrap();
    let mut stream = answer.bytes_stream();
    assert!(stream.next().await.unwrap().is_ok());
    KeyFile::revoke(&folder, "ann", OffsetDateTime::now_utc()).unwrap();
    // The next thing that would be told ends it: a beat at the latest.
    let ended = async { while let Some(Ok(_)) = stream.next().await {} };
    tokio::time::timeout(Duration::from_secs(20), ended)
        .await
        .expect("the stream goes on");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_are_visible_to_all_are_still_changed_by_their_owner_alone() {
    let server = start_with_auth(&["--jobs-visible", "all"]).await;
    let folder = data(&server);
    let ann = key(&folder, "ann", "ann", Role::Submit);
    let bob = key(&folder, "bob", "bob", Role::Submit);
    let job = submit(&server, &ann, "a.png").await;
    let of_bob = |method: Method, path: String| {
        server
            .client
            .request(method, format!("{}{path}", server.url))
            .bearer_auth(&bob)
            .send()
    };
    assert_eq!(
        of_bob(Method::GET, format!("/job/{job}")).await.unwrap().status(),
        200
    );
    for (method, path) in [
        (Method::POST, format!("/job/{job}/cancel")),
        (Method::POST, format!("/job/{job}/retry")),
        (Method::DELETE, format!("/job/{job}")),
    ] {
        let (status, code, _) = error_of(of_bob(method, path.clone()).await.unwrap()).await;
        assert_eq!((status, code.as_str()), (403, "not_yours"), "{path}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_signs_in_with_a_key_and_out_again() {
    let server = start_with_auth(&[]).await;
    let folder = data(&server);
    let ann = key(&folder, "ann", "ann", Role::Submit);
    let page = server.page("/jobs?status=failed").await;
    assert_eq!(page.status(), 303);
    assert_eq!(
        page.headers()["location"],
        "/sign-in?next=%2Fjobs%3Fstatus%3Dfailed"
    );
    let form = server.page("/sign-in?next=%2Fjobs").await.text().await.unwrap();
    assert!(
        form.contains("name=\"next\" value=\"/jobs\"") && form.contains("type=\"password\""),
        "{form}"
    );
    let post = |key: String, next: &'static str| {
        let request = server.client.post(format!("{}/sign-in", server.url));
        let form = encoded(&[("key", key.as_str()), ("next", next)]);
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        async move { request.send().await.unwrap() }
    };
    let wrong = post("azk_nonsense".into(), "/").await;
    assert_eq!(wrong.status(), 401);
    assert!(wrong.headers().get("set-cookie").is_none());
    assert!(
        wrong
            .text()
            .await
            .unwrap()
            .contains("This is no key of this server")
    );
    let right = post(ann.clone(), "/jobs").await;
    assert_eq!(
        (
            right.status().as_u16(),
            right.headers()["location"].to_str().unwrap()
        ),
        (303, "/jobs")
    );
    let cookie = right.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(
        cookie.contains("HttpOnly; SameSite=Lax") && !cookie.contains(&ann),
        "{cookie}"
    );
    assert_eq!(
        post(ann.clone(), "https://evil.example/").await.headers()["location"],
        "/"
    );
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let get = |path: &str| {
        server
            .client
            .get(format!("{}{path}", server.url))
            .header("cookie", &cookie)
            .send()
    };
    assert_eq!(get("/jobs").await.unwrap().status(), 200);
    let page = server
        .client
        .get(format!("{}/jobs", server.url))
        .header("cookie", &cookie)
        .header("accept", "text/html");
    let page = page.send().await.unwrap();
    assert_eq!(page.status(), 200);
    // A request that changes something must say where it comes from, and from here.
    let change = |origin: Option<String>| {
        let request = server
            .client
            .post(format!("{}/dead-tiles/replay", server.url))
            .header("cookie", &cookie);
        match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        }
        .send()
    };
    assert_eq!(change(None).await.unwrap().status(), 403);
    assert_eq!(
        change(Some("https://evil.example".into()))
            .await
            .unwrap()
            .status(),
        403
    );
    assert_eq!(change(Some(server.url.clone())).await.unwrap().status(), 200);
    let out = server
        .client
        .post(format!("{}/sign-out", server.url))
        .header("cookie", &cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(out.status(), 303);
    assert!(
        out.headers()["set-cookie"]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    KeyFile::revoke(&folder, "ann", OffsetDateTime::now_utc()).unwrap();
    assert_eq!(get("/jobs").await.unwrap().status(), 401);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_did_what_is_written_down() {
    let server = start_with_auth(&[]).await;
    let folder = data(&server);
    let ann = key(&folder, "ann", "ann", Role::Submit);
    let carl = key(&folder, "carl", "carl", Role::Read);
    let job = submit(&server, &ann, "a.png").await;
    let cancel = format!("{}/job/{job}/cancel", server.url);
    server
        .client
        .post(&cancel)
        .bearer_auth(&carl)
        .send()
        .await
        .unwrap();
    server
        .client
        .post(&cancel)
        .bearer_auth(&ann)
        .send()
        .await
        .unwrap();
    server.client.post(&cancel).send().await.unwrap();
    server
        .client
        .get(format!("{}/jobs", server.url))
        .bearer_auth(&ann)
        .send()
        .await
        .unwrap();
    let text = std::fs::read_to_string(folder.join("audit.jsonl")).unwrap();
    let entries: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let short: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                entry["caller"].as_str(),
                entry["method"].as_str().unwrap(),
                entry["status"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        short,
        [
            (Some("ann"), "POST", 200),
            (Some("carl"), "POST", 403),
            (Some("ann"), "POST", 200),
        ],
        "{text}"
    );
    assert_eq!(entries[0]["jobs"], json!([job]));
    assert_eq!(entries[0]["address"], "127.0.0.1");
    assert_eq!(entries[1]["path"], format!("/job/{job}/cancel"));
    assert_eq!(entries[2]["jobs"], json!([job]));
    assert!(!text.contains("azk_"), "{text}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_has_as_many_jobs_and_bytes_as_the_quotas_say() {
    let image = png(1024, 1024);
    let bytes = (image.len() as u64 * 5 / 2).max(1 << 20).to_string();
    let server = start_with_auth(&["--quota-jobs", "1", "--quota-bytes-per-day", &bytes]).await;
    let folder = data(&server);
    let ann = key(&folder, "ann", "ann", Role::Submit);
    let bob = key(&folder, "bob", "bob", Role::Submit);
    let ask = |key: String| {
        let file = reqwest::multipart::Part::bytes(image.clone()).file_name("a.png");
        let form = reqwest::multipart::Form::new()
            .part("file", file)
            .text("transformation", "invert");
        let request = server
            .client
            .post(format!("{}/process", server.url))
            .multipart(form);
        async move { request.bearer_auth(key).send().await.unwrap() }
    };
    // Nobody works, so a job stays under way.
    let first: Value = ask(ann.clone()).await.json().await.unwrap();
    let (status, code, detail) = error_of(ask(ann.clone()).await).await;
    assert_eq!((status, code.as_str()), (429, "quota_exceeded"), "{detail}");
    assert!(detail.contains("AZULEJO_QUOTA_JOBS"), "{detail}");
    assert_eq!(ask(bob).await.status(), 200);
    let job = first["job_id"].as_str().unwrap();
    let of_job = |method: Method, what: &str| {
        let request = server
            .client
            .request(method, format!("{}/job/{job}{what}", server.url));
        request.bearer_auth(&ann).send()
    };
    assert_eq!(of_job(Method::POST, "/cancel").await.unwrap().status(), 200);
    let mut sent = image.len() as u64;
    loop {
        let answer = ask(ann.clone()).await;
        if answer.status() == 200 {
            sent += image.len() as u64;
            let second: Value = answer.json().await.unwrap();
            let (status, code, _) = error_of(of_job(Method::POST, "/retry").await.unwrap()).await;
            assert_eq!(
                (status, code.as_str()),
                (429, "quota_exceeded"),
                "another is under way"
            );
            let cancel = format!("{}/job/{}/cancel", server.url, second["job_id"].as_str().unwrap());
            assert_eq!(
                server
                    .client
                    .post(cancel)
                    .bearer_auth(&ann)
                    .send()
                    .await
                    .unwrap()
                    .status(),
                200
            );
            continue;
        }
        let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((23 * 3600..=25 * 3600).contains(&wait), "{wait}");
        let (status, code, detail) = error_of(answer).await;
        assert_eq!((status, code.as_str()), (429, "quota_exceeded"), "{detail}");
        assert!(detail.contains("AZULEJO_QUOTA_BYTES_PER_DAY"), "{detail}");
        break;
    }
    let most: u64 = bytes.parse().unwrap();
    assert!(
        sent <= most && sent + image.len() as u64 > most,
        "{sent} of {most}"
    );
    // Deleting gives nothing back.
    assert_eq!(of_job(Method::DELETE, "").await.unwrap().status(), 204);
    assert_eq!(ask(ann.clone()).await.status(), 429);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_owner_leaves_places_for_the_uploads_of_others() {
    let server = start_with_auth(&[]).await;
    let folder = data(&server);
    let ann = key(&folder, "ann", "ann", Role::Submit);
    let bob = key(&folder, "bob", "bob", Role::Submit);
    for _ in 0..16 {
        upload(&server, &ann).await;
    }
    let request = server
        .client
        .post(format!("{}/files", server.url))
        .bearer_auth(&ann)
        .header("tus-resumable", "1.0.0")
        .header("upload-length", "1000");
    let (status, code, _) = error_of(request.send().await.unwrap()).await;
    assert_eq!((status, code.as_str()), (429, "too_many_uploads"));
    upload(&server, &bob).await;
    server.stop().await;
}
