//! What a header may ask for, where the codec itself would take any: lines without an end, windows and tiles of an OpenEXR.

use std::io::{BufRead, BufReader};

use crate::file::source::Source;
use crate::file::{FileError, FileKind, Limits};
use crate::header::exr;

/// Bytes of a header that is text.
const MAX_TEXT_HEADER: u64 = 1 << 16;
/// Looks at the header of a file of `kind` before its codec does.
///
/// # Errors
/// When it asks for more than `limits` allow, or has no end.
pub(super) fn check(kind: FileKind, file: &mut Source, limits: &Limits) -> Result<(), FileError> {
    match kind {
        FileKind::Pnm => check_text(BufReader::new(file), |line| line == b"ENDHDR", is_pam),
        // The last line has the size, as in -Y 480 +X 640.
        FileKind::Hdr => check_text(
            BufReader::new(file),
            |line| matches!(line, [b'-' | b'+', ..]),
            |_| true,
        ),
        FileKind::Exr => exr::layers(file, limits).map(drop),
        _ => Ok(()),
    }
}

/// Whether that is the first line of a PAM, the one PNM whose header is read by lines.
fn is_pam(first: &[u8]) -> bool {
    first == b"P7"
}

/// Checks that a header of lines ends soon, where its first line says that there are any.
fn check_text(
    file: impl BufRead,
    is_last: impl Fn(&[u8]) -> bool,
    has_lines: impl Fn(&[u8]) -> bool,
) -> Result<(), FileError> {
    let mut header = file.take(MAX_TEXT_HEADER);
    let mut line = Vec::new();
    let mut is_first = true;
    while header
        .read_until(b'\n', &mut line)
        .map_err(|error| FileError::reading(&error))?
        > 0
    {
        let text = line.trim_ascii_end();
        if line.ends_with(b"\n") && is_last(text) || (is_first && !has_lines(text)) {
            return Ok(());
        }
        is_first = false;
        line.clear();
    }
    Err(FileError::damaged("its header has no end"))
}
