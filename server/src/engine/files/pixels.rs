//! Where the pixels of one job lie while it is under way: the decoded input, and the tiles that are done.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use azulejo_imaging::Region;

use super::job::JobSpec;

/// A place for a job's pixels. Rows and tiles may be written and read by several threads at once, each its own part.
pub trait PixelStore: Send + Sync {
    /// Stores rows of the decoded input from row `y` on.
    ///
    /// # Errors
    /// The place cannot take them.
    fn write_rows(&self, y: u32, pixels: &[u8]) -> io::Result<()>;

    /// What was written so far of the input survives a power cut.
    ///
    /// # Errors
    /// It may not.
    fn sync_rows(&self) -> io::Result<()>;

    /// Reads `region` of the decoded input, row-major, into `pixels`, whose memory is used again.
    ///
    /// # Errors
    /// The rows are not there or cannot be read.
    fn read_region(&self, region: Region, pixels: &mut Vec<u8>) -> io::Result<()>;

    /// Stores the pixels of the tile `output`, row-major.
    ///
    /// # Errors
    /// The place cannot take them.
    fn write_tile(&self, output: Region, pixels: &[u8]) -> io::Result<()>;

    /// Reads `rows` rows of the tile `output`, from its row `top` on, into `pixels`.
    ///
    /// # Errors
    /// The tile is not there or cannot be read.
    fn read_tile(&self, output: Region, top: u32, rows: u32, pixels: &mut Vec<u8>) -> io::Result<()>;
}

/// Two files of the job's folder: `source.raw` holds the input row by row, as the file stores it, not turned upright;
/// `result.raw` holds tile after tile, each row-major in itself, so that a tile is one write and a row of a tile one read.
pub struct ScratchFiles {
    spec: JobSpec,
    source: Mutex<Option<Arc<File>>>,
    tiles: Mutex<Option<Arc<File>>>,
}

impl ScratchFiles {
    /// The scratch files of the job `spec`. They are made when something is written.
    pub fn new(spec: JobSpec) -> Self {
        Self {
            spec,
            source: Mutex::new(None),
            tiles: Mutex::new(None),
        }
    }

    fn source(&self) -> io::Result<Arc<File>> {
        open_once(&self.source, &self.spec.folder.source())
    }

    fn tiles(&self) -> io::Result<Arc<File>> {
        open_once(&self.tiles, &self.spec.folder.tiles())
    }
}

impl PixelStore for ScratchFiles {
    fn write_rows(&self, y: u32, pixels: &[u8]) -> io::Result<()> {
        self.source()?
            .write_all_at(pixels, u64::from(y) * self.spec.source_stride() as u64)
    }

    fn sync_rows(&self) -> io::Result<()> {
        File::open(self.spec.folder.original()).and_then(|file| file.sync_all())?;
        self.source()?.sync_data()
    }

    fn read_region(&self, region: Region, pixels: &mut Vec<u8>) -> io::Result<()> {
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

    fn write_tile(&self, output: Region, pixels: &[u8]) -> io::Result<()> {
        self.tiles()?
            .write_all_at(pixels, self.spec.result_offset(output))
    }

    fn read_tile(&self, output: Region, top: u32, rows: u32, pixels: &mut Vec<u8>) -> io::Result<()> {
        let width = output.width as usize * self.spec.row.output_format.bytes_per_pixel();
        pixels.resize(width * rows as usize, 0);
        let from = self.spec.result_offset(output) + u64::from(top) * width as u64;
        self.tiles()?.read_exact_at(pixels, from)
    }
}

/// The file at `path`, which is made where it is not there, opened once.
pub(super) fn open_once(place: &Mutex<Option<Arc<File>>>, path: &std::path::Path) -> io::Result<Arc<File>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::plan;

    /// What every place for pixels keeps to, for a gray job of 3 by 2 tiles of 16 pixels.
    fn suite(spec: &JobSpec, store: &dyn PixelStore) {
        let (width, height) = (48u32, 32u32);
        let value = |x: u32, y: u32| ((x * 7 + y * 13) % 251) as u8;
        assert!(
            store
                .read_region(Region::new(0, 0, 1, 1), &mut Vec::new())
                .is_err()
        );
        for y in (0..height).step_by(5) {
            let rows: Vec<u8> = (y..(y + 5).min(height))
                .flat_map(|y| (0..width).map(move |x| value(x, y)))
                .collect();
            store.write_rows(y, &rows).unwrap();
        }
        let mut pixels = vec![9; 3];
        for region in [
            Region::new(0, 0, width, height),
            Region::new(7, 3, 11, 9),
            Region::new(0, 4, width, 2),
            Region::new(47, 31, 1, 1),
        ] {
            store.read_region(region, &mut pixels).unwrap();
            let expected: Vec<u8> = (region.y..region.y + region.height)
                .flat_map(|y| (region.x..region.x + region.width).map(move |x| value(x, y)))
                .collect();
            assert_eq!(pixels, expected, "{region}");
        }
        for tile in [5, 0, 3] {
            let output = spec.grid.region(tile).unwrap();
            let bytes: Vec<u8> = (0..output.size().pixels())
                .map(|n| (n as u8) ^ (tile as u8))
                .collect();
            store.write_tile(output, &bytes).unwrap();
            store.write_tile(output, &bytes).unwrap();
            store.read_tile(output, 0, output.height, &mut pixels).unwrap();
            assert_eq!(pixels, bytes);
            store.read_tile(output, 3, 2, &mut pixels).unwrap();
            assert_eq!(pixels, bytes[3 * 16..5 * 16]);
        }
    }

    #[test]
    fn scratch_files_keep_rows_and_tiles() {
        let folder = tempfile::tempdir().unwrap();
        let spec = plan(folder.path(), 3, 2);
        std::fs::create_dir_all(spec.folder.path()).unwrap();
        std::fs::write(spec.folder.original(), b"x").unwrap();
        let store = ScratchFiles::new(spec.clone());
        suite(&spec, &store);
        store.sync_rows().unwrap();
        // They are there for the next process, too.
        let mut pixels = Vec::new();
        ScratchFiles::new(spec.clone())
            .read_tile(spec.grid.region(5).unwrap(), 0, 16, &mut pixels)
            .unwrap();
        assert_eq!(pixels[0], 5);
    }
}
