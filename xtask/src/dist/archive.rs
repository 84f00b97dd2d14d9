//! The archive for any Linux: unpacked anywhere, it runs. The same sources and compiler make the same bytes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::files::{below, copy, copy_all, file_name, write};
use super::made::{Made, units};
use crate::{shell, site};

/// Makes `azulejo-VERSION-ARCH-linux-gnu.tar.gz` in `folder`; gives its path.
///
/// # Errors
/// Something cannot be copied, or `tar` or `gzip` fails.
pub fn make(made: &Made, folder: &Path) -> Result<PathBuf> {
    let name = format!("azulejo-{}-{}-linux-gnu", made.version, std::env::consts::ARCH);
    let root = made.stage.join(&name);
    for program in made.programs() {
        copy(&program, &root.join("bin").join(file_name(&program)), 0o755)?;
    }
    copy_all(&site::root(), &root.join("site"))?;
    copy_all(&made.share(), &root.join("share"))?;
    copy_all(Path::new("docs"), &root.join("docs"))?;
    for unit in units()? {
        copy(&unit, &root.join("systemd").join(file_name(&unit)), 0o644)?;
    }
    for (file, text) in &made.settings {
        write(&root.join("settings").join(file), text, 0o644)?;
    }
    for file in ["README.md", "CHANGELOG.md", "LICENSE"] {
        copy(Path::new(file), &root.join(file), 0o644)?;
    }
    write(&root.join("LICENSES-THIRD-PARTY"), &made.third_party, 0o644)?;
    sums(&root, &below(&root)?)?;
    let archive = folder.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.args([
        "--create",
        "--sort=name",
        "--format=gnu",
        "--numeric-owner",
        "--owner=0",
        "--group=0",
    ])
    .arg(format!("--mtime=@{}", made.epoch))
    // Without the time at which it was compressed.
    .arg("--use-compress-program=gzip -n9")
    .arg("--file")
    .arg(&archive)
    .arg("--directory")
    .arg(&made.stage)
    .arg(&name);
    shell::run(&mut tar)?;
    Ok(archive)
}

/// Writes `SHA256SUMS` of `files` of `folder` into it.
///
/// # Errors
/// `sha256sum` fails.
pub fn sums(folder: &Path, files: &[PathBuf]) -> Result<()> {
    let output = Command::new("sha256sum")
        .current_dir(folder)
        .args(files)
        .output()
        .context("cannot start sha256sum")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    write(
        &folder.join("SHA256SUMS"),
        &String::from_utf8(output.stdout)?,
        0o644,
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_are_found_in_order_with_their_sums() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("b/c"), "c", 0o644).unwrap();
        write(&folder.path().join("a"), "abc", 0o644).unwrap();
        let found = below(folder.path()).unwrap();
        assert_eq!(found, [PathBuf::from("a"), PathBuf::from("b/c")]);
        sums(folder.path(), &found).unwrap();
        let text = fs::read_to_string(folder.path().join("SHA256SUMS")).unwrap();
        // The digest of "abc" in FIPS 180-2.
        assert!(
            text.starts_with("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a\n"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 2);
    }
}
