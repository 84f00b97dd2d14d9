//! `azulejo health`: whether a job would succeed now, what stands against it, and what to do, for people and for scripts.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use azulejo_protocol::Health;
use serde::Serialize;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::checks::{Check, State, judge};
use crate::client::{Client, Refused, Server};
use crate::commands::ServerArgument;
use crate::output;

/// How long a machine has to take a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Say whether a job would succeed now, what stands against it, and what to do.
///
/// Looks at server, broker, topics, lag, workers and disk. The exit code is 0 when there is no FAULT, 1 when there is one.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// As JSON: what `GET /health` answers, and `checks`.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    server: ServerArgument,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    health: Option<&'a Health>,
    checks: &'a [Check],
}

/// Runs the command: 0 when nothing stands against a job, 1 otherwise.
///
/// # Errors
/// When the client cannot be made.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let client = arguments.server.client()?;
    let (health, checks) = look(&arguments.server.server, &client).await?;
    let well = checks.iter().all(|check| check.state < State::Fault);
    if arguments.json {
        let told = Told {
            health: health.as_ref(),
            checks: &checks,
        };
        output::json(&told)?;
    } else {
        print(&checks);
        output::line(if well {
            "healthy: a job would succeed now"
        } else {
            "NOT healthy: a job would wait or fail"
        });
    }
    Ok(if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What the server tells, and what it comes to.
async fn look(server: &Server, client: &Client) -> anyhow::Result<(Option<Health>, Vec<Check>)> {
    if let Err(check) = reach(server).await {
        return Ok((None, vec![check]));
    }
    let told = async { anyhow::Ok((client.health().await?, client.workers().await?)) };
    let (health, workers) = match told.await {
        Ok(told) => told,
        Err(error) => {
            let refused = error.downcast_ref::<Refused>();
            let says = refused.map_or_else(
                || format!("{error:#}"),
                |refused| format!("({}) {}", refused.status, refused.detail),
            );
            let remedy = refused.and_then(Refused::remedy).unwrap_or_else(|| {
                "something else listens there, or the server is stuck: look at its log (`journalctl -u azulejo-server`), give the \
                 right address with --server URL"
                    .to_owned()
            });
            let check = Check::fault("server", format!("{server}: {says}"), &remedy);
            return Ok((None, vec![check]));
        }
    };
    let mut checks = vec![Check::well(
        "server",
        format!(
            "{server}, version {}, up for {:.0} s",
            health.version, health.uptime
        ),
    )];
    checks.extend(judge(&health, &workers));
    Ok((Some(health), checks))
}

/// Whether the server's machine takes a connection; a fault that says why not.
async fn reach(server: &Server) -> Result<(), Check> {
    let fault = |says: String, remedy: &str| Check::fault("server", says, remedy);
    let (host, port) = (server.host(), server.port());
    let firewall = "its machine is down or a firewall drops the connection: open the port for this machine, or go through an SSH \
                    tunnel (`ssh -L 8000:127.0.0.1:8000 SERVER`)";
    let unknown = |why: &str| {
        fault(
            format!("{server} cannot be reached: {why}"),
            "look whether the name is spelt right and known here (`getent hosts NAME`)",
        )
    };
    let addresses: Vec<SocketAddr> = match timeout(CONNECT, lookup_host((host, port))).await {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => return Err(unknown(&error.to_string())),
        Err(_) => return Err(unknown("nobody says in time which address the name has")),
    };
    match timeout(CONNECT, TcpStream::connect(addresses.as_slice())).await {
        Ok(Ok(_)) => Ok(()),
        Err(_) => Err(fault(
            format!("{server} does not answer within {} s", CONNECT.as_secs()),
            firewall,
        )),
        Ok(Err(error)) => Err(match error.kind() {
            io::ErrorKind::ConnectionRefused => fault(
                format!("nothing listens at {server}"),
                "start it: `azulejo up`, or `systemctl start azulejo-server`. If it runs elsewhere, give --server URL \
                 (AZULEJO_SERVER); a server that listens on 127.0.0.1 is reached from its own machine alone",
            ),
            io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                fault(format!("{server} cannot be reached: {error}"), firewall)
            }
            _ => unknown(&error.to_string()),
        }),
    }
}

fn print(checks: &[Check]) {
    for check in checks {
        output::line(&format!(
            "{:<8} {:<8} {}",
            check.state.word(),
            check.name,
            check.says
        ));
        if let Some(remedy) = &check.remedy {
            output::line(&format!("{:<17} to do: {remedy}", ""));
        }
    }
}
