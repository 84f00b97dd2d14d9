//! The licences of what is linked into the programs and into the site: every crate with its own text, and the C libraries that
//! some crates carry.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{programs, shell};

/// What is linked into the site, as arguments of cargo.
const SITE: [&[&str]; 2] = [
    &["--package", "azulejo-app", "--features", "hydrate"],
    &["--package", "azulejo-preview"],
];
/// C libraries inside of crates: the crate, the licence's file in it, what it is.
const CARRIED: [(&str, &str, &str); 3] = [
    ("openssl-src", "openssl/LICENSE.txt", "OpenSSL"),
    ("rdkafka-sys", "librdkafka/LICENSES.txt", "librdkafka"),
    ("zstd-sys", "zstd/LICENSE", "Zstandard"),
];
/// Scripts of others that the server carries: the licence's file, what it is.
const SCRIPTS: [(&str, &str); 5] = [
    ("swagger-ui.LICENSE", "Swagger UI"),
    ("swagger-ui.NOTICE", "Swagger UI"),
    ("swagger-ui-bundle.js.LICENSE", "what Swagger UI has in it"),
    ("redoc.LICENSE", "Redoc"),
    ("redoc.standalone.js.LICENSE", "what Redoc has in it"),
];
/// The font that `watermark` writes with: the licence's file, what it is.
const FONT: (&str, &str) = ("imaging/fonts/dejavu-sans.LICENSE", "DejaVu Sans");
/// Where the scripts' files are.
const SCRIPTS_FOLDER: &str = "server/assets/description";
/// How the names of files begin that hold a licence.
const NAMES: [&str; 6] = [
    "license",
    "licence",
    "copying",
    "notice",
    "unlicense",
    "copyright",
];

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Crate {
    name: String,
    version: String,
    licence: String,
}

/// One text with all of them, in an order that does not change.
///
/// # Errors
/// A crate has neither a licence's text nor its name, or its sources are not there.
pub fn third_party() -> Result<String> {
    let mut linked = BTreeSet::new();
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    for package in programs::PACKAGES {
        linked.extend(tree(
            &["--package", package, "--target", &host],
            "normal,no-proc-macro",
        )?);
    }
    for arguments in SITE {
        let target = ["--target", "wasm32-unknown-unknown"];
        linked.extend(tree(&[arguments, &target].concat(), "normal,no-proc-macro")?);
    }
    let built = tree(
        &["--package", "azulejo-server", "--target", &host],
        "normal,build",
    )?;
    let sources = sources()?;
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut text = String::from(
        "Azulejo is under the MIT licence (LICENSE). Linked into its programs and its pages are the following works of others,\n\
         each under its own licence. The texts follow after the list.\n\n",
    );
    for one in &linked {
        let _ = writeln!(text, "{} {}: {}", one.name, one.version, one.licence);
        let found = texts_of(&one.folder(&sources)?)?;
        ensure!(
            !found.is_empty() || !one.licence.is_empty(),
            "{} {} names no licence",
            one.name,
            one.version
        );
        for found in found {
            texts.entry(found).or_default().insert(one.name.clone());
        }
    }
    for (name, file, library) in CARRIED {
        let Some(one) = built.iter().find(|one| one.name == name) else {
            bail!("{library} is not carried by {name} any more");
        };
        let _ = writeln!(text, "{library}, as {name} {} has it", one.version);
        let path = one.folder(&sources)?.join(file);
        let found = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        texts.entry(tidy(&found)).or_default().insert(library.to_owned());
    }
    let files = SCRIPTS.map(|(file, script)| (Path::new(SCRIPTS_FOLDER).join(file), script));
    for (path, work) in files.into_iter().chain([(PathBuf::from(FONT.0), FONT.1)]) {
        let found = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        texts.entry(tidy(&found)).or_default().insert(work.to_owned());
    }
    text.push_str("Swagger UI: Apache-2.0\nRedoc: MIT\nDejaVu Sans: Bitstream Vera\n");
    text.push_str("SQLite, in the public domain\nthe Rust standard library: MIT OR Apache-2.0\n");
    // Ordered by who has it, not by what it says.
    let mut ordered: Vec<(String, &String)> = texts
        .iter()
        .map(|(text, names)| (names.iter().cloned().collect::<Vec<_>>().join(", "), text))
        .collect();
    ordered.sort();
    for (names, found) in ordered {
        let _ = write!(text, "\n{}\n{names}\n\n{found}\n", "-".repeat(100));
    }
    Ok(text)
}

/// The crates of others below the packages that `arguments` name.
fn tree(arguments: &[&str], edges: &str) -> Result<BTreeSet<Crate>> {
    let mut cargo = shell::cargo();
    cargo
        .args(["tree", "--locked", "--prefix", "none", "--no-dedupe"])
        .args(["--format", "{p}|{l}", "--edges", edges])
        .args(arguments);
    let output = cargo.output().context("cannot start cargo")?;
    ensure!(
        output.status.success(),
        "`{}`: {}",
        shell::show(&cargo),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?
        .lines()
        .filter_map(line)
        .collect())
}

/// A line `name v1.2.3|MIT`; none for a crate of this workspace, behind which its folder stands.
fn line(text: &str) -> Option<Crate> {
    let (package, licence) = text.split_once('|')?;
    let mut words = package.split_whitespace();
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    if words.any(|word| word.starts_with("(/")) {
        return None;
    }
    Some(Crate {
        name: name.to_owned(),
        version: version.to_owned(),
        licence: licence.to_owned(),
    })
}

/// Where cargo keeps the sources of each registry.
fn sources() -> Result<Vec<PathBuf>> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let folder = home
        .context("neither CARGO_HOME nor HOME is set")?
        .join("registry/src");
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        found.push(entry?.path());
    }
    Ok(found)
}

impl Crate {
    fn folder(&self, sources: &[PathBuf]) -> Result<PathBuf> {
        let name = format!("{}-{}", self.name, self.version);
        let folder = sources
            .iter()
            .map(|source| source.join(&name))
            .find(|path| path.is_dir());
        folder.with_context(|| format!("the sources of {name} are not there: build first"))
    }
}

/// The texts of licences in a crate's folder.
fn texts_of(folder: &Path) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        let is_source = [".rs", ".toml", ".html"].iter().any(|end| name.ends_with(end));
        if path.is_file() && !is_source && NAMES.iter().any(|start| name.starts_with(start)) {
            paths.push(path);
        }
    }
    paths.sort();
    paths
        .iter()
        .map(|path| Ok(tidy(&String::from_utf8_lossy(&fs::read(path)?))))
        .collect()
}

/// Without what makes two copies of a text differ.
fn tidy(text: &str) -> String {
    let lines: Vec<&str> = text
        .trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim_end)
        .collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_of_others_are_told_from_ones_own() {
        let other = line("serde v1.0.228|MIT OR Apache-2.0").unwrap();
        assert_eq!(
            (other.name.as_str(), other.version.as_str()),
            ("serde", "1.0.228")
        );
        assert_eq!(line("azulejo-server v0.1.0 (/a/server)|MIT"), None);
        assert!(line("x v1.0.0 (proc-macro)|MIT").is_some());
    }

    #[test]
    fn copies_of_a_text_are_one() {
        assert_eq!(tidy("\u{feff}\r\nMIT  \r\n\r\nfree\r\n"), tidy("MIT\n\nfree"));
    }
}
