//! `azulejo man`: the manual pages, made from the definition of the command line.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap_mangen::Man;

use crate::commands::WrongArgument;
use crate::{naming, output};

const AFTER_HELP: &str = "\
Example: azulejo man submit | man -l -
Example: azulejo man --dir ~/.local/share/man/man1";

/// Print a manual page, or write all of them into a folder.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// The command whose page is printed [default: that of azulejo itself].
    #[arg(value_name = "COMMAND", conflicts_with = "dir")]
    page: Option<String>,

    /// Write the page of azulejo and that of each command into this folder, which is made where there is none; pages that are
    /// there are replaced.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

/// Runs the command for the whole definition of the command line.
///
/// # Errors
/// When there is no such command, or a page cannot be written.
pub fn run(arguments: &Arguments, definition: clap::Command) -> anyhow::Result<ExitCode> {
    let pages = pages(definition).context("cannot make the pages")?;
    if let Some(dir) = &arguments.dir {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
        for (name, page) in &pages {
            let file = dir.join(format!("{name}.1"));
            let draft = naming::draft(&file)?;
            std::fs::write(draft.path(), page).with_context(|| format!("cannot write {}", file.display()))?;
            naming::publish(draft, &file, true)?;
            output::path(&file);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let wanted = match &arguments.page {
        Some(command) => format!("azulejo-{command}"),
        None => "azulejo".to_owned(),
    };
    let Some((_, page)) = pages.iter().find(|(name, _)| *name == wanted) else {
        let commands: Vec<_> = pages
            .iter()
            .filter_map(|(name, _)| name.strip_prefix("azulejo-"))
            .collect();
        let sentence = format!("COMMAND is one of {}", commands.join(", "));
        return Err(WrongArgument(sentence).into());
    };
    output::raw(page);
    Ok(ExitCode::SUCCESS)
}

/// Every page with its name: that of the command itself first, then those of its subcommands.
fn pages(mut definition: clap::Command) -> io::Result<Vec<(String, Vec<u8>)>> {
    // The subcommand `help` would have a page for each of the others again.
    definition = definition.disable_help_subcommand(true);
    definition.build();
    let mut commands = vec![definition.clone()];
    commands.extend(definition.get_subcommands().cloned());
    commands
        .into_iter()
        .map(|command| {
            let name = command
                .get_display_name()
                .unwrap_or_else(|| command.get_name())
                .to_owned();
            let mut page = Vec::new();
            Man::new(command.display_name(name.clone())).render(&mut page)?;
            Ok((name, page))
        })
        .collect()
}
