//! Opening a sound log one of whose files holds arbitrary bytes or was changed: the first byte chooses the file and how.
//! `cargo xtask nightly broker_recovery`
#![no_main]

#[path = "../../broker/tests/common/recover.rs"]
mod recover;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let [which, bytes @ ..] = data {
        recover::recover(*which, bytes);
    }
});
