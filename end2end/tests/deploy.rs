//! The files of `deploy`, looked at by those who know each kind, and against the programs: a setting that is misspelt there would
//! be found by nobody else. A tool that is not installed is named; `cargo xtask dist --linters` fetches them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use azulejo_end2end::process::{command, must_succeed, tools_dir};
use azulejo_end2end::{Cluster, ClusterOptions, skipped};

/// The folder `deploy`.
fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

fn read(name: &str) -> Result<String> {
    let path = deploy().join(name);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// A tool that `cargo xtask dist --linters` fetched as `place`, or that is on the PATH; none, and a line that says so, else.
fn tool(name: &str, place: &str) -> Result<Option<Command>> {
    let fetched = tools_dir()?.join(place);
    if !place.is_empty() && fetched.is_file() {
        return Ok(Some(Command::new(fetched)));
    }
    if Command::new(name).arg("--version").output().is_ok() {
        return Ok(Some(Command::new(name)));
    }
    skipped(&format!("{name} is not installed"));
    Ok(None)
}

/// The names of the files of `deploy/FOLDER` that end so.
fn files(folder: &str, end: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(deploy().join(folder))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| name.ends_with(end));
    names.sort();
    ensure!(!names.is_empty(), "deploy/{folder} has no {end}");
    Ok(names)
}

/// The variables that `program` explains in its help.
fn settings(program: &str) -> Result<BTreeSet<String>> {
    let help = must_succeed(command(program)?.arg("--help"))?;
    let words: Vec<&str> = help.split_whitespace().collect();
    let text = words.join(" ");
    let names = text
        .split("[env: ")
        .skip(1)
        .filter_map(|rest| rest.split_once('='));
    let mut names: BTreeSet<String> = names.map(|(name, _)| name.to_owned()).collect();
    ensure!(names.len() > 5, "{program} explains {names:?}");
    // Not all have a flag for it.
    names.insert("RUST_LOG".to_owned());
    Ok(names)
}

/// Whether server and workers take a variable, by themselves or for librdkafka.
fn must_be_known(name: &str, own: &BTreeSet<String>, place: &str) -> Result<()> {
    if own.contains(name) {
        return Ok(());
    }
    let setting = name
        .strip_prefix("KAFKA_")
        .with_context(|| format!("{place}: {name} is no setting"))?;
    let setting = setting.to_ascii_lowercase().replace('_', ".");
    rdkafka::ClientConfig::new()
        .set(&setting, "")
        .create_native_config()
        .map(drop)
        .or_else(|error| {
            // A value may be wrong for what is only a name here.
            let is_unknown = error.to_string().contains("No such configuration property");
            ensure!(!is_unknown, "{place}: librdkafka has no {setting} ({name})");
            Ok(())
        })
}

/// Names in `text` that look like variables.
fn variables(text: &str) -> BTreeSet<String> {
    let code: Vec<&str> = text
        .lines()
        .map(|line| line.split(" #").next().unwrap_or_default())
        .collect();
    let code = code
        .into_iter()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect::<Vec<_>>()
        .join("\n");
    code.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'))
        .filter(|word| word.contains('_') && word.starts_with(|c: char| c.is_ascii_uppercase()))
        .map(str::to_owned)
        .collect()
}

/// The part of a compose file that is the service `name`.
fn service(compose: &str, name: &str) -> Result<String> {
    let (_, rest) = compose
        .split_once(&format!("\n  {name}:\n"))
        .with_context(|| format!("no service {name}"))?;
    let lines = rest
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with("    "));
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn every_variable_is_a_setting_of_the_program_that_gets_it() -> Result<()> {
    let (server, worker) = (settings("azulejo-server")?, settings("azulejo-worker")?);
    let compose = read("compose.yaml")?;
    let both: BTreeSet<String> = server.union(&worker).cloned().collect();
    for (place, text, own) in [
        ("compose.yaml, server", service(&compose, "server")?, &server),
        ("compose.yaml, worker", service(&compose, "worker")?, &worker),
        ("kubernetes/server.yaml", read("kubernetes/server.yaml")?, &server),
        ("kubernetes/worker.yaml", read("kubernetes/worker.yaml")?, &worker),
        (
            "kubernetes/settings.yaml",
            read("kubernetes/settings.yaml")?,
            &both,
        ),
    ] {
        let found = variables(&text);
        ensure!(found.len() >= 3, "{place}: {found:?}");
        for name in found {
            must_be_known(&name, own, place)?;
        }
    }
    let docker = read("Dockerfile")?;
    for line in docker.lines().filter(|line| line.starts_with("ENV ")) {
        for name in variables(line) {
            must_be_known(&name, &both, "Dockerfile")?;
        }
    }
    for name in ["TILE_SIZES", "KAFKA_SASL_USER", "WORKER_SLOTS"] {
        ensure!(
            must_be_known(name, &server, "").is_err(),
            "{name} would not be found"
        );
    }
    Ok(())
}

#[test]
fn systemd_units_are_understood_and_confine_their_programs() -> Result<()> {
    let Some(_) = tool("systemd-analyze", "")? else {
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let units = files("systemd", ".service")?;
    for name in &units {
        let text = read(&format!("systemd/{name}"))?;
        let program = text
            .lines()
            .find_map(|line| line.strip_prefix("ExecStart=/usr/bin/"));
        let program = command(program.with_context(|| format!("{name} starts nothing"))?)?;
        let built = format!(
            "ExecStart={}",
            std::path::absolute(program.get_program())?.display()
        );
        let lines = text.lines().map(|line| {
            if line.starts_with("ExecStart=") {
                built.as_str()
            } else {
                line
            }
        });
        // An instance of a template.
        let path = folder.path().join(name.replace("@.", "@1."));
        fs::write(&path, lines.collect::<Vec<_>>().join("\n"))?;
        let mut verify = Command::new("systemd-analyze");
        let output = verify.args(["verify", "--man=no"]).arg(&path).output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // The user is made by the package.
        ensure!(
            output.status.success() && !said.contains(name.as_str()),
            "{name}: {said}"
        );
        // Of 10, where 10 is no confinement at all.
        let mut security = Command::new("systemd-analyze");
        must_succeed(
            security
                .args(["security", "--offline=true", "--no-pager", "--threshold=20"])
                .arg(&path),
        )?;
    }
    ensure!(units.len() == 4, "{units:?}");
    Ok(())
}

/// The number behind `key` in `text`.
fn number(text: &str, key: &str) -> Result<u64> {
    let found = text.lines().find_map(|line| line.trim().strip_prefix(key));
    let found = found.with_context(|| format!("there is no {key}"))?;
    found
        .trim_matches([' ', '"', 's'])
        .parse()
        .with_context(|| format!("{key}{found}"))
}

#[test]
fn whoever_stops_a_worker_waits_for_its_drain() -> Result<()> {
    let help = must_succeed(command("azulejo-worker")?.arg("--help"))?;
    let (_, drain) = help.split_once("AZULEJO_DRAIN_TIMEOUT=]").context("no drain")?;
    let (_, drain) = drain.split_once("[default: ").context("no default")?;
    let drain: u64 = drain.split(']').next().unwrap_or_default().parse()?;
    // Ten seconds more to leave the group.
    let needed = drain + 10;
    let compose = service(&read("compose.yaml")?, "worker")?;
    for (text, key) in [
        (read("systemd/azulejo-worker.service")?, "TimeoutStopSec="),
        (read("systemd/azulejo-worker@.service")?, "TimeoutStopSec="),
        (compose, "stop_grace_period:"),
        (read("kubernetes/worker.yaml")?, "terminationGracePeriodSeconds:"),
    ] {
        ensure!(number(&text, key)? > needed, "{key} is not above {needed} s");
    }
    Ok(())
}

#[test]
fn compose_file_is_valid_with_and_without_variables() -> Result<()> {
    let Some(compose) = tool("docker-compose", "docker-compose/docker-compose")? else {
        return Ok(());
    };
    let pom = read("kafka/pom.xml")?;
    let (_, version) = pom
        .split_once("<artifactId>kafka_2.13</artifactId>")
        .context("no Kafka")?;
    let version = version
        .split("<version>")
        .nth(1)
        .and_then(|rest| rest.split('<').next())
        .context("no version")?;
    for slots in ["", "3"] {
        let mut config = Command::new(compose.get_program());
        config.arg("--file").arg(deploy().join("compose.yaml"));
        config
            .args(["config", "--format", "json"])
            .env("WORKER_SLOTS", slots);
        let json: serde_json::Value = serde_json::from_str(&must_succeed(&mut config)?)?;
        let services = &json["services"];
        ensure!(
            services["kafka"]["image"] == format!("apache/kafka:{version}"),
            "not the tested Kafka"
        );
        ensure!(services["worker"]["environment"]["WORKER_SLOTS"] == slots);
        // Either would keep a second worker from starting.
        let worker = &services["worker"];
        ensure!(
            worker["ports"].is_null() && worker["container_name"].is_null(),
            "{worker}"
        );
        ensure!(
            services["server"]["ports"][0]["host_ip"] == "127.0.0.1",
            "{}",
            services["server"]
        );
        for name in ["server", "worker"] {
            let build = &services[name]["build"];
            let file = Path::new(build["context"].as_str().unwrap_or_default())
                .join(build["dockerfile"].as_str().unwrap_or_default());
            let stage = format!(" AS {}\n", build["target"].as_str().unwrap_or_default());
            ensure!(
                fs::read_to_string(&file)?.contains(&stage),
                "{} has no{stage}",
                file.display()
            );
        }
    }
    Ok(())
}

#[test]
fn hadolint_finds_nothing() -> Result<()> {
    let Some(mut hadolint) = tool("hadolint", "hadolint/bin/hadolint")? else {
        return Ok(());
    };
    must_succeed(hadolint.arg(deploy().join("Dockerfile"))).map(drop)
}

#[test]
fn shellcheck_finds_nothing() -> Result<()> {
    let Some(mut shellcheck) = tool("shellcheck", "")? else {
        return Ok(());
    };
    for folder in ["", "kafka"] {
        for name in files(folder, ".sh")? {
            shellcheck.arg(deploy().join(folder).join(name));
        }
    }
    must_succeed(&mut shellcheck).map(drop)
}

#[test]
fn kubernetes_takes_the_manifests() -> Result<()> {
    let Some(mut validate) = tool(
        "kubernetes-validate",
        "kubernetes-validate/bin/kubernetes-validate",
    )?
    else {
        return Ok(());
    };
    validate.arg("--strict");
    let listed = read("kubernetes/kustomization.yaml")?;
    let tag = format!("newTag: \"{}\"", env!("CARGO_PKG_VERSION"));
    ensure!(
        listed.matches(&tag).count() == 2,
        "the images are not those of this version"
    );
    let mut count = 0;
    for name in files("kubernetes", ".yaml")? {
        // Kinds of others, of which Kubernetes has no schema.
        if name != "kustomization.yaml" && name != "keda.yaml" {
            ensure!(
                listed.contains(&format!("\n  - {name}\n")),
                "{name} is not applied"
            );
            validate.arg(deploy().join("kubernetes").join(name));
            count += 1;
        }
    }
    ensure!(count == 4, "{count}");
    must_succeed(&mut validate).map(drop)
}

#[test]
fn the_scaler_means_the_topic_group_and_slots_of_the_workers() -> Result<()> {
    let (keda, settings) = (read("kubernetes/keda.yaml")?, read("kubernetes/settings.yaml")?);
    let value = |text: &str, key: &str| -> Result<String> {
        let found = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(": "));
        Ok(found
            .with_context(|| format!("there is no {key}"))?
            .trim_matches('"')
            .to_owned())
    };
    let topics = azulejo_protocol::Topics::with_prefix(&value(&settings, "KAFKA_TOPIC_PREFIX")?);
    ensure!(value(&keda, "topic")? == topics.tasks);
    ensure!(value(&keda, "consumerGroup")? == topics.worker_group);
    ensure!(value(&keda, "bootstrapServers")? == value(&settings, "KAFKA_BROKER")?);
    ensure!(number(&keda, "maxReplicaCount:")? <= number(&settings, "KAFKA_PARTITIONS:")?);
    ensure!(
        number(&keda, "minReplicaCount:")? >= 1,
        "without a worker nothing lags"
    );
    let worker = read("kubernetes/worker.yaml")?;
    let (_, slots) = worker.split_once("- name: WORKER_SLOTS\n").context("no slots")?;
    ensure!(number(&keda, "lagThreshold:")? * 2 == number(slots, "value:")?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_probe_of_the_images_tells_well_from_unwell() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions {
        workers: 0,
        ..ClusterOptions::default()
    })
    .await?;
    let url = cluster.url();
    let port = url
        .trim_end_matches('/')
        .rsplit(':')
        .next()
        .context("no port")?
        .to_owned();
    let probe = |port: &str, path: &str| -> Result<bool> {
        let mut probe = Command::new("bash");
        let output = probe.arg(deploy().join("probe.sh")).args([port, path]).output()?;
        Ok(output.status.success())
    };
    for path in ["/live", "/ready"] {
        ensure!(probe(&port, path)?, "{path}");
    }
    ensure!(!probe(&port, "/no-such-page")?);
    drop(cluster);
    ensure!(!probe(&port, "/live")?, "nobody listens");
    Ok(())
}
