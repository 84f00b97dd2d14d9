//! How the programs of Azulejo read their flags and environment variables.
//!
//! clap takes every variable that exists for one that was set. Compose files write `TILE_SIZE: ${TILE_SIZE}` and so pass an
//! empty one on, and Kubernetes puts `MASTER_PORT=tcp://10.0.0.1:8000` into every container of a namespace that has a
//! Service called `master`. Neither was set by anybody who meant this program: [`parse`] leaves them alone.
#![deny(missing_docs)]

use std::ffi::OsStr;

use clap::builder::Resettable;
use clap::{Arg, Command, Parser};

/// Reads flags and environment; ends the program with help, version or a sentence where they say so, as [`Parser::parse`].
pub fn parse<T: Parser>() -> T {
    let matches = without_unset(T::command(), &|name| std::env::var_os(name)).get_matches();
    T::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// `command` without the variables that nobody has set.
fn without_unset(command: Command, value: &impl Fn(&OsStr) -> Option<std::ffi::OsString>) -> Command {
    command
        .mut_args(|argument: Arg| {
            let unset = argument
                .get_env()
                .is_some_and(|name| value(name).is_some_and(|value| is_unset(name, &value)));
            if unset {
                argument.env(Resettable::Reset)
            } else {
                argument
            }
        })
        .mut_subcommands(|command| without_unset(command, value))
}

/// Whether a variable of this name and value was set by nobody who meant this program.
fn is_unset(name: &OsStr, value: &OsStr) -> bool {
    let is_of_kubernetes = || {
        let is_port = name.to_str().is_some_and(|name| name.ends_with("_PORT"));
        is_port && value.to_str().is_some_and(|value| value.contains("://"))
    };
    value.to_str().is_some_and(|value| value.trim().is_empty()) || is_of_kubernetes()
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, FromArgMatches as _};

    use super::*;

    #[derive(Debug, Parser, PartialEq)]
    struct Inner {
        #[arg(long, env = "AZULEJO_TEST_SIZE", default_value_t = 5)]
        size: u16,
        #[arg(long, env = "AZULEJO_TEST_PORT", default_value_t = 8000)]
        port: u16,
    }

    #[derive(Debug, Parser, PartialEq)]
    enum Outer {
        Run(Inner),
    }

    fn read(value: &'static str, arguments: &[&str]) -> Result<Outer, clap::Error> {
        let command = without_unset(Outer::command(), &|_| Some(value.into()));
        let matches = command.try_get_matches_from(arguments)?;
        Outer::from_arg_matches(&matches)
    }

    #[test]
    fn a_variable_without_a_value_is_not_set() {
        for value in ["", " "] {
            let command = without_unset(Inner::command(), &|_| Some(value.into()));
            assert!(
                command
                    .get_arguments()
                    .all(|argument| argument.get_env().is_none())
            );
            let Outer::Run(inner) = read(value, &["x", "run"]).unwrap();
            assert_eq!((inner.size, inner.port), (5, 8000));
        }
    }

    #[test]
    fn an_address_of_kubernetes_is_no_port() {
        let command = without_unset(Inner::command(), &|_| Some("tcp://10.0.0.1:8000".into()));
        let of = |id: &str| command.get_arguments().find(|argument| argument.get_id() == id);
        assert!(of("port").unwrap().get_env().is_none());
        assert!(
            of("size").unwrap().get_env().is_some(),
            "a wrong value is still named"
        );
    }
}
