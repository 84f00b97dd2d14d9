//! What a test leaves out because this system lacks something.

use std::io::Write as _;

/// Says that `what` is not tried here, past the capture of the test runner, which shows nothing of what went well.
pub fn skipped(what: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}");
}
