//! The client against servers that a test makes: what goes out, and what is said when nothing comes back.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Version};
use axum::response::{IntoResponse as _, Redirect, Response as Answer};
use axum::routing::{get, post};
use indicatif::ProgressBar;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use reqwest::Certificate;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use super::*;

const KEY: &str = "Bearer azk_secret";

/// What a server was asked: path, version, key.
type Asked = Arc<Mutex<Vec<(String, Version, Option<String>)>>>;

/// Answers an empty list of jobs under every path that ends so, and notes what was asked.
fn noting(asked: &Asked) -> Router {
    let note = async |State(asked): State<Asked>, request: Request| {
        let key = request.headers().get("authorization");
        let key = key.map(|key| key.to_str().unwrap().to_owned());
        let path = request.uri().path().to_owned();
        asked.lock().unwrap().push((path, request.version(), key));
        axum::Json(serde_json::json!([]))
    };
    Router::new().fallback(get(note)).with_state(asked.clone())
}

async fn plain(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

struct Tls(TcpListener, TlsAcceptor);

impl axum::serve::Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, peer) = self.0.accept().await.unwrap();
            // A client that does not trust this server goes away.
            if let Ok(stream) = self.1.accept(stream).await {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

/// A server for `localhost` by TLS; its port, and its certificate in PEM.
async fn encrypted(router: Router, is_valid: bool) -> (u16, String) {
    let key = KeyPair::generate().unwrap();
    let mut about = CertificateParams::new(["localhost".to_owned()]).unwrap();
    if !is_valid {
        about.not_after = date_time_ymd(2020, 1, 1);
    }
    let certificate = about.self_signed(&key).unwrap();
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            key.serialize_der().try_into().unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let listener = Tls(listener, TlsAcceptor::from(Arc::new(config)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (port, certificate.pem())
}

fn client(url: &str, root: Option<&str>) -> Client {
    let access = Access {
        key: Some(KEY.parse().unwrap()),
        roots: root
            .map(|pem| Certificate::from_pem(pem.as_bytes()).unwrap())
            .into_iter()
            .collect(),
    };
    Client::new(url.parse().unwrap(), &access).unwrap()
}

async fn failure(client: &Client) -> String {
    format!("{:#}", client.jobs(&[]).await.unwrap_err())
}

#[tokio::test]
async fn the_key_goes_by_https_and_http_2_to_a_server_behind_a_path() {
    let asked = Asked::default();
    let (port, root) = encrypted(noting(&asked), true).await;
    let client = client(&format!("https://localhost:{port}/tiles/"), Some(&root));
    client.jobs(&[("limit", "5".into())]).await.unwrap();
    client.workers().await.unwrap();
    let asked = asked.lock().unwrap();
    let expected = ["/tiles/jobs", "/tiles/workers"]
        .map(|path| (path.to_owned(), Version::HTTP_2, Some(KEY.to_owned())));
    assert_eq!(*asked, expected);
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_hears_nothing_and_the_reason_has_a_remedy() {
    let asked = Asked::default();
    let (port, root) = encrypted(noting(&asked), true).await;
    let (late, late_root) = encrypted(noting(&asked), false).await;
    let open = plain(noting(&asked)).await.port();
    for (url, root, says) in [
        (format!("https://localhost:{port}"), &late_root, "--ca-cert"),
        (format!("https://127.0.0.1:{port}"), &root, "not for '127.0.0.1'"),
        (format!("https://localhost:{late}"), &late_root, "has expired"),
        (format!("https://localhost:{open}"), &root, "does not speak TLS"),
    ] {
        let error = failure(&client(&url, Some(root))).await;
        assert!(error.contains(says) && error.contains(&url), "{url}: {error}");
    }
    assert_eq!(*asked.lock().unwrap(), []);
}

#[tokio::test]
async fn a_redirect_is_followed_within_the_server_and_told_when_it_leads_away() {
    let (elsewhere, here) = (Asked::default(), Asked::default());
    let other = plain(noting(&elsewhere)).await;
    let away = format!("http://{other}/jobs");
    let router = noting(&here)
        .route("/inside/jobs", get(async || Redirect::temporary("/jobs")))
        .route("/outside/jobs", get(async move || Redirect::temporary(&away)));
    let address = plain(router).await;
    client(&format!("http://{address}/inside"), None)
        .jobs(&[])
        .await
        .unwrap();
    assert_eq!(
        *here.lock().unwrap(),
        [("/jobs".to_owned(), Version::HTTP_11, Some(KEY.to_owned()))]
    );
    let error = failure(&client(&format!("http://{address}/outside"), None)).await;
    assert!(
        error.contains(&other.to_string()) && error.contains("--server"),
        "{error}"
    );
    assert_eq!(*elsewhere.lock().unwrap(), []);
}

#[tokio::test]
async fn a_refusal_has_a_remedy() {
    let refuse = |status: u16| {
        let error = ApiError::new(status, "x", "not this");
        async move || (StatusCode::from_u16(status).unwrap(), axum::Json(error))
    };
    let router = Router::new()
        .route("/401/jobs", get(refuse(401)))
        .route("/403/jobs", get(refuse(403)))
        .route("/429/jobs", get(refuse(429)));
    let address = plain(router).await;
    for (status, with_key, says) in [
        (401, true, "revoked"),
        (401, false, "azulejo keys add"),
        (403, true, "role"),
        (429, true, "later"),
    ] {
        let mut client = client(&format!("http://{address}/{status}"), None);
        if !with_key {
            client = Client::new(client.server.clone(), &Access::default()).unwrap();
        }
        let error = failure(&client).await;
        assert!(
            error.contains(&format!("({status}): not this")) && error.contains(says),
            "{error}"
        );
        assert!(!error.contains("azk_secret"), "{error}");
    }
}

/// Refuses `left` times with 429, then takes the image; notes how long each body was.
#[derive(Clone)]
struct Busy {
    left: Arc<Mutex<u32>>,
    retry_after: &'static str,
    bodies: Arc<Mutex<Vec<usize>>>,
}

impl Busy {
    fn new(left: u32, retry_after: &'static str) -> Self {
        Self {
            left: Arc::new(Mutex::new(left)),
            retry_after,
            bodies: Arc::default(),
        }
    }

    async fn process(State(busy): State<Self>, headers: HeaderMap, body: Bytes) -> Answer {
        assert!(headers.contains_key("content-length"));
        busy.bodies.lock().unwrap().push(body.len());
        let mut left = busy.left.lock().unwrap();
        if *left == 0 {
            let id = "01a20544-b985-730f-82a6-b84d915d4169";
            return axum::Json(serde_json::json!({"job_id": id, "total_tiles": 4})).into_response();
        }
        *left -= 1;
        let wait = [("retry-after", busy.retry_after)];
        let error = ApiError::new(429, "rate_limited", "too much");
        (StatusCode::TOO_MANY_REQUESTS, wait, axum::Json(error)).into_response()
    }
}

#[tokio::test]
async fn an_upload_is_sent_again_when_the_server_wants_it_later_and_not_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("a.png");
    std::fs::write(&image, vec![7; 700_000]).unwrap();
    for (busy, patient, ends) in [
        (Busy::new(2, "0"), true, Ok(())),
        (Busy::new(2, "0"), false, Err("(429): too much")),
        (Busy::new(2, "3600"), true, Err("try again in 3600 s")),
        (Busy::new(0, "0"), false, Ok(())),
    ] {
        let router = Router::new().route("/process", post(Busy::process));
        let router = router.layer(axum::extract::DefaultBodyLimit::disable());
        let address = plain(router.with_state(busy.clone())).await;
        let mut client = client(&format!("http://{address}"), None);
        if patient {
            client = client.patient();
        }
        let bar = ProgressBar::hidden();
        let accepted = client.process(&image, "blur", None, &bar).await;
        let bodies = busy.bodies.lock().unwrap().clone();
        match (accepted, ends) {
            (Ok(accepted), Ok(())) => {
                assert_eq!(accepted.total_tiles, 4);
                assert_eq!(*busy.left.lock().unwrap(), 0);
                // What a bar shows is one upload, however often it was sent.
                assert_eq!((bar.length(), bar.position()), (Some(700_000), 700_000));
            }
            (Err(error), Err(says)) => {
                assert!(format!("{error:#}").contains(says), "{error:#}");
                assert_eq!(bodies.len(), 1);
            }
            (accepted, ends) => panic!("{accepted:?} for {ends:?}"),
        }
        assert!(bodies.iter().all(|length| *length > 700_000), "{bodies:?}");
    }
}
