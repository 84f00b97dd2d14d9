//! The limit on open files.

/// Raises the soft limit on open files to the hard one. Every connection to a broker and every visitor of the status page
/// is an open file, and a service manager's soft limit is made for programs that use `select`. Windows has no such limit.
pub fn raise_file_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        if cfg!(target_vendor = "apple") {
            // OPEN_MAX, which setrlimit insists on, though it calls the hard limit unlimited.
            const MOST: u64 = 10_240;
            limit.current = Some(limit.maximum.map_or(MOST, |hard| hard.min(MOST)));
        }
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "cannot raise the limit on open files");
        }
    }
}
