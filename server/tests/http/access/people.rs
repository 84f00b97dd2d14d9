//! Browsers that sign in, and what is written down of who did what.

use azulejo_access::{KeyFile, Role};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::callers::*;

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
