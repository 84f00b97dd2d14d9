//! `azulejo completions`: what a shell needs to complete the command line.

use std::process::ExitCode;

use clap_complete::Shell;

use crate::output;

const AFTER_HELP: &str = "\
Examples:
  azulejo completions bash > ~/.local/share/bash-completion/completions/azulejo
  azulejo completions zsh > ~/.zfunc/_azulejo
  azulejo completions fish > ~/.config/fish/completions/azulejo.fish";

/// Print what a shell needs to complete this command line.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Runs the command for the whole definition of the command line.
pub fn run(arguments: &Arguments, mut definition: clap::Command) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut definition, "azulejo", &mut script);
    output::raw(&script);
    ExitCode::SUCCESS
}
