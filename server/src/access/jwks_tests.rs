use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::*;

fn set(ids: &[&str]) -> String {
    let keys: Vec<Value> = ids
        .iter()
        .map(|id| {
            json!({"kty": "EC", "crv": "P-256", "kid": id, "use": "sig", "alg": "ES256",
                "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})
        })
        .collect();
    json!({ "keys": keys }).to_string()
}

/// An issuer that answers with `answer` as often as `turns` lets it.
struct Issuer {
    asked: Arc<AtomicUsize>,
    turns: Arc<Semaphore>,
    keys: KeySet,
}

async fn issuer(answer: String) -> Issuer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/jwks", listener.local_addr().unwrap());
    let (asked, turns) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let (counted, let_in) = (asked.clone(), turns.clone());
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            let (let_in, answer) = (let_in.clone(), answer.clone());
            tokio::spawn(async move {
                let _read = socket.read(&mut [0; 4096]).await.unwrap();
                let_in.acquire().await.unwrap().forget();
                let length = answer.len();
                let whole = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}"
                );
                socket.write_all(whole.as_bytes()).await.unwrap();
            });
        }
    });
    Issuer {
        asked,
        turns,
        keys: KeySet::open(TokenKeys::Address(address)).unwrap(),
    }
}

impl Issuer {
    /// Has the set of this key be known for so long.
    fn knows(&self, id: &str, age: Duration) {
        let mut state = self.keys.0.state();
        state.keys = from_set(set(&[id]).as_bytes()).unwrap();
        state.read = Instant::now().checked_sub(age);
        assert!(state.read.is_some(), "this machine has just been started");
    }

    async fn find(&self, id: &str) -> usize {
        let found = self.keys.find(Some(id), Algorithm::ES256);
        let found = tokio::time::timeout(Duration::from_secs(5), found).await;
        found.expect("the request waits").len()
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn the_old_set_serves_while_it_is_read_again_by_one() {
    let issuer = issuer(set(&["new"])).await;
    issuer.knows("old", FRESH);
    for _ in 0..5 {
        assert_eq!(issuer.find("old").await, 1);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(issuer.asked() <= 1, "asked {} times", issuer.asked());
    issuer.turns.add_permits(10);
    // Who waits for the new key waits for the same answer.
    assert_eq!(issuer.find("new").await, 1);
    assert_eq!((issuer.find("old").await, issuer.asked()), (0, 1));
}

#[tokio::test]
async fn an_unknown_key_has_the_set_read_once_in_a_while() {
    let issuer = issuer(set(&["new"])).await;
    issuer.turns.add_permits(10);
    issuer.knows("old", AGAIN);
    let found = futures::future::join_all((0..10).map(|_| issuer.find("new"))).await;
    assert_eq!((found, issuer.asked()), (vec![1; 10], 1));
    assert_eq!((issuer.find("other").await, issuer.asked()), (0, 1));
    issuer.knows("new", AGAIN);
    assert_eq!((issuer.find("other").await, issuer.asked()), (0, 2));
}

#[tokio::test]
async fn a_request_that_goes_away_does_not_have_the_set_read_anew() {
    let issuer = issuer(set(&["new"])).await;
    issuer.knows("old", AGAIN);
    for _ in 0..3 {
        let found = issuer.keys.find(Some("new"), Algorithm::ES256);
        let waited = tokio::time::timeout(Duration::from_millis(100), found).await;
        assert!(waited.is_err(), "nothing was there to answer");
    }
    issuer.turns.add_permits(10);
    assert_eq!((issuer.find("new").await, issuer.asked()), (1, 1));
}

#[tokio::test]
async fn a_set_that_nobody_asked_for_in_an_hour_is_read_before_it_serves() {
    let issuer = issuer(set(&["new"])).await;
    issuer.turns.add_permits(10);
    issuer.knows("withdrawn", OLD);
    assert_eq!((issuer.find("withdrawn").await, issuer.asked()), (0, 1));
}
