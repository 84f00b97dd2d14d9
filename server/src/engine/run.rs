//! One run of a job: what the threads that work on it share. A retried job gets a new run, so that whatever an old
//! one still does late is recognised and ignored.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use azulejo_imaging::Region;

use super::assembler::Assembly;
use super::job::JobSpec;
use super::mosaic::Canvas;

static NEXT_SERIAL: AtomicU64 = AtomicU64::new(1);

/// A job under way, as its threads see it.
pub struct Run {
    /// The job.
    pub spec: JobSpec,
    /// Tells runs apart.
    pub serial: u64,
    stopped: AtomicBool,
    source: Mutex<Option<Arc<File>>>,
    tiles: Mutex<Option<Arc<File>>>,
    canvas: Mutex<Option<Canvas>>,
    assembly: Mutex<Option<Assembly>>,
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "run {} of job {}", self.serial, self.spec.id())
    }
}

impl Run {
    /// A new run of `spec`. `canvas` is the mosaic of the tiles that are done already.
    pub fn new(spec: JobSpec, canvas: Option<Canvas>) -> Self {
        Self {
            spec,
            serial: NEXT_SERIAL.fetch_add(1, Ordering::Relaxed),
            stopped: AtomicBool::new(false),
            source: Mutex::new(None),
            tiles: Mutex::new(None),
            canvas: Mutex::new(canvas),
            assembly: Mutex::new(None),
        }
    }

    /// Tells every thread that works on it to leave off.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// Whether it has ended.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// The decoded pixels, open for reading and writing; made when it is not there.
    pub fn source(&self) -> io::Result<Arc<File>> {
        open_once(&self.source, &self.spec.folder.source())
    }

    /// The pixels of the done tiles, open for reading and writing; made when it is not there.
    pub fn tiles(&self) -> io::Result<Arc<File>> {
        open_once(&self.tiles, &self.spec.folder.tiles())
    }

    /// Reads the pixels of `region` of the decoded input, row-major, into `pixels`, whose memory is used again.
    pub fn read_region(&self, region: Region, pixels: &mut Vec<u8>) -> io::Result<()> {
        let file = self.source()?;
        let pixel = self.spec.row.input_format.bytes_per_pixel();
        let stride = self.spec.source_stride();
        let row_bytes = region.width as usize * pixel;
        pixels.resize(row_bytes * region.height as usize, 0);
        let first = u64::from(region.y) * stride as u64 + u64::from(region.x) * pixel as u64;
        if row_bytes == stride {
            return file.read_exact_at(pixels, first);
        }
        for (row, chunk) in pixels.chunks_exact_mut(row_bytes).enumerate() {
            file.read_exact_at(chunk, first + row as u64 * stride as u64)?;
        }
        Ok(())
    }

    /// Stores the pixels of a finished tile and draws them into the mosaic.
    pub fn write_tile(&self, output: Region, pixels: &[u8]) -> io::Result<()> {
        self.tiles()?
            .write_all_at(pixels, self.spec.result_offset(output))?;
        self.draw(output, pixels);
        Ok(())
    }

    /// Draws a tile into the mosaic.
    pub fn draw(&self, output: Region, pixels: &[u8]) {
        let mut canvas = self.canvas();
        canvas
            .get_or_insert_with(|| Canvas::new(self.spec.row.output_size, self.spec.row.output_format))
            .draw(output, pixels);
    }

    /// The encoder; `None` before the first row of tiles is complete.
    pub fn assembly(&self) -> MutexGuard<'_, Option<Assembly>> {
        self.assembly.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mosaic; `None` before the first tile.
    pub fn canvas(&self) -> MutexGuard<'_, Option<Canvas>> {
        self.canvas.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open_once(place: &Mutex<Option<Arc<File>>>, path: &std::path::Path) -> io::Result<Arc<File>> {
    let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(file) = &*place {
        return Ok(file.clone());
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    Ok(place.insert(Arc::new(file)).clone())
}
