//! `azulejo up`: one command from nothing to a finished job, and an orderly end.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use azulejo_end2end::images;
use azulejo_end2end::process::command;
use azulejo_end2end::{Client, Program, definition};
use tempfile::TempDir;

struct Installation {
    up: Program,
    client: Client,
    url: String,
    folder: TempDir,
}

fn up(arguments: &[&str]) -> Result<Installation> {
    let folder = tempfile::Builder::new().prefix("azulejo-up-").tempdir()?;
    let data = folder.path().join("data").display().to_string();
    let mut all = vec!["up", "--listen", "127.0.0.1:0", "--data-dir", &data];
    all.extend(arguments);
    let up = Program::start("azulejo", &all, &folder.path().join("logs"))?;
    let url = up.ready().to_owned();
    ensure!(
        url.starts_with("http://127.0.0.1:"),
        "the ready line says '{url}' where an address is expected"
    );
    Ok(Installation {
        up,
        client: Client::new(&url),
        url,
        folder,
    })
}

/// Ids of the processes that `id` started.
fn children(id: u32) -> Result<Vec<(u32, String)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Ok(child) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // The name is in parentheses and may hold anything; what follows it is fixed.
        let Some((head, rest)) = stat.rsplit_once(')') else {
            continue;
        };
        let mut fields = rest.split_whitespace();
        let (state, parent) = (fields.next(), fields.next());
        if parent == Some(&id.to_string()) && state != Some("Z") {
            let name = head.split_once('(').map_or("", |(_, name)| name);
            found.push((child, name.to_owned()));
        }
    }
    Ok(found)
}

fn is_alive(id: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit_once(')')
            .is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_succeeds_as_soon_as_up_says_ready_and_ctrl_c_stops_everything() -> Result<()> {
    let mut installation = up(&[])?;
    let input = images::photo(1500, 1100, 7);
    let result = installation
        .client
        .run("a.png", images::png(&input)?, "sharpen")
        .await?;
    images::decode(&result)?.must_equal(&definition::sharpen(&input), "through up")?;

    // Each part is found by what standard error says of it, whatever port it got.
    let log = installation.up.log();
    let address = |name: &str| -> Result<&str> {
        let line = log
            .lines()
            .find_map(|line| line.strip_prefix(&format!("azulejo: {name} is ready at ")));
        line.with_context(|| format!("where {name} listens is not said\n{log}"))
    };
    ensure!(address("broker")?.starts_with("127.0.0.1:"));
    ensure!(address("server")? == installation.url);
    for worker in ["worker 1", "worker 2"] {
        let status = Client::new(address(worker)?).get("/status").await?;
        ensure!(status.json["worker_id"].is_string(), "{worker}: {status:?}");
    }

    let programs = children(installation.up.id())?;
    ensure!(
        programs.len() == 4,
        "a broker, a server and two workers: {programs:?}"
    );
    installation.up.signal("INT")?;
    let code = installation.up.wait(Duration::from_secs(30))?;
    ensure!(code == 0, "exit code {code}\n{}", installation.up.log_tail());
    ensure!(
        !programs.iter().any(|(id, _)| is_alive(*id)),
        "left running: {programs:?}"
    );
    ensure!(installation.up.stdout_lines().is_empty(), "up prints one line");
    Ok(())
}

/// As systemd stops a unit: SIGTERM to all of its processes at once, and the supervisor tells its children as well.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_to_every_process_at_once_drains_the_workers_before_the_broker_ends() -> Result<()> {
    let mut installation = up(&[])?;
    let file = images::png(&images::photo(4096, 3072, 4))?;
    let id = installation.client.submit("a.png", file, "blur:sigma=60").await?;
    installation.client.wait_for_tiles(&id, 2).await?;
    let programs = children(installation.up.id())?;
    let mut kill = std::process::Command::new("kill");
    kill.args(["-TERM", &installation.up.id().to_string()])
        .args(programs.iter().map(|(id, _)| id.to_string()));
    ensure!(kill.status()?.success());
    let code = installation.up.wait(Duration::from_secs(60))?;
    let log = installation.up.log();
    ensure!(code == 0, "exit code {code}\n{log}");
    for worker in ["[worker 1]", "[worker 2]"] {
        let said = |words: &str| {
            log.lines()
                .any(|line| line.starts_with(worker) && line.contains(words))
        };
        ensure!(
            said("draining") && said("stopped"),
            "{worker} did not drain\n{log}"
        );
        ensure!(
            !said("not everything reached Kafka") && !said("not committed"),
            "{log}"
        );
    }
    let at = |words: &str| log.lines().position(|line| line.contains(words));
    let last_worker = log
        .lines()
        .enumerate()
        .filter(|(_, line)| line.starts_with("[worker") && line.contains("stopped"));
    let last_worker = last_worker.map(|(at, _)| at).max();
    ensure!(
        at("SIGINT: closing") > last_worker,
        "the broker ended before a worker\n{log}"
    );
    ensure!(
        !log.contains("started anew"),
        "a part was started again on the way down\n{log}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_dies_is_restarted_and_said_so() -> Result<()> {
    let installation = up(&["--workers", "1"])?;
    let before = children(installation.up.id())?;
    for (id, name) in &before {
        let status = std::process::Command::new("kill")
            .args(["-9", &id.to_string()])
            .status()?;
        ensure!(status.success(), "kill {name}");
    }
    let input = images::photo(1024, 1024, 8);
    let file = images::png(&input)?;
    let mut result = None;
    for _ in 0..300 {
        if installation.client.wait_until_ready(1).await.is_ok()
            && let Ok(bytes) = installation.client.run("a.png", file.clone(), "grayscale").await
        {
            result = Some(bytes);
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let result = result.context("no job succeeds after every child was killed")?;
    images::decode(&result)?.must_equal(&definition::grayscale(&input), "after the deaths")?;
    let log = installation.up.log();
    for name in ["broker", "server", "worker"] {
        let said = log
            .lines()
            .any(|line| line.contains(name) && line.contains("died") && line.contains("started anew"));
        ensure!(said, "the restart of the {name} is not said\n{log}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn children_do_not_outlive_a_killed_up() -> Result<()> {
    let mut installation = up(&["--workers", "1"])?;
    let programs = children(installation.up.id())?;
    installation.up.kill_9()?;
    for _ in 0..100 {
        if !programs.iter().any(|(id, _)| is_alive(*id)) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("left running: {programs:?}")
}

#[test]
fn a_taken_port_is_named() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let folder = tempfile::tempdir()?;
    let listen = taken.local_addr()?.to_string();
    let output = command("azulejo")?
        .args(["up", "--listen", &listen, "--data-dir"])
        .arg(folder.path())
        .output()?;
    ensure!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(text.contains(&listen), "the error does not name {listen}: {text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn submit_follows_a_job_and_writes_its_result() -> Result<()> {
    let installation = up(&["--workers", "1"])?;
    let input = images::photo(1300, 1100, 9);
    let (from, to) = (
        installation.folder.path().join("in.png"),
        installation.folder.path().join("out.png"),
    );
    std::fs::write(&from, images::png(&input)?)?;
    let submit = |recipe: &str| -> Result<std::process::Output> {
        let mut command = command("azulejo")?;
        command
            .arg("submit")
            .arg(&from)
            .args(["--recipe", recipe, "--server", &installation.url, "-o"])
            .arg(&to);
        Ok(command.output()?)
    };
    let output = submit("rotate_90|sharpen")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let defined = definition::sharpen(&definition::rotate_90(&input));
    images::decode(&std::fs::read(&to)?)?.must_equal(&defined, "through submit")?;

    let refused = submit("no_such_thing")?;
    ensure!(!refused.status.success(), "a refused job is a failure of submit");
    ensure!(String::from_utf8_lossy(&refused.stderr).contains("no_such_thing"));
    Ok(())
}
