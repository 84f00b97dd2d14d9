//! The client for the browser, in `target/site`: WebAssembly, style, static files, each with compressed copies that
//! the server sends as they are.
//!
//! Our own few lines rather than cargo-leptos: that one downloads its tools, and a fresh clone must build with what
//! the registry has. wasm-opt is left out: it gains nothing once the module is compressed.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

use crate::{compile, shell, style, wasm_target};

const WASM_TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "wasm-release";

/// A WebAssembly module of the site.
struct Module {
    package: &'static str,
    /// Name of the library that cargo makes.
    library: &'static str,
    /// Name under `/pkg`.
    name: &'static str,
    /// More arguments of cargo.
    arguments: &'static [&'static str],
}

const MODULES: &[Module] = &[
    Module {
        package: "azulejo-app",
        library: "azulejo_app",
        name: "azulejo",
        arguments: &["--features", "hydrate"],
    },
    // The kernels for the preview: a module of their own, loaded by a Web Worker when a picture is chosen.
    Module {
        package: "azulejo-preview",
        library: "azulejo_preview",
        name: "preview",
        // Speed before size, and 128-bit vectors, which every browser since 2023 has. In the same profile, so that the macros are
        // compiled once.
        arguments: &[
            "--config",
            "profile.wasm-release.opt-level=3",
            // Link-time optimisation optimises the dependencies again, at level 3: level 1 before it is enough, and takes half the time.
            "--config",
            r#"profile.wasm-release.package."*".opt-level=1"#,
            "--config",
            r#"target.wasm32-unknown-unknown.rustflags=["-Ctarget-feature=+simd128"]"#,
        ],
    },
];

/// Where the site is built.
pub fn root() -> PathBuf {
    shell::target_dir().join("site")
}

/// Builds the whole site, with `lints` of what is compiled for it or without; quick when nothing changed.
///
/// # Errors
/// When something does not compile, or when it does with a warning and `lints` are asked for.
pub fn build(lints: bool) -> Result<()> {
    wasm_target::ensure()?;
    let pkg = root().join("pkg");
    fs::create_dir_all(&pkg)?;
    shell::say("building the client");
    for module in MODULES {
        build_module(module, &pkg, lints)?;
    }
    build_style()?;
    copy_folder(Path::new("public"), &root())?;
    compress_folder(&root())
}

fn build_module(module: &Module, pkg: &Path, lints: bool) -> Result<()> {
    let target = ["build", "--lib", "--target", WASM_TARGET, "--profile", PROFILE];
    let package = ["--package", module.package];
    let arguments = [&target[..], &package, module.arguments].concat();
    compile::run(&arguments, lints, |_| Ok(()))?;
    let input = shell::target_dir()
        .join(WASM_TARGET)
        .join(PROFILE)
        .join(format!("{}.wasm", module.library));
    let output = pkg.join(format!("{}_bg.wasm", module.name));
    if is_newer(&output, &input) {
        return Ok(());
    }
    Bindgen::new()
        .input_path(&input)
        .out_name(module.name)
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(pkg)
        .with_context(|| format!("wasm-bindgen does not take {}", input.display()))?;
    Ok(())
}

/// Builds the style sheet alone, with its compressed copies.
pub fn build_style() -> Result<()> {
    let pkg = root().join("pkg");
    fs::create_dir_all(&pkg)?;
    let css = style::bundle()?;
    style::report(&css);
    write_if_changed(&pkg.join("azulejo.css"), css.as_bytes())?;
    compress_folder(&pkg)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            write_if_changed(&target, &fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

/// Writes `.br` and `.gz` beside every file that compresses.
fn compress_folder(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            compress_folder(&path)?;
            continue;
        }
        let extension = path
            .extension()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if !matches!(extension, "wasm" | "js" | "css" | "svg" | "txt" | "webmanifest") {
            continue;
        }
        let (br, gz) = (sibling(&path, "br"), sibling(&path, "gz"));
        if is_newer(&br, &path) && is_newer(&gz, &path) {
            continue;
        }
        let bytes = fs::read(&path)?;
        let mut packed = Vec::new();
        brotli::CompressorWriter::new(&mut packed, 1 << 16, 10, 22).write_all(&bytes)?;
        fs::write(&br, &packed)?;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&bytes)?;
        fs::write(&gz, encoder.finish()?)?;
        shell::say(&format!(
            "{}: {} KB, {} KB brotli",
            path.display(),
            bytes.len() / 1000,
            packed.len() / 1000
        ));
    }
    Ok(())
}

fn sibling(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

fn is_newer(path: &Path, than: &Path) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified());
    matches!((time(path), time(than)), (Ok(a), Ok(b)) if a >= b)
}

/// Leaves a file with the same content alone, so that its compressed copies stay fresh.
fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
