//! What an OpenEXR says of its layers, everything bounded: its codec allocates by it.

use super::bytes::{ReadAt, Reader};
use super::{Header, broken};
use crate::{FileError, FileKind, Limits, PixelFormat, Size};

/// Layers of an OpenEXR.
const MAX_LAYERS: usize = 64;
/// Attributes of one layer.
const MAX_ATTRIBUTES: usize = 1024;
/// Bytes of a name.
const MAX_NAME: usize = 255;
/// Bytes that are read at once.
const BUFFER: usize = 1 << 12;

/// What a layer says of itself.
#[derive(Debug)]
pub(crate) struct Layer {
    /// Size of what is shown.
    shown: Size,
    /// Names of its channels, with the zero behind each and what else is said of it.
    channels: Vec<u8>,
}

impl Layer {
    /// Whether it has a channel of that name.
    fn has(&self, name: &[u8]) -> bool {
        // Behind a name, its zero and sixteen bytes.
        let mut rest = self.channels.as_slice();
        while let Some(end) = rest.iter().position(|byte| *byte == 0) {
            match rest.get(..end) {
                Some(b"") | None => return false,
                Some(other) if other == name => return true,
                Some(_) => rest = rest.get(end + 17..).unwrap_or_default(),
            }
        }
        false
    }
}

/// Reads the header: that of the first layer in red, green and blue.
pub(super) fn read(source: &mut impl ReadAt) -> Result<Header, FileError> {
    let layers = layers(source, &Limits::NONE)?;
    let colors = |layer: &&Layer| [b"R", b"G", b"B"].iter().all(|name| layer.has(*name));
    let layer = layers.iter().find(colors).ok_or_else(|| {
        FileError::unsupported(
            "this kind of OpenEXR is not read: it has no red, green and blue; save it as PNG",
        )
    })?;
    let format = if layer.has(b"A") {
        PixelFormat::RGBA16
    } else {
        PixelFormat::RGB16
    };
    Ok(Header::plain(FileKind::Exr, layer.shown, format))
}

/// Reads the headers of all layers, and checks windows and tiles of them.
///
/// # Errors
/// When a header is damaged, asks for more than `limits` allow, or is of a kind that is not read.
pub(crate) fn layers(source: &mut impl ReadAt, limits: &Limits) -> Result<Vec<Layer>, FileError> {
    let mut walk = Walk {
        reader: Reader::new(0, BUFFER),
        source,
    };
    let [_, _, _, _, _, flags, _, _] = walk.bytes()?;
    if flags & 0x08 != 0 {
        return Err(FileError::unsupported(
            "this kind of OpenEXR is not read: deep data; save it as PNG",
        ));
    }
    // Bit 12 of the version: several layers, behind whose headers an empty one stands.
    let several = flags & 0x10 != 0;
    let mut layers = Vec::new();
    for _ in 0..=MAX_LAYERS {
        match walk.layer(limits)? {
            Some(layer) => layers.push(layer),
            None if layers.is_empty() => return Err(FileError::damaged("its header is empty")),
            None => return Ok(layers),
        }
        if !several {
            return Ok(layers);
        }
    }
    Err(FileError::too_large(format!(
        "it has more than {MAX_LAYERS} layers"
    )))
}

struct Walk<'a, S> {
    reader: Reader,
    source: &'a mut S,
}

impl<S: ReadAt> Walk<'_, S> {
    fn read(&mut self, bytes: &mut [u8]) -> Result<(), FileError> {
        let read = self.reader.read_exact(bytes, self.source);
        read.map_err(|error| FileError::reading(&error))
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], FileError> {
        let mut bytes = [0; N];
        self.read(&mut bytes)?;
        Ok(bytes)
    }

    /// A name up to its zero.
    fn name(&mut self) -> Result<Vec<u8>, FileError> {
        let mut name = Vec::new();
        loop {
            match self.bytes()? {
                [0] => return Ok(name),
                _ if name.len() == MAX_NAME => {
                    return Err(FileError::damaged("a name in its header is too long"));
                }
                [byte] => name.push(byte),
            }
        }
    }

    /// Reads one header; `None` where it has no attributes.
    fn layer(&mut self, limits: &Limits) -> Result<Option<Layer>, FileError> {
        let mut layer = Layer {
            shown: Size::new(0, 0),
            channels: Vec::new(),
        };
        for count in 0..MAX_ATTRIBUTES {
            let name = self.name()?;
            if name.is_empty() {
                return Ok((count > 0).then_some(layer));
            }
            self.name()?;
            let length = u64::from(u32::from_le_bytes(self.bytes()?));
            let most = limits
                .max_metadata_bytes
                .min(Limits::default().max_metadata_bytes) as u64;
            if length > most {
                return Err(FileError::too_large(format!(
                    "{length} bytes of metadata; {most} bytes are allowed"
                )));
            }
            let end = self.reader.position() + length;
            match name.as_slice() {
                b"dataWindow" => drop(window(self.bytes()?, limits)?),
                b"displayWindow" => layer.shown = window(self.bytes()?, limits)?,
                b"tiles" => {
                    let [a, b, c, d, e, f, g, h, _] = self.bytes()?;
                    let (width, height) =
                        (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
                    check_size(Size::new(width, height), limits)?;
                }
                b"channels" => {
                    layer.channels = vec![0; length as usize];
                    self.read(&mut layer.channels)?;
                }
                _ => {}
            }
            if self.reader.position() > end {
                return Err(broken());
            }
            self.reader.go_to(end);
        }
        Err(FileError::too_large(format!(
            "it has more than {MAX_ATTRIBUTES} attributes"
        )))
    }
}

/// The size of the box from the first to the last pixel, checked.
fn window(window: [u8; 16], limits: &Limits) -> Result<Size, FileError> {
    let (numbers, _) = window.as_chunks::<4>();
    let side = |first: usize| {
        let number = |at: usize| i64::from(i32::from_le_bytes(numbers[at]));
        u32::try_from(number(first + 2) - number(first) + 1)
            .map_err(|_| FileError::damaged("a window of it ends before it begins"))
    };
    let size = Size::new(side(0)?, side(1)?);
    check_size(size, limits)?;
    Ok(size)
}

fn check_size(size: Size, limits: &Limits) -> Result<(), FileError> {
    limits.check_size(size)?;
    limits.check_unstreamed(size, "an OpenEXR")
}
