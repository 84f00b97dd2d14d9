//! `azulejo recipes`: the operations that recipes are made of, from imaging's own table.

use std::process::ExitCode;

use azulejo_imaging::operations;

use crate::output;

/// List the operations that recipes are made of, with their parameters.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// Never in practice: the table is plain text.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.json {
        output::json(&operations())?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(
        "A recipe is one or more operations joined by '|', parameters after ':', several separated by ','.",
    );
    output::line("Example: blur:sigma=2|edge_detection");
    output::line("");
    for operation in operations() {
        let also = if operation.aliases.is_empty() {
            String::new()
        } else {
            format!(" (also {})", operation.aliases.join(", "))
        };
        output::line(&format!("{}{also}", operation.name));
        output::line(&format!("    {}", operation.summary));
        output::line(&format!("    {}", operation.method));
        for parameter in operation.parameters {
            let unit = if parameter.unit.is_empty() {
                String::new()
            } else {
                format!(" {}", parameter.unit)
            };
            output::line(&format!(
                "    {}: {}, {}{unit}, default {}",
                parameter.name,
                parameter.summary,
                parameter.allowed(),
                parameter.default_value()
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}
