//! Writing JPEG (baseline): the encoder pulls rows, so it runs on a thread of its own behind a short queue.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use jpeg_encoder::{EncodingError, ImageBuffer, JpegColorType, PixelDensity, PixelDensityUnit};

use crate::file::writer::{ImageWriter, Output};
use crate::file::{EncodeOptions, FileError, Metadata};
use crate::header::jpeg::segments;
use crate::simd::{self, Kernel};
use crate::{Channels, PixelFormat, Size};

pub(in crate::file) struct JpegWriter {
    rows: Option<SyncSender<Vec<u8>>>,
    thread: Option<JoinHandle<Result<u64, FileError>>>,
    given_up: Arc<AtomicBool>,
}

/// Batches of rows that may wait for the encoder.
const QUEUE: usize = 2;
/// Most bytes of XMP in its one segment, beside its length and its name.
pub(in crate::file) const MAX_XMP: usize = 65_535 - 2 - segments::XMP.len();
/// Most bytes of EXIF that the one segment for it holds, beside its length and its name.
pub(in crate::file) const MAX_EXIF: usize = 65_535 - 2 - 6;

impl JpegWriter {
    pub(in crate::file) fn new(
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
        let given_up = Arc::new(AtomicBool::new(false));
        let rows = Rows {
            width,
            height,
            channels: format.channels,
            given_up: Arc::clone(&given_up),
            source: RefCell::new(Source {
                receiver,
                batch: Vec::new(),
                at: 0,
                next: 0,
                last: Vec::new(),
            }),
        };
        let options = options.clone();
        let metadata = metadata.clone();
        let thread = std::thread::spawn(move || encode(output, &options, &metadata, rows));
        Ok(Self {
            rows: Some(sender),
            thread: Some(thread),
            given_up,
        })
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

impl ImageWriter for JpegWriter {
    fn write_rows(&mut self, rows: &[u8]) -> Result<(), FileError> {
        let sent = self
            .rows
            .as_ref()
            .is_some_and(|sender| sender.send(rows.to_vec()).is_ok());
        if sent { Ok(()) } else { self.join().map(|_| ()) }
    }

    fn finish(mut self: Box<Self>) -> Result<u64, FileError> {
        self.join()
    }
}

impl Drop for JpegWriter {
    fn drop(&mut self) {
        self.given_up.store(true, Relaxed);
        self.rows = None;
        if let Some(thread) = self.thread.take() {
            // Nobody asks for the result of an image that was given up.
            let _ = thread.join();
        }
    }
}

fn encode(
    output: Output,
    options: &EncodeOptions,
    metadata: &Metadata,
    rows: Rows,
) -> Result<u64, FileError> {
    let mut output = Abortable {
        output,
        given_up: Arc::clone(&rows.given_up),
    };
    let mut encoder = jpeg_encoder::Encoder::new(&mut output, options.jpeg_quality());
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
    if let Some(text) = &metadata.xmp {
        encoder
            .add_app_segment(1, [segments::XMP, text].concat())
            .map_err(error)?;
    }
    encoder.encode_image(rows).map_err(error)?;
    Ok(output.output.finish()?)
}

/// Fails once the image is given up: the encoder asks for rows without a way to say that none will come, but writes after
/// every few.
struct Abortable {
    output: Output,
    given_up: Arc<AtomicBool>,
}

impl Write for Abortable {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.given_up.load(Relaxed) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
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
    given_up: Arc<AtomicBool>,
    source: RefCell<Source>,
}

struct Source {
    receiver: Receiver<Vec<u8>>,
    batch: Vec<u8>,
    at: usize,
    /// Rows that came out of the queue.
    next: u32,
    /// The row before.
    last: Vec<u8>,
}

impl Source {
    /// Moves on to row `y`, which is the next or, below the image, the last once more: the encoder fills up its last
    /// blocks with it.
    fn advance(&mut self, y: u32, stride: usize, given_up: &AtomicBool) {
        if y < self.next {
            return;
        }
        if self.at >= self.batch.len() {
            self.batch = self.receiver.recv().unwrap_or_else(|_| {
                // Rows that never come belong to an image that was given up: its file is not used, so gray will do.
                given_up.store(true, Relaxed);
                vec![128; stride]
            });
            self.at = 0;
        }
        self.last.clear();
        self.last
            .extend_from_slice(&self.batch[self.at..self.at + stride]);
        self.at += stride;
        self.next += 1;
    }
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

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let width = usize::from(self.width);
        let mut source = self.source.borrow_mut();
        source.advance(y.into(), width * self.channels.count(), &self.given_up);
        let row = &source.last[..];
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
