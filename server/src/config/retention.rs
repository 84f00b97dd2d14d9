//! How long jobs are kept after they have ended.

use azulejo_protocol::Retention;

use super::parse::{Bound, bytes, or_off, ranged};

/// How long jobs are kept.
#[derive(Debug, Clone, clap::Args)]
pub struct RetentionArguments {
    /// Keeps completed jobs and their results for so many days; then both are deleted. 1 to 36500, or `off` to keep them for ever.
    #[arg(long, env = "AZULEJO_KEEP_RESULTS_DAYS", value_name = "DAYS", default_value = "30",
        value_parser = or_off(ranged::<u32>("AZULEJO_KEEP_RESULTS_DAYS", 1, 36_500)))]
    pub keep_results_days: Bound<u32>,

    /// Keeps the uploaded file of a job for so many days after its end; then only the file is deleted, and the job cannot be run
    /// again or retried. 1 to 36500, or `off` to keep it as long as its job, the default.
    #[arg(long, env = "AZULEJO_KEEP_ORIGINALS_DAYS", value_name = "DAYS", default_value = "off",
        value_parser = or_off(ranged::<u32>("AZULEJO_KEEP_ORIGINALS_DAYS", 1, 36_500)))]
    pub keep_originals_days: Bound<u32>,

    /// Keeps failed and cancelled jobs for so many days. 1 to 36500, or `off` to keep them for ever.
    #[arg(long, env = "AZULEJO_KEEP_FAILED_DAYS", value_name = "DAYS", default_value = "7",
        value_parser = or_off(ranged::<u32>("AZULEJO_KEEP_FAILED_DAYS", 1, 36_500)))]
    pub keep_failed_days: Bound<u32>,

    /// Keeps at most so many jobs that have ended; the oldest are deleted. 1 to 1000000000, or `off`, the default.
    #[arg(long, env = "AZULEJO_KEEP_JOBS", value_name = "COUNT", default_value = "off",
        value_parser = or_off(ranged::<u64>("AZULEJO_KEEP_JOBS", 1, 1_000_000_000)))]
    pub keep_jobs: Bound<u64>,

    /// Keeps at most so many bytes of jobs that have ended, originals and results together; the oldest are deleted. K, M and G
    /// stand for 1024, 1024² and 1024³; 1M to 1048576G, or `off`, the default.
    #[arg(long, env = "AZULEJO_KEEP_BYTES", value_name = "BYTES", default_value = "off",
        value_parser = or_off(bytes("AZULEJO_KEEP_BYTES", 1 << 20, 1 << 50)))]
    pub keep_bytes: Bound<u64>,

    /// Deletes the oldest jobs that have ended while less than this is free on the disk, or less than a tenth of the disk where
    /// that is less. 1M to 1048576G, or `off` to leave a full disk to whoever looks after it. The default is 256M.
    #[arg(long, env = "AZULEJO_KEEP_FREE_BYTES", value_name = "BYTES", default_value = "256M",
        value_parser = or_off(bytes("AZULEJO_KEEP_FREE_BYTES", 1 << 20, 1 << 50)))]
    pub keep_free_bytes: Bound<u64>,

    /// Deletes no job for AZULEJO_KEEP_JOBS, AZULEJO_KEEP_BYTES or AZULEJO_KEEP_FREE_BYTES before so many minutes after its end,
    /// so that its result can be fetched. 0 to 1440.
    #[arg(long, env = "AZULEJO_KEEP_GRACE_MINUTES", value_name = "MINUTES", default_value = "60",
        value_parser = ranged::<u32>("AZULEJO_KEEP_GRACE_MINUTES", 0, 1440))]
    pub keep_grace_minutes: u32,
}

impl RetentionArguments {
    /// The settings as the engine and `GET /health` have them.
    pub fn settings(&self) -> Retention {
        Retention {
            results_days: self.keep_results_days.0,
            originals_days: self.keep_originals_days.0,
            failed_days: self.keep_failed_days.0,
            jobs: self.keep_jobs.0,
            bytes: self.keep_bytes.0,
            free_bytes: self.keep_free_bytes.0,
            grace_minutes: self.keep_grace_minutes,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        retention: RetentionArguments,
    }

    fn settings(flags: &[&str]) -> Result<Retention, String> {
        Program::try_parse_from([&["program"], flags].concat())
            .map(|program| program.retention.settings())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_the_documented_ones() {
        let expected = Retention {
            results_days: Some(30),
            originals_days: None,
            failed_days: Some(7),
            jobs: None,
            bytes: None,
            free_bytes: Some(256 << 20),
            grace_minutes: 60,
        };
        assert_eq!(settings(&[]), Ok(expected));
    }

    #[test]
    fn every_bound_can_be_set_and_taken_away() {
        let off = settings(&[
            "--keep-results-days=off",
            "--keep-failed-days=off",
            "--keep-free-bytes=off",
            "--keep-grace-minutes=0",
        ]);
        assert_eq!(off, Ok(Retention::default()));
        let set = settings(&[
            "--keep-originals-days=2",
            "--keep-jobs=3",
            "--keep-bytes=4G",
            "--keep-free-bytes=10G",
        ])
        .unwrap();
        assert_eq!((set.originals_days, set.jobs), (Some(2), Some(3)));
        assert_eq!((set.bytes, set.free_bytes), (Some(4 << 30), Some(10 << 30)));
    }

    #[test]
    fn a_wrong_value_is_refused_with_its_name_and_range() {
        for (flag, words) in [
            (
                "--keep-results-days=0",
                ["AZULEJO_KEEP_RESULTS_DAYS", "1 to 36500; or off"],
            ),
            (
                "--keep-originals-days=never",
                ["AZULEJO_KEEP_ORIGINALS_DAYS", "1 to 36500; or off"],
            ),
            (
                "--keep-failed-days=1.5",
                ["AZULEJO_KEEP_FAILED_DAYS", "1 to 36500; or off"],
            ),
            ("--keep-jobs=0", ["AZULEJO_KEEP_JOBS", "1 to 1000000000; or off"]),
            ("--keep-bytes=1", ["AZULEJO_KEEP_BYTES", "1048576"]),
            (
                "--keep-free-bytes=2T",
                ["AZULEJO_KEEP_FREE_BYTES", "such as 750M or 4G; or off"],
            ),
            (
                "--keep-grace-minutes=1441",
                ["AZULEJO_KEEP_GRACE_MINUTES", "0 to 1440"],
            ),
        ] {
            let message = settings(&[flag]).unwrap_err();
            for word in words {
                assert!(message.contains(word), "{flag}: {message}");
            }
        }
    }
}
