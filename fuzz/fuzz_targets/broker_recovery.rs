//! Opening a log whose files hold arbitrary bytes: the first byte chooses the file.
//! `cargo +nightly fuzz run broker_recovery -- -max_total_time=60 -rss_limit_mb=512`
#![no_main]

#[path = "../../broker/tests/common/recover.rs"]
mod recover;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let [which, bytes @ ..] = data {
        recover::recover(*which, bytes);
    }
});
