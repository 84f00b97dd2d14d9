//! Connections that are slow, silent, many or hostile, and what becomes of the others meanwhile.

use std::time::Duration;

use crate::raw::{answer, ask, connect, ended, seconds_to_end, send};
use crate::support::start;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const GET: &str = "GET /recipes HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_do_not_come_end_the_connection_and_no_other() {
    let server = start(&["--header-timeout", "2", "--idle-timeout", "30"]).await;
    // Half a head and then silence.
    let mut silent = connect(server.address).await;
    send(&mut silent, "GET /jobs HTTP/1.1\r\nhost: local").await;
    // A byte now and then.
    let (mut reading, mut writing) = connect(server.address).await.into_split();
    let dripping = tokio::spawn(async move {
        let mut bytes = GET.bytes().cycle().filter(|byte| *byte != b'\n');
        while writing.write_all(&[bytes.next().unwrap()]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let (first, second) = tokio::join!(seconds_to_end(&mut silent), seconds_to_end(&mut reading));
    for seconds in [first, second] {
        assert!(
            (1.5..9.0).contains(&seconds),
            "{seconds} seconds, with a time of 2 and a second to say goodbye"
        );
    }
    dripping.abort();
    assert_eq!(server.get("/recipes").await.status(), 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_kept_for_another_request_and_not_for_ever() {
    let server = start(&["--idle-timeout", "2", "--header-timeout", "30"]).await;
    let mut stream = connect(server.address).await;
    for _ in 0..3 {
        send(&mut stream, GET).await;
        assert_eq!(answer(&mut stream).await.unwrap().status, 200);
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }
    send(&mut stream, GET).await;
    assert_eq!(answer(&mut stream).await.unwrap().status, 200);
    let seconds = seconds_to_end(&mut stream).await;
    assert!((1.5..8.0).contains(&seconds), "{seconds} seconds");
    // A live stream is at work, however long nothing else comes by its connection.
    let mut live = connect(server.address).await;
    send(&mut live, "GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let open = tokio::time::timeout(Duration::from_secs(6), ended(&mut live)).await;
    assert!(open.is_err(), "the live stream ended");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_closed_its_sending_side_still_gets_the_answer() {
    let server = start(&[]).await;
    let mut stream = connect(server.address).await;
    send(&mut stream, GET).await;
    stream.shutdown().await.unwrap();
    let answer = answer(&mut stream).await.expect("no answer");
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("grayscale"));
    assert_eq!(ended(&mut stream).await, 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_are_bounded_in_number_and_bytes() {
    let server = start(&["--max-headers", "40", "--max-header-bytes", "8K"]).await;
    let with = |headers: String| format!("GET /recipes HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
    let many = |count: usize| with((0..count).map(|n| format!("x-{n}: y\r\n")).collect());
    let long = |bytes: usize| with(format!("x-long: {}\r\n", "y".repeat(bytes)));
    for (what, request, status) in [
        ("39 and the host", many(39), 200),
        ("40 and the host", many(40), 431),
        ("7 K", long(7 << 10), 200),
        ("9 K", long(9 << 10), 431),
        (
            "a long target",
            GET.replace("/recipes", &format!("/recipes?{}", "y".repeat(9 << 10))),
            431,
        ),
    ] {
        let (answer, _) = ask(server.address, &request).await;
        let answer = answer.unwrap_or_else(|| panic!("no answer to {what}"));
        assert_eq!(answer.status, status, "{what}");
        if status == 431 {
            assert_eq!(answer.code(), "headers_too_large", "{what}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{what}");
        }
    }
    // What the parser itself refuses has no body, and its connection is closed.
    for request in [many(200), long(200 << 10)] {
        let (answer, is_closed) = ask(server.address, &request).await;
        assert!(answer.is_none_or(|answer| answer.status == 431 && answer.body.is_empty()));
        assert!(is_closed);
    }
    // A flood without an end is cut off early, not read.
    let mut flood = connect(server.address).await;
    send(&mut flood, "GET / HTTP/1.1\r\nhost: localhost\r\nx: ").await;
    let mut taken = 0_u64;
    while flood.write_all(&[b'y'; 64 << 10]).await.is_ok() {
        taken += 64 << 10;
        assert!(taken < 64 << 20, "endless headers are taken");
    }
    assert_eq!(server.get("/recipes").await.status(), 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_make_way_for_new_ones() {
    let server = start(&[
        "--max-connections",
        "128",
        "--idle-timeout",
        "600",
        "--header-timeout",
        "600",
    ])
    .await;
    // One at work from before, which has to stay.
    let mut live = connect(server.address).await;
    send(&mut live, "GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let mut first = [0; 12];
    live.read_exact(&mut first).await.unwrap();
    let mut idle = Vec::new();
    for _ in 0..140 {
        let mut stream = connect(server.address).await;
        // Some say nothing, some half a head, some have had an answer.
        match idle.len() % 3 {
            0 => {}
            1 => send(&mut stream, "GET /jobs HT").await,
            _ => {
                send(&mut stream, GET).await;
                assert_eq!(answer(&mut stream).await.unwrap().status, 200);
            }
        }
        idle.push(stream);
    }
    for _ in 0..5 {
        assert_eq!(server.get("/recipes").await.status(), 200);
    }
    // The first made way, the last is still there.
    ended(&mut idle[0]).await;
    let last = idle.last_mut().unwrap();
    send(last, "TP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert_eq!(
        answer(last).await.unwrap().status,
        200,
        "the last one goes on with the half of its head"
    );
    let open = tokio::time::timeout(Duration::from_millis(300), ended(&mut live)).await;
    assert!(open.is_err(), "the live stream made way");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_are_busy_a_new_one_is_told_so() {
    let server = start(&["--max-connections", "8"]).await;
    let mut busy = Vec::new();
    for _ in 0..8 {
        let mut stream = connect(server.address).await;
        send(&mut stream, "GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        busy.push(stream);
    }
    let mut ninth = connect(server.address).await;
    let refused = answer(&mut ninth).await.unwrap();
    assert_eq!((refused.status, refused.code().as_str()), (503, "too_busy"));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(ended(&mut ninth).await, 0);
    // A place that becomes free is one again.
    drop(busy.pop());
    for attempt in 0.. {
        let (answer, _) = ask(server.address, GET).await;
        if answer.is_some_and(|answer| answer.status == 200) {
            break;
        }
        assert!(attempt < 100, "the place of the one that left stays taken");
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_two_parsers_could_read_differently_are_refused() {
    let server = start(&[]).await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let post = |headers: &str, body: &str| {
        format!("POST /process HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n{body}{smuggled}")
    };
    let chunked = "transfer-encoding: chunked\r\n";
    for (what, request) in [
        (
            "two lengths",
            post("content-length: 0\r\ncontent-length: 5\r\n", ""),
        ),
        ("a list of lengths", post("content-length: 0, 5\r\n", "")),
        ("a signed length", post("content-length: +5\r\n", "abcde")),
        (
            "a length in hexadecimal",
            post("content-length: 0x5\r\n", "abcde"),
        ),
        (
            "a length that is too large",
            post("content-length: 99999999999999999999999\r\n", ""),
        ),
        ("an unknown coding", post("transfer-encoding: identity\r\n", "")),
        (
            "chunked that is not last",
            post("transfer-encoding: chunked, gzip\r\n", "0\r\n\r\n"),
        ),
        (
            "a coding with a control character",
            post("transfer-encoding: \x0bchunked\r\n", "0\r\n\r\n"),
        ),
        (
            "a space before the colon",
            post("transfer-encoding : chunked\r\n", "0\r\n\r\n"),
        ),
        ("a folded line", post("x: a\r\n b\r\n", "")),
        ("a header without a name", post(": a\r\n", "")),
        ("a null in a header", post("x: a\0b\r\n", "")),
        ("a bare return in a header", post("x: a\rb: c\r\n", "")),
        (
            "chunked in HTTP/1.0",
            post(chunked, "0\r\n\r\n").replace(
                "HTTP/1.1\r\nhost: localhost\r\ntr",
                "HTTP/1.0\r\nhost: localhost\r\ntr",
            ),
        ),
    ] {
        let (answer, is_closed) = ask(server.address, &request).await;
        let answer = answer.unwrap_or_else(|| panic!("{what}: no answer"));
        assert_eq!(answer.status, 400, "{what}: {answer:?}");
        assert!(is_closed, "{what}: what follows would be taken for a request");
    }
    // Chunks that are not sound are found while the body is read.
    for (what, body) in [
        ("no number", "zz\r\nabc\r\n0\r\n\r\n"),
        ("a negative number", "-1\r\nabc\r\n0\r\n\r\n"),
        (
            "a number that is too large",
            "fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        ),
        ("more than it says", "1\r\nabc\r\n0\r\n\r\n"),
        ("a bare line feed", "3\nabc\n0\n\n"),
        (
            "an endless extension",
            &format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(100 << 10)),
        ),
    ] {
        let request = format!("PUT /uploads HTTP/1.1\r\nhost: localhost\r\n{chunked}\r\n{body}{smuggled}");
        let (answer, is_closed) = ask(server.address, &request).await;
        assert!(answer.is_none_or(|answer| answer.status == 400), "{what}");
        assert!(is_closed, "{what}: what follows would be taken for a request");
    }
    // With both, only the chunks count (RFC 9112, 6.3), and nothing after them on this connection does (6.1).
    for headers in [
        format!("content-length: 3\r\n{chunked}"),
        format!("{chunked}content-length: 3\r\n"),
    ] {
        let (answer, is_closed) = ask(server.address, &post(&headers, "0\r\n\r\n")).await;
        assert_eq!(answer.unwrap().status, 415);
        assert!(is_closed);
    }
    // Nothing of it has harmed anybody else.
    assert_eq!(server.get("/recipes").await.status(), 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_takes_nothing_is_cut_off_and_one_that_takes_its_time_is_not() {
    const BYTES: usize = 24 << 20;
    let server = start(&["--send-timeout", "2"]).await;
    let file = server.folder.path().join("site/pkg/large.wasm");
    std::fs::write(file, vec![7; BYTES]).unwrap();
    let get = "GET /pkg/large.wasm HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let mut stuck = connect(server.address).await;
    send(&mut stuck, get).await;
    // Slower than the file could come, with pauses that are shorter than the time it has.
    let mut slow = connect(server.address).await;
    send(&mut slow, get).await;
    let mut bytes = 0;
    let mut buffer = vec![0; 4 << 20];
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        bytes += slow.read_exact(&mut buffer).await.unwrap();
    }
    bytes += ended(&mut slow).await;
    assert!(bytes > BYTES, "{bytes} bytes, head included");
    let stuck = ended(&mut stuck).await;
    assert!(
        stuck < BYTES,
        "a client that took nothing for 5 seconds still got it all"
    );
    server.stop().await;
}
