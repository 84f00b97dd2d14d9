//! From the files of certificate and key to what a handshake needs.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{Error, InconsistentKeys, ServerConfig};

use crate::config::tls::TlsFiles;

/// The names of HTTP/2 and HTTP/1.1 in a handshake.
pub const H2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

const CERT: &str = "--tls-cert, AZULEJO_TLS_CERT";
const KEY: &str = "--tls-key, AZULEJO_TLS_KEY";

/// Longest file that is read.
const MOST_BYTES: u64 = 1 << 20;

/// What a handshake needs.
pub fn load(files: &TlsFiles) -> anyhow::Result<Arc<ServerConfig>> {
    let certs = certs(&files.cert)?;
    let key = key(&files.key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_single_cert(certs, key)
        .map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => anyhow::anyhow!(
                "the key in {} ({KEY}) is not that of the first certificate in {} ({CERT})",
                files.key.display(),
                files.cert.display()
            ),
            error => anyhow::Error::from(error).context(format!(
                "cannot use the certificate in {} ({CERT}) with the key in {} ({KEY})",
                files.cert.display(),
                files.key.display()
            )),
        })?;
    config.alpn_protocols = vec![H2.to_vec(), HTTP_1_1.to_vec()];
    Ok(Arc::new(config))
}

fn certs(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let pem = read(path, CERT)?;
    let certs = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("{} ({CERT}) is no sound PEM file", path.display()))?;
    if certs.is_empty() {
        bail!(
            "{} ({CERT}) holds no certificate: it needs a block that begins with -----BEGIN CERTIFICATE-----",
            path.display()
        );
    }
    Ok(certs)
}

fn key(path: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    let pem = read(path, KEY)?;
    let key = PrivateKeyDer::from_pem_slice(&pem).with_context(|| {
        format!(
            "{} ({KEY}) holds no private key that can be used: it needs a block that begins with -----BEGIN PRIVATE \
             KEY-----, without a password",
            path.display()
        )
    })?;
    if let Some(mode) = mode_if_open(path) {
        tracing::warn!(
            "{} ({KEY}) can be read by others (mode {mode:o}): whoever has the private key can pose as this server; \
             `chmod 600` it",
            path.display()
        );
    }
    Ok(key)
}

/// The permissions of the file at `path`, if they let others than its owner and its group read it, or its group write it.
fn mode_if_open(path: &Path) -> Option<u32> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o027 != 0).then_some(mode)
}

fn read(path: &Path, setting: &str) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read {} ({setting})", path.display()))?;
    if bytes.len() as u64 > MOST_BYTES {
        bail!(
            "{} ({setting}) has more than {MOST_BYTES} bytes: that is no PEM file",
            path.display()
        );
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_others_can_read_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        std::fs::write(&path, "").unwrap();
        for (mode, is_open) in [
            (0o600, false),
            (0o640, false),
            (0o644, true),
            (0o660, true),
            (0o604, true),
        ] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(mode_if_open(&path).is_some(), is_open, "{mode:o}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_file_and_flag() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(path("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(path("key.pem"), made.signing_key.serialize_pem()).unwrap();
        std::fs::write(path("other.pem"), other.signing_key.serialize_pem()).unwrap();
        std::fs::write(path("text.pem"), "no certificate, no key").unwrap();
        std::fs::write(
            path("broken.pem"),
            "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
        )
        .unwrap();
        std::fs::write(path("large.pem"), vec![b'x'; 1_100_000]).unwrap();
        for (cert, key, words) in [
            ("cert.pem", "key.pem", [""; 3]),
            (
                "absent.pem",
                "key.pem",
                ["cannot read", "absent.pem", "--tls-cert, AZULEJO_TLS_CERT"],
            ),
            (
                "cert.pem",
                "absent.pem",
                ["cannot read", "absent.pem", "--tls-key, AZULEJO_TLS_KEY"],
            ),
            (
                "text.pem",
                "key.pem",
                ["holds no certificate", "text.pem", "AZULEJO_TLS_CERT"],
            ),
            (
                "cert.pem",
                "text.pem",
                ["holds no private key", "text.pem", "AZULEJO_TLS_KEY"],
            ),
            (
                "broken.pem",
                "key.pem",
                ["no sound PEM", "broken.pem", "AZULEJO_TLS_CERT"],
            ),
            (
                "large.pem",
                "key.pem",
                ["more than", "large.pem", "AZULEJO_TLS_CERT"],
            ),
            (
                "cert.pem",
                "other.pem",
                ["is not that of", "other.pem", "cert.pem"],
            ),
        ] {
            let files = TlsFiles {
                cert: path(cert),
                key: path(key),
            };
            let said = load(&files).err().map(|error| format!("{error:#}"));
            assert_eq!(said.is_none(), words[0].is_empty(), "{cert} {key}: {said:?}");
            let said = said.unwrap_or_default();
            assert!(
                words.iter().all(|word| said.contains(word)),
                "{cert} {key}: {said}"
            );
        }
    }
}
