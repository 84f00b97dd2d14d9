//! Writing JPEG (baseline): the encoder pulls rows, so it runs on a thread of its own behind a short queue.

use std::cell::RefCell;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use jpeg_encoder::{EncodingError, ImageBuffer, JpegColorType, PixelDensity, PixelDensityUnit};

use super::encoder::Output;
use super::{EncodeOptions, FileError, Metadata};
use crate::simd::{self, Kernel};
use crate::{Channels, PixelFormat, Size};

pub(super) struct JpegWriter {
    rows: Option<SyncSender<Vec<u8>>>,
    thread: Option<JoinHandle<Result<u64, FileError>>>,
}

/// Batches of rows that may wait for the encoder.
const QUEUE: usize = 2;

impl JpegWriter {
    pub(super) fn new(
        output: Output,
        options: &EncodeOptions,
        size: Size,
        format: PixelFormat,
        metadata: &Metadata,
    ) -> Result<Self, FileError> {
        let (Ok(width), Ok(height)) = (u16::try_from(size.width), u16::try_from(size.height)) else {
            return Err(FileError::unsupported(format!(
                "JPEG holds 65535 pixels a side, not {size}"
            )));
        };
        let (sender, receiver) = sync_channel(QUEUE);
        let rows = Rows {
            width,
            height,
            channels: format.channels,
            source: RefCell::new(Source {
                receiver,
                batch: Vec::new(),
                at: 0,
            }),
        };
        let options = options.clone();
        let metadata = metadata.clone();
        let thread = std::thread::spawn(move || encode(output, &options, &metadata, rows));
        Ok(Self {
            rows: Some(sender),
            thread: Some(thread),
        })
    }

    pub(super) fn write_rows(&mut self, rows: &[u8]) -> Result<(), FileError> {
        let sent = self
            .rows
            .as_ref()
            .is_some_and(|sender| sender.send(rows.to_vec()).is_ok());
        if sent { Ok(()) } else { self.join().map(|_| ()) }
    }

    pub(super) fn finish(mut self) -> Result<u64, FileError> {
        self.join()
    }

    fn join(&mut self) -> Result<u64, FileError> {
        self.rows = None;
        let ended = || FileError::unsupported("the JPEG encoder ended early");
        self.thread
            .take()
            .ok_or_else(ended)?
            .join()
            .map_err(|_| ended())?
    }
}

impl Drop for JpegWriter {
    fn drop(&mut self) {
        self.rows = None;
        if let Some(thread) = self.thread.take() {
            // Nobody asks for the result of an image that was given up.
            let _ = thread.join();
        }
    }
}

fn encode(
    mut output: Output,
    options: &EncodeOptions,
    metadata: &Metadata,
    rows: Rows,
) -> Result<u64, FileError> {
    let mut encoder = jpeg_encoder::Encoder::new(&mut output, options.quality.clamp(1, 100));
    if let Some((x, y)) = metadata.resolution {
        let per_inch = |value: f64| (value * 0.0254).round().clamp(1.0, 65535.0) as u16;
        encoder.set_density(PixelDensity {
            density: (per_inch(x), per_inch(y)),
            unit: PixelDensityUnit::Inches,
        });
    }
    if let Some(icc) = &metadata.icc {
        encoder.add_icc_profile(icc).map_err(error)?;
    }
    if let Some(exif) = &metadata.exif {
        encoder.add_exif_metadata(exif).map_err(error)?;
    }
    encoder.encode_image(rows).map_err(error)?;
    Ok(output.finish()?)
}

fn error(error: EncodingError) -> FileError {
    match error {
        EncodingError::IoError(error) => error.into(),
        other => FileError::unsupported(format!("the JPEG cannot be written: {other}")),
    }
}

/// The rows as the encoder asks for them.
struct Rows {
    width: u16,
    height: u16,
    channels: Channels,
    source: RefCell<Source>,
}

struct Source {
    receiver: Receiver<Vec<u8>>,
    batch: Vec<u8>,
    at: usize,
}

impl ImageBuffer for Rows {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        if self.channels == Channels::Gray {
            JpegColorType::Luma
        } else {
            JpegColorType::Ycbcr
        }
    }

    fn width(&self) -> u16 {
        self.width
    }

    fn height(&self) -> u16 {
        self.height
    }

    fn fill_buffers(&self, _: u16, buffers: &mut [Vec<u8>; 4]) {
        let width = usize::from(self.width);
        let stride = width * self.channels.count();
        let mut source = self.source.borrow_mut();
        if source.at >= source.batch.len() {
            // Rows that never come belong to an image that was given up: its file is not used, so gray will do.
            source.batch = source.receiver.recv().unwrap_or_else(|_| vec![128; stride]);
            source.at = 0;
        }
        let row = &source.batch[source.at..source.at + stride];
        if self.channels == Channels::Gray {
            buffers[0].extend_from_slice(row);
        } else {
            let [y, cb, cr, _] = buffers;
            let start = y.len();
            for buffer in [&mut *y, &mut *cb, &mut *cr] {
                buffer.resize(start + width, 0);
            }
            simd::run(ToYcbcr {
                row,
                y: &mut y[start..],
                cb: &mut cb[start..],
                cr: &mut cr[start..],
            });
        }
        source.at += stride;
    }
}

/// JFIF's colour conversion in 16-bit fixed point.
struct ToYcbcr<'a> {
    row: &'a [u8],
    y: &'a mut [u8],
    cb: &'a mut [u8],
    cr: &'a mut [u8],
}

impl Kernel for ToYcbcr<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        const HALF: i32 = 0x7fff;
        const MIDDLE: i32 = 128 << 16;
        let outputs = self.y.iter_mut().zip(self.cb).zip(self.cr);
        for (pixel, ((y, cb), cr)) in self.row.chunks_exact(3).zip(outputs) {
            let [r, g, b] = [0, 1, 2].map(|channel| i32::from(pixel[channel]));
            *y = ((19595 * r + 38470 * g + 7471 * b + HALF) >> 16) as u8;
            *cb = ((-11059 * r - 21709 * g + 32768 * b + MIDDLE + HALF) >> 16) as u8;
            *cr = ((32768 * r - 27439 * g - 5329 * b + MIDDLE + HALF) >> 16) as u8;
        }
    }
}
