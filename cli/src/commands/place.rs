//! Where a result goes and how it is written, for every command that gets one.

use std::path::{Path, PathBuf};

use anyhow::bail;
use azulejo_imaging::{Encoding, FileKind};

use crate::naming;

/// The arguments that say it.
#[derive(Debug, Clone, clap::Args)]
pub struct Place {
    /// Kind of file for the result: png, jpeg, jpeg:quality=80, tiff, webp [default: what --output says, else the kind of the image].
    #[arg(long, value_name = "FORMAT")]
    format: Option<Encoding>,

    /// File for the result, whose extension says its format, or a folder [default: the server's name for it, in the current folder].
    #[arg(long, short, value_name = "PATH")]
    pub output: Option<PathBuf>,

    /// Overwrite a file that is there.
    #[arg(long, short)]
    pub force: bool,
}

impl Place {
    /// Checks what can be checked before there is a job.
    ///
    /// # Errors
    /// A sentence that names the argument.
    pub fn check(&self) -> anyhow::Result<()> {
        if let Some(output) = self.file() {
            naming::check(output, self.force)?;
            // A wrong extension is told before anything goes up.
            FileKind::for_output(output, FileKind::Png)?;
        }
        self.encoding().map(drop)
    }

    /// How the result is to be written: as `--format` says, else as the name for the result does; a folder says nothing.
    ///
    /// # Errors
    /// When the two do not agree.
    pub fn encoding(&self) -> anyhow::Result<Option<Encoding>> {
        match (self.format, self.file().and_then(FileKind::from_path)) {
            (Some(asked), Some(named)) if asked.kind() != named => {
                bail!("--format {asked} does not fit --output, which is named as {named}")
            }
            (asked, named) => Ok(asked.or(named.map(Encoding::from))),
        }
    }

    /// The file, unless it is a folder or the server's name is taken.
    fn file(&self) -> Option<&Path> {
        self.output.as_deref().filter(|output| !output.is_dir())
    }
}
