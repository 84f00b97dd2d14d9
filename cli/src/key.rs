//! The key that says who asks: where it comes from, and where it may go.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use reqwest::Certificate;
use reqwest::header::HeaderValue;

use crate::client::Server;

/// The environment variable of the key itself.
const VARIABLE: &str = "AZULEJO_KEY";

/// Longest key, bytes: a signed token with many claims fits, and a header of a request may have it.
const MAX_BYTES: u64 = 8 * 1024;

/// Bytes that are read of a file with certificates: those of a whole system have 250 kB.
const MAX_CERTIFICATES: u64 = 4 << 20;

/// How a command proves who asks, and whom it trusts.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Access")]
pub struct Credentials {
    /// File with the key, which only you can read (mode 600); AZULEJO_KEY holds the key itself.
    #[arg(long, env = "AZULEJO_KEY_FILE", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub key_file: Option<PathBuf>,

    /// File with certificates in PEM whose owners are trusted to vouch for servers, besides those that this system trusts.
    #[arg(long, env = "AZULEJO_CA_CERT", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub ca_cert: Option<PathBuf>,

    /// Send the key to another machine over plain http, where everyone on the line can read it.
    #[arg(long, env = "AZULEJO_INSECURE_KEY_OVER_HTTP", value_parser = clap::builder::BoolishValueParser::new())]
    pub insecure_key_over_http: bool,
}

impl Credentials {
    /// The value of `Authorization` for requests to `server`; `None` without a key.
    ///
    /// # Errors
    /// A sentence when there are two keys, others can read it, it cannot be read, or others on the line could.
    pub fn key(&self, server: &Server) -> Result<Option<HeaderValue>, String> {
        let key = self.key_from(server, std::env::var_os(VARIABLE))?;
        Ok(key.and_then(|key| key.header()))
    }

    /// The certificates that are trusted besides those of the system.
    ///
    /// # Errors
    /// A sentence when the file cannot be read or holds none.
    pub fn roots(&self) -> Result<Vec<Certificate>, String> {
        let Some(path) = &self.ca_cert else {
            return Ok(Vec::new());
        };
        let shown = path.display();
        let mut text = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MAX_CERTIFICATES).read_to_end(&mut text));
        read.map_err(|error| format!("cannot read the certificates in {shown}: {error}"))?;
        match Certificate::from_pem_bundle(&text) {
            Ok(roots) if !roots.is_empty() => Ok(roots),
            _ => Err(format!(
                "there is no certificate in {shown}: one in PEM begins with -----BEGIN CERTIFICATE-----"
            )),
        }
    }

    fn key_from(&self, server: &Server, variable: Option<OsString>) -> Result<Option<Key>, String> {
        // As for every other variable, an empty one is not set.
        let variable = variable.filter(|value| !value.as_encoded_bytes().trim_ascii().is_empty());
        let key = match (variable, &self.key_file) {
            (Some(_), Some(file)) => {
                return Err(format!(
                    "both {VARIABLE} and the file {} (--key-file, AZULEJO_KEY_FILE) give a key: leave one out",
                    file.display()
                ));
            }
            (Some(value), None) => Key::parse(value.as_encoded_bytes(), VARIABLE)?,
            (None, Some(file)) => Key::read(file)?,
            (None, None) => return Ok(None),
        };
        if !server.is_encrypted() && !server.is_loopback() && !self.insecure_key_over_http {
            return Err(format!(
                "the key is not sent to {server}: everyone on the line could read it. Give the server's https address, go \
                 through an SSH tunnel, or allow it with --insecure-key-over-http where the line is trusted"
            ));
        }
        Ok(Some(key))
    }
}

/// A key. It is never shown.
#[derive(Clone, PartialEq, Eq)]
struct Key(String);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    /// The key in a file. White space at its ends is not part of it.
    fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let unreadable = |error: std::io::Error| format!("cannot read the key in {shown}: {error}");
        let file = File::open(path).map_err(unreadable)?;
        // Of the open file: what the name stands for may change in between.
        check_private(&file, path)?;
        let mut bytes = Vec::new();
        let read = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(unreadable)?;
        Self::parse(&bytes, &shown.to_string())
    }

    /// A key as text from `place`.
    fn parse(bytes: &[u8], place: &str) -> Result<Self, String> {
        let bytes = bytes.trim_ascii();
        if bytes.is_empty() {
            return Err(format!("there is no key in {place}"));
        }
        if bytes.len() as u64 > MAX_BYTES {
            return Err(format!(
                "what is in {place} is no key: it has more than {MAX_BYTES} bytes"
            ));
        }
        let text = std::str::from_utf8(bytes)
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
        text.map(|text| Self(text.to_owned())).ok_or_else(|| {
            format!(
                "what is in {place} is no key: a key is one word of ASCII, as `azulejo keys add` shows it"
            )
        })
    }

    /// The value of the header `Authorization`, marked as one that is not to be logged or compressed.
    fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

#[cfg(unix)]
fn check_private(file: &File, path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt as _;

    let shown = path.display();
    let mode = match file.metadata() {
        Ok(metadata) => metadata.permissions().mode() & 0o777,
        Err(error) => return Err(format!("cannot read the key in {shown}: {error}")),
    };
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(format!(
        "others on this machine can get at the key in {shown} (mode {mode:03o}): `chmod 600 {shown}`"
    ))
}

/// Who can read a file is not told by a mode there.
#[cfg(not(unix))]
fn check_private(_file: &File, _path: &Path) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(server: &str, credentials: &Credentials, variable: Option<&str>) -> Result<Option<Key>, String> {
        credentials.key_from(&server.parse().unwrap(), variable.map(OsString::from))
    }

    #[test]
    fn a_key_is_one_word_and_never_shown() {
        let key = Key::parse(b" az_secret\n", VARIABLE).unwrap();
        let header = key.header().unwrap();
        assert_eq!(header.as_bytes(), b"Bearer az_secret");
        assert!(!format!("{key:?} {header:?}").contains("secret"));
        let long = vec![b'x'; MAX_BYTES as usize + 1];
        for wrong in [
            &b""[..],
            b" \n",
            b"two secrets",
            b"secret\nsecret",
            b"se\x01cret",
            b"\xffsecret",
            &long,
        ] {
            let error = Key::parse(wrong, VARIABLE).unwrap_err();
            assert!(error.contains(VARIABLE) && !error.contains("secret"), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_remedy() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "az_secret\n").unwrap();
        let credentials = Credentials {
            key_file: Some(path.clone()),
            ..Credentials::default()
        };
        let with_mode = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            key("http://127.0.0.1:8000", &credentials, None)
        };
        for mode in [0o644, 0o640, 0o604, 0o620] {
            let error = with_mode(mode).unwrap_err();
            assert!(
                error.contains("chmod 600") && error.contains(&format!("{mode:03o}")),
                "{error}"
            );
        }
        for mode in [0o600, 0o400] {
            assert_eq!(with_mode(mode).unwrap(), Some(Key("az_secret".into())));
        }
        std::fs::remove_file(&path).unwrap();
        let error = key("http://127.0.0.1:8000", &credentials, None).unwrap_err();
        assert!(error.contains(&path.display().to_string()), "{error}");
    }

    #[test]
    fn two_keys_are_refused_and_an_empty_variable_is_none() {
        let credentials = Credentials {
            key_file: Some("/nowhere/key".into()),
            ..Credentials::default()
        };
        let error = key("https://example.org", &credentials, Some("k")).unwrap_err();
        assert!(
            error.contains(VARIABLE) && error.contains("--key-file"),
            "{error}"
        );
        for empty in [None, Some(""), Some(" \n")] {
            assert_eq!(
                key("https://example.org", &Credentials::default(), empty),
                Ok(None)
            );
        }
    }

    #[test]
    fn a_key_goes_over_plain_http_only_to_this_machine_unless_that_is_wanted() {
        let careful = Credentials::default();
        let bold = Credentials {
            insecure_key_over_http: true,
            ..Credentials::default()
        };
        for (server, credentials, goes) in [
            ("https://example.org", &careful, true),
            ("http://127.0.0.1:8000", &careful, true),
            ("http://localhost:8000", &careful, true),
            ("http://10.0.0.5:8000", &careful, false),
            ("http://10.0.0.5:8000", &bold, true),
        ] {
            let found = key(server, credentials, Some("az_secret"));
            assert_eq!(found.is_ok(), goes, "{server}: {found:?}");
            if let Err(error) = found {
                assert!(
                    error.contains("--insecure-key-over-http") && !error.contains("secret"),
                    "{error}"
                );
            }
            assert_eq!(key(server, credentials, None), Ok(None));
        }
    }
}
