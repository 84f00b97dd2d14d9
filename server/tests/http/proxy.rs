//! Behind a proxy, as the server sees it: which names it answers to, whose pages may post, whom it believes.

use crate::support::{Running, error_of, start};
use reqwest::Response;

async fn post(server: &Running, headers: &[(&str, &str)]) -> Response {
    let mut request = server.client.post(format!("{}/job/x/cancel", server.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

/// The code of the answer to a post: `job_not_found` when it came through.
async fn code(server: &Running, headers: &[(&str, &str)]) -> String {
    error_of(post(server, headers).await).await.1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_own_posts_come_through_a_proxy_that_rewrites_host() {
    let server = start(&["--public-host", "tiles.example,other.example:8443"]).await;
    let own = server.address.to_string();
    for (host, origin) in [
        // As a browser sends it over plain http: no Sec-Fetch-Site.
        (own.as_str(), "http://tiles.example"),
        ("tiles.example:80", "http://tiles.example"),
        ("tiles.example", "http://tiles.example"),
        (&own, "https://tiles.example"),
        (&own, "https://other.example:8443"),
    ] {
        let headers = [("host", host), ("origin", origin)];
        assert_eq!(code(&server, &headers).await, "job_not_found", "{headers:?}");
    }
    for (host, origin) in [
        (own.as_str(), "http://evil.example"),
        (&own, "http://tiles.example:8080"),
        (&own, "null"),
        ("tiles.example", "https://evil.example"),
    ] {
        let headers = [("host", host), ("origin", origin)];
        assert_eq!(code(&server, &headers).await, "cross_site", "{headers:?}");
    }
    for host in ["evil.example", "tiles.example.evil.example"] {
        assert_eq!(code(&server, &[("host", host)]).await, "unknown_host", "{host}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_names_a_foreign_name_is_refused_and_an_address_is_not() {
    let server = start(&[]).await;
    assert_eq!(code(&server, &[("host", "tiles.example")]).await, "unknown_host");
    assert_eq!(code(&server, &[("host", "10.1.2.3:99")]).await, "job_not_found");
    let rebound = [("host", "evil.example"), ("origin", "http://evil.example")];
    assert_eq!(code(&server, &rebound).await, "unknown_host");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forwarding_headers_count_from_a_trusted_proxy_alone() {
    let told = [
        ("x-forwarded-for", "198.51.100.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "10.1.2.3"),
        ("origin", "https://10.1.2.3"),
    ];
    // Nobody is trusted: what is said changes nothing, neither for the better nor for the worse.
    let server = start(&[]).await;
    assert_eq!(code(&server, &told).await, "cross_site");
    assert_eq!(
        code(&server, &[("x-forwarded-host", "evil.example")]).await,
        "job_not_found"
    );
    server.stop().await;
    // Another machine is trusted, not this one.
    let server = start(&["--trusted-proxy", "10.0.0.0/8"]).await;
    assert_eq!(code(&server, &told).await, "cross_site");
    server.stop().await;
    let server = start(&["--trusted-proxy", "10.0.0.0/8, 127.0.0.1"]).await;
    assert_eq!(code(&server, &told).await, "job_not_found");
    // The name that the client asked the proxy for must be ours as well.
    assert_eq!(
        code(&server, &[("x-forwarded-host", "evil.example")]).await,
        "unknown_host"
    );
    let two = [
        ("x-forwarded-for", "198.51.100.7"),
        ("forwarded", "for=203.0.113.9"),
    ];
    assert_eq!(code(&server, &two).await, "bad_header");
    server.stop().await;
}
