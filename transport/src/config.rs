//! How every program of Azulejo connects to Kafka.
//!
//! The address comes from `--kafka` or `KAFKA_BROKER`. Every other environment variable `KAFKA_SOME_NAME` is handed to
//! librdkafka as the setting `some.name`, so that `KAFKA_SECURITY_PROTOCOL`, `KAFKA_SASL_USERNAME`,
//! `KAFKA_SSL_CA_LOCATION` and whatever else a cluster asks for need no code here. A name that librdkafka does not know
//! is an error at the start that names the variable, not a silent default. Some variables that begin with `KAFKA_` are
//! known to be made by others and for others: they are left alone, with a warning.

use rdkafka::ClientConfig;

use azulejo_protocol::topics::MAX_RECORD_BYTES;

/// Variables that begin with `KAFKA_` but are Azulejo's own.
const OWN: [&str; 3] = ["KAFKA_BROKER", "KAFKA_TOPIC_PREFIX", "KAFKA_PARTITIONS"];

/// Variables of Apache Kafka's own start scripts (`kafka-run-class.sh`), which shells and images of Kafka set for every
/// program. None is the name of a librdkafka setting; `KAFKA_DEBUG` is, so it is not here.
const OF_KAFKAS_SCRIPTS: [&str; 7] = [
    "KAFKA_HOME",
    "KAFKA_OPTS",
    "KAFKA_HEAP_OPTS",
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "KAFKA_GC_LOG_OPTS",
    "KAFKA_JMX_OPTS",
    "KAFKA_LOG4J_OPTS",
];

/// Whether Kubernetes made the variable for a Service called `kafka` or `kafka-something`. Each such Service puts these into
/// every container of its namespace (and linked containers of Docker have the same names): `X_SERVICE_HOST`,
/// `X_SERVICE_PORT`, `X_SERVICE_PORT_NAME`, `X_PORT=tcp://...`, and for each port `X_PORT_9092_TCP`, with `_PROTO`, `_PORT` and
/// `_ADDR` behind.
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
        || name.ends_with("_PORT") && value.contains("://")
        || of_port() == Some(true)
}

/// Room for the headers and the batch around a tile's pixels.
const ENVELOPE_BYTES: usize = 64 * 1024;

/// Where Kafka is and how to talk to it.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaSettings {
    /// `host:port`, several separated by commas.
    pub brokers: String,
    /// Settings of librdkafka from the environment, name and value.
    pub overrides: Vec<(String, String)>,
}

/// Without the values of settings that are secret.
impl std::fmt::Debug for KafkaSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let secret = |name: &str| {
            ["password", "secret", "key", "token", "jaas"]
                .iter()
                .any(|word| name.contains(word))
        };
        let shown = self.overrides.iter().map(|(name, value)| {
            (
                name.as_str(),
                if secret(name) { "(secret)" } else { value.as_str() },
            )
        });
        f.debug_struct("KafkaSettings")
            .field("brokers", &self.brokers)
            .field("overrides", &shown.collect::<Vec<_>>())
            .finish()
    }
}

impl KafkaSettings {
    /// Settings for `brokers` with nothing from the environment.
    pub fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            overrides: Vec::new(),
        }
    }

    /// Settings for `brokers` with what `environment` (usually [`std::env::vars`]) says in `KAFKA_*`. Variables that are known
    /// to be meant for others are left out, with a warning in the log.
    pub fn from_environment(
        brokers: impl Into<String>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let mut overrides: Vec<(String, String)> = environment
            .into_iter()
            .filter(|(name, _)| !OWN.contains(&name.as_str()))
            .filter_map(|(name, value)| {
                let setting = name
                    .strip_prefix("KAFKA_")?
                    .to_ascii_lowercase()
                    .replace('_', ".");
                if OF_KAFKAS_SCRIPTS.contains(&name.as_str()) || is_of_a_service(&name, &value) {
                    tracing::warn!(
                        "{name} is not taken for a setting of librdkafka: Kubernetes or Apache Kafka's scripts set it"
                    );
                    return None;
                }
                Some((setting, value))
            })
            .collect();
        overrides.sort();
        Self {
            brokers: brokers.into(),
            overrides,
        }
    }

    /// Checks that librdkafka takes every setting.
    ///
    /// # Errors
    /// A sentence that names the variable and says what librdkafka thinks of it.
    pub fn check(&self) -> Result<(), String> {
        for (name, value) in &self.overrides {
            let mut config = ClientConfig::new();
            config.set(name, value);
            if let Err(error) = config.create_native_config() {
                let variable = format!("KAFKA_{}", name.to_ascii_uppercase().replace('.', "_"));
                return Err(format!(
                    "{variable} is not a usable setting of librdkafka ({name}): {error}"
                ));
            }
        }
        Ok(())
    }

    /// What every client has in common. `client` names it in the broker's logs.
    pub fn client(&self, client: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", client)
            .set("socket.keepalive.enable", "true")
            // A broker that restarts is found again within a second.
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            // Loopback sends small requests at once.
            .set("socket.nagle.disable", "true");
        self.apply(&mut config);
        config
    }

    /// An idempotent producer of tiles: acknowledged by all, in order, never doubled by a retry.
    pub fn producer(&self, client: &str) -> ClientConfig {
        let mut config = self.client(client);
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set(
                "message.max.bytes",
                (MAX_RECORD_BYTES + ENVELOPE_BYTES).to_string(),
            )
            // A tile is close to a megabyte: it goes out at once rather than wait for company.
            .set("linger.ms", "0")
            // Bounds the memory of what is not acknowledged yet.
            .set("queue.buffering.max.kbytes", "65536")
            // The scheduler decides what is overdue, so a record that waits for a broker is not given up early.
            .set("message.timeout.ms", "60000");
        self.apply(&mut config);
        config
    }

    /// A consumer of tiles, with the memory of its queues bounded. Group settings are the caller's.
    pub fn consumer(&self, client: &str) -> ClientConfig {
        let mut config = self.client(client);
        config
            .set("enable.auto.commit", "true")
            .set("auto.commit.interval.ms", "500")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("fetch.message.max.bytes", "4194304")
            .set("fetch.wait.max.ms", "100")
            .set("fetch.error.backoff.ms", "50")
            .set("receive.message.max.bytes", "104857600")
            .set("queued.max.messages.kbytes", "16384")
            .set("queued.min.messages", "8")
            // A queue that was full for a moment is filled again at once, not after a second: with the short queue that tiles need
            // a worker's slots would be without work.
            .set("fetch.queue.backoff.ms", "5");
        self.apply(&mut config);
        config
    }

    fn apply(&self, config: &mut ClientConfig) {
        for (name, value) in &self.overrides {
            config.set(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&str, &str)]) -> KafkaSettings {
        KafkaSettings::from_environment(
            "127.0.0.1:9092",
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
        )
    }

    #[test]
    fn every_kafka_variable_reaches_librdkafka() {
        let settings = from(&[
            ("KAFKA_SECURITY_PROTOCOL", "sasl_plaintext"),
            ("KAFKA_SASL_USERNAME", "me"),
            ("KAFKA_BROKER", "ignored:1"),
            ("PATH", "/bin"),
        ]);
        let config = settings.producer("test");
        assert_eq!(config.get("security.protocol"), Some("sasl_plaintext"));
        assert_eq!(config.get("sasl.username"), Some("me"));
        assert_eq!(config.get("bootstrap.servers"), Some("127.0.0.1:9092"));
        assert_eq!(config.get("broker"), None);
        assert_eq!(settings.check(), Ok(()));
    }

    #[test]
    fn a_password_is_not_shown() {
        let settings = from(&[("KAFKA_SASL_PASSWORD", "hunter2"), ("KAFKA_SASL_USERNAME", "me")]);
        let shown = format!("{settings:?}");
        assert!(!shown.contains("hunter2") && shown.contains("me"), "{shown}");
    }

    #[test]
    fn an_unknown_variable_is_an_error_that_names_it() {
        let error = from(&[("KAFKA_NO_SUCH_THING", "1")]).check().unwrap_err();
        assert!(error.contains("KAFKA_NO_SUCH_THING"), "{error}");
    }

    #[test]
    fn variables_that_others_make_for_others_are_left_alone() {
        let settings = from(&[
            ("KAFKA_PORT", "tcp://10.0.0.7:9092"),
            ("KAFKA_SERVICE_HOST", "10.0.0.7"),
            ("KAFKA_SERVICE_PORT", "9092"),
            ("KAFKA_SERVICE_PORT_CLIENT", "9092"),
            ("KAFKA_PORT_9092_TCP", "tcp://10.0.0.7:9092"),
            ("KAFKA_PORT_9092_TCP_PROTO", "tcp"),
            ("KAFKA_PORT_9092_TCP_PORT", "9092"),
            ("KAFKA_PORT_9092_TCP_ADDR", "10.0.0.7"),
            ("KAFKA_HEADLESS_PORT_9092_TCP_ADDR", "10.0.0.7"),
            ("KAFKA_HOME", "/opt/kafka"),
            ("KAFKA_OPTS", "-Xmx1G"),
            ("KAFKA_HEAP_OPTS", "-Xmx1G"),
            ("KAFKA_LOG4J_OPTS", "-Dlog4j.configuration=file:/x"),
        ]);
        assert_eq!(settings.overrides, []);
    }

    #[test]
    fn a_variable_that_only_resembles_those_is_still_an_error() {
        for (name, value) in [
            ("KAFKA_PORT", "9092"),
            ("KAFKA_PORT_NAME", "x"),
            ("KAFKA_MY_OPTS", "x"),
            ("KAFKA_PORT_1_TCP_MORE", "x"),
        ] {
            let error = from(&[(name, value)]).check().unwrap_err();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn a_variable_wins_over_a_default() {
        assert_eq!(
            from(&[("KAFKA_LINGER_MS", "5")]).producer("t").get("linger.ms"),
            Some("5")
        );
    }
}
