//! Where a result goes: the name that was asked for or the server's, never over a file that is there unless told so,
//! and only whole: written beside its place and renamed.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tempfile::NamedTempFile;

/// Longest file name taken over from elsewhere, bytes.
const MAX_NAME: usize = 200;

/// Where the result goes: `asked` if it is a file name; in it, under the server's name, if it is a folder; else under the
/// server's name in the current folder.
pub fn place(asked: Option<&Path>, server_name: &str) -> PathBuf {
    match asked {
        None => PathBuf::from(safe_name(server_name)),
        Some(folder) if folder.is_dir() => folder.join(safe_name(server_name)),
        Some(file) => file.to_owned(),
    }
}

/// A name from elsewhere as a plain file name: no folders, nothing hidden, no control characters.
pub fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut plain: String = last.chars().filter(|c| !c.is_control()).collect();
    while plain.len() > MAX_NAME {
        plain.remove(0);
    }
    let plain = plain.trim_start_matches('.').trim();
    if plain.is_empty() {
        "result.png".into()
    } else {
        plain.into()
    }
}

/// Refuses a place that is taken, unless `force`.
///
/// # Errors
/// When there is a file, or no folder to put it in.
pub fn check(place: &Path, force: bool) -> anyhow::Result<()> {
    if place.is_dir() {
        bail!("{} is a folder", place.display());
    }
    // The result takes its place by a rename, which would put a file where a device such as /dev/null was.
    if place.exists() && !place.is_file() {
        bail!("{} is not a regular file: choose another name", place.display());
    }
    if place.exists() && !force {
        bail!(
            "{} exists: choose another name, or overwrite it with --force",
            place.display()
        );
    }
    let folder = folder(place);
    if !folder.is_dir() {
        bail!("there is no folder {}", folder.display());
    }
    Ok(())
}

/// A file that becomes `place` once it is whole. It vanishes if that never happens.
///
/// # Errors
/// When it cannot be made.
pub fn draft(place: &Path) -> anyhow::Result<NamedTempFile> {
    let folder = folder(place);
    tempfile::Builder::new()
        .prefix(&draft_prefix())
        .tempfile_in(&folder)
        .with_context(|| format!("cannot write in {}", folder.display()))
}

/// How the drafts of this process are called, those of the library included.
fn draft_prefix() -> String {
    format!(".azulejo-{}-", std::process::id())
}

/// Removes the drafts of this process beside `place`, for an end without a chance to clean up.
pub fn discard_drafts(place: &Path) {
    let prefix = draft_prefix();
    for entry in std::fs::read_dir(folder(place)).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            // There is nobody left to tell.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Puts a finished draft in its place.
///
/// # Errors
/// When the place was taken in the meantime and `force` is not given, or the file cannot be renamed.
pub fn publish(draft: NamedTempFile, place: &Path, force: bool) -> anyhow::Result<()> {
    readable(&draft).with_context(|| format!("cannot write {}", place.display()))?;
    let result = if force {
        draft.persist(place)
    } else {
        draft.persist_noclobber(place)
    };
    result
        .map(drop)
        .map_err(|error| error.error)
        .with_context(|| format!("cannot write {}", place.display()))
}

/// Temporary files are private; a result is an ordinary file.
fn readable(draft: &NamedTempFile) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        draft
            .as_file()
            .set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    draft.as_file().sync_all()
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
    fn a_name_from_the_server_stays_in_the_folder() {
        assert_eq!(safe_name("../../etc/passwd"), "passwd");
        assert_eq!(safe_name("C:\\photos\\a.png"), "a.png");
        assert_eq!(safe_name(".bashrc"), "bashrc");
        assert_eq!(safe_name("a\u{0}b\n.png"), "ab.png");
        assert_eq!(safe_name(".."), "result.png");
        assert_eq!(safe_name(""), "result.png");
        assert!(safe_name(&format!("{}.png", "é".repeat(400))).ends_with(".png"));
    }

    #[test]
    fn a_folder_gets_the_servers_name() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            place(Some(folder.path()), "a-blur.png"),
            folder.path().join("a-blur.png")
        );
        assert_eq!(place(Some(Path::new("b.png")), "a-blur.png"), Path::new("b.png"));
        assert_eq!(place(None, "a-blur.png"), Path::new("a-blur.png"));
    }

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
