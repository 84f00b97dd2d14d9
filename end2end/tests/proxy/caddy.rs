//! Caddy with the settings of `deploy/proxy/Caddyfile`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::proxy::{NAME, Proxy, certificate, deployed};

/// Starts `program` in front of the server at `server`, on ports for http and https, with a certificate that is there already.
pub fn start(program: &Path, folder: &Path, server: &str, ports: [u16; 2]) -> Result<Proxy> {
    let [http, https] = ports;
    let [certificate, key] = certificate(folder)?;
    let deployed = deployed("Caddyfile", server)?;
    let (_, site) = deployed
        .split_once(&format!("{NAME} {{\n"))
        .context("deploy/proxy/Caddyfile has a site")?;
    let (certificate, key) = (certificate.display(), key.display());
    let settings = format!(
        "{{\n\tadmin off\n\tauto_https off\n}}\n\
         https://{NAME}:{https} {{\n\tbind 127.0.0.1\n\ttls {certificate} {key}\n{site}\n\
         http://{NAME}:{http} {{\n\tbind 127.0.0.1\n{site}\n"
    );
    let path = folder.join("Caddyfile");
    fs::write(&path, settings)?;
    let mut command = Command::new(program);
    command
        .args(["run", "--adapter", "caddyfile", "--config"])
        .arg(&path);
    // What it would keep at home.
    for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env(variable, folder);
    }
    Proxy::start(&mut command, folder, ports)
}
