//! The path below which a request's client sees the server. [`super::below`] finds it out.

use std::future::Future;

use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use azulejo_app::base::BasePath;

/// Where supervisors and load balancers ask: always answered, and at the root, too.
pub const PROBES: [&str; 2] = ["/live", "/ready"];

tokio::task_local! {
    static CURRENT: BasePath;
}

/// Of the request that the current task answers; the root in a task of another kind.
pub fn current() -> BasePath {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// Answers a request that came below `base`.
pub async fn within<T>(base: BasePath, answer: impl Future<Output = T>) -> T {
    CURRENT.scope(base, answer).await
}

/// `uri` with `path` in the place of its own; as it is where that is no path.
pub fn with_path(uri: &Uri, path: &str) -> Uri {
    let whole = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let Ok(whole) = whole.parse::<PathAndQuery>() else {
        return uri.clone();
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(whole);
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_changed_and_its_query_stays() {
        let uri: Uri = "/tiles/jobs?search=a%20b".parse().unwrap();
        assert_eq!(with_path(&uri, "/jobs"), "/jobs?search=a%20b");
        let uri: Uri = "https://example.org/tiles/jobs".parse().unwrap();
        assert_eq!(with_path(&uri, "/jobs"), "https://example.org/jobs");
    }
}
