//! The certificate of the server, where TLS ends in it.

use std::path::PathBuf;

use anyhow::bail;

/// What `--help` explains of it.
#[derive(Debug, Clone, clap::Args)]
pub struct TlsArguments {
    /// Speaks HTTPS with the certificate in this file, PEM, the server's own first and then those that it was signed with. Needs
    /// --tls-key. A file that changes is read again. The default is to speak HTTP.
    #[arg(long, env = "AZULEJO_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// Proves the certificate of --tls-cert with the private key in this file, PEM, which nobody else should be able to read.
    /// There is no default.
    #[arg(long, env = "AZULEJO_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
}

/// Where certificate and key are.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// Certificates, PEM, the server's own first.
    pub cert: PathBuf,
    /// The private key of the first, PEM.
    pub key: PathBuf,
}

impl TlsArguments {
    /// The files, if TLS is wanted. They are not read here.
    ///
    /// # Errors
    /// One is named and the other is not.
    pub fn check(self) -> anyhow::Result<Option<TlsFiles>> {
        match (self.tls_cert, self.tls_key) {
            (Some(cert), Some(key)) => Ok(Some(TlsFiles { cert, key })),
            (None, None) => Ok(None),
            (Some(_), None) => bail!(
                "--tls-cert (AZULEJO_TLS_CERT) is given without --tls-key (AZULEJO_TLS_KEY): HTTPS needs the private key of \
                 the certificate, too"
            ),
            (None, Some(_)) => bail!(
                "--tls-key (AZULEJO_TLS_KEY) is given without --tls-cert (AZULEJO_TLS_CERT): HTTPS needs the certificate of \
                 the key, too"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_alone_is_refused_with_the_name_of_the_other() {
        let check = |cert: Option<&str>, key: Option<&str>| {
            let arguments = TlsArguments {
                tls_cert: cert.map(PathBuf::from),
                tls_key: key.map(PathBuf::from),
            };
            arguments.check()
        };
        assert!(check(None, None).unwrap().is_none());
        assert_eq!(
            check(Some("a"), Some("b")).unwrap().unwrap().key,
            PathBuf::from("b")
        );
        let missing = check(Some("a"), None).unwrap_err().to_string();
        assert!(
            missing.contains("without --tls-key (AZULEJO_TLS_KEY)"),
            "{missing}"
        );
        let missing = check(None, Some("b")).unwrap_err().to_string();
        assert!(
            missing.contains("without --tls-cert (AZULEJO_TLS_CERT)"),
            "{missing}"
        );
    }
}
