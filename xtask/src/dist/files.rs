//! Copying and writing files with rights that do not depend on who builds.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Every file below `folder`, relative to it, sorted.
///
/// # Errors
/// A folder cannot be read.
pub fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(&next).with_context(|| format!("cannot read {}", next.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                found.push(path.strip_prefix(folder)?.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Copies every file below `from`, readable for all.
///
/// # Errors
/// As [`copy`].
pub fn copy_all(from: &Path, to: &Path) -> Result<()> {
    for file in below(from)? {
        copy(&from.join(&file), &to.join(&file), 0o644)?;
    }
    Ok(())
}

/// Copies a file with these rights, and makes its folder.
///
/// # Errors
/// Either cannot be written.
pub fn copy(from: &Path, to: &Path, mode: u32) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    write_bytes(to, &bytes, mode)
}

/// Writes a file with these rights, and makes its folder.
///
/// # Errors
/// Either cannot be written.
pub fn write(to: &Path, text: &str, mode: u32) -> Result<()> {
    write_bytes(to, text.as_bytes(), mode)
}

/// As [`write`], of what is no text.
///
/// # Errors
/// As [`write`].
pub fn write_bytes(to: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = to.parent().context("a file lies in a folder")?;
    for missing in folder
        .ancestors()
        .take_while(|folder| !folder.exists())
        .collect::<Vec<_>>()
        .iter()
        .rev()
    {
        fs::create_dir(missing).with_context(|| format!("cannot make {}", missing.display()))?;
        // Whatever the mask of whoever builds.
        fs::set_permissions(missing, fs::Permissions::from_mode(0o755))?;
    }
    fs::write(to, bytes).with_context(|| format!("cannot write {}", to.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode))?;
    Ok(())
}

/// The last part of a path.
pub fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_those_that_were_asked_for() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret/file");
        write(&path, "", 0o600).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o755));
    }
}
