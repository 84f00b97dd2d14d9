//! What an earlier request may be used for again.

use std::time::Duration;

use super::parse::ranged;
use crate::engine::reuse::{Reuse, Sharing};

/// The flags.
#[derive(Debug, Clone, clap::Args)]
pub struct ReuseArguments {
    /// Remembers for so many seconds what a request with an Idempotency-Key was answered. The default is a day; 1 to 2592000.
    #[arg(long, env = "AZULEJO_IDEMPOTENCY_EXPIRY", value_name = "SECONDS", default_value = "86400",
        value_parser = ranged::<u32>("AZULEJO_IDEMPOTENCY_EXPIRY", 1, 2_592_000))]
    pub idempotency_expiry: u32,

    /// Answers a job at once with the result of an earlier one that had the same image, recipe and format: own takes those of the same
    /// owner, shared everybody's, off none. The default is own.
    #[arg(
        long,
        env = "AZULEJO_RESULT_CACHE",
        value_name = "WHOSE",
        default_value = "own",
        value_enum
    )]
    pub result_cache: Sharing,
}

impl ReuseArguments {
    /// The checked values.
    pub fn check(&self) -> Reuse {
        Reuse {
            key_expiry: Duration::from_secs(u64::from(self.idempotency_expiry)),
            results: self.result_cache,
        }
    }
}
