//! Where a result goes and how it is written, for every command that gets one.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use azulejo_imaging::{Encoding, FileKind};

use crate::commands::WrongArgument;
use crate::targets::{Targets, is_dash};

/// The arguments that say it.
#[derive(Debug, Clone, clap::Args)]
pub struct Place {
    #[command(flatten)]
    format: Format,

    /// File for the result, whose extension says its format, or a folder, or '-' for standard output [default: a name made of the image's and the recipe's, in the current folder].
    #[arg(long, short, value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    pub output: Option<PathBuf>,

    /// Overwrite a file that is there; never a result of this run.
    #[arg(long, short)]
    pub force: bool,
}

impl Place {
    /// Checks what the arguments say among themselves.
    ///
    /// # Errors
    /// A sentence that names the argument.
    pub fn check(&self) -> Result<(), WrongArgument> {
        if self.is_output() {
            check_output("--output -")?;
        }
        if let Some(output) = self.file() {
            // A wrong extension is told before anything goes up.
            FileKind::for_output(output, FileKind::Png)
                .map_err(|error| WrongArgument(format!("--output: {error}")))?;
        }
        self.encoding().map(drop)
    }

    /// How the result is to be written: as `--format` says, else as the name for the result does; a folder says nothing.
    ///
    /// # Errors
    /// When the two do not agree.
    pub fn encoding(&self) -> Result<Option<Encoding>, WrongArgument> {
        self.format.agreed(self.file(), "--output")
    }

    /// Whether the result goes to standard output.
    pub fn is_output(&self) -> bool {
        self.output.as_deref().is_some_and(is_dash)
    }

    /// The places of a run's results.
    pub fn targets(&self) -> Targets {
        Targets::new(self.output.clone(), self.force)
    }

    /// The file, unless it is a folder, standard output or not said.
    fn file(&self) -> Option<&Path> {
        self.output
            .as_deref()
            .filter(|output| !output.is_dir() && !is_dash(output))
    }
}

/// How a result is written.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Format {
    /// Kind of file for the result, and its options: png, png:level=6, jpeg:quality=80, tiff,
    /// tiff:compression=zstd,level=9,tile=512,pyramid=true,bigtiff=true, webp, webp:quality=80, bmp, pnm, gif, tga, qoi, farbfeld [default: what the name of the result says, else the
    /// kind of the image].
    #[arg(long, visible_alias = "output-format", value_name = "FORMAT")]
    format: Option<Encoding>,

    /// How small a PNG or a TIFF is made: a level, 6 or zstd,level=9 [default: fast; levels are 0 to 9 for a PNG; a TIFF has
    /// none, packbits, lzw, deflate (level 1 to 9), zstd (1 to 19) and jpeg].
    #[arg(long, value_name = "COMPRESSION")]
    compression: Option<String>,
}

impl Format {
    /// What was asked for, and what the extension of `file`, given by `argument`, says.
    ///
    /// # Errors
    /// When the two do not agree, or the compression is none of that kind of file.
    pub fn agreed(&self, file: Option<&Path>, argument: &str) -> Result<Option<Encoding>, WrongArgument> {
        let encoding = match (self.format, file.and_then(FileKind::from_path)) {
            (Some(asked), Some(named)) if asked.kind() != named => {
                return Err(WrongArgument(format!(
                    "--format {asked} does not fit {argument}, which is named as {named}"
                )));
            }
            (asked, named) => asked.or(named.map(Encoding::from)),
        };
        let Some(compression) = &self.compression else {
            return Ok(encoding);
        };
        let encoding = encoding.ok_or_else(|| {
            WrongArgument(format!(
                "--compression is that of a kind of file: say --format, or name {argument} .png or .tif"
            ))
        })?;
        let encoding = encoding
            .compressed(compression)
            .map_err(|error| WrongArgument(format!("--compression {compression}: {error}")))?;
        Ok(Some(encoding))
    }

    /// As it would be said, for tests.
    #[cfg(test)]
    pub fn of(format: &str, compression: Option<&str>) -> Self {
        Self {
            format: Some(format.parse().unwrap()),
            compression: compression.map(str::to_owned),
        }
    }
}

/// Refuses standard output for a result where it is a terminal.
///
/// # Errors
/// A sentence that names `argument`.
pub fn check_output(argument: &str) -> Result<(), WrongArgument> {
    if io::stdout().is_terminal() {
        return Err(WrongArgument(format!(
            "{argument} writes an image to standard output, which is a terminal: send it into a file or a pipe"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_and_a_name_that_say_different_things_are_refused() {
        let place = |format: Option<&str>, output: Option<&str>| Place {
            format: format.map_or_else(Format::default, |format| Format::of(format, None)),
            output: output.map(PathBuf::from),
            force: false,
        };
        let error = place(Some("jpeg"), Some("a.png")).check().unwrap_err();
        assert!(error.0.contains("--output"), "{error}");
        let error = place(None, Some("a.psd")).check().unwrap_err();
        assert!(error.0.contains(".psd"), "{error}");
        let encoding = |format, output| place(format, output).encoding().unwrap();
        let jpeg = Some(FileKind::Jpeg.into());
        assert_eq!(encoding(None, Some("a.jpg")), jpeg);
        assert_eq!(encoding(Some("jpeg"), Some("-")), jpeg);
        assert_eq!(encoding(None, Some("-")), None);
    }

    #[test]
    fn a_compression_is_that_of_the_format_or_of_the_name() {
        let agreed = |format: Option<&str>, compression: &str, file: Option<&str>| {
            let format = Format {
                format: format.map(|format| format.parse().unwrap()),
                compression: Some(compression.to_owned()),
            };
            let encoding = format.agreed(file.map(Path::new), "OUT");
            encoding.map(|encoding| encoding.map(|encoding| encoding.to_string()))
        };
        let ok = |text: &str| Some(text.to_owned());
        assert_eq!(agreed(None, "6", Some("a.png")).unwrap(), ok("png:level=6"));
        assert_eq!(
            agreed(Some("tiff:pyramid=true"), "zstd,level=9", None).unwrap(),
            ok("tiff:compression=zstd,level=9,pyramid=true")
        );
        for (format, compression, file, says) in [
            (None, "6", None, "--format"),
            (None, "zstd", Some("a.png"), "no option of png"),
            (Some("tiff:level=3"), "9", None, "twice"),
            (Some("tiff"), "brotli", None, "none, packbits, lzw"),
            (Some("png"), "12", None, "0 (not compressed) to 9"),
        ] {
            let error = agreed(format, compression, file).unwrap_err();
            assert!(
                error.0.contains(says) && error.0.contains("--compression"),
                "{error}"
            );
        }
    }
}
