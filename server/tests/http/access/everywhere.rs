//! Every route and every server function against every kind of caller.

use std::time::Duration;

use azulejo_access::{KeyFile, NewKey, Role};
use azulejo_server::http::access::Need;
use azulejo_server::http::routes;
use futures::StreamExt;
use reqwest::{Method, RequestBuilder, Response};
use time::OffsetDateTime;

use super::callers::*;
use crate::support::Running;

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
    ("submit", "POST", "/api/replay_all_tiles"),
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
