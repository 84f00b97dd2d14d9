//! Pages and JSON at one address, the site's files, and the headers around them.

use std::time::Duration;

use crate::support::{error_of, start};
use azulejo_protocol::Pattern;

fn header<'a>(response: &'a reqwest::Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_gets_pages_and_a_script_gets_json() {
    let server = start(&[]).await;
    for path in ["/jobs", "/workers"] {
        let json = server.get(path).await;
        assert_eq!(header(&json, "content-type"), "application/json", "{path}");
        assert!(header(&json, "vary").to_lowercase().contains("accept"), "{path}");
        assert_eq!(
            json.json::<serde_json::Value>().await.unwrap(),
            serde_json::json!([])
        );
        let page = server.page(path).await;
        assert_eq!(page.status(), 200);
        assert!(header(&page, "content-type").starts_with("text/html"), "{path}");
        assert!(header(&page, "vary").to_lowercase().contains("accept"), "{path}");
        assert!(page.text().await.unwrap().contains("</html>"), "{path}");
    }
    assert_eq!(
        header(&server.get("/").await, "content-type"),
        "text/html; charset=utf-8"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_may_run_only_its_own_scripts() {
    let server = start(&[]).await;
    let page = server.page("/").await;
    let policy = header(&page, "content-security-policy").to_owned();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(policy.contains("'wasm-unsafe-eval'"), "{policy}");
    assert!(
        !policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"),
        "{policy}"
    );
    assert_eq!(header(&page, "x-content-type-options"), "nosniff");
    let nonce = policy
        .split("'nonce-")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap()
        .to_owned();
    let html = page.text().await.unwrap();
    for script in html.split("<script").skip(1) {
        let tag = script.split('>').next().unwrap();
        assert!(tag.contains(&nonce) || tag.contains("src=\"/"), "<script{tag}>");
    }
    assert!(!html.contains(" style=\""), "inline styles would be blocked");
    assert!(
        !html.contains("http://") || !html.contains("src=\"http"),
        "everything comes from this server"
    );

    let json = server.get("/health").await;
    assert_eq!(
        header(&json, "content-security-policy"),
        "default-src 'none'; frame-ancestors 'none'"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_404_in_the_form_that_was_asked_for() {
    let server = start(&[]).await;
    let page = server.page("/no/such/page").await;
    assert_eq!(page.status(), 404);
    assert!(header(&page, "content-type").starts_with("text/html"));
    let (status, code, _) = error_of(server.get("/no/such/page").await).await;
    assert_eq!((status, code.as_str()), (404, "not_found"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sites_files_come_compressed_and_are_asked_for_again() {
    let server = start(&[]).await;
    let plain = server.get("/pkg/azulejo.js").await;
    assert_eq!(plain.status(), 200);
    assert_eq!(header(&plain, "cache-control"), "no-cache");
    assert!(header(&plain, "content-type").contains("javascript"));
    let date = header(&plain, "last-modified").to_owned();
    assert_eq!(plain.text().await.unwrap(), "export default 1;");

    let request = |name: &str, value: &str| {
        server
            .client
            .get(format!("{}/pkg/azulejo.js", server.url))
            .header(name.to_owned(), value.to_owned())
            .send()
    };
    let small = request("accept-encoding", "br, gzip").await.unwrap();
    assert_eq!(header(&small, "content-encoding"), "br");
    assert_eq!(small.text().await.unwrap(), "pretend brotli");
    assert_eq!(request("if-modified-since", &date).await.unwrap().status(), 304);

    let font = server.get("/fonts/a.woff2").await;
    assert!(header(&font, "cache-control").contains("immutable"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_site_is_said_clearly() {
    let server = start(&[]).await;
    std::fs::remove_dir_all(server.folder.path().join("site/pkg")).unwrap();
    let (status, _, detail) = error_of(server.page("/pkg/azulejo.js").await).await;
    assert_eq!(status, 404);
    assert!(
        detail.contains("AZULEJO_SITE") && detail.contains("cargo xtask build"),
        "{detail}"
    );
    assert_eq!(server.page("/").await.status(), 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recipes_and_health_answer_at_once() {
    let server = start(&["--min-image-size", "100"]).await;
    let recipes = server.json("/recipes").await;
    let names: Vec<_> = recipes
        .as_array()
        .unwrap()
        .iter()
        .map(|recipe| recipe["name"].as_str().unwrap())
        .collect();
    for name in ["grayscale", "blur", "edge_detection", "sharpen", "rotate_90"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    let health = server.json("/health").await;
    assert_eq!(health["limits"]["min_side"], 100);
    assert_eq!(server.get("/job/x").await.status(), 404);
    server.stop().await;
}

/// Leptos loads nothing in the whole process while it lists the routes of an application, as every server does at its start.
#[tokio::test(flavor = "multi_thread")]
async fn pages_come_while_other_servers_start() {
    let server = start(&[]).await;
    let starting = tokio::spawn(async {
        for _ in 0..20 {
            start(&[]).await.stop().await;
        }
    });
    while !starting.is_finished() {
        let page = tokio::time::timeout(Duration::from_secs(20), server.page("/")).await;
        let page = page.expect("a page does not come").text().await.unwrap();
        assert!(page.contains("__INCOMPLETE_CHUNKS=[]"), "{page}");
    }
    starting.await.unwrap();
    server.stop().await;
}

/// The first path of the tile that the page of workers shows for `id`.
async fn tile_of(server: &crate::support::Running, id: &str) -> Option<String> {
    let html = server.page("/workers").await.text().await.unwrap();
    let card = html.split("<li class=\"card").find(|card| card.contains(id))?;
    Some(card.split(" d=\"").nth(1)?.split('"').next()?.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tile_of_a_worker_stays_when_another_joins() {
    let server = start(&[]).await;
    // By its id alone the other one would have the same tile, and it comes first in the order of ids.
    let mine = "worker-z";
    let rival = (0..)
        .map(|n| format!("rival-{n}"))
        .find(|rival| Pattern::of(rival) == Pattern::of(mine))
        .unwrap();
    let mut seen = Vec::new();
    for id in [mine, &rival] {
        let begun = std::time::Instant::now();
        while tile_of(&server, id).await.is_none() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{id} is not shown");
            server.say_hello(id);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        seen.push(tile_of(&server, mine).await);
    }
    assert_eq!(seen[0], seen[1], "its tile has changed");
    assert_ne!(tile_of(&server, &rival).await, seen[0], "both have the same tile");
    server.stop().await;
}
