//! Where the executables are: beside this one, else in `PATH`.

use std::path::PathBuf;

use anyhow::anyhow;

/// The path of `name`.
///
/// # Errors
/// When there is none; the sentence says where it was looked for.
pub fn find(name: &str) -> anyhow::Result<PathBuf> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let beside = std::env::current_exe()
        .ok()
        .and_then(|own| own.canonicalize().ok()?.parent().map(|f| f.join(&file)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = beside
        .iter()
        .cloned()
        .chain(std::env::split_paths(&path).map(|folder| folder.join(&file)));
    candidates.into_iter().find(|candidate| candidate.is_file()).ok_or_else(|| {
        let place = beside.as_deref().map_or_else(|| "this program".into(), |p| p.display().to_string());
        anyhow!("the program {name} is not there: looked for {place} and in PATH; `cargo build --release` builds it")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named() {
        let error = find("azulejo-no-such-program").unwrap_err().to_string();
        assert!(
            error.contains("azulejo-no-such-program") && error.contains("PATH"),
            "{error}"
        );
    }
}
