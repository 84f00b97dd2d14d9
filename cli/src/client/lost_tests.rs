//! Answers that are lost on their way, before a server that takes a key for one job as Azulejo's does.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response as Answer};
use axum::routing::post;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// A server that starts a job for each key, and one for each request without.
#[derive(Clone, Default)]
struct Jobs {
    by_key: Arc<Mutex<HashMap<String, u64>>>,
    started: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    /// Answers that are given instead, before the others.
    first: Arc<Mutex<Vec<(u16, &'static str)>>>,
}

impl Jobs {
    async fn process(State(jobs): State<Self>, headers: HeaderMap, _: Bytes) -> Answer {
        jobs.requests.fetch_add(1, Ordering::Relaxed);
        let start = || jobs.started.fetch_add(1, Ordering::Relaxed) as u64;
        let mut by_key = jobs.by_key.lock().unwrap();
        let number = match headers.get("idempotency-key") {
            Some(key) => *by_key
                .entry(key.to_str().unwrap().to_owned())
                .or_insert_with(start),
            None => start(),
        };
        let instead = jobs.first.lock().unwrap().pop();
        if let Some((status, code)) = instead {
            let error = ApiError::new(status, code, "not now");
            return (StatusCode::from_u16(status).unwrap(), axum::Json(error)).into_response();
        }
        let id = format!("01a20544-b985-730f-82a6-{number:012x}");
        axum::Json(serde_json::json!({"job_id": id, "total_tiles": 4})).into_response()
    }

    async fn serve(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/process", post(Self::process));
        let router = router
            .route("/job/{id}/again", post(Self::process))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    fn counts(&self) -> (usize, usize) {
        let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        (of(&self.requests), of(&self.started))
    }
}

/// A line to `target` that breaks after so many bytes of an answer as `losses` says, one connection each; the later ones hold.
async fn breaking(target: SocketAddr, losses: &[usize]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let losses = Arc::new(Mutex::new(losses.to_vec()));
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let losses = Arc::clone(&losses);
            tokio::spawn(async move {
                let mut server = TcpStream::connect(target).await?;
                let loss = losses.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let Some(most) = loss else {
                    return tokio::io::copy_bidirectional(&mut client, &mut server).await;
                };
                let (mut from_client, mut to_client) = client.split();
                let (mut from_server, mut to_server) = server.split();
                let answer = async {
                    // The server has answered: nothing, or a part of it, gets through.
                    let mut first = vec![0; 4096];
                    let read = from_server.read(&mut first).await?;
                    to_client.write_all(&first[..read.min(most)]).await?;
                    to_client.flush().await?;
                    std::io::Result::Ok(())
                };
                tokio::select! {
                    answered = answer => answered?,
                    copied = tokio::io::copy(&mut from_client, &mut to_server) => drop(copied?),
                }
                Ok((0, 0))
            });
        }
    });
    address
}

fn client(address: SocketAddr) -> Client {
    let url = format!("http://{address}");
    Client::new(url.parse().unwrap(), &Access::default())
        .unwrap()
        .patient()
}

async fn send(client: &Client, image: &Path, once: &Once) -> anyhow::Result<Accepted> {
    let order = Order {
        recipe: "blur",
        encoding: None,
        page: None,
        fresh: false,
        once: Some(once),
    };
    client
        .process_as("a.png", image, order, &ProgressBar::hidden())
        .await
}

fn image(folder: &tempfile::TempDir) -> std::path::PathBuf {
    let image = folder.path().join("a.png");
    std::fs::write(&image, vec![7; 300_000]).unwrap();
    image
}

#[tokio::test]
async fn an_answer_that_is_lost_makes_no_second_job() {
    let folder = tempfile::tempdir().unwrap();
    let image = image(&folder);
    // The whole answer is lost; half a head; the end of the body.
    for most in [0, 20, 150] {
        let jobs = Jobs::default();
        let client = client(breaking(jobs.serve().await, &[most]).await);
        let once = Once::new(None);
        let accepted = send(&client, &image, &once).await.unwrap();
        assert_eq!(accepted.total_tiles, 4);
        assert_eq!(jobs.counts(), (2, 1), "{most} bytes of the answer got through");
        assert!(
            once.was_sent(),
            "a signal would have to ask what became of the first"
        );
    }
}

#[tokio::test]
async fn two_orders_are_two_jobs_and_a_key_that_is_given_is_that_of_the_job() {
    let folder = tempfile::tempdir().unwrap();
    let image = image(&folder);
    let jobs = Jobs::default();
    let client = client(jobs.serve().await);
    for _ in 0..2 {
        send(&client, &image, &Once::new(None)).await.unwrap();
    }
    assert_eq!(jobs.counts(), (2, 2));
    let key: IdempotencyKey = "lab \"7\"".parse().unwrap();
    let one = send(&client, &image, &Once::new(Some(&key))).await.unwrap();
    let other = send(&client, &image, &Once::new(Some(&key))).await.unwrap();
    assert_eq!((one.job_id, jobs.counts()), (other.job_id, (4, 3)));
    assert!(jobs.by_key.lock().unwrap().contains_key(r#""lab \"7\"""#));
}

#[tokio::test]
async fn a_try_that_is_still_being_answered_is_waited_for_and_a_proxys_loss_is_one() {
    let jobs = Jobs::default();
    *jobs.first.lock().unwrap() = vec![(409, "idempotency_in_flight"), (502, "")];
    let client = client(jobs.serve().await);
    let once = Once::new(None);
    let order = Order {
        recipe: "blur",
        encoding: None,
        page: None,
        fresh: false,
        once: Some(&once),
    };
    let id = "01a20544-b985-730f-82a6-b84d915d4169".parse().unwrap();
    client.again(id, order).await.unwrap();
    assert_eq!(jobs.counts(), (3, 1));
}

#[tokio::test]
async fn what_the_server_refuses_and_what_has_no_key_is_sent_once() {
    let folder = tempfile::tempdir().unwrap();
    let image = image(&folder);
    let jobs = Jobs::default();
    *jobs.first.lock().unwrap() = vec![(409, "job_running")];
    let address = jobs.serve().await;
    let error = send(&client(address), &image, &Once::new(None))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("(409)"), "{error:#}");
    assert_eq!(jobs.counts().0, 1);
    let keyless = client(breaking(address, &[0]).await);
    let error = keyless
        .process(&image, "blur", None, &ProgressBar::hidden())
        .await;
    assert!(format!("{:#}", error.unwrap_err()).contains("did not answer"));
    assert_eq!(jobs.counts(), (2, 2));
}

#[tokio::test]
async fn nobody_is_waited_for_who_never_answered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let folder = tempfile::tempdir().unwrap();
    let error = send(&client(address), &image(&folder), &Once::new(None))
        .await
        .unwrap_err();
    assert!(error.is::<Unreachable>(), "{error:#}");
}
