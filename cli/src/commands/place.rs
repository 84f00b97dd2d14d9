//! Where a result goes and how it is written, for every command that gets one.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use azulejo_imaging::{Encoding, FileKind};

use crate::commands::WrongArgument;
use crate::targets::{Targets, is_dash};

/// The arguments that say it.
#[derive(Debug, Clone, clap::Args)]
pub struct Place {
    /// Kind of file for the result: png, jpeg, jpeg:quality=80, tiff, webp, bmp, pnm, gif, tga, qoi, farbfeld [default: what --output says, else the kind of the image].
    #[arg(long, value_name = "FORMAT")]
    format: Option<Encoding>,

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
        agreed(self.format, self.file(), "--output")
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

/// The format that was asked for and the one that the extension of `file`, given by `argument`, says.
///
/// # Errors
/// When the two do not agree.
pub fn agreed(
    format: Option<Encoding>,
    file: Option<&Path>,
    argument: &str,
) -> Result<Option<Encoding>, WrongArgument> {
    match (format, file.and_then(FileKind::from_path)) {
        (Some(asked), Some(named)) if asked.kind() != named => Err(WrongArgument(format!(
            "--format {asked} does not fit {argument}, which is named as {named}"
        ))),
        (asked, named) => Ok(asked.or(named.map(Encoding::from))),
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
            format: format.map(|format| format.parse().unwrap()),
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
}
