//! Files with several pictures: the frames of a GIF and the sizes of an ICO.

use std::io::{BufRead, Read, Seek, SeekFrom};

use crate::file::source::Source;
use crate::file::{FileError, Limits};
use crate::header::{ico, png};

/// Most bytes of one picture of an ICO.
const MAX_ICON: u64 = 1 << 26;

/// Counts the frames of a GIF from its structure; no pixel is decoded.
///
/// # Errors
/// When metadata is larger than allowed, or the file cannot be read. A file that ends early is no error here: what is missing
/// may not be needed.
pub(super) fn count_gif(file: &mut (impl BufRead + Seek), limits: &Limits) -> Result<u32, FileError> {
    let mut count = 0;
    match walk_gif(file, limits, &mut count) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(count),
        Err(error) => Err(FileError::reading(&error)),
        Ok(true) => Ok(count),
        Ok(false) => Err(FileError::too_large(format!(
            "its metadata has more than the {} bytes that are allowed",
            limits.max_metadata_bytes
        ))),
    }
}

/// Walks over the blocks; `false` where metadata is too large.
fn walk_gif(file: &mut (impl BufRead + Seek), limits: &Limits, count: &mut u32) -> std::io::Result<bool> {
    let head: [u8; 13] = bytes(file)?;
    skip(file, palette(head[10]))?;
    loop {
        match bytes(file)? {
            [0x21] => {
                let [_label] = bytes(file)?;
                if skip_blocks(file)? > limits.max_metadata_bytes as u64 {
                    return Ok(false);
                }
            }
            [0x2c] => {
                let frame: [u8; 9] = bytes(file)?;
                skip(file, palette(frame[8]) + 1)?;
                skip_blocks(file)?;
                *count = count.saturating_add(1);
            }
            // The end, or what is no block: decoders stop there, too.
            _ => return Ok(true),
        }
    }
}

/// Bytes of the palette that such flags announce.
fn palette(flags: u8) -> i64 {
    if flags & 0x80 == 0 {
        0
    } else {
        3 << ((flags & 7) + 1)
    }
}

/// Skips blocks up to the empty one; gives their bytes.
fn skip_blocks(file: &mut (impl BufRead + Seek)) -> std::io::Result<u64> {
    let mut sum = 0;
    loop {
        let [length] = bytes(file)?;
        if length == 0 {
            return Ok(sum);
        }
        skip(file, length.into())?;
        sum += u64::from(length);
    }
}

fn skip(file: &mut impl BufRead, count: i64) -> std::io::Result<()> {
    let count = count.unsigned_abs();
    match std::io::copy(&mut file.take(count), &mut std::io::sink())? {
        skipped if skipped == count => Ok(()),
        _ => Err(std::io::ErrorKind::UnexpectedEof.into()),
    }
}

fn bytes<const N: usize>(file: &mut impl Read) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// One picture of an ICO.
pub(super) struct Icon {
    /// The PNG, or an ICO that has this picture only.
    pub bytes: Vec<u8>,
    /// Whether it is stored as a PNG.
    pub is_png: bool,
    /// Its number, from 1 on.
    pub number: u32,
    /// Pictures in the file.
    pub count: u32,
}

/// Takes picture number `page` out of an ICO, else the largest; among equals that of most bits a pixel.
///
/// # Errors
/// When there is no such picture, or its bytes are not in the file.
pub(super) fn icon(file: &mut Source, page: Option<u32>) -> Result<Icon, FileError> {
    let ico::Picture {
        entry,
        offset,
        length,
        number,
        count,
    } = ico::choose(file, page)?;
    if length > MAX_ICON {
        return Err(FileError::too_large(format!(
            "a picture of {length} bytes in it; {MAX_ICON} bytes are allowed"
        )));
    }
    let mut picture = Vec::new();
    file.seek(SeekFrom::Start(offset))
        .and_then(|_| file.take(length).read_to_end(&mut picture))
        .map_err(|error| FileError::reading(&error))?;
    let is_png = picture.starts_with(png::MAGIC);
    let bytes = if is_png {
        picture
    } else {
        let mut alone = vec![0, 0, 1, 0, 1, 0];
        alone.extend_from_slice(&entry[..12]);
        alone.extend_from_slice(&((ico::HEAD + ico::ENTRY) as u32).to_le_bytes());
        alone.append(&mut picture);
        alone
    };
    Ok(Icon {
        bytes,
        is_png,
        number,
        count,
    })
}
