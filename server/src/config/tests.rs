use super::*;
use clap::CommandFactory;

fn check(flags: &[&str]) -> anyhow::Result<Config> {
    let arguments = Arguments::try_parse_from([&["azulejo-server"], flags].concat())?;
    arguments.check(std::iter::empty())
}

fn message(flags: &[&str]) -> String {
    format!("{:#}", check(flags).expect_err("should be refused"))
}

#[test]
fn the_command_is_well_formed() {
    Arguments::command().debug_assert();
}

#[test]
fn every_flag_has_a_variable_and_a_sentence() {
    for argument in Arguments::command().get_arguments() {
        let name = argument.get_id().as_str();
        if matches!(name, "help" | "version") {
            continue;
        }
        assert!(argument.get_env().is_some(), "{name} has no variable");
        let help = argument
            .get_long_help()
            .or(argument.get_help())
            .expect(name)
            .to_string();
        // clap takes the last full stop away.
        let is_sentence = help.starts_with(char::is_uppercase) && help.split_whitespace().count() > 4;
        assert!(is_sentence, "{name}: {help}");
    }
}

#[test]
fn defaults_are_the_documented_ones() {
    let config = check(&[]).unwrap();
    assert_eq!(config.listen, "127.0.0.1:8000".parse().unwrap());
    assert_eq!(config.limits.tile_size, 512);
    assert_eq!(config.limits.min_side, 1024);
    assert_eq!(config.limits.max_bytes, 4 << 30);
    assert_eq!(config.kafka.brokers, "127.0.0.1:9092");
    assert_eq!(config.topic_settings.task_partitions, 12);
    assert!(!config.topic_settings.grow_tasks, "nobody asked for it");
    // The same number, asked for.
    assert!(check(&["--partitions", "12"]).unwrap().topic_settings.grow_tasks);
}

#[test]
fn the_port_alone_keeps_the_host_and_an_address_wins_over_it() {
    assert_eq!(check(&["--port", "0"]).unwrap().listen.to_string(), "127.0.0.1:0");
    let both = check(&["--port", "7", "--listen", "[::1]:9000"]).unwrap();
    assert_eq!(both.listen.to_string(), "[::1]:9000");
}

#[test]
fn a_wrong_value_is_refused_with_its_name_and_range() {
    for (flags, wanted) in [
        (["--tile-size", "8"], ["TILE_SIZE", "16 to 2048"]),
        (["--tile-size", "many"], ["TILE_SIZE", "16 to 2048"]),
        (["--min-image-size", "0"], ["MIN_IMAGE_SIZE", "1 to 65535"]),
        (["--port", "70000"], ["MASTER_PORT", "0 to 65535"]),
        (
            ["--upload-expiry", "0"],
            ["AZULEJO_UPLOAD_EXPIRY", "1 to 2592000"],
        ),
        (["--partitions", "0"], ["KAFKA_PARTITIONS", "1 to 1000"]),
        (["--max-upload-bytes", "4T"], ["AZULEJO_MAX_UPLOAD_BYTES", "4G"]),
        (["--listen", "nonsense"], ["AZULEJO_LISTEN", "HOST:PORT"]),
        (["--topic-prefix", "a b"], ["KAFKA_TOPIC_PREFIX", "100"]),
        (["--max-side", "100"], ["AZULEJO_MAX_SIDE", "MIN_IMAGE_SIZE"]),
        (["--max-pixels", "100"], ["AZULEJO_MAX_PIXELS", "1048576"]),
        (
            ["--public-host", "http://x"],
            ["AZULEJO_PUBLIC_HOST", "NAME:PORT"],
        ),
        (
            ["--trusted-proxy", "proxy"],
            ["AZULEJO_TRUSTED_PROXIES", "10.0.0.0/8"],
        ),
        (["--kafka", " "], ["KAFKA_BROKER", "127.0.0.1:9092"]),
        (
            ["--result-partitions", "0"],
            ["KAFKA_RESULT_PARTITIONS", "1 to 100"],
        ),
        (
            ["--replication-factor", "0"],
            ["KAFKA_REPLICATION_FACTOR", "1 to 9"],
        ),
        (
            ["--max-record-bytes", "11M"],
            ["KAFKA_MAX_RECORD_BYTES", "10485760"],
        ),
        (["--server-id", "a b"], ["KAFKA_SERVER_ID", "letters"]),
    ] {
        let message = message(&flags);
        for word in wanted {
            assert!(message.contains(word), "{flags:?}: {message}");
        }
    }
}

#[test]
fn an_address_that_others_reach_needs_to_be_allowed() {
    assert!(message(&["--listen", "0.0.0.0:8000"]).contains("--allow-remote"));
    let open = ["--listen", "0.0.0.0:8000", "--allow-remote", "--auth"];
    assert!(message(&open).contains("--public-host"));
    assert!(message(&[&open[..], &["--public-host", " "]].concat()).contains("AZULEJO_PUBLIC_HOST"));
    assert!(check(&[&open[..], &["--public-host", "tiles.example"]].concat()).is_ok());
    assert!(check(&[&open[..], &["--public-host", "10.0.0.7:8000"]].concat()).is_ok());
    assert!(check(&["--listen", "[::1]:8000"]).is_ok());
}

#[test]
fn sizes_take_units() {
    assert_eq!(
        check(&["--max-upload-bytes", "750M"]).unwrap().limits.max_bytes,
        750 << 20
    );
    assert_eq!(
        check(&["--max-upload-bytes", "2048"]).unwrap().limits.max_bytes,
        2048
    );
}

#[test]
fn an_unknown_kafka_variable_is_named() {
    let arguments = Arguments::try_parse_from(["azulejo-server"]).unwrap();
    let error = arguments
        .check([("KAFKA_NO_SUCH_THING".to_owned(), "1".to_owned())])
        .unwrap_err();
    assert!(error.to_string().contains("KAFKA_NO_SUCH_THING"));
}
