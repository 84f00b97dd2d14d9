//! Settings by environment, program by program: a yes may be written as people write it, and what is wrong is named.

use anyhow::{Result, ensure};
use azulejo_end2end::process::command;
use azulejo_end2end::{Cluster, ClusterOptions, definition, images};

/// Runs `program` with these variables until it refuses; gives what it says. Only for settings that are wrong: nothing
/// may start.
fn refusal(program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let mut command = command(program)?;
    command
        .args(arguments)
        .env_remove("RUST_LOG")
        .envs(variables.iter().copied());
    if program != "azulejo-worker" {
        command.arg("--data-dir").arg(folder.path());
    }
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        !output.status.success(),
        "{program} started with {variables:?}: {text}"
    );
    Ok(text)
}

#[test]
fn a_wrong_value_in_the_environment_is_refused_by_its_name() -> Result<()> {
    for (program, arguments, variable, value) in [
        ("azulejo", &["up"][..], "MASTER_PORT", "abc"),
        ("azulejo", &["up"], "AZULEJO_LISTEN", "here"),
        ("azulejo", &["up"], "AZULEJO_WORKERS", "0"),
        ("azulejo", &["up"], "WORKER_SLOTS", "many"),
        ("azulejo-server", &[], "MASTER_PORT", "abc"),
        ("azulejo-server", &[], "RUST_LOG", "azulejo_server=loud"),
        ("azulejo-worker", &[], "WORKER_PORT", "abc"),
        ("azulejo-worker", &[], "HEARTBEAT_INTERVAL", "600"),
        ("azulejo-worker", &[], "RUST_LOG", "azulejo_worker=loud"),
        (
            "azulejo-broker",
            &["--listen", "127.0.0.1:0"],
            "RUST_LOG",
            "azulejo_broker=loud",
        ),
    ] {
        let text = refusal(program, arguments, &[(variable, value)])?;
        ensure!(
            text.contains(variable),
            "{program} with {variable}={value}: {text}"
        );
    }
    Ok(())
}

#[test]
fn one_is_a_yes_for_every_program() -> Result<()> {
    let wrong_log = ("RUST_LOG", "a=loud");
    // The log's filter is looked at after the flags: that it is what is refused shows that they were taken.
    for (program, arguments, variable) in [
        ("azulejo-server", &[][..], "AZULEJO_ALLOW_REMOTE"),
        ("azulejo-worker", &[], "AZULEJO_ALLOW_REMOTE"),
        ("azulejo-broker", &[], "AZULEJO_BROKER_ALLOW_REMOTE"),
        ("azulejo-broker", &[], "AZULEJO_BROKER_NO_AUTO_CREATE"),
        ("azulejo-broker", &[], "AZULEJO_BROKER_LOG_JSON"),
    ] {
        let text = refusal(program, arguments, &[(variable, "1"), wrong_log])?;
        ensure!(text.contains("RUST_LOG"), "{program} with {variable}=1: {text}");
    }
    // `up` has no filter of its own; its broker does.
    for variable in ["AZULEJO_ALLOW_REMOTE", "AZULEJO_QUIET"] {
        let text = refusal("azulejo", &["up"], &[(variable, "1"), wrong_log])?;
        ensure!(text.contains("RUST_LOG"), "up with {variable}=1: {text}");
    }
    Ok(())
}

#[test]
fn what_tiles_rest_on_is_refused_in_the_environment_by_name() -> Result<()> {
    for (variable, value) in [
        ("KAFKA_ACKS", "1"),
        ("KAFKA_ENABLE_IDEMPOTENCE", "true"),
        ("KAFKA_ENABLE_AUTO_COMMIT", "false"),
        ("KAFKA_ENABLE_AUTO_OFFSET_STORE", "true"),
        ("KAFKA_AUTO_OFFSET_RESET", "latest"),
        ("KAFKA_MESSAGE_MAX_BYTES", "1000"),
        ("KAFKA_GROUP_ID", "mine"),
    ] {
        for program in ["azulejo-server", "azulejo-worker"] {
            let text = refusal(program, &[], &[(variable, value)])?;
            ensure!(
                text.contains(variable),
                "{program} with {variable}={value}: {text}"
            );
        }
    }
    Ok(())
}

/// Compose passes on empty variables, Kubernetes puts those of its services everywhere, and an env file of Kafka's image is often
/// shared: none of it keeps a job from its end.
#[tokio::test(flavor = "multi_thread")]
async fn what_others_put_into_the_environment_is_harmless_and_the_flag_names_the_broker() -> Result<()> {
    let foreign = [
        ("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1"),
        ("KAFKA_METADATA_BROKER_LIST", "127.0.0.1:1"),
        ("KAFKA_SASL_USERNAME", ""),
        ("KAFKA_ACKS", ""),
        ("KAFKA_PORT", "tcp://10.0.0.7:9092"),
        ("KAFKA_SERVICE_HOST", "10.0.0.7"),
        ("KAFKA_NODE_ID", "1"),
        ("KAFKA_LISTENERS", "PLAINTEXT://:9092"),
        ("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "1"),
        ("KAFKA_HEAP_OPTS", "-Xmx1G"),
        ("TILE_SIZE", ""),
        ("MASTER_PORT", "tcp://10.0.0.8:8000"),
        ("WORKER_PORT", "tcp://10.0.0.9:8002"),
        ("WORKER_SLOTS", " "),
        ("HEARTBEAT_INTERVAL", ""),
        ("RUST_LOG", ""),
    ];
    let foreign: Vec<(String, String)> = foreign
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let cluster = Cluster::start(ClusterOptions {
        server_environment: foreign.clone(),
        worker_environment: foreign,
        ..ClusterOptions::default()
    })
    .await?;
    let input = images::photo(1100, 1024, 6);
    let result = cluster
        .client()
        .run("a.png", images::png(&input)?, "grayscale")
        .await?;
    images::decode(&result)?.must_equal(&definition::grayscale(&input), "with a foreign environment")
}
