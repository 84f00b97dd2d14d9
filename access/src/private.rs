//! Files that their owner alone can read, in a folder whose owner that is.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// Takes the lock at `path`, which is made where there is none, for as long as the file is open.
pub fn lock(path: &Path, folder: &Path) -> io::Result<File> {
    let lock = options().truncate(false).open(path)?;
    give_to_owner(&lock, folder)?;
    lock.lock()?;
    Ok(lock)
}

/// Writes the file at `path` in `folder`, by way of `draft`: whole or not at all, also when the power goes.
pub fn write(path: &Path, draft: &Path, folder: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = options().truncate(true).open(draft)?;
    give_to_owner(&file, folder)?;
    file.write_all(text)?;
    file.sync_all()?;
    std::fs::rename(draft, path)?;
    sync_folder(folder)
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere folders cannot be opened as files, and renaming is durable by itself or not at all.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// How a file is made that only its owner can read.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

/// Gives `file` to whom the folder belongs: a key that root makes is read by the server, which is another user.
#[cfg(unix)]
fn give_to_owner(file: &File, folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let place = std::fs::metadata(folder)?;
    if place.uid() == file.metadata()?.uid() {
        return Ok(());
    }
    fchown(file, Some(place.uid()), Some(place.gid()))
}

/// Files have no such owner there.
#[cfg(not(unix))]
fn give_to_owner(_file: &File, _folder: &Path) -> io::Result<()> {
    Ok(())
}
