//! nginx with the settings of `deploy/proxy/nginx.conf`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use azulejo_end2end::process::must_succeed;

use crate::proxy::{Proxy, certificate, deployed};

/// Where it writes what it keeps back of requests.
pub const BODIES: &str = "bodies";

/// Where nginx takes a part of the path away and says so.
pub const TAKEN_AWAY: &str = "/tiles";

/// What `server` has at `/`, below [`TAKEN_AWAY`].
fn below(server: &str) -> Result<String> {
    let (_, location) = server
        .split_once("location / {")
        .context("deploy/proxy/nginx.conf has no location /")?;
    let end = location.find("\n    }").context("the location has an end")?;
    let location = location[..end]
        .replace("proxy_pass http://azulejo;", "proxy_pass http://azulejo/;")
        .replace(
            "X-Forwarded-Prefix ''",
            &format!("X-Forwarded-Prefix {TAKEN_AWAY}"),
        );
    ensure!(
        location.contains(TAKEN_AWAY) && location.contains("azulejo/;"),
        "{location}"
    );
    Ok(format!("\n    location {TAKEN_AWAY}/ {{{location}\n    }}"))
}

/// Starts `program` in front of the server at `server`, on ports for http, for https, and for settings as somebody writes them who
/// does not read.
pub fn start(program: &Path, folder: &Path, server: &str, ports: [u16; 3]) -> Result<Proxy> {
    let [http, https, rewriting] = ports;
    let [certificate, key] = certificate(folder)?;
    let deployed = deployed("nginx.conf", server)?;
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
    let plain = plain.join("\n");
    let below = below(&plain)?;
    let dir = folder.display();
    // Its workers are to read this folder, too.
    let is_root = must_succeed(Command::new("id").arg("-u"))?.trim() == "0";
    let user = if is_root { "user root;" } else { "" };
    let settings = format!(
        "daemon off; {user} pid {dir}/pid; error_log {dir}/error.log; worker_processes 1;\n\
         events {{ worker_connections 256; }}\n\
         http {{\n    access_log off;\n    client_body_temp_path {dir}/{BODIES};\n    proxy_temp_path {dir}/answers;\n\
         fastcgi_temp_path {dir}/f;\n    uwsgi_temp_path {dir}/u;\n    scgi_temp_path {dir}/s;\n{head}\n\
         server {{\n    listen 127.0.0.1:{https} ssl http2;{tls}\n\
         server {{\n    listen 127.0.0.1:{http};{below}\n{plain}\n\
         server {{\n    listen 127.0.0.1:{rewriting};\n    location / {{ proxy_pass http://{server}; }}\n}}\n}}\n",
    );
    let path = folder.join("nginx.conf");
    fs::write(&path, settings)?;
    let mut command = Command::new(program);
    command.arg("-c").arg(&path);
    command.args(["-e", &format!("{dir}/error.log")]);
    Proxy::start(&mut command, folder, [http, https])
}
