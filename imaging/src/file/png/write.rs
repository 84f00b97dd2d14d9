//! Writing PNG: rows filtered and compressed in strips, by several threads, in bounded memory.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::file::encoder::Output;
use crate::file::splice::{self, Adler, Strip};
use crate::file::{EncodeOptions, FileError, Metadata, PngColor};
use crate::{Channels, Depth, PixelFormat, Size};

/// Bytes of rows in a strip, about.
const STRIP_BYTES: usize = 1 << 19;
/// Most threads that are started.
const MAX_THREADS: usize = 16;

pub(in crate::file) struct PngWriter {
    output: Output,
    layout: Layout,
    /// Rows of the strip that is being filled.
    strip: Vec<u8>,
    /// The row above the strip.
    above: Vec<u8>,
    missing_rows: u32,
    next_strip: u64,
    pool: Option<Pool>,
    adler: Adler,
    first: bool,
}

/// What a strip needs to be compressed.
#[derive(Clone, Copy)]
struct Layout {
    stride: usize,
    sixteen: bool,
}

impl PngWriter {
    pub(in crate::file) fn new(
        mut output: Output,
        options: &EncodeOptions,
        size: Size,
        format: PixelFormat,
        metadata: &Metadata,
    ) -> Result<Self, FileError> {
        let layout = Layout {
            stride: size.width as usize * format.bytes_per_pixel(),
            sixteen: format.depth == Depth::Sixteen,
        };
        write_head(&mut output, size, format, metadata)?;
        let threads = options.threads.min(MAX_THREADS);
        Ok(Self {
            output,
            layout,
            strip: Vec::new(),
            above: vec![0; layout.stride],
            missing_rows: size.height,
            next_strip: 0,
            pool: (threads > 1).then(|| Pool::new(threads, layout)),
            adler: Adler::new(),
            first: true,
        })
    }

    pub(in crate::file) fn write_rows(&mut self, rows: &[u8]) -> Result<(), FileError> {
        let rows_per_strip = (STRIP_BYTES / self.layout.stride).max(1);
        let full = rows_per_strip * self.layout.stride;
        for row in rows.chunks_exact(self.layout.stride) {
            self.strip.extend_from_slice(row);
            self.missing_rows = self.missing_rows.saturating_sub(1);
            if self.strip.len() >= full || self.missing_rows == 0 {
                self.send_strip()?;
            }
        }
        Ok(())
    }

    fn send_strip(&mut self) -> Result<(), FileError> {
        let rows = std::mem::take(&mut self.strip);
        let last_row = rows[rows.len() - self.layout.stride..].to_vec();
        let above = std::mem::replace(&mut self.above, last_row);
        let job = Job {
            index: self.next_strip,
            above,
            rows,
            last: self.missing_rows == 0,
        };
        self.next_strip += 1;
        match &mut self.pool {
            None => {
                let strip = job.run(self.layout)?;
                self.put(strip)
            }
            Some(pool) => {
                pool.submit(job)?;
                while let Some(strip) = self.pool.as_mut().and_then(|pool| pool.take_ready().transpose()) {
                    self.put(strip?)?;
                }
                Ok(())
            }
        }
    }

    fn put(&mut self, strip: Strip) -> Result<(), FileError> {
        self.adler.append(&strip);
        let header: &[u8] = if std::mem::take(&mut self.first) {
            &splice::ZLIB_HEADER
        } else {
            &[]
        };
        write_chunk(&mut self.output, b"IDAT", &[header, &strip.bytes])
    }

    pub(in crate::file) fn finish(mut self) -> Result<u64, FileError> {
        if let Some(pool) = self.pool.take() {
            for strip in pool.drain()? {
                self.put(strip)?;
            }
        }
        let adler = self.adler.value().to_be_bytes();
        write_chunk(&mut self.output, b"IDAT", &[&adler])?;
        write_chunk(&mut self.output, b"IEND", &[])?;
        Ok(self.output.finish()?)
    }
}

/// Signature and every chunk before the pixels.
fn write_head(
    output: &mut Output,
    size: Size,
    format: PixelFormat,
    metadata: &Metadata,
) -> Result<(), FileError> {
    output.write_all(b"\x89PNG\r\n\x1a\n")?;
    let color = match format.channels {
        Channels::Gray => 0,
        Channels::Rgb => 2,
        Channels::GrayAlpha => 4,
        Channels::Rgba => 6,
        Channels::Bands(_) => return Err(FileError::unsupported("PNG has no bands")),
    };
    let bits = 8 * format.depth.bytes() as u8;
    write_chunk(
        output,
        b"IHDR",
        &[
            &size.width.to_be_bytes(),
            &size.height.to_be_bytes(),
            &[bits, color, 0, 0, 0],
        ],
    )?;
    write_color(output, &metadata.png_color)?;
    if let Some(icc) = &metadata.icc {
        let packed = splice::zlib(icc)?;
        write_chunk(output, b"iCCP", &[b"icc\0\0", &packed])?;
    }
    if let Some((x, y)) = metadata.resolution {
        let per_metre = |value: f64| (value.round().clamp(1.0, f64::from(i32::MAX)) as u32).to_be_bytes();
        write_chunk(output, b"pHYs", &[&per_metre(x), &per_metre(y), &[1]])?;
    }
    if let Some(exif) = &metadata.exif {
        write_chunk(output, b"eXIf", &[exif])?;
    }
    Ok(())
}

/// What a PNG said of its colours, as it said it.
fn write_color(output: &mut Output, color: &PngColor) -> Result<(), FileError> {
    if let Some(cicp) = &color.cicp {
        write_chunk(output, b"cICP", &[cicp])?;
    }
    if let Some(mastering) = &color.mastering {
        write_chunk(output, b"mDCV", &[mastering])?;
    }
    if let Some(light) = &color.light {
        write_chunk(output, b"cLLI", &[light])?;
    }
    if let Some(intent) = color.srgb {
        write_chunk(output, b"sRGB", &[&[intent]])?;
    }
    if let Some(gamma) = color.gamma {
        write_chunk(output, b"gAMA", &[&gamma.to_be_bytes()])?;
    }
    if let Some(points) = &color.chromaticities {
        write_chunk(output, b"cHRM", &[&points.map(u32::to_be_bytes).concat()])?;
    }
    Ok(())
}

fn write_chunk(output: &mut Output, name: &[u8; 4], parts: &[&[u8]]) -> Result<(), FileError> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let length =
        u32::try_from(length).map_err(|_| FileError::unsupported("a PNG chunk would exceed 4 GiB"))?;
    let mut crc = crc32fast::Hasher::new();
    output.write_all(&length.to_be_bytes())?;
    output.write_all(name)?;
    crc.update(name);
    for part in parts {
        output.write_all(part)?;
        crc.update(part);
    }
    output.write_all(&crc.finalize().to_be_bytes())?;
    Ok(())
}

struct Job {
    index: u64,
    above: Vec<u8>,
    rows: Vec<u8>,
    last: bool,
}

impl Job {
    /// Filters and compresses. Every row has the filter "up": the difference to the row above vectorises, and the
    /// compressor's fixed code is made for such small differences.
    fn run(mut self, layout: Layout) -> Result<Strip, FileError> {
        let Layout { stride, sixteen } = layout;
        if sixteen {
            for sample in self
                .rows
                .chunks_exact_mut(2)
                .chain(self.above.chunks_exact_mut(2))
            {
                sample.swap(0, 1);
            }
        }
        let mut filtered = Vec::with_capacity(self.rows.len() + self.rows.len() / stride);
        let mut above = &self.above[..];
        for row in self.rows.chunks_exact(stride) {
            filtered.push(2);
            filtered.extend(row.iter().zip(above).map(|(at, above)| at.wrapping_sub(*above)));
            above = row;
        }
        splice::compress(&filtered, self.last)
    }
}

type Done = (u64, Result<Strip, FileError>);

/// Threads that compress strips, and the strips that are done but not yet due.
struct Pool {
    jobs: Option<Sender<Job>>,
    done: Receiver<Done>,
    threads: Vec<JoinHandle<()>>,
    waiting: BTreeMap<u64, Result<Strip, FileError>>,
    next: u64,
    in_flight: usize,
    window: usize,
}

impl Pool {
    fn new(threads: usize, layout: Layout) -> Self {
        let (jobs, receiver) = channel::<Job>();
        let (sender, done) = channel::<Done>();
        let receiver = Arc::new(Mutex::new(receiver));
        let threads: Vec<JoinHandle<()>> = (0..threads)
            .map(|_| {
                let (receiver, sender) = (Arc::clone(&receiver), sender.clone());
                std::thread::spawn(move || {
                    loop {
                        let job = match receiver.lock() {
                            Ok(receiver) => receiver.recv(),
                            Err(_) => return,
                        };
                        let Ok(job) = job else { return };
                        if sender.send((job.index, job.run(layout))).is_err() {
                            return;
                        }
                    }
                })
            })
            .collect();
        let window = 2 * threads.len();
        Self {
            jobs: Some(jobs),
            done,
            threads,
            waiting: BTreeMap::new(),
            next: 0,
            in_flight: 0,
            window,
        }
    }

    /// Hands a strip to the threads; waits while too many are under way.
    fn submit(&mut self, job: Job) -> Result<(), FileError> {
        while self.in_flight >= self.window {
            let (index, strip) = self.done.recv().map_err(|_| gone())?;
            self.in_flight -= 1;
            self.waiting.insert(index, strip);
        }
        self.in_flight += 1;
        self.jobs.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())
    }

    /// The next strip in order, if it is done.
    fn take_ready(&mut self) -> Result<Option<Strip>, FileError> {
        while let Ok((index, strip)) = self.done.try_recv() {
            self.in_flight -= 1;
            self.waiting.insert(index, strip);
        }
        let Some(strip) = self.waiting.remove(&self.next) else {
            return Ok(None);
        };
        self.next += 1;
        strip.map(Some)
    }

    /// All strips that are left, in order.
    fn drain(mut self) -> Result<Vec<Strip>, FileError> {
        self.jobs = None;
        while self.in_flight > 0 {
            let (index, strip) = self.done.recv().map_err(|_| gone())?;
            self.in_flight -= 1;
            self.waiting.insert(index, strip);
        }
        std::mem::take(&mut self.waiting).into_values().collect()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has been noticed as a missing strip.
            let _ = thread.join();
        }
    }
}

fn gone() -> FileError {
    FileError::unsupported("a compressing thread ended early")
}
