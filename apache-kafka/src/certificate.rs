//! A certificate for loopback, made on the spot by the `keytool` that comes with Java.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Password of the key store. The store protects nothing: it is made for loopback, and anew with each cluster.
pub const PASSWORD: &str = "loopback-only";

/// A key store for the nodes, and the certificate by which clients know them.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// PKCS #12, for the nodes.
    pub store: PathBuf,
    /// PEM, for clients' `ssl.ca.location`.
    pub pem: PathBuf,
}

impl Certificate {
    /// The one in `folder`, made when it is not there.
    ///
    /// # Errors
    /// `keytool` is not there or fails.
    pub fn in_folder(folder: &Path) -> Result<Self> {
        let certificate = Self {
            store: folder.join("nodes.p12"),
            pem: folder.join("ca.pem"),
        };
        if certificate.pem.is_file() {
            return Ok(certificate);
        }
        let store = certificate.store.to_string_lossy().into_owned();
        let common = [
            "-keystore",
            &store,
            "-storetype",
            "PKCS12",
            "-storepass",
            PASSWORD,
            "-alias",
            "node",
        ];
        keytool(
            &["-genkeypair"],
            &common,
            &[
                "-keyalg",
                "EC",
                "-groupname",
                "secp256r1",
                "-validity",
                "3650",
                "-dname",
                "CN=localhost",
                "-ext",
                "SAN=dns:localhost,ip:127.0.0.1",
                "-ext",
                "bc:c=ca:true",
            ],
        )?;
        let pem = keytool(&["-exportcert", "-rfc"], &common, &[])?;
        fs::write(&certificate.pem, pem)?;
        Ok(certificate)
    }
}

fn keytool(command: &[&str], common: &[&str], more: &[&str]) -> Result<Vec<u8>> {
    let output = Command::new("keytool")
        .args(command)
        .args(common)
        .args(more)
        .stdin(Stdio::null())
        .output()
        .context("cannot start keytool, which comes with Java")?;
    ensure!(
        output.status.success(),
        "keytool {}: {}{}",
        command.join(" "),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output.stdout)
}
