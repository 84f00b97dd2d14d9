//! Files of certificate and key that change while the server runs.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use super::Tls;
use super::load::load;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is different when a file was written or replaced: inode, length, and when, in seconds and nanoseconds.
type Stamp = Option<(u64, u64, i64, i64)>;

impl Tls {
    /// Reads the files again whenever they have changed, and does not return. Files that are not sound, such as a key that does not
    /// belong to the certificate, change nothing: `tell` hears what is wrong, and `None` when it is over.
    ///
    /// A change is taken up once the files have been left alone for one look: a certificate and its key are two files, and whoever
    /// replaces them cannot do so at once.
    pub async fn renew(&self, tell: impl Fn(Option<&str>)) {
        let mut taken = self.stamps();
        let mut seen = taken;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = self.stamps();
            let is_settled = now == std::mem::replace(&mut seen, now);
            if !is_settled || now == taken {
                continue;
            }
            taken = now;
            match load(&self.files) {
                Ok(config) => {
                    self.replace(config);
                    tell(None);
                    tracing::info!(file = %self.files.cert.display(), "the certificate has changed: new connections get the new one");
                }
                Err(error) => tell(Some(&format!(
                    "the new certificate cannot be used, and the one from before goes on being used: {error:#}"
                ))),
            }
        }
    }

    fn stamps(&self) -> (Stamp, Stamp) {
        (stamp(&self.files.cert), stamp(&self.files.key))
    }
}

fn stamp(path: &Path) -> Stamp {
    let file = std::fs::metadata(path).ok()?;
    Some((file.ino(), file.len(), file.mtime(), file.mtime_nsec()))
}
