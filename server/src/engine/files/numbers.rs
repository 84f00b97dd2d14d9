//! Where the statistics of one measuring pass lie: `numbers.raw` has a place for each tile, as long as the longest may be, with the
//! length of what is there in front. The file is sparse where a statistic is shorter.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};

use azulejo_imaging::Region;

use super::job::JobSpec;
use super::measuring::Measuring;
use super::pixels::{PixelStore, ScratchFiles, open_once};

/// Bytes of the length.
const LENGTH: usize = 4;

/// Scratch files of a measuring pass: the decoded input as in every pass, and the statistics of the tiles.
pub struct NumberFiles {
    source: ScratchFiles,
    spec: JobSpec,
    measuring: Measuring,
    numbers: Mutex<Option<Arc<File>>>,
}

impl NumberFiles {
    /// The scratch files of the pass `measuring` of the job `spec`.
    pub fn new(spec: JobSpec, measuring: Measuring) -> Self {
        Self {
            source: ScratchFiles::new(spec.clone()),
            spec,
            measuring,
            numbers: Mutex::new(None),
        }
    }

    fn numbers(&self) -> io::Result<Arc<File>> {
        open_once(&self.numbers, &self.spec.folder.numbers())
    }

    fn offset(&self, output: Region) -> u64 {
        let grid = &self.measuring.grid;
        let tile = output.y / grid.tile() * grid.columns() + output.x / grid.tile();
        u64::from(tile) * (LENGTH + self.measuring.most_bytes()) as u64
    }
}

impl PixelStore for NumberFiles {
    fn write_rows(&self, y: u32, pixels: &[u8]) -> io::Result<()> {
        self.source.write_rows(y, pixels)
    }

    fn sync_rows(&self) -> io::Result<()> {
        self.source.sync_rows()
    }

    fn read_region(&self, region: Region, pixels: &mut Vec<u8>) -> io::Result<()> {
        self.source.read_region(region, pixels)
    }

    fn write_tile(&self, output: Region, numbers: &[u8]) -> io::Result<()> {
        if numbers.len() > self.measuring.most_bytes() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a statistic is longer than it can be",
            ));
        }
        let mut bytes = Vec::with_capacity(LENGTH + numbers.len());
        bytes.extend((numbers.len() as u32).to_le_bytes());
        bytes.extend(numbers);
        self.numbers()?.write_all_at(&bytes, self.offset(output))
    }

    /// The whole statistic of a tile: it has no rows.
    fn read_tile(&self, output: Region, _: u32, _: u32, numbers: &mut Vec<u8>) -> io::Result<()> {
        let (file, offset) = (self.numbers()?, self.offset(output));
        let mut length = [0; LENGTH];
        file.read_exact_at(&mut length, offset)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > self.measuring.most_bytes() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "no statistic is there",
            ));
        }
        numbers.resize(length, 0);
        file.read_exact_at(numbers, offset + LENGTH as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::plan_of;

    #[test]
    fn statistics_of_all_lengths_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let spec = plan_of(folder.path(), 3, 2, "equalize");
        let measuring = spec.measuring.clone().unwrap();
        std::fs::create_dir_all(spec.folder.path()).unwrap();
        let files = NumberFiles::new(spec, measuring.clone());
        let mut numbers = Vec::new();
        let region = |tile| measuring.grid.region(tile).unwrap();
        assert!(files.read_tile(region(0), 0, 1, &mut numbers).is_err());
        let most = measuring.most_bytes();
        let lengths = [(5, most), (0, 0), (3, 7)];
        for (tile, length) in lengths {
            files.write_tile(region(tile), &vec![tile as u8; length]).unwrap();
        }
        for (tile, length) in lengths {
            files.read_tile(region(tile), 0, 1, &mut numbers).unwrap();
            assert_eq!(numbers, vec![tile as u8; length]);
        }
        assert!(files.write_tile(region(1), &vec![0; most + 1]).is_err());
    }
}
