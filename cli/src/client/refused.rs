//! Why a request came to nothing, and what to do about it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use anyhow::anyhow;
use rustls::{AlertDescription, CertificateError, Error as TlsError};

use super::server::Server;

/// Nobody answers at the server's address.
#[derive(Debug)]
pub struct Unreachable(pub Server);

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no server answers at {}", self.0)?;
        if self.0.is_loopback() {
            f.write_str("; `azulejo up` starts one")?;
        }
        Ok(())
    }
}

impl Error for Unreachable {}

/// The line to a server broke before its answer was here whole: what it did with the request is not known.
#[derive(Debug)]
pub struct Broken {
    server: Server,
    is_begun: bool,
    error: reqwest::Error,
}

impl Broken {
    /// In the middle of an answer.
    pub fn midway(server: &Server, error: reqwest::Error) -> Self {
        Self {
            server: server.clone(),
            is_begun: true,
            error: error.without_url(),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if self.is_begun { " in full" } else { "" };
        write!(f, "the server at {} did not answer{whole}", self.server)
    }
}

impl Error for Broken {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// A server answers, and who it is or what it says is not what TLS asks for.
#[derive(Debug)]
pub struct Untrusted {
    server: Server,
    reason: String,
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no safe line to {}: {}", self.server, self.reason)
    }
}

impl Error for Untrusted {}

/// The server answered, and said no.
#[derive(Debug)]
pub struct Refused {
    /// HTTP status.
    pub status: u16,
    /// Its reason, for programs; empty where it says none.
    pub code: String,
    /// Its reason.
    pub detail: String,
    /// How long it wants to be left alone.
    pub retry_after: Option<Duration>,
    /// Whether the request had a key.
    pub had_key: bool,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server refuses ({}): {}", self.status, self.detail)?;
        match self.remedy() {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

impl Error for Refused {}

impl Refused {
    /// What to do where the server cannot know it.
    pub fn remedy(&self) -> Option<String> {
        match self.status {
            401 if self.had_key => Some(
                "the key that was sent is not valid here (mistyped, expired, revoked, or another server's): ask who runs the server \
                 for a new one"
                    .to_owned(),
            ),
            401 => Some(
                "give a key in AZULEJO_KEY or with --key-file FILE; who runs the server makes one with `azulejo keys add`"
                    .to_owned(),
            ),
            403 if self.had_key => Some(
                "what the key may do is its role (read, submit, admin): ask who runs the server for one that may do this"
                    .to_owned(),
            ),
            429 => Some(match self.retry_after {
                Some(wait) => format!("try again in {} s", wait.as_secs()),
                None => "try again later".to_owned(),
            }),
            _ => None,
        }
    }
}

/// Why no answer came.
pub fn no_answer(server: &Server, error: reqwest::Error) -> anyhow::Error {
    if let Some(reason) = tls_error(&error) {
        let reason = explain(reason, server);
        return anyhow!(Untrusted {
            server: server.clone(),
            reason,
        });
    }
    if error.is_connect() {
        return anyhow!(Unreachable(server.clone()));
    }
    anyhow!(Broken {
        server: server.clone(),
        is_begun: false,
        error: error.without_url(),
    })
}

/// What TLS has against the line, wherever it stands among the causes.
fn tls_error(error: &reqwest::Error) -> Option<&TlsError> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<TlsError>() {
            return Some(found);
        }
        // The source of an error of input and output is not the error that it holds but the source of that.
        let held = error
            .downcast_ref::<std::io::Error>()
            .and_then(|error| error.get_ref());
        cause = match held {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    None
}

fn explain(error: &TlsError, server: &Server) -> String {
    let host = server.host();
    match error {
        TlsError::InvalidCertificate(error) => match error {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "nobody whom this system trusts vouches for its certificate; if it is your own, give the certificate of its issuer \
                 with --ca-cert FILE (AZULEJO_CA_CERT)"
                    .to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("its certificate is not for '{host}': use a name that is in the certificate")
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired: who runs the server must renew it (or the clock here is wrong)".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet: look at the clocks here and there".to_owned()
            }
            other => format!("its certificate is not accepted: {other}"),
        },
        TlsError::InvalidMessage(_) => {
            format!("what answers on port {} does not speak TLS: try http://", server.port())
        }
        TlsError::AlertReceived(AlertDescription::UnrecognisedName) => {
            format!("it has no certificate for '{host}': use the name under which it is public")
        }
        other => other.to_string(),
    }
}
