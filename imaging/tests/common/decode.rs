//! Reading a file that is in memory.

use azulejo_imaging::file::{Decoder, FileError, Limits};

/// All pixels of the file `bytes`, row by row.
pub fn decode(bytes: &[u8]) -> Result<Vec<u8>, FileError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, bytes).unwrap();
    let mut decoder = Decoder::open(&path, &Limits::default())?;
    let (mut all, mut strip) = (Vec::new(), Vec::new());
    while decoder.next_rows(&mut strip)?.is_some() {
        all.extend_from_slice(&strip);
    }
    Ok(all)
}
