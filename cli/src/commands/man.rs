//! `azulejo man`: the manual pages, made from the definition of the command line.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap_mangen::Man;

use crate::commands::WrongArgument;
use crate::{naming, output};

const AFTER_HELP: &str = "\
Examples:
  azulejo man submit | man -l -
  azulejo man --dir ~/.local/share/man/man1";

/// The date of the pages: when what they say last changed.
const DATE: &str = "2026-11-29";

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
    output::raw(page.as_bytes());
    Ok(ExitCode::SUCCESS)
}

/// Every page with its name: that of the command itself first, then those of its subcommands, each followed by those of its own.
fn pages(mut definition: clap::Command) -> io::Result<Vec<(String, String)>> {
    // The subcommand `help` would have a page for each of the others again.
    definition = definition.disable_help_subcommand(true);
    definition.build();
    let source = format!("azulejo {}", env!("CARGO_PKG_VERSION"));
    let mut commands = vec![definition.clone()];
    for command in definition.get_subcommands() {
        commands.push(command.clone());
        commands.extend(command.get_subcommands().cloned());
    }
    commands
        .into_iter()
        .map(|command| {
            let name = command
                .get_display_name()
                .unwrap_or_else(|| command.get_name())
                .to_owned();
            let environment = environment(&command);
            let mut page = Vec::new();
            Man::new(command.display_name(name.clone()))
                .title(name.to_uppercase())
                .date(DATE)
                .source(source.as_str())
                .manual("Azulejo")
                .render(&mut page)?;
            let page = String::from_utf8(page).map_err(io::Error::other)?;
            // Line breaks around an empty line, before the values of an argument, of which readers of pages warn.
            let page = page.replace("\n.br\n\n.br\n", "\n.sp\n");
            Ok((name, page + &environment))
        })
        .collect()
}

/// The section on the variables that stand for arguments.
fn environment(command: &clap::Command) -> String {
    let mut section = String::new();
    for argument in command.get_arguments() {
        if let (Some(variable), Some(long)) = (argument.get_env(), argument.get_long()) {
            let (variable, long) = (variable.to_string_lossy(), long.replace('-', "\\-"));
            section.push_str(&format!(".TP\n\\fB{variable}\\fR\nas \\fB\\-\\-{long}\\fR\n"));
        }
    }
    if !section.is_empty() {
        section.insert_str(0, ".SH ENVIRONMENT\n");
    }
    section
}
