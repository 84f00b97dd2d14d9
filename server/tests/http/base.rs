//! Below a path of its host: `--base-path`, and the prefix that a trusted proxy says it has taken away.

use crate::support::images::png;
use crate::support::{Running, start};
use azulejo_access::{KeyFile, NewKey, Role};
use reqwest::{Response, StatusCode};
use time::OffsetDateTime;

fn key(server: &Running) -> String {
    let new = NewKey {
        name: "lab".to_owned(),
        owner: None,
        role: Role::Submit,
        expires_at: None,
    };
    let folder = server.folder.path().join("server");
    KeyFile::add(&folder, new, OffsetDateTime::now_utc()).unwrap().0
}

/// The addresses on a page that are paths.
fn addresses(html: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for mark in ["href=\"", "src=\"", "action=\"", "(\"/"] {
        for (at, _) in html.match_indices(mark) {
            let from = at + mark.len() - usize::from(mark.starts_with('('));
            let text = &html[from..];
            let end = text.find('"').unwrap_or(text.len());
            if text.starts_with('/') {
                found.push(&text[..end]);
            }
        }
    }
    found
}

async fn page(server: &Running, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = server.client.get(format!("{}{path}", server.url));
    request = request.header("accept", "text/html");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

fn location(response: &Response) -> &str {
    response.headers()["location"].to_str().unwrap()
}

/// Every address on the page at `path` lies below `base`, and there are some.
async fn must_lie_below(server: &Running, path: &str, headers: &[(&str, &str)], base: &str) {
    let response = page(server, path, headers).await;
    let html = response.text().await.unwrap();
    let found = addresses(&html);
    assert!(found.len() >= 3, "{html}");
    for address in found {
        let rest = address.strip_prefix(base);
        // The base path itself is what the hydration script takes.
        let is_below =
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') && !rest.starts_with("/tiles/"));
        assert!(is_below, "{path} leads to {address}, which is not below {base}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_lies_below_the_base_path() {
    let server = start(&["--base-path", "/tiles"]).await;
    for path in [
        "/tiles/",
        "/tiles/jobs",
        "/tiles/workers",
        "/tiles/job/x",
        "/tiles/nothing",
    ] {
        must_lie_below(&server, path, &[], "/tiles").await;
    }
    for (path, status) in [
        ("/tiles/health", 200),
        ("/tiles/openapi.json", 200),
        ("/tiles/pkg/azulejo.js", 200),
        ("/tiles/api/list_jobs", 200),
        // Supervisors ask the process, not the proxy.
        ("/live", 200),
        ("/jobs", 404),
        ("/", 404),
        ("/tilesets", 404),
        ("/tiles/tiles/jobs", 404),
    ] {
        assert_eq!(server.get(path).await.status().as_u16(), status, "{path}");
    }
    let whole = page(&server, "/tiles?recipe=invert", &[]).await;
    assert_eq!(whole.status(), StatusCode::PERMANENT_REDIRECT);
    assert_eq!(location(&whole), "/tiles/?recipe=invert");

    let made = server
        .client
        .post(format!("{}/tiles/files", server.url))
        .header("tus-resumable", "1.0.0")
        .header("upload-length", "4")
        .send()
        .await
        .unwrap();
    assert_eq!(made.status(), StatusCode::CREATED);
    assert!(
        location(&made).starts_with("/tiles/files/"),
        "{}",
        location(&made)
    );
    let held = server.client.head(format!("{}{}", server.url, location(&made)));
    let held = held.header("tus-resumable", "1.0.0").send().await.unwrap();
    assert_eq!(held.headers()["upload-offset"], "0");

    // A form without JavaScript.
    let file = reqwest::multipart::Part::bytes(png(1024, 1024)).file_name("a.png");
    let form = reqwest::multipart::Form::new()
        .part("file", file)
        .text("transformation", "invert");
    let sent = server.client.post(format!("{}/tiles/process", server.url));
    let sent = sent
        .header("accept", "text/html")
        .multipart(form)
        .send()
        .await
        .unwrap();
    let (status, led) = (sent.status(), sent.headers().get("location").cloned());
    assert_eq!(status, StatusCode::SEE_OTHER, "{}", sent.text().await.unwrap());
    let job = led.unwrap().to_str().unwrap().to_owned();
    assert!(job.starts_with("/tiles/job/"), "{job}");
    must_lie_below(&server, &job, &[], "/tiles").await;

    let refused = server.client.post(format!("{}/tiles/process", server.url));
    let refused = refused
        .header("accept", "text/html")
        .body("x")
        .send()
        .await
        .unwrap();
    let html = refused.text().await.unwrap();
    assert!(html.contains("href=\"/tiles/\""), "{html}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trusted_proxy_says_what_it_has_taken_away() {
    let prefix = ("x-forwarded-prefix", "/tiles");
    let server = start(&["--trusted-proxy", "127.0.0.1"]).await;
    for path in ["/", "/jobs", "/nothing"] {
        must_lie_below(&server, path, &[prefix], "/tiles").await;
        must_lie_below(&server, path, &[], "").await;
    }
    for bad in ["tiles", "//evil.example", "/a, /b", "/\"onload=\"x"] {
        let refused = page(&server, "/jobs", &[("x-forwarded-prefix", bad)]).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{bad}");
    }
    server.stop().await;

    let server = start(&["--trusted-proxy", "127.0.0.1", "--base-path", "/inner"]).await;
    let bare = page(&server, "/inner", &[prefix]).await;
    assert_eq!(location(&bare), "/tiles/inner/");
    must_lie_below(&server, "/inner/jobs", &[prefix], "/tiles/inner").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anybody_else_says_nothing_by_it() {
    let server = start(&["--trusted-proxy", "10.0.0.0/8"]).await;
    for told in ["/tiles", "//evil.example"] {
        must_lie_below(&server, "/jobs", &[("x-forwarded-prefix", told)], "").await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sign_in_leads_back_below_the_base_path() {
    let server = start(&["--base-path", "/tiles", "--auth"]).await;
    let key = key(&server);
    let asked = page(&server, "/tiles/jobs?status=failed", &[]).await;
    assert_eq!(asked.status(), StatusCode::SEE_OTHER);
    assert_eq!(location(&asked), "/tiles/sign-in?next=%2Fjobs%3Fstatus%3Dfailed");
    must_lie_below(&server, location(&asked), &[], "/tiles").await;
    let form = format!("key={key}&next=%2Fjobs%3Fstatus%3Dfailed");
    let signed = server
        .client
        .post(format!("{}/tiles/sign-in", server.url))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .unwrap();
    assert_eq!(location(&signed), "/tiles/jobs?status=failed");
    let cookie = signed.headers()["set-cookie"].to_str().unwrap();
    let pair = cookie.split(';').next().unwrap();
    assert!(pair.starts_with("azulejo_session.tiles="), "{cookie}");
    let jobs = page(&server, "/tiles/jobs", &[("cookie", pair)]).await;
    assert_eq!(jobs.status(), StatusCode::OK);
    server.stop().await;
}

#[test]
fn addresses_are_found() {
    let html = r#"<a href="/a"><img src="/b"><form action="/c"><a href="d">f("/e", "/g")"#;
    assert_eq!(addresses(html), ["/a", "/b", "/c", "/e"]);
}
