//! `azulejo`: the command that a person types.
//!
//! # Tour
//! - [`commands`]: a file for each subcommand. `up` runs the whole system, `submit` sends images through it, `again`
//!   runs another recipe on an image that it has, `apply` does the same to an image without it, `bench` measures it;
//!   `jobs`, `workers`, `health` and `recipes` list; `keys` makes and revokes keys; `tiles` lists and replays dead tiles;
//!   `completions` and `man` are for shells and readers.
//! - [`supervisor`]: child processes: finding the programs, starting them, restarting and stopping them.
//! - [`checks`]: what is well in an installation, and what to do where it is not. [`dashboard`]: the frames of `top`.
//! - [`client`]: the server's REST API. [`key`]: who asks, and whom it trusts. [`input`]: where an image comes from. [`targets`]: where the results of a run go;
//!   [`result_name`]: what they are called; [`naming`]: their files.
//! - [`output`]: everything that is printed. [`foreign`]: what text from elsewhere may do to a terminal. [`signals`]: Ctrl-C.
//! - [`tiled`]: what workers do, in one process. [`photo`]: the pictures that `bench` works on; [`figures`]: what it measured.

mod checks;
mod client;
mod commands;
mod dashboard;
mod figures;
mod foreign;
mod input;
mod key;
mod naming;
mod output;
mod photo;
mod result_name;
mod signals;
mod supervisor;
mod targets;
mod tiled;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use client::Refused;
use commands::WrongArgument;

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 it could not be done (the reason is on standard error), 2 a wrong argument, \
3 a job failed or was cancelled; 130, 143 and 129 after Ctrl-C, SIGTERM and SIGHUP.";

/// The exit code for wrong arguments, as clap has it.
const WRONG_ARGUMENT: u8 = 2;

/// Azulejo: image processing in tiles, over Kafka.
#[derive(Debug, Parser)]
#[command(name = "azulejo", version, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(commands::up::Arguments),
    Submit(commands::submit::Arguments),
    Again(commands::again::Arguments),
    Apply(commands::apply::Arguments),
    Recipes(commands::recipes::Arguments),
    Jobs(commands::jobs::Arguments),
    Keys(commands::keys::Arguments),
    Tiles(commands::tiles::Arguments),
    Workers(commands::workers::Arguments),
    Health(commands::health::Arguments),
    Top(commands::top::Arguments),
    Bench(commands::bench::Arguments),
    Completions(commands::completions::Arguments),
    Man(commands::man::Arguments),
}

fn main() -> ExitCode {
    if let Some(code) = help() {
        return code;
    }
    let arguments: Arguments = azulejo_settings::parse();
    // One thread: a child process is tied to the life of the thread that started it (see `supervisor::tether`), and this
    // one lives as long as the program.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::say(&format!("error: cannot start the runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(async {
        match arguments.command {
            Command::Up(arguments) => commands::up::run(arguments).await,
            Command::Submit(arguments) => commands::submit::run(arguments).await,
            Command::Again(arguments) => commands::again::run(arguments).await,
            Command::Apply(arguments) => commands::apply::run(arguments).await,
            Command::Recipes(arguments) => commands::recipes::run(&arguments),
            Command::Jobs(arguments) => commands::jobs::run(arguments).await,
            Command::Tiles(arguments) => commands::tiles::run(arguments).await,
            Command::Keys(arguments) => commands::keys::run(&arguments),
            Command::Workers(arguments) => commands::workers::run(arguments).await,
            Command::Health(arguments) => commands::health::run(arguments).await,
            Command::Top(arguments) => commands::top::run(arguments).await,
            Command::Bench(arguments) => commands::bench::run(arguments).await,
            Command::Completions(arguments) => {
                Ok(commands::completions::run(&arguments, Arguments::command()))
            }
            Command::Man(arguments) => commands::man::run(&arguments, Arguments::command()),
        }
    });
    output::ended(result.unwrap_or_else(|error| tell(&error)))
}

/// Help and version where they are asked for: results like any other, while clap would not see an error of writing.
fn help() -> Option<ExitCode> {
    let error = Arguments::try_parse().err().filter(|error| !error.use_stderr())?;
    if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
        return None;
    }
    output::raw(error.render().to_string().as_bytes());
    Some(output::ended(ExitCode::SUCCESS))
}

/// Says why the command ended; gives the exit code.
fn tell(error: &anyhow::Error) -> ExitCode {
    let text = format!("error: {error:#}");
    // What the server says is foreign; the lines of what a part of the system logged at its end are to be read.
    if error.chain().any(|cause| cause.is::<Refused>()) {
        output::say(&text);
    } else {
        output::say_lines(&text);
    }
    if error.is::<WrongArgument>() {
        ExitCode::from(WRONG_ARGUMENT)
    } else {
        ExitCode::FAILURE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(arguments: &[&str]) -> String {
        Arguments::try_parse_from(std::iter::once(&"azulejo").chain(arguments))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn the_definition_of_the_arguments_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_wrong_argument_is_named() {
        for (arguments, name) in [
            (&["up", "--workers", "0"][..], "--workers"),
            (&["up", "--slots", "x"], "--slots"),
            (&["up", "--listen", "here"], "--listen"),
            (&["up", "--listen", "here"], "AZULEJO_LISTEN"),
            (&["up", "--port", "abc"], "MASTER_PORT"),
            (&["up", "--workers", "65"], "AZULEJO_WORKERS"),
            (&["up", "--slots", "0"], "WORKER_SLOTS"),
            (&["submit", "a.png", "--recipe", "no_such"], "--recipe"),
            (
                &["submit", "a.png", "--recipe", "grayscale", "--server", "ftp://x"],
                "--server",
            ),
            (
                &["submit", "a.png", "b.png", "--recipe", "grayscale", "-o", "c.png"],
                "--output",
            ),
            (&["apply", "no_such", "a", "b"], "RECIPE"),
            (&["again", "no-id", "grayscale"], "JOB"),
            (
                &[
                    "again",
                    "01a20544-b985-730f-82a6-b84d915d4169",
                    "grayscale",
                    "--format",
                    "psd",
                ],
                "--format",
            ),
            (&["apply", "grayscale", "a", "b", "--tile", "0"], "--tile"),
            (&["jobs", "--status", "asleep"], "--status"),
            (
                &["submit", "a.png", "--name", "b", "--recipe", "grayscale"],
                "--name",
            ),
            (&["submit", "-", "-", "--recipe", "grayscale"], "'-'"),
            (
                &["submit", "-", "a.png", "--recipe", "grayscale", "-o", "-"],
                "--output",
            ),
            (
                &["submit", "-", "--json", "--recipe", "grayscale", "-o", "-"],
                "--json",
            ),
            (&["completions", "tcsh"], "SHELL"),
            (&["man", "submit", "--dir", "."], "--dir"),
        ] {
            let parsed = Arguments::try_parse_from(std::iter::once(&"azulejo").chain(arguments));
            let error = match parsed {
                Err(error) => error.to_string(),
                Ok(Arguments {
                    command: Command::Submit(submit),
                }) => submit.check().unwrap_err().to_string(),
                Ok(_) => panic!("{arguments:?} was accepted"),
            };
            assert!(error.contains(name), "{arguments:?}: {error}");
        }
    }

    #[test]
    fn every_command_says_what_it_is_for() {
        let help = Arguments::command().render_long_help().to_string();
        for command in Arguments::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            assert!(help.contains(command.get_name()));
        }
        assert!(refusal(&["fly"]).contains("fly"));
    }
}
