//! What a kind of file brings to be written, and where its bytes go.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use super::FileError;

/// Takes the pixels of one image and writes its file.
pub(super) trait ImageWriter: Send {
    /// Takes the next whole rows.
    ///
    /// # Errors
    /// When they cannot be written.
    fn write_rows(&mut self, rows: &[u8]) -> Result<(), FileError>;

    /// Sentences on what the file does not keep of the rows, all of which were written.
    fn losses(&self) -> Vec<String> {
        Vec::new()
    }

    /// Writes the end; gives the length of the file.
    ///
    /// # Errors
    /// When it cannot be written.
    fn finish(self: Box<Self>) -> Result<u64, FileError>;
}

/// The file, buffered, counting what was written.
pub(super) struct Output {
    file: BufWriter<File>,
    written: u64,
}

impl Output {
    /// Creates the file at `path`, over one that is there.
    pub(super) fn create(path: &Path) -> std::io::Result<Self> {
        Ok(Self {
            file: BufWriter::with_capacity(1 << 16, File::create(path)?),
            written: 0,
        })
    }

    /// Writes out what is buffered; gives the length.
    pub(super) fn finish(mut self) -> std::io::Result<u64> {
        self.file.flush()?;
        Ok(self.written)
    }

    /// The same after writing `bytes` over what is at `position`.
    pub(super) fn finish_with(mut self, position: u64, bytes: &[u8]) -> std::io::Result<u64> {
        self.file.seek(SeekFrom::Start(position))?;
        self.file.write_all(bytes)?;
        self.finish()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}
