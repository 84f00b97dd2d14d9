//! A real nginx in front, with the settings of `deploy/proxy/nginx.conf`: plain http and TLS, live streams, a large upload, ranges.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use azulejo_end2end::process::{must_succeed, tools_dir};

use azulejo_end2end::{Cluster, ClusterOptions, images, skipped};

const NAME: &str = "tiles.example";

/// The nginx of this system, or one that is unpacked beside the tests' other tools: nothing is started or installed for it. None,
/// and a line that says so, where there is neither.
fn nginx() -> Result<Option<PathBuf>> {
    let works = |program: &Path| {
        Command::new(program)
            .arg("-v")
            .output()
            .is_ok_and(|out| out.status.success())
    };
    let folder = tools_dir()?.join("nginx");
    let unpacked = folder.join("usr/sbin/nginx");
    for program in [Path::new("nginx"), Path::new("/usr/sbin/nginx"), &unpacked] {
        if works(program) {
            return Ok(Some(program.to_owned()));
        }
    }
    fs::create_dir_all(&folder)?;
    let fetched = Command::new("apt-get")
        .args(["download", "nginx"])
        .current_dir(&folder)
        .output();
    if fetched.is_ok_and(|out| out.status.success()) {
        for package in fs::read_dir(&folder)?.flatten() {
            if package.path().extension().is_some_and(|end| end == "deb") {
                must_succeed(Command::new("dpkg").arg("-x").arg(package.path()).arg(&folder))?;
            }
        }
        if works(&unpacked) {
            return Ok(Some(unpacked));
        }
    }
    skipped("nginx is not installed and cannot be fetched with apt-get: nothing is tried behind a proxy");
    Ok(None)
}

/// A running nginx. It ends with this.
struct Proxy {
    process: Child,
    folder: PathBuf,
    http: u16,
    https: u16,
    rewriting: u16,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Its workers end with it only when it is asked to.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

impl Proxy {
    /// Starts `program` in front of the server at `server` with the deployed settings, on ports that are free now.
    fn start(program: &Path, folder: &Path, server: &str, ports: [u16; 3]) -> Result<Self> {
        let [http, https, rewriting] = ports;
        fs::create_dir_all(folder)?;
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        must_succeed(
            Command::new("openssl")
                .args([
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                    "-nodes",
                ])
                .args([
                    "-days",
                    "2",
                    "-subj",
                    "/CN=tiles.example",
                    "-addext",
                    "subjectAltName=DNS:tiles.example",
                ])
                .arg("-keyout")
                .arg(&key)
                .arg("-out")
                .arg(&certificate),
        )?;
        let deployed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/proxy/nginx.conf");
        let deployed = fs::read_to_string(deployed)?.replace("127.0.0.1:8000", server);
        let (head, tls) = deployed
            .split_once("server {\n    listen 80;")
            .and_then(|(head, rest)| Some((head, rest.split_once("server {\n    listen 443 ssl http2;")?.1)))
            .context("deploy/proxy/nginx.conf has two servers, of port 80 and of port 443")?;
        let plain: Vec<&str> = tls
            .lines()
            .filter(|line| !line.contains("ssl_certificate"))
            .collect();
        let tls = tls
            .replace(
                "/etc/ssl/tiles.example/fullchain.pem",
                &certificate.display().to_string(),
            )
            .replace("/etc/ssl/tiles.example/privkey.pem", &key.display().to_string());
        let dir = folder.display();
        // Its workers are to read this folder, too.
        let is_root = must_succeed(Command::new("id").arg("-u"))?.trim() == "0";
        let user = if is_root { "user root;" } else { "" };
        let settings = format!(
            "daemon off; {user} pid {dir}/pid; error_log {dir}/error.log; worker_processes 1;\n\
             events {{ worker_connections 256; }}\n\
             http {{\n    access_log off;\n    client_body_temp_path {dir}/bodies;\n    proxy_temp_path {dir}/answers;\n\
             fastcgi_temp_path {dir}/f;\n    uwsgi_temp_path {dir}/u;\n    scgi_temp_path {dir}/s;\n{head}\n\
             server {{\n    listen 127.0.0.1:{https} ssl http2;{tls}\n\
             server {{\n    listen 127.0.0.1:{http};{plain}\n\
             # As somebody sets it up who does not read.\n\
             server {{\n    listen 127.0.0.1:{rewriting};\n    location / {{ proxy_pass http://{server}; }}\n}}\n}}\n",
            plain = plain.join("\n"),
        );
        let path = folder.join("nginx.conf");
        fs::write(&path, settings)?;
        let process = Command::new(program)
            .arg("-c")
            .arg(&path)
            .args(["-e", &format!("{dir}/error.log")])
            .stdin(Stdio::null())
            .spawn()
            .context("nginx does not start")?;
        let proxy = Self {
            process,
            folder: folder.to_owned(),
            http,
            https,
            rewriting,
        };
        let until = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", https)).is_err() {
            ensure!(Instant::now() < until, "nginx does not listen: {}", proxy.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(proxy)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("error.log")).unwrap_or_default()
    }

    /// curl, which finds this proxy under its public name, and the address of `path` there.
    fn curl(&self, is_tls: bool, path: &str) -> Command {
        let (scheme, port) = if is_tls {
            ("https", self.https)
        } else {
            ("http", self.http)
        };
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--noproxy", "*", "--max-time", "120"])
            .arg("--cacert")
            .arg(self.folder.join("cert.pem"))
            .args(["--resolve", &format!("{NAME}:{port}:127.0.0.1")])
            .arg(format!("{scheme}://{NAME}:{port}{path}"));
        curl
    }
}

/// A port that is free at this moment.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_behind_nginx() -> Result<()> {
    let Some(program) = nginx()? else {
        return Ok(());
    };
    let ports = [free_port()?, free_port()?, free_port()?];
    let names = format!("{NAME}:{},{NAME}:{},{NAME}:{}", ports[0], ports[1], ports[2]);
    let cluster = Cluster::start(ClusterOptions {
        workers: 1,
        server_arguments: ["--public-host", &names, "--trusted-proxy", "127.0.0.1"]
            .map(str::to_owned)
            .to_vec(),
        ..ClusterOptions::default()
    })
    .await?;
    let server = cluster.url().replace("http://", "");
    let folder = PathBuf::from(cluster.path("nginx"));
    let proxy = Proxy::start(&program, &folder, &server, ports)?;
    for is_tls in [false, true] {
        let tried = try_all(&cluster, &proxy, is_tls);
        tried.with_context(|| format!("TLS: {is_tls}; nginx says: {}", proxy.log()))?;
    }
    posts_of_pages(&proxy)?;
    Ok(())
}

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

/// A WebSocket is opened and says something.
fn socket(proxy: &Proxy, is_tls: bool) -> Result<()> {
    let port = if is_tls { proxy.https } else { proxy.http };
    let place = format!("127.0.0.1:{port}");
    let scheme = if is_tls { "https" } else { "http" };
    let asked = format!(
        "GET /ws HTTP/1.1\r\nHost: {NAME}:{port}\r\nOrigin: {scheme}://{NAME}:{port}\r\nConnection: Upgrade\r\n\
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
    let spooled = largest(&proxy.folder.join("bodies"))?;
    ensure!(
        spooled == 0,
        "the proxy has {spooled} bytes of the upload on its disk"
    );
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

/// The pages' own posts, as a browser sends them where it says nothing of the site, and those of others.
fn posts_of_pages(proxy: &Proxy) -> Result<()> {
    for (port, page, code) in [
        (
            proxy.http,
            format!("http://{NAME}:{}", proxy.http),
            "job_not_found",
        ),
        // This one writes its own address into Host and says nothing of the client's.
        (
            proxy.rewriting,
            format!("http://{NAME}:{}", proxy.rewriting),
            "job_not_found",
        ),
        (proxy.http, "http://evil.example".to_owned(), "cross_site"),
        (proxy.rewriting, "http://evil.example".to_owned(), "cross_site"),
        (
            proxy.rewriting,
            format!("http://127.0.0.1:{}", proxy.http),
            "cross_site",
        ),
    ] {
        let answer = must_succeed(
            Command::new("curl")
                .args([
                    "-sS",
                    "--noproxy",
                    "*",
                    "-X",
                    "POST",
                    "-H",
                    &format!("Origin: {page}"),
                ])
                .args(["--resolve", &format!("{NAME}:{port}:127.0.0.1")])
                .arg(format!("http://{NAME}:{port}/job/x/cancel")),
        )?;
        ensure!(answer.contains(code), "{page} at {port}: {answer}");
    }
    let foreign = must_succeed(
        Command::new("curl")
            .args(["-sS", "--noproxy", "*", "-H", "Host: evil.example"])
            .arg(format!("http://127.0.0.1:{}/jobs", proxy.http)),
    )?;
    ensure!(foreign.contains("unknown_host"), "{foreign}");
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

/// What somebody says, as it is said. A child that says it ends with this.
struct Reader {
    child: Option<Child>,
    said: std::sync::mpsc::Receiver<Vec<u8>>,
    text: Vec<u8>,
    at: usize,
}

impl Reader {
    fn of(mut child: Child) -> Result<Self> {
        let output = child.stdout.take().context("standard output")?;
        Ok(Self::new(output, Some(child)))
    }

    /// What the child is told.
    fn input(&mut self) -> Result<ChildStdin> {
        let child = self.child.as_mut();
        child
            .and_then(|child| child.stdin.take())
            .context("standard input")
    }

    fn new(mut output: impl Read + Send + 'static, child: Option<Child>) -> Self {
        let (sender, said) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let text = Vec::new();
        Self {
            child,
            said,
            text,
            at: 0,
        }
    }

    /// Waits until it says `what`, behind what was waited for before.
    fn until(&mut self, what: &str, limit: Duration) -> Result<()> {
        let until = Instant::now() + limit;
        loop {
            let rest = &self.text[self.at..];
            if let Some(found) = rest.windows(what.len()).position(|at| at == what.as_bytes()) {
                self.at += found + what.len();
                return Ok(());
            }
            let left = until.saturating_duration_since(Instant::now());
            let more = self.said.recv_timeout(left).with_context(|| {
                let said = String::from_utf8_lossy(rest);
                let end: String = said
                    .chars()
                    .rev()
                    .take(300)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .rev()
                    .collect();
                format!("{what:?} does not come within {limit:?}; the last is: {end}")
            })?;
            self.text.extend(more);
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
