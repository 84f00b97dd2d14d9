//! How many requests one caller may send.

use std::num::NonZeroU32;

use super::parse::ranged;

/// What `--help` explains of it.
#[derive(Debug, Clone, clap::Args)]
pub struct RateArguments {
    /// Answers at most so many requests a second of one key, or of one address where no key is asked for, on average; 0 answers all.
    /// The default is 50, and 0 on loopback without --auth; 0 to 1000000.
    #[arg(long, env = "AZULEJO_REQUEST_RATE", value_name = "COUNT",
        value_parser = ranged::<u32>("AZULEJO_REQUEST_RATE", 0, 1_000_000))]
    pub request_rate: Option<u32>,

    /// Answers so many requests at once of one that has sent none for a while. The default is 1000; 1 to 1000000.
    #[arg(long, env = "AZULEJO_REQUEST_BURST", value_name = "COUNT", default_value = "1000",
        value_parser = ranged::<u32>("AZULEJO_REQUEST_BURST", 1, 1_000_000))]
    pub request_burst: u32,

    /// Takes at most so many requests a minute that bring a file or start a job, of one key, or of one address where no key is
    /// asked for, on average; 0 takes all. The default is 120, and 0 on loopback without --auth; 0 to 1000000.
    #[arg(long, env = "AZULEJO_SUBMISSION_RATE", value_name = "COUNT",
        value_parser = ranged::<u32>("AZULEJO_SUBMISSION_RATE", 0, 1_000_000))]
    pub submission_rate: Option<u32>,

    /// Takes so many of those at once of one that has sent none for a while. The default is 200; 1 to 1000000.
    #[arg(long, env = "AZULEJO_SUBMISSION_BURST", value_name = "COUNT", default_value = "200",
        value_parser = ranged::<u32>("AZULEJO_SUBMISSION_BURST", 1, 1_000_000))]
    pub submission_burst: u32,
}

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How often in [`Rate::seconds`], on average.
    pub count: NonZeroU32,
    /// The time that `count` is meant for.
    pub seconds: u32,
    /// How often at once.
    pub burst: NonZeroU32,
}

/// The checked settings: `None` for no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RateSettings {
    /// Requests of any kind.
    pub requests: Option<Rate>,
    /// Requests that bring a file or start a job.
    pub submissions: Option<Rate>,
}

impl RateArguments {
    /// The settings. `is_open` says that the server is for this machine's user alone: nobody is asked for a key, and nobody else
    /// reaches it.
    pub fn check(self, is_open: bool) -> RateSettings {
        let rate = |wanted: Option<u32>, usual: u32, seconds, burst: u32| {
            Some(Rate {
                count: NonZeroU32::new(wanted.unwrap_or(if is_open { 0 } else { usual }))?,
                seconds,
                burst: NonZeroU32::new(burst)?,
            })
        };
        RateSettings {
            requests: rate(self.request_rate, 50, 1, self.request_burst),
            submissions: rate(self.submission_rate, 120, 60, self.submission_burst),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        rates: RateArguments,
    }

    fn rates(flags: &[&str], is_open: bool) -> RateSettings {
        Program::parse_from([&["x"], flags].concat()).rates.check(is_open)
    }

    #[test]
    fn whoever_is_alone_with_the_server_has_no_limit_unless_it_is_asked_for() {
        assert_eq!(rates(&[], true), RateSettings::default());
        let asked = rates(&["--request-rate=7"], true);
        assert_eq!(asked.requests.unwrap().count.get(), 7);
        assert_eq!(asked.submissions, None);
        let usual = rates(&[], false);
        assert_eq!(usual.requests.unwrap().burst.get(), 1000);
        assert_eq!(usual.submissions.unwrap().count.get(), 120);
        assert_eq!(
            rates(&["--request-rate=0", "--submission-rate=0"], false),
            RateSettings::default()
        );
    }
}
