//! What an earlier request may be used for again.

use std::time::Duration;

use super::parse::ranged;
use crate::engine::reuse::Reuse;

/// The flags.
#[derive(Debug, Clone, clap::Args)]
pub struct ReuseArguments {
    /// Remembers for so many seconds what a request with an Idempotency-Key was answered. The default is a day; 1 to 2592000.
    #[arg(long, env = "AZULEJO_IDEMPOTENCY_EXPIRY", value_name = "SECONDS", default_value = "86400",
        value_parser = ranged::<u32>("AZULEJO_IDEMPOTENCY_EXPIRY", 1, 2_592_000))]
    pub idempotency_expiry: u32,
}

impl ReuseArguments {
    /// The checked values.
    pub fn check(&self) -> Reuse {
        Reuse {
            key_expiry: Duration::from_secs(u64::from(self.idempotency_expiry)),
        }
    }
}
