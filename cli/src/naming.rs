//! Files for results: never over a file that is there unless told so, and only whole: written beside their place and renamed.

use std::io::ErrorKind;
use std::path::{Path, PathBuf, is_separator};

use anyhow::{Context as _, bail};
use tempfile::{NamedTempFile, TempDir};

/// Refuses a place that is taken, unless `force`, and one where nothing can be written.
///
/// # Errors
/// When there is a file, or no folder to put it in, or the folder takes none.
pub fn check(place: &Path, force: bool) -> anyhow::Result<()> {
    let shown = place.display();
    if place.is_dir() {
        bail!("{shown} is a folder");
    }
    if place
        .as_os_str()
        .as_encoded_bytes()
        .last()
        .is_some_and(|last| is_separator(char::from(*last)))
    {
        bail!("there is no folder {shown}");
    }
    // The result takes its place by a rename, which would put a file where a device such as /dev/null was.
    if place.exists() && !place.is_file() {
        bail!("{shown} is not a regular file: choose another name");
    }
    let folder = folder(place);
    if !folder.is_dir() {
        bail!("there is no folder {}", folder.display());
    }
    // Not `exists`, which looks through a symbolic link: one that leads nowhere takes the place, too.
    match place.symlink_metadata() {
        Ok(_) if !force => bail!("{shown} exists: choose another name, or overwrite it with --force"),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        // Such as a name that is too long for a file.
        Err(error) => return Err(error).with_context(|| format!("{shown} cannot be written")),
    }
    draft(place).map(drop)
}

/// A file that becomes `place` once it is whole. It vanishes if that never happens.
///
/// # Errors
/// When it cannot be made.
pub fn draft(place: &Path) -> anyhow::Result<NamedTempFile> {
    let folder = folder(place);
    let prefix = draft_prefix();
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // Temporary files are private; a result is an ordinary file, as far as the umask allows.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder
        .tempfile_in(&folder)
        .with_context(|| format!("cannot write in {}", folder.display()))
}

/// A private file, in the folder for temporary files (`TMPDIR`), for what comes from standard input or goes to standard output.
///
/// # Errors
/// When it cannot be made.
pub fn spool() -> anyhow::Result<NamedTempFile> {
    let folder = std::env::temp_dir();
    tempfile::Builder::new()
        .prefix(&draft_prefix())
        .tempfile_in(&folder)
        .with_context(|| format!("cannot write in {}", folder.display()))
}

/// A private folder beside such files.
///
/// # Errors
/// When it cannot be made.
pub fn spool_folder() -> anyhow::Result<TempDir> {
    let folder = std::env::temp_dir();
    tempfile::Builder::new()
        .prefix(&draft_prefix())
        .tempdir_in(&folder)
        .with_context(|| format!("cannot write in {}", folder.display()))
}

/// How the drafts of this process are called, those of the library included.
fn draft_prefix() -> String {
    format!(".azulejo-{}-", std::process::id())
}

/// Removes the drafts of this process beside `place`, and those among temporary files, for an end without a chance to clean up.
pub fn discard_drafts(place: &Path) {
    let prefix = draft_prefix();
    for folder in [folder(place), std::env::temp_dir()] {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                // There is nobody left to tell.
                let _ = std::fs::remove_file(entry.path()).or_else(|_| std::fs::remove_dir_all(entry.path()));
            }
        }
    }
}

/// Puts a finished draft in its place.
///
/// # Errors
/// When the place was taken in the meantime and `force` is not given, or the file cannot be renamed.
pub fn publish(draft: NamedTempFile, place: &Path, force: bool) -> anyhow::Result<()> {
    let problem = || format!("cannot write {}", place.display());
    draft.as_file().sync_all().with_context(problem)?;
    let result = if force {
        draft.persist(place)
    } else {
        draft.persist_noclobber(place)
    };
    result
        .map(drop)
        .map_err(|error| error.error)
        .with_context(problem)
}

fn folder(place: &Path) -> PathBuf {
    match place.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_never_replaced() {
        let error = check(Path::new("/dev/null"), true).unwrap_err().to_string();
        assert!(error.contains("/dev/null is not a regular file"), "{error}");
    }

    #[test]
    fn nothing_is_overwritten_without_a_word() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.png");
        check(&file, false).unwrap();
        let draft_before = draft(&file).unwrap();
        std::fs::write(&file, "mine").unwrap();
        assert!(check(&file, false).unwrap_err().to_string().contains("--force"));
        assert!(
            publish(draft_before, &file, false).is_err(),
            "not even when it appeared in the meantime"
        );
        assert_eq!(std::fs::read(&file).unwrap(), b"mine");
        check(&file, true).unwrap();
        publish(draft(&file).unwrap(), &file, true).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"");
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no draft is left behind"
        );
        assert!(check(&folder.path().join("nowhere/a.png"), false).is_err());
    }

    #[test]
    fn a_place_that_cannot_become_a_file_is_known_before_the_work() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link.png");
        std::os::unix::fs::symlink("nowhere.png", &link).unwrap();
        assert!(
            check(&link, false).unwrap_err().to_string().contains("--force"),
            "a link that leads nowhere"
        );
        let mut missing = folder.path().join("out").into_os_string();
        missing.push("/");
        let error = check(Path::new(&missing), true).unwrap_err().to_string();
        assert!(error.contains("there is no folder"), "{error}");
        let long = folder.path().join("x".repeat(300));
        let error = check(&long, false).unwrap_err().to_string();
        assert!(error.contains("cannot be written"), "{error}");
        // A folder that takes no file, for root, too.
        let error = check(Path::new("/proc/self/a.png"), false).unwrap_err();
        assert!(format!("{error:#}").contains("cannot write in"), "{error:#}");
    }

    #[test]
    fn a_result_is_as_private_as_other_files() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (place, other) = (folder.path().join("a.png"), folder.path().join("b"));
        publish(draft(&place).unwrap(), &place, false).unwrap();
        std::fs::write(&other, "").unwrap();
        let mode = |file: &Path| std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode(&place), mode(&other), "the umask decides");
    }

    #[test]
    fn only_the_drafts_of_this_process_are_discarded() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.png");
        let kept = folder.path().join(".azulejo-0-x");
        std::fs::write(&kept, "").unwrap();
        let left = draft(&place).unwrap().into_temp_path().keep().unwrap();
        discard_drafts(&place);
        assert!(kept.exists() && !left.exists());
    }
}
