//! What a program asks of the system that it runs on: its shared libraries and the glibc that has its functions.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

/// The newest glibc that what is made here may ask for: that of Debian 12. Whoever builds on a newer system gets programs for newer
/// systems only, and is told.
pub const NEWEST: Glibc = Glibc(2, 36);

/// A version of glibc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Glibc(u32, u32);

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// What one program needs, or several.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The newest version of a symbol of glibc.
    pub glibc: Glibc,
    libraries: BTreeSet<String>,
}

impl Needs {
    /// Those of `programs` together.
    ///
    /// # Errors
    /// One cannot be read, or needs a newer glibc than [`NEWEST`].
    pub fn of<'a>(programs: impl IntoIterator<Item = &'a Path>) -> Result<Self> {
        let mut all = Self::default();
        for program in programs {
            let output = Command::new("objdump")
                .arg("-p")
                .arg(program)
                .output()
                .context("cannot start objdump, which comes with binutils")?;
            ensure!(
                output.status.success(),
                "objdump cannot read {}",
                program.display()
            );
            let one = Self::parse(&String::from_utf8_lossy(&output.stdout));
            ensure!(
                one.glibc > Glibc::default(),
                "{} names no version of glibc",
                program.display()
            );
            ensure!(
                one.glibc <= NEWEST,
                "{} needs glibc {}, and packages promise {NEWEST}: build on an older system, such as the one in deploy/Dockerfile",
                program.display(),
                one.glibc
            );
            all.glibc = all.glibc.max(one.glibc);
            all.libraries.extend(one.libraries);
        }
        Ok(all)
    }

    /// Reads what `objdump -p` says.
    fn parse(text: &str) -> Self {
        let mut needs = Self::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let ["NEEDED", library] = words[..] {
                needs.libraries.insert(library.to_owned());
            }
            let version = words.last().and_then(|word| word.strip_prefix("GLIBC_"));
            let numbers = version.and_then(|version| {
                let mut parts = version.split('.').map(str::parse);
                Some(Glibc(parts.next()?.ok()?, parts.next()?.ok()?))
            });
            needs.glibc = needs.glibc.max(numbers.unwrap_or_default());
        }
        needs
    }

    /// The packages of Debian that have it, as `Depends` says them.
    ///
    /// # Errors
    /// A library whose package is not known here.
    pub fn depends(&self) -> Result<Vec<String>> {
        let mut packages = BTreeSet::new();
        for library in &self.libraries {
            packages.insert(match library.as_str() {
                "libgcc_s.so.1" => "libgcc-s1".to_owned(),
                "libstdc++.so.6" => "libstdc++6".to_owned(),
                "libz.so.1" => "zlib1g".to_owned(),
                library if is_of_glibc(library) => format!("libc6 (>= {})", self.glibc),
                library => bail!("no package is known here that has {library}"),
            });
        }
        Ok(packages.into_iter().collect())
    }
}

fn is_of_glibc(library: &str) -> bool {
    ["libc.", "libm.", "ld-linux", "libpthread.", "libdl.", "librt."]
        .iter()
        .any(|name| library.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Dynamic Section:
  NEEDED               libz.so.1
  NEEDED               libc.so.6
Version References:
  required from libc.so.6:
    0x069691b9 0x00 29 GLIBC_2.9
    0x069691b4 0x00 13 GLIBC_2.34
    0x09691a75 0x00 03 GLIBC_2.2.5
  required from libz.so.1:
    0x0827e5c0 0x00 03 ZLIB_1.2.9
";

    #[test]
    fn the_newest_symbol_counts_and_versions_are_numbers() {
        let needs = Needs::parse(TEXT);
        assert_eq!(needs.glibc, Glibc(2, 34));
        assert_eq!(needs.depends().unwrap(), ["libc6 (>= 2.34)", "zlib1g"]);
    }

    #[test]
    fn a_library_of_no_known_package_is_an_error() {
        let error = Needs::parse("NEEDED libfoo.so.3").depends().unwrap_err();
        assert!(error.to_string().contains("libfoo.so.3"), "{error}");
    }
}
