//! The program `azulejo-broker`: what its options do, and what it says.

use anyhow::{Context as _, Result};
use azulejo_end2end::Program;
use azulejo_end2end::kafka_broker::BrokerProcess;
use azulejo_end2end::kafka_clients::{PATIENCE, admin, new_topic, patiently};
use azulejo_end2end::kafka_kcat::kcat;
use rdkafka::admin::ResourceSpecifier;

#[test]
fn a_second_broker_on_the_same_folder_refuses() -> Result<()> {
    let broker = BrokerProcess::start()?;
    let output = azulejo_end2end::process::command("azulejo-broker")?
        .args(["--listen", "127.0.0.1:0", "--data-dir"])
        .arg(broker.data_dir())
        .output()?;
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("another broker is running on the data folder"),
        "{said}"
    );
    Ok(())
}

#[test]
fn an_address_for_others_needs_the_flag_and_warns() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let output = azulejo_end2end::process::command("azulejo-broker")?
        .args(["--listen", "0.0.0.0:0", "--data-dir"])
        .arg(folder.path())
        .output()?;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--allow-remote"));
    let data = folder.path().display().to_string();
    let arguments = ["--listen", "0.0.0.0:0", "--allow-remote", "--data-dir", &data];
    // Whatever is logged.
    let quiet = [("RUST_LOG", "error")];
    let mut program = Program::start_with("azulejo-broker", &arguments, &quiet, &folder.path().join("logs"))?;
    assert!(program.log().contains("no authentication"), "{}", program.log());
    assert_eq!(program.terminate(PATIENCE)?, 0);
    Ok(())
}

/// An address that is free for the moment.
fn free(address: &str) -> Option<String> {
    let listener = std::net::TcpListener::bind((address, 0)).ok()?;
    Some(listener.local_addr().ok()?.to_string())
}

#[test]
fn clients_are_told_the_address_that_is_advertised() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data").display().to_string();
    let listen = free("127.0.0.1").context("a port")?;
    let arguments = [
        "--listen",
        &listen,
        "--data-dir",
        &data,
        "--advertise",
        "kafka.example:1234",
    ];
    let mut program = Program::start("azulejo-broker", &arguments, &folder.path().join("logs"))?;
    assert_eq!(program.ready(), "kafka.example:1234");
    let told = kcat(&listen, &["-L", "-J"], &[])?;
    let told: serde_json::Value = serde_json::from_slice(&told)?;
    assert_eq!(told["brokers"][0]["name"], "kafka.example:1234");
    assert_eq!(program.terminate(PATIENCE)?, 0);
    Ok(())
}

#[test]
fn an_ipv6_address_is_said_so_that_clients_can_use_it() -> Result<()> {
    let Some(listen) = free("::1") else {
        println!("skipped: this machine has no IPv6");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data").display().to_string();
    let arguments = ["--listen", &listen, "--data-dir", &data];
    let mut program = Program::start("azulejo-broker", &arguments, &folder.path().join("logs"))?;
    assert_eq!(program.ready(), listen);
    kcat(program.ready(), &["-P", "-t", "six"], b"a\n")?;
    let read = kcat(program.ready(), &["-C", "-t", "six", "-e", "-q"], &[])?;
    assert_eq!(read, b"a\n");
    assert_eq!(program.terminate(PATIENCE)?, 0);
    Ok(())
}

#[test]
fn logs_are_json_if_they_are_to_be() -> Result<()> {
    let mut broker = BrokerProcess::start_with(&["--log-json"])?;
    kcat(broker.address(), &["-P", "-t", "logged"], b"a\n")?;
    let log = broker.program()?.log();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .with_context(|| log.clone())?;
    let made = |line: &serde_json::Value| line["fields"]["topic"] == "logged" && line["level"] == "INFO";
    assert!(lines.iter().any(made), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fsync_policy_keeps_records_and_positions_across_a_kill() -> Result<()> {
    for (policy, milliseconds) in [("always", "0"), ("100", "100"), ("system", "9223372036854775807")] {
        let mut broker = BrokerProcess::start_with(&["--fsync", policy])?;
        let address = broker.address().to_owned();
        let topic = new_topic(&address, "kept", 1, &[]).await?;
        let lines: String = (0..100).map(|n| format!("{n}\n")).collect();
        kcat(
            &address,
            &["-P", "-t", &topic, "-X", "acks=all"],
            lines.as_bytes(),
        )?;
        let group = [
            "-G",
            "kept",
            "-e",
            "-q",
            "-X",
            "auto.offset.reset=earliest",
            &topic,
        ];
        assert_eq!(kcat(&address, &group, &[])?, lines.as_bytes(), "{policy}");
        broker.kill_9()?;
        broker.start_again()?;
        kcat(&address, &["-P", "-t", &topic], b"after\n")?;
        assert_eq!(
            kcat(&address, &group, &[])?,
            b"after\n",
            "{policy}: the rest was read"
        );
        let resource = ResourceSpecifier::Broker(1);
        let described = admin(&address)?
            .describe_configs([&resource], &patiently())
            .await?
            .remove(0);
        let described = described.map_err(|code| anyhow::anyhow!("{code}"))?;
        let interval = described.get("log.flush.interval.ms").context("a setting")?;
        assert_eq!(interval.value.as_deref(), Some(milliseconds));
    }
    let unknown = azulejo_end2end::process::command("azulejo-broker")?
        .args(["--data-dir", "/nonexistent", "--fsync", "sometimes"])
        .output()?;
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("is not an fsync policy"));
    Ok(())
}
