//! How many connections the limit on open files leaves room for.

use rustix::process::{Resource, getrlimit};

/// Files that are left to everything else: the database, jobs under way, the connections to Kafka.
const RESERVED: u64 = 256;

/// `wanted` connections, or as many as there can be open files for.
pub fn affordable(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    let room = room(limit);
    if wanted > room {
        tracing::warn!(
            "the limit of {} open files has room for {room} connections, not for {wanted} (--max-connections, \
             AZULEJO_MAX_CONNECTIONS): raise it by `ulimit -n` or LimitNOFILE",
            limit.unwrap_or(u64::MAX)
        );
    }
    wanted.min(room)
}

fn room(limit: Option<u64>) -> usize {
    let Some(limit) = limit else { return usize::MAX };
    let room = limit.saturating_sub(RESERVED).max(limit / 2);
    usize::try_from(room).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_left_for_everything_else() {
        assert_eq!(room(Some(1024)), 768);
        assert_eq!(room(Some(256)), 128);
        assert_eq!(room(None), usize::MAX);
        assert_eq!(affordable(1), 1);
    }
}
