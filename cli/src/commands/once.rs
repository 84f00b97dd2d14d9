//! The key of a request that is sent again, for every command that starts a job.

use crate::client::{IdempotencyKey, Once};

/// The key of a request.
#[derive(Debug, Clone, clap::Args)]
pub struct OnceArgument {
    /// Name the request, so that a script that runs the same command again gets the job of the first time (1 to 255 printable ASCII
    /// characters; the server forgets a key after a day) [default: drawn for each job].
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<IdempotencyKey>,
}

impl OnceArgument {
    /// Whether a key was given.
    pub fn is_given(&self) -> bool {
        self.idempotency_key.is_some()
    }

    /// A request with the key that was given, or one of its own.
    pub fn request(&self) -> Once {
        Once::new(self.idempotency_key.as_ref())
    }
}
