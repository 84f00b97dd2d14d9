//! How much one owner may ask for.

use super::parse::{Bound, bytes, or_off, ranged};
use crate::engine::quotas::Quotas;

/// How much one owner may ask for, where callers show who they are.
#[derive(Debug, Clone, clap::Args)]
pub struct QuotaArguments {
    /// Lets each owner of jobs have so many under way at a time, with --auth. 1 to 1000000, or `off`, the default.
    #[arg(long, env = "AZULEJO_QUOTA_JOBS", value_name = "COUNT", default_value = "off",
        value_parser = or_off(ranged::<u32>("AZULEJO_QUOTA_JOBS", 1, 1_000_000)))]
    pub quota_jobs: Bound<u32>,

    /// Lets each owner send so many bytes of images, or run them again, within 24 hours, with --auth. K, M and G stand for 1024,
    /// 1024² and 1024³; 1M to 1048576G, or `off`, the default.
    #[arg(long, env = "AZULEJO_QUOTA_BYTES_PER_DAY", value_name = "BYTES", default_value = "off",
        value_parser = or_off(bytes("AZULEJO_QUOTA_BYTES_PER_DAY", 1 << 20, 1 << 50)))]
    pub quota_bytes_per_day: Bound<u64>,
}

impl QuotaArguments {
    /// The settings as the engine has them.
    pub fn settings(&self) -> Quotas {
        Quotas {
            jobs: self.quota_jobs.0,
            bytes_per_day: self.quota_bytes_per_day.0,
        }
    }
}
