//! What the environment may say about Kafka: every variable `KAFKA_SOME_NAME` is a setting `some.name` of librdkafka, with
//! exceptions that are named here.
//!
//! - The address. `--kafka`, also as `KAFKA_BROKER`, wins over librdkafka's own names of it, which are used where that is not
//!   given.
//! - Settings on which correctness rests are refused: this program sets them, and another value would lose or double tiles, or
//!   let all of them be refused.
//! - What Kubernetes, Docker and Apache Kafka's images and scripts put into every environment is not meant for librdkafka, and
//!   is left alone.
//! - A variable without a value is not set, as in a compose file that says `KAFKA_SASL_USERNAME: ${SASL_USERNAME}`.

use rdkafka::ClientConfig;

/// The address of Kafka where nothing else is said.
pub const DEFAULT_BROKER: &str = "127.0.0.1:9092";

/// Variables that begin with `KAFKA_` but are Azulejo's own.
const OWN: [&str; 7] = [
    "KAFKA_BROKER",
    "KAFKA_TOPIC_PREFIX",
    "KAFKA_PARTITIONS",
    "KAFKA_RESULT_PARTITIONS",
    "KAFKA_REPLICATION_FACTOR",
    "KAFKA_MAX_RECORD_BYTES",
    "KAFKA_SERVER_ID",
];

/// Variables that name the address in librdkafka's words, in the order in which they count.
const ADDRESS: [&str; 2] = ["KAFKA_BOOTSTRAP_SERVERS", "KAFKA_METADATA_BROKER_LIST"];

/// Settings that are this program's to make, and what rests on them.
const REFUSED: [(&str, &str); 30] = [
    ("acks", ACKNOWLEDGED),
    ("request.required.acks", ACKNOWLEDGED),
    ("delivery.report.only.error", ACKNOWLEDGED),
    ("test.mock.num.brokers", MOCK),
    ("test.mock.broker.rtt", MOCK),
    ("enable.idempotence", ORDER),
    ("enable.gapless.guarantee", ORDER),
    ("transactional.id", ORDER),
    ("enable.auto.commit", OFFSETS),
    ("auto.commit.enable", OFFSETS),
    ("auto.commit.interval.ms", OFFSETS),
    ("enable.auto.offset.store", OFFSETS),
    ("auto.offset.reset", OFFSETS),
    ("offset.store.method", OFFSETS),
    ("enable.partition.eof", OFFSETS),
    ("isolation.level", OFFSETS),
    ("message.max.bytes", SIZE),
    ("batch.size", SIZE),
    ("receive.message.max.bytes", SIZE),
    ("fetch.message.max.bytes", SIZE),
    ("max.partition.fetch.bytes", SIZE),
    ("fetch.max.bytes", SIZE),
    ("group.id", GROUP),
    ("group.instance.id", GROUP),
    ("partition.assignment.strategy", GROUP),
    ("group.protocol.type", GROUP),
    ("group.remote.assignor", GROUP),
    ("client.id", GROUP),
    ("consume.callback.max.messages", GROUP),
    (
        "allow.auto.create.topics",
        "topics are made with settings of their own",
    ),
];
const ACKNOWLEDGED: &str = "a tile counts as sent once all replicas in sync have it";
const MOCK: &str = "a cluster inside the process is not the one that others reach";
const ORDER: &str = "tiles are known by job and number, and sent again after any error";
const OFFSETS: &str = "a tile's offset is stored once its answer is acknowledged";
const SIZE: &str = "the sizes follow from the largest record (KAFKA_MAX_RECORD_BYTES of the server)";
const GROUP: &str = "the names of clients and groups, and how they share partitions, are Azulejo's";

/// Variables of Apache Kafka's own start scripts (`kafka-run-class.sh`), which shells and images of Kafka set for every
/// program. None is the name of a librdkafka setting; `KAFKA_DEBUG` is, so it is not here.
const OF_SCRIPTS: [&str; 9] = [
    "KAFKA_HOME",
    "KAFKA_OPTS",
    "KAFKA_HEAP_OPTS",
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "KAFKA_GC_LOG_OPTS",
    "KAFKA_JMX_OPTS",
    "KAFKA_LOG4J_OPTS",
    "KAFKA_MODE",
    "KAFKA_VERSION",
];

/// How settings of a broker begin, as the images of Apache Kafka, Confluent and Bitnami take them: one env file of a compose
/// project often serves the broker and its clients. A name that librdkafka has, too, is never taken for one of these.
const OF_A_BROKER: [&str; 44] = [
    "KAFKA_ADVERTISED_",
    "KAFKA_ALLOW_",
    "KAFKA_AUTHORIZER_",
    "KAFKA_AUTO_CREATE_",
    "KAFKA_AUTO_LEADER_",
    "KAFKA_BACKGROUND_",
    "KAFKA_BROKER_",
    "KAFKA_CERTIFICATE_",
    "KAFKA_CFG_",
    "KAFKA_CLIENT_PASSWORDS",
    "KAFKA_CLIENT_USERS",
    "KAFKA_CLUSTER_",
    "KAFKA_CONFLUENT_",
    "KAFKA_CONTROLLED_",
    "KAFKA_CONTROLLER_",
    "KAFKA_DATA",
    "KAFKA_DEFAULT_",
    "KAFKA_DELETE_",
    "KAFKA_EARLY_START_LISTENERS",
    "KAFKA_ENABLE_KRAFT",
    "KAFKA_GROUP_",
    "KAFKA_INIT",
    "KAFKA_INTER_BROKER_",
    "KAFKA_JMX_",
    "KAFKA_KRAFT_",
    "KAFKA_LISTENER",
    "KAFKA_LOG_",
    "KAFKA_LOG4J_",
    "KAFKA_MAX_CONNECTIONS",
    "KAFKA_MESSAGE_TIMESTAMP_",
    "KAFKA_METADATA_LOG_",
    "KAFKA_METRIC",
    "KAFKA_MIN_INSYNC_",
    "KAFKA_NODE_ID",
    "KAFKA_NUM_",
    "KAFKA_OFFSETS_",
    "KAFKA_PROCESS_ROLES",
    "KAFKA_QUEUED_MAX_REQUESTS",
    "KAFKA_REPLICA_",
    "KAFKA_SHARE_",
    "KAFKA_SUPER_USERS",
    "KAFKA_TRANSACTION_",
    "KAFKA_UNCLEAN_",
    "KAFKA_ZOOKEEPER_",
];

/// Whether Kubernetes made the variable for a Service called `kafka` or `kafka-something`. Each such Service puts these into
/// every container of its namespace (and linked containers of Docker have the same names): `X_SERVICE_HOST`,
/// `X_SERVICE_PORT`, `X_SERVICE_PORT_NAME`, `X_PORT=tcp://...`, and for each port `X_PORT_9092_TCP`, with `_PROTO`, `_PORT` and
/// `_ADDR` behind; Docker adds `X_NAME` and `X_ENV_...`.
fn is_of_a_service(name: &str, value: &str) -> bool {
    let of_port = || {
        let (_, port) = name.rsplit_once("_PORT_")?;
        let port = ["_PROTO", "_PORT", "_ADDR"]
            .iter()
            .find_map(|end| port.strip_suffix(end))
            .unwrap_or(port);
        let (number, protocol) = port.split_once('_')?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        Some(is_number && matches!(protocol, "TCP" | "UDP" | "SCTP"))
    };
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.starts_with("KAFKA_ENV_")
        || name == "KAFKA_NAME" && value.starts_with('/')
        || name.ends_with("_PORT") && value.contains("://")
        || of_port() == Some(true)
}

/// What the environment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The address of Kafka in librdkafka's words, and the variable that says it.
    pub address: Option<(&'static str, String)>,
    /// Settings of librdkafka, name and value, in the order of their names.
    pub settings: Vec<(String, String)>,
    /// Variables that were left alone.
    pub foreign: Vec<String>,
}

/// Sorts the `KAFKA_*` variables of `environment` (usually [`std::env::vars`]).
///
/// # Errors
/// A sentence that names a variable that is refused, and why; or one that librdkafka does not know, or whose value it does not
/// take.
pub fn read(environment: impl IntoIterator<Item = (String, String)>) -> Result<Environment, String> {
    let mut found = Environment {
        address: None,
        settings: Vec::new(),
        foreign: Vec::new(),
    };
    let mut addresses: Vec<(String, String)> = Vec::new();
    let mut wrong = None;
    for (name, value) in environment {
        let Some(rest) = name.strip_prefix("KAFKA_") else {
            continue;
        };
        if value.trim().is_empty() || OWN.contains(&name.as_str()) {
            continue;
        }
        if ADDRESS.contains(&name.as_str()) {
            addresses.push((name, value));
            continue;
        }
        let setting = rest.to_ascii_lowercase().replace('_', ".");
        if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| *refused == setting) {
            wrong.get_or_insert_with(|| {
                format!(
                    "{name} is not a setting that can be made here: {setting} is set by this program, because {reason}"
                )
            });
            continue;
        }
        let taken = take(&setting, &value);
        let is_foreign = || {
            OF_SCRIPTS.contains(&name.as_str())
                || is_of_a_service(&name, &value)
                || OF_A_BROKER.iter().any(|begin| name.starts_with(begin))
        };
        match taken {
            Ok(()) => found.settings.push((setting, value)),
            Err(Refusal::Unknown) if is_foreign() => found.foreign.push(name),
            Err(refusal) => {
                wrong.get_or_insert_with(|| {
                    let why = match refusal {
                        Refusal::Unknown => "it has no such setting".to_owned(),
                        Refusal::Value(error) => error,
                    };
                    format!("{name} is not a usable setting of librdkafka ({setting}): {why}")
                });
            }
        }
    }
    if !found.foreign.is_empty() {
        found.foreign.sort();
        tracing::warn!(
            "not meant for librdkafka and left alone: {}",
            found.foreign.join(", ")
        );
    }
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    found.settings.sort();
    found.address = ADDRESS.iter().find_map(|known| {
        let (_, value) = addresses.iter().find(|(name, _)| name == known)?;
        Some((*known, value.clone()))
    });
    Ok(found)
}

enum Refusal {
    /// It has no setting of this name.
    Unknown,
    /// It does not take the value.
    Value(String),
}

/// Whether librdkafka takes `value` for `setting`.
fn take(setting: &str, value: &str) -> Result<(), Refusal> {
    use rdkafka::error::KafkaError;
    use rdkafka::types::RDKafkaConfRes;
    let mut config = ClientConfig::new();
    config.set(setting, value);
    match config.create_native_config() {
        Ok(_) => Ok(()),
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => Err(Refusal::Unknown),
        Err(error) => Err(Refusal::Value(error.to_string())),
    }
}

/// The value as it may be shown: not what is secret.
pub(crate) fn shown<'a>(setting: &str, value: &'a str) -> &'a str {
    let is_secret = ["password", "secret", "key", "token", "jaas", "passphrase", "pem"]
        .iter()
        .any(|word| setting.contains(word));
    if is_secret { "(secret)" } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<Environment, String> {
        read(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn an_unknown_variable_is_an_error_that_names_it() {
        let error = of(&[("KAFKA_NO_SUCH_THING", "1")]).unwrap_err();
        assert!(error.contains("KAFKA_NO_SUCH_THING"), "{error}");
        let error = of(&[("KAFKA_LINGER_MS", "soon")]).unwrap_err();
        assert!(error.contains("KAFKA_LINGER_MS"), "{error}");
    }

    #[test]
    fn every_setting_on_which_correctness_rests_is_refused_by_name() {
        for (setting, _) in REFUSED {
            let name = format!("KAFKA_{}", setting.to_ascii_uppercase().replace('.', "_"));
            for value in ["1", "all", "false", "earliest", "x"] {
                let error = of(&[(&name, value)]).unwrap_err();
                assert!(error.contains(&name) && error.contains(setting), "{error}");
            }
        }
    }

    #[test]
    fn an_empty_variable_is_not_set() {
        let found = of(&[
            ("KAFKA_SASL_USERNAME", ""),
            ("KAFKA_ACKS", " "),
            ("KAFKA_BOOTSTRAP_SERVERS", ""),
            ("KAFKA_NO_SUCH_THING", ""),
        ])
        .unwrap();
        assert_eq!((found.settings, found.address), (Vec::new(), None));
    }

    #[test]
    fn variables_that_others_make_for_others_are_left_alone() {
        let pairs = [
            ("KAFKA_PORT", "tcp://10.0.0.7:9092"),
            ("KAFKA_SERVICE_HOST", "10.0.0.7"),
            ("KAFKA_SERVICE_PORT", "9092"),
            ("KAFKA_SERVICE_PORT_CLIENT", "9092"),
            ("KAFKA_PORT_9092_TCP", "tcp://10.0.0.7:9092"),
            ("KAFKA_PORT_9092_TCP_PROTO", "tcp"),
            ("KAFKA_PORT_9092_TCP_PORT", "9092"),
            ("KAFKA_PORT_9092_TCP_ADDR", "10.0.0.7"),
            ("KAFKA_HEADLESS_PORT_9092_TCP_ADDR", "10.0.0.7"),
            ("KAFKA_NAME", "/web/kafka"),
            ("KAFKA_ENV_JAVA_VERSION", "17"),
            ("KAFKA_HOME", "/opt/kafka"),
            ("KAFKA_VERSION", "4.4.0"),
            ("KAFKA_OPTS", "-Xmx1G"),
            ("KAFKA_HEAP_OPTS", "-Xmx1G"),
            ("KAFKA_LOG4J_OPTS", "-Dlog4j.configuration=file:/x"),
            ("KAFKA_JMX_PORT", "9101"),
            // The example of apache/kafka, and Bitnami's.
            ("KAFKA_NODE_ID", "1"),
            ("KAFKA_PROCESS_ROLES", "broker,controller"),
            ("KAFKA_LISTENERS", "PLAINTEXT://:9092"),
            ("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://kafka:9092"),
            ("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"),
            ("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@localhost:9093"),
            ("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "CONTROLLER:PLAINTEXT"),
            ("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "1"),
            ("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1"),
            ("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0"),
            ("KAFKA_INTER_BROKER_LISTENER_NAME", "PLAINTEXT"),
            ("KAFKA_LOG_DIRS", "/var/lib/kafka"),
            ("KAFKA_NUM_PARTITIONS", "3"),
            ("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false"),
            ("KAFKA_DEFAULT_REPLICATION_FACTOR", "3"),
            ("KAFKA_BROKER_ID", "1"),
            ("KAFKA_ZOOKEEPER_CONNECT", "zoo:2181"),
            ("KAFKA_CFG_NODE_ID", "0"),
            ("KAFKA_KRAFT_CLUSTER_ID", "x"),
            ("KAFKA_ENABLE_KRAFT", "yes"),
            ("KAFKA_CLIENT_USERS", "user"),
        ];
        let found = of(&pairs).unwrap();
        assert_eq!(found.settings, []);
        assert_eq!(found.foreign.len(), pairs.len());
    }

    #[test]
    fn a_variable_that_only_resembles_those_is_still_an_error() {
        for (name, value) in [
            ("KAFKA_PORT", "9092"),
            ("KAFKA_PORT_NAME", "x"),
            ("KAFKA_MY_OPTS", "x"),
            ("KAFKA_PORT_1_TCP_MORE", "x"),
        ] {
            let error = of(&[(name, value)]).unwrap_err();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn librdkafkas_own_names_of_the_address_are_known() {
        let found = of(&[
            ("KAFKA_METADATA_BROKER_LIST", "b:2"),
            ("KAFKA_BOOTSTRAP_SERVERS", "a:1"),
        ])
        .unwrap();
        assert_eq!(found.address, Some(("KAFKA_BOOTSTRAP_SERVERS", "a:1".to_owned())));
        assert_eq!(found.settings, []);
    }
}
