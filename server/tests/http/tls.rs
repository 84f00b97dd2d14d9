//! HTTPS: versions, protocols, certificates that change.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::raw::{answer, ask, connect, ended, seconds_to_end, send};
use crate::support::{Running, start};
use axum::body::{Body, to_bytes};
use axum::http::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// A certificate authority and files with certificates that it signed.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self {
            issuer,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn cert(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// Writes a new certificate for `localhost` and its key, one after the other, and gives the certificate.
    fn issue(&self) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "localhost");
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.cert(), cert.pem()).unwrap();
        std::fs::write(self.key(), key.serialize_pem()).unwrap();
        cert.der().clone()
    }

    async fn serve(&self, flags: &[&str]) -> Running {
        let (cert, key) = (
            self.cert().display().to_string(),
            self.key().display().to_string(),
        );
        start(&[&["--tls-cert", &cert, "--tls-key", &key], flags].concat()).await
    }

    /// A connection that offers these protocols.
    async fn connect(&self, address: SocketAddr, protocols: &[&str]) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = connect(address).await;
        let name = "localhost".try_into().unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .unwrap()
    }
}

fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0]
        .clone()
        .into_owned()
}

/// `GET path` by HTTP/2 on `stream`: status and body.
async fn get_h2(stream: TlsStream<TcpStream>, path: &str) -> (u16, String) {
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = Request::get(format!("https://localhost{path}"))
        .body(Body::empty())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    let status = response.status().as_u16();
    let body = to_bytes(Body::new(response.into_body()), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_and_1_1_are_spoken_as_the_client_offers() {
    let authority = Authority::new();
    let cert = authority.issue();
    let server = authority.serve(&[]).await;
    let stream = authority.connect(server.address, &["h2", "http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(shown(&stream), cert);
    let (status, body) = get_h2(stream, "/recipes").await;
    assert!(status == 200 && body.contains("grayscale"), "{status} {body}");
    for protocols in [&["http/1.1"][..], &[]] {
        let mut stream = authority.connect(server.address, protocols).await;
        let request = b"GET /recipes HTTP/1.1\r\nhost: localhost\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, request)
            .await
            .unwrap();
        assert_eq!(answer(&mut stream).await.unwrap().status, 200, "{protocols:?}");
    }
    // One that has not heard of HTTPS is told.
    let (answer, is_closed) = ask(server.address, "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (400, "https_required"));
    assert!(is_closed);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_has_a_time_and_garbage_harms_nobody() {
    let authority = Authority::new();
    authority.issue();
    let server = authority.serve(&["--header-timeout", "1"]).await;
    let mut silent = connect(server.address).await;
    let mut half = connect(server.address).await;
    tokio::io::AsyncWriteExt::write_all(&mut half, &[22, 3, 1, 2, 0, 1])
        .await
        .unwrap();
    let (first, second) = tokio::join!(seconds_to_end(&mut silent), seconds_to_end(&mut half));
    for seconds in [first, second] {
        assert!((0.7..3.0).contains(&seconds), "{seconds} seconds");
    }
    let mut garbage = connect(server.address).await;
    send(
        &mut garbage,
        "\u{16}\u{3}\u{1}garbage that is no handshake at all, garbage that is no handshake",
    )
    .await;
    ended(&mut garbage).await;
    let stream = authority.connect(server.address, &["h2"]).await;
    assert_eq!(get_h2(stream, "/recipes").await.0, 200);
    server.stop().await;
}

/// Asks again and again, each time on a new connection and on one that stays, until told to stop. Gives how many answers came.
async fn load(
    authority: Arc<Authority>,
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
) {
    let stream = authority.connect(address, &["h2"]).await;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Body>(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    while !is_over.load(Ordering::Relaxed) {
        let request = Request::get("https://localhost/recipes")
            .body(Body::empty())
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), 200);
        to_bytes(Body::new(response.into_body()), 1 << 20).await.unwrap();
        let stream = authority.connect(address, &["h2"]).await;
        assert_eq!(get_h2(stream, "/recipes").await.0, 200);
        answers.fetch_add(2, Ordering::Relaxed);
    }
    drop(sender);
    connection.await.unwrap().unwrap();
}

/// Waits until new connections get `cert`.
async fn until_shown(authority: &Authority, address: SocketAddr, cert: &CertificateDer<'_>) {
    for _ in 0..100 {
        if shown(&authority.connect(address, &["h2"]).await) == *cert {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the new certificate is not shown after ten seconds");
}

async fn certificate_problem(authority: &Authority, address: SocketAddr) -> Option<String> {
    let (_, health) = get_h2(authority.connect(address, &["h2"]).await, "/health").await;
    let health: serde_json::Value = serde_json::from_str(&health).unwrap();
    let problems = health["problems"].as_array().unwrap();
    let found = problems
        .iter()
        .find(|problem| problem["subject"] == "the certificate");
    found.map(|problem| problem["detail"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_taken_up_without_a_failed_request() {
    let authority = Arc::new(Authority::new());
    authority.issue();
    let server = authority.serve(&[]).await;
    let (is_over, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..4 {
        clients.spawn(load(
            Arc::clone(&authority),
            server.address,
            Arc::clone(&is_over),
            Arc::clone(&answers),
        ));
    }
    for _ in 0..3 {
        let before = answers.load(Ordering::Relaxed);
        let new = authority.issue();
        until_shown(&authority, server.address, &new).await;
        assert!(answers.load(Ordering::Relaxed) > before, "there was no load");
    }
    // What cannot be used leaves the one from before in use, and is said.
    let good = authority.issue();
    until_shown(&authority, server.address, &good).await;
    assert_eq!(certificate_problem(&authority, server.address).await, None);
    std::fs::write(authority.key(), "no key").unwrap();
    let mut problem = None;
    for _ in 0..100 {
        problem = certificate_problem(&authority, server.address).await;
        if problem.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let problem = problem.expect("the problem is not told");
    assert!(
        problem.contains("key.pem") && problem.contains("AZULEJO_TLS_KEY"),
        "{problem}"
    );
    until_shown(&authority, server.address, &good).await;
    let new = authority.issue();
    until_shown(&authority, server.address, &new).await;
    assert_eq!(certificate_problem(&authority, server.address).await, None);
    is_over.store(true, Ordering::Relaxed);
    while let Some(ended) = clients.join_next().await {
        ended.expect("a request failed");
    }
    println!("{} requests, none failed", answers.load(Ordering::Relaxed));
    server.stop().await;
}

/// What `openssl s_client` says to these arguments.
fn s_client(address: SocketAddr, ca: &Path, arguments: &[&str]) -> Option<String> {
    let output = std::process::Command::new("openssl")
        .args([
            "s_client",
            "-connect",
            &address.to_string(),
            "-servername",
            "localhost",
            "-CAfile",
        ])
        .arg(ca)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) => Some(format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("cannot run openssl: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_versions_and_weak_ciphers_are_refused() {
    let authority = Authority::new();
    authority.issue();
    let ca = authority.folder.path().join("ca.pem");
    std::fs::write(&ca, authority.issuer.pem()).unwrap();
    let server = authority.serve(&[]).await;
    for (arguments, wanted) in [
        (&["-tls1_3"][..], "TLSv1.3"),
        (&["-tls1_2"], "TLSv1.2"),
        (
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"],
            "ECDHE-ECDSA-AES128-GCM-SHA256",
        ),
        (&["-alpn", "h2"], "ALPN protocol: h2"),
        (&["-alpn", "http/1.1"], "ALPN protocol: http/1.1"),
        (&["-tls1_3"], "Verify return code: 0 (ok)"),
    ] {
        let (address, path) = (server.address, ca.clone());
        let said = tokio::task::spawn_blocking(move || s_client(address, &path, arguments))
            .await
            .unwrap();
        let Some(said) = said else {
            println!("skipped: openssl is not installed, so versions and ciphers are not tried");
            server.stop().await;
            return;
        };
        assert!(said.contains(wanted), "{arguments:?}: {said}");
    }
    for arguments in [
        &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"][..],
        &["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
        // No forward secrecy, no authenticated encryption, no encryption.
        &[
            "-tls1_2",
            "-cipher",
            "AES128-GCM-SHA256:AES256-SHA256:AES128-SHA:@SECLEVEL=0",
        ],
        &[
            "-tls1_2",
            "-cipher",
            "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0",
        ],
        &["-tls1_2", "-cipher", "eNULL:aNULL:@SECLEVEL=0"],
    ] {
        let (address, path) = (server.address, ca.clone());
        let said = tokio::task::spawn_blocking(move || s_client(address, &path, arguments))
            .await
            .unwrap()
            .unwrap();
        // It must be the server that refuses, after a hello: not this openssl, which may know the old ones no more.
        let was_refused = said.contains("alert") || said.contains("unexpected eof");
        let never_asked = said.contains("no protocols available")
            || said.contains("no ciphers available")
            || said.contains("no cipher match");
        assert!(was_refused || never_asked, "{arguments:?}: {said}");
        assert!(
            !said.contains("Verify return code: 0 (ok)") || said.contains("Cipher is (NONE)"),
            "{arguments:?}: {said}"
        );
        if never_asked {
            println!("not tried, since this openssl has no such thing: {arguments:?}");
        }
    }
    server.stop().await;
}

/// A router that says who asks.
#[tokio::test(flavor = "multi_thread")]
async fn each_request_says_who_is_at_the_other_end_and_whether_that_is_encrypted() {
    use axum::routing::get;
    use axum::{Extension, Router};
    use azulejo_server::config::listening::ListeningArguments;
    use azulejo_server::config::tls::TlsFiles;
    use azulejo_server::http::serve::tls::Tls;
    use azulejo_server::http::serve::{Peer, serve};
    use clap::Parser;
    use tokio_util::sync::CancellationToken;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        listening: ListeningArguments,
    }

    let authority = Authority::new();
    authority.issue();
    let tls = Tls::open(TlsFiles {
        cert: authority.cert(),
        key: authority.key(),
    });
    let tls = tls.unwrap();
    let who = |Extension(peer): Extension<Peer>| async move {
        Ok::<_, Infallible>(format!("{} {}", peer.address, peer.is_tls))
    };
    let router = Router::new().route("/", get(who));
    let shutdown = CancellationToken::new();
    for tls in [None, Some(tls)] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = Program::parse_from(["x"]).listening.check();
        let is_tls = tls.is_some();
        let serving = tokio::spawn(serve(
            listener,
            router.clone(),
            limits,
            tls,
            shutdown.child_token(),
        ));
        let (said, own) = if is_tls {
            let stream = authority.connect(address, &["h2"]).await;
            let own = stream.get_ref().0.local_addr().unwrap();
            (get_h2(stream, "/").await.1, own)
        } else {
            let mut stream = connect(address).await;
            let own = stream.local_addr().unwrap();
            send(&mut stream, "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
            (answer(&mut stream).await.unwrap().body, own)
        };
        assert_eq!(said, format!("{own} {is_tls}"));
        serving.abort();
    }
}
