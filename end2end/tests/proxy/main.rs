//! Real proxies in front, with the settings of `deploy/proxy`: plain http and TLS, live streams, a large upload, ranges.
//!
//! - [`proxy`]: one of them, found, started, asked. [`nginx`], [`caddy`]: their settings. [`reader`]: what somebody says.

mod caddy;
mod nginx;
mod proxy;
mod reader;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use azulejo_end2end::process::must_succeed;
use azulejo_end2end::{Cluster, ClusterOptions, images};
use proxy::{NAME, Proxy, free_port};
use reader::Reader;

/// An installation that goes by [`NAME`] at `ports`.
async fn installation(ports: &[u16]) -> Result<(Cluster, String)> {
    let names: Vec<String> = ports.iter().map(|port| format!("{NAME}:{port}")).collect();
    let cluster = Cluster::start(ClusterOptions {
        workers: 1,
        server_arguments: ["--public-host", &names.join(","), "--trusted-proxy", "127.0.0.1"]
            .map(str::to_owned)
            .to_vec(),
        ..ClusterOptions::default()
    })
    .await?;
    let server = cluster.url().replace("http://", "");
    Ok((cluster, server))
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_behind_nginx() -> Result<()> {
    let Some(program) = proxy::program("nginx", "-v")? else {
        return Ok(());
    };
    let ports = [free_port()?, free_port()?, free_port()?];
    let (cluster, server) = installation(&ports).await?;
    let folder = PathBuf::from(cluster.path("nginx"));
    let mut proxy = nginx::start(&program, &folder, &server, ports)?;
    for is_tls in [false, true] {
        let tried = try_all(&cluster, &proxy, is_tls);
        tried.with_context(|| format!("TLS: {is_tls}; nginx says: {}", proxy.log()))?;
    }
    proxy.base = nginx::TAKEN_AWAY;
    let tried = try_all(&cluster, &proxy, false).and_then(|()| pages_lie_below(&proxy));
    tried.with_context(|| format!("below {}; nginx says: {}", proxy.base, proxy.log()))?;
    // The last one writes its own address into Host and says nothing of the client's.
    let [http, _, rewriting] = ports;
    posts_of_pages(&[
        (http, format!("http://{NAME}:{http}"), "job_not_found"),
        (rewriting, format!("http://{NAME}:{rewriting}"), "job_not_found"),
        (http, "http://evil.example".to_owned(), "cross_site"),
        (rewriting, "http://evil.example".to_owned(), "cross_site"),
        (rewriting, format!("http://127.0.0.1:{http}"), "cross_site"),
    ])?;
    let foreign = must_succeed(
        Command::new("curl")
            .args(["-sS", "--noproxy", "*", "-H", "Host: evil.example"])
            .arg(format!("http://127.0.0.1:{http}/jobs")),
    )?;
    ensure!(foreign.contains("unknown_host"), "{foreign}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_behind_caddy() -> Result<()> {
    let Some(program) = proxy::program("caddy", "version")? else {
        return Ok(());
    };
    let ports = [free_port()?, free_port()?];
    let (cluster, server) = installation(&ports).await?;
    let folder = PathBuf::from(cluster.path("caddy"));
    let proxy = caddy::start(&program, &folder, &server, ports)?;
    for is_tls in [false, true] {
        let tried = try_all(&cluster, &proxy, is_tls);
        tried.with_context(|| format!("TLS: {is_tls}; Caddy says: {}", proxy.log()))?;
    }
    let [http, _] = ports;
    posts_of_pages(&[
        (http, format!("http://{NAME}:{http}"), "job_not_found"),
        (http, "http://evil.example".to_owned(), "cross_site"),
    ])
}

/// Everything that one does through a proxy.
fn try_all(cluster: &Cluster, proxy: &Proxy, is_tls: bool) -> Result<()> {
    let job = events_and_job(proxy, is_tls)?;
    ranges(proxy, is_tls, &job)?;
    socket(proxy, is_tls)?;
    upload(cluster, proxy, is_tls)?;
    Ok(())
}

/// A stream of events that is open while a job runs, all through the proxy. Returns the job's id.
fn events_and_job(proxy: &Proxy, is_tls: bool) -> Result<String> {
    let mut stream = proxy.curl(is_tls, "/events");
    let stream = stream.arg("-N").stdout(Stdio::piped()).spawn()?;
    let mut stream = Reader::of(stream)?;
    stream.until("\"type\":\"health\"", Duration::from_secs(3))?;
    let image = proxy.folder.join("photo.png");
    fs::write(&image, images::png(&images::photo(1100, 1024, 5))?)?;
    let mut post = proxy.curl(is_tls, "/process");
    post.arg("-F").arg(format!("file=@{}", image.display()));
    let answer = must_succeed(post.args(["-F", "transformation=invert"]))?;
    let answer: serde_json::Value = serde_json::from_str(&answer).with_context(|| answer.clone())?;
    let id = answer["job_id"].as_str().context("no job")?.to_owned();
    // What the server says now must not wait in the proxy for what it says next.
    stream.until(&id, Duration::from_secs(3))?;
    stream.until("\"status\":\"completed\"", Duration::from_secs(30))?;
    // Something small, which would fill no buffer: the worker says that it is there.
    stream.until("\"type\":\"workers\"", Duration::from_secs(8))?;
    Ok(id)
}

fn ranges(proxy: &Proxy, is_tls: bool, job: &str) -> Result<()> {
    let path = format!("/download/{job}");
    let get = |arguments: &[&str]| -> Result<(Vec<u8>, String)> {
        let heads = proxy.folder.join("heads");
        let mut curl = proxy.curl(is_tls, &path);
        let output = curl.arg("-D").arg(&heads).args(arguments).output()?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok((output.stdout, fs::read_to_string(heads)?.to_lowercase()))
    };
    let (whole, heads) = get(&[])?;
    let tag = heads.lines().find_map(|line| line.strip_prefix("etag: "));
    let tag = tag.with_context(|| format!("no tag: {heads}"))?.trim().to_owned();
    let (part, heads) = get(&["-r", "10-99", "-H", &format!("If-Range: {tag}")])?;
    let told = format!("content-range: bytes 10-99/{}", whole.len());
    ensure!(heads.contains(" 206") && heads.contains(&told), "{heads}");
    ensure!(part == whole[10..100], "a range has other bytes");
    let (stale, heads) = get(&["-r", "10-99", "-H", "If-Range: \"stale\""])?;
    ensure!(heads.contains(" 200") && stale == whole, "{heads}");
    let (none, heads) = get(&["-H", &format!("If-None-Match: {tag}")])?;
    ensure!(heads.contains(" 304") && none.is_empty(), "{heads}");
    Ok(())
}

/// The pages lead to what lies below the path that the proxy takes away, and a client that says another one changes nothing.
fn pages_lie_below(proxy: &Proxy) -> Result<()> {
    let mut page = proxy.curl(false, "/jobs");
    page.args(["-H", "Accept: text/html", "-H", "X-Forwarded-Prefix: /evil"]);
    let page = must_succeed(&mut page)?;
    for path in ["/workers", "/pkg/azulejo.css"] {
        ensure!(page.contains(&format!("href=\"{}{path}\"", proxy.base)), "{page}");
    }
    ensure!(
        !page.contains("/evil") && !page.contains("href=\"/jobs"),
        "{page}"
    );
    must_succeed(
        proxy
            .curl(false, "/pkg/azulejo.css")
            .args(["-f", "-o", "/dev/null"]),
    )?;
    Ok(())
}

/// A WebSocket is opened and says something.
fn socket(proxy: &Proxy, is_tls: bool) -> Result<()> {
    let port = if is_tls { proxy.https } else { proxy.http };
    let base = proxy.base;
    let place = format!("127.0.0.1:{port}");
    let scheme = if is_tls { "https" } else { "http" };
    let asked = format!(
        "GET {base}/ws HTTP/1.1\r\nHost: {NAME}:{port}\r\nOrigin: {scheme}://{NAME}:{port}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    // The end of what it is told would be the end of openssl.
    let _open;
    let mut answer = if is_tls {
        let mut client = Command::new("openssl");
        client.args([
            "s_client",
            "-quiet",
            "-verify_quiet",
            "-servername",
            NAME,
            "-connect",
            &place,
        ]);
        let client = client
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut client = Reader::of(client.spawn()?)?;
        let mut input = client.input()?;
        input.write_all(asked.as_bytes())?;
        _open = input;
        client
    } else {
        let mut line = std::net::TcpStream::connect(&place)?;
        line.write_all(asked.as_bytes())?;
        Reader::new(line, None)
    };
    answer.until("HTTP/1.1 101 ", Duration::from_secs(5))?;
    // The key's answer, as RFC 6455 has it, and a first message.
    answer.until("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", Duration::from_secs(5))?;
    answer.until("{\"type\":\"workers\"", Duration::from_secs(10))?;
    Ok(())
}

/// 100 MB, of which the second half is sent only after the first has reached the server's disk.
fn upload(cluster: &Cluster, proxy: &Proxy, is_tls: bool) -> Result<()> {
    let file = images::png_with_data(2048, 2048, &vec![0x55; 100_000_000]);
    let (first, second) = file.split_at(file.len() / 2);
    let mut curl = proxy.curl(is_tls, "/uploads?filename=large.png");
    let curl = curl
        .args(["-T", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut curl = Reader::of(curl.spawn()?)?;
    let mut input = curl.input()?;
    input.write_all(first)?;
    input.flush()?;
    // curl and nginx may hold a little back; the server writes in pieces.
    let enough = (first.len() - 4_000_000) as u64;
    let until = Instant::now() + Duration::from_secs(30);
    let uploads = PathBuf::from(cluster.path("server/uploads"));
    while largest(&uploads)? < enough {
        let arrived = largest(&uploads)?;
        ensure!(
            Instant::now() < until,
            "{arrived} bytes of the first half are at the server: the proxy keeps them"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    let bodies = proxy.folder.join(nginx::BODIES);
    if bodies.is_dir() {
        let spooled = largest(&bodies)?;
        ensure!(
            spooled == 0,
            "the proxy has {spooled} bytes of the upload on its disk"
        );
    }
    input.write_all(second)?;
    drop(input);
    curl.until("}}", Duration::from_secs(60))?;
    let answer: serde_json::Value = serde_json::from_slice(&curl.text)?;
    ensure!(answer["bytes"] == file.len(), "{answer}");
    let id = answer["upload_id"].as_str().context("no id")?;
    must_succeed(
        proxy
            .curl(is_tls, &format!("/uploads/{id}"))
            .args(["-X", "DELETE", "-f"]),
    )?;
    Ok(())
}

/// The pages' own posts, as a browser sends them where it says nothing of the site, and those of others: at each port what an `Origin`
/// is answered.
fn posts_of_pages(posts: &[(u16, String, &str)]) -> Result<()> {
    for (port, page, code) in posts {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--noproxy", "*", "-X", "POST", "-H"]);
        curl.arg(format!("Origin: {page}"));
        curl.args(["--resolve", &format!("{NAME}:{port}:127.0.0.1")]);
        curl.arg(format!("http://{NAME}:{port}/job/x/cancel"));
        let answer = must_succeed(&mut curl)?;
        ensure!(answer.contains(code), "{page} at {port}: {answer}");
    }
    Ok(())
}

/// Bytes of the largest file in `folder` or its folders; 0 where there is none.
fn largest(folder: &Path) -> Result<u64> {
    let mut most = 0;
    for entry in fs::read_dir(folder)?.flatten() {
        let Ok(about) = entry.metadata() else { continue };
        most = most.max(if about.is_dir() {
            largest(&entry.path())?
        } else {
            about.len()
        });
    }
    Ok(most)
}
