//! The limit on open files.

use tracing::warn;

/// Raises the soft limit on open files to the hard one. Every connection to a broker and every visitor of the status page
/// is an open file, and a service manager's soft limit is made for programs that use `select`.
pub fn raise_file_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            warn!(%error, "cannot raise the limit on open files");
        }
    }
}
