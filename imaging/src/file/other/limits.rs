//! What a header may ask for, where the codec itself would take any: lines without an end, windows and tiles of an OpenEXR.

use std::io::{BufRead, Read};

use crate::Size;
use crate::file::{FileError, FileKind, Limits};

/// Bytes of a header that is text.
const MAX_TEXT_HEADER: u64 = 1 << 16;
/// Layers of an OpenEXR.
const MAX_LAYERS: usize = 64;
/// Attributes of one layer.
const MAX_ATTRIBUTES: usize = 1024;
/// Bytes of a name in an OpenEXR.
const MAX_NAME: usize = 255;

/// Looks at the header of a file of `kind` before its codec does.
///
/// # Errors
/// When it asks for more than `limits` allow, or has no end.
pub(super) fn check(kind: FileKind, file: &mut impl BufRead, limits: &Limits) -> Result<(), FileError> {
    match kind {
        FileKind::Pnm => check_text(file, |line| line == b"ENDHDR", is_pam),
        // The last line has the size, as in -Y 480 +X 640.
        FileKind::Hdr => check_text(file, |line| matches!(line, [b'-' | b'+', ..]), |_| true),
        FileKind::Exr => check_exr(file, limits),
        _ => Ok(()),
    }
}

/// Whether that is the first line of a PAM, the one PNM whose header is read by lines.
fn is_pam(first: &[u8]) -> bool {
    first == b"P7"
}

/// Checks that a header of lines ends soon, where its first line says that there are any.
fn check_text(
    file: &mut impl BufRead,
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

/// Checks the windows and tiles of all layers: the codec allocates by them.
fn check_exr(file: &mut impl BufRead, limits: &Limits) -> Result<(), FileError> {
    let [_, _, _, _, _, flags, _, _] = bytes(file)?;
    if flags & 0x08 != 0 {
        return Err(FileError::unsupported(
            "this kind of OpenEXR is not read: deep data; save it as PNG",
        ));
    }
    // Bit 12 of the version: several layers, behind whose headers an empty one stands.
    let several = flags & 0x10 != 0;
    for layer in 0..=MAX_LAYERS {
        let count = check_layer(file, limits)?;
        if count == 0 || !several {
            return match count == 0 && layer == 0 {
                true => Err(FileError::damaged("its header is empty")),
                false => Ok(()),
            };
        }
    }
    Err(FileError::too_large(format!(
        "it has more than {MAX_LAYERS} layers"
    )))
}

/// Checks one header; gives its number of attributes.
fn check_layer(file: &mut impl BufRead, limits: &Limits) -> Result<usize, FileError> {
    for count in 0..MAX_ATTRIBUTES {
        let name = name(file)?;
        if name.is_empty() {
            return Ok(count);
        }
        self::name(file)?;
        let length = u64::from(u32::from_le_bytes(bytes(file)?));
        if length > limits.max_metadata_bytes as u64 {
            return Err(FileError::too_large(format!(
                "{length} bytes of metadata; {} bytes are allowed",
                limits.max_metadata_bytes
            )));
        }
        let mut value = file.take(length);
        match name.as_slice() {
            b"dataWindow" | b"displayWindow" => check_window(bytes(&mut value)?, limits)?,
            b"tiles" => {
                let [a, b, c, d, e, f, g, h, _] = bytes(&mut value)?;
                let (width, height) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
                check_size(Size::new(width, height), limits)?;
            }
            _ => {}
        }
        let rest = value.limit();
        let skipped = std::io::copy(&mut value, &mut std::io::sink());
        if skipped.map_err(|error| FileError::reading(&error))? < rest {
            return Err(FileError::reading(&std::io::ErrorKind::UnexpectedEof.into()));
        }
    }
    Err(FileError::too_large(format!(
        "it has more than {MAX_ATTRIBUTES} attributes"
    )))
}

/// Checks the box from the first to the last pixel.
fn check_window(window: [u8; 16], limits: &Limits) -> Result<(), FileError> {
    let side = |first: usize| {
        let number = |at: usize| {
            i64::from(i32::from_le_bytes([
                window[at],
                window[at + 1],
                window[at + 2],
                window[at + 3],
            ]))
        };
        u32::try_from(number(first + 8) - number(first) + 1)
            .map_err(|_| FileError::damaged("a window of it ends before it begins"))
    };
    check_size(Size::new(side(0)?, side(4)?), limits)
}

fn check_size(size: Size, limits: &Limits) -> Result<(), FileError> {
    limits.check_size(size)?;
    limits.check_unstreamed(size, "an OpenEXR")
}

/// A name up to its zero.
fn name(file: &mut impl BufRead) -> Result<Vec<u8>, FileError> {
    let mut name = Vec::new();
    let read = file.take(MAX_NAME as u64 + 1).read_until(0, &mut name);
    read.map_err(|error| FileError::reading(&error))?;
    match name.pop() {
        Some(0) => Ok(name),
        Some(_) if name.len() == MAX_NAME => Err(FileError::damaged("a name in its header is too long")),
        _ => Err(FileError::reading(&std::io::ErrorKind::UnexpectedEof.into())),
    }
}

fn bytes<const N: usize>(file: &mut impl Read) -> Result<[u8; N], FileError> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)
        .map_err(|error| FileError::reading(&error))?;
    Ok(bytes)
}
