//! How every program of Azulejo connects to Kafka: the address, what the environment says ([`crate::environment`]), and the
//! settings of each kind of client.

use rdkafka::ClientConfig;

use azulejo_protocol::topics::MAX_RECORD_BYTES;

use crate::environment::{self, DEFAULT_BROKER};

/// Room for the headers and the batch around a tile's pixels.
pub(crate) const ENVELOPE_BYTES: usize = 64 * 1024;

/// How the members of a group agree on who has which partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupProtocol {
    /// The members themselves, one of them for all; every cluster has it.
    Classic,
    /// The broker (KIP-848).
    Consumer,
}

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
        let shown = self
            .overrides
            .iter()
            .map(|(name, value)| (name.as_str(), environment::shown(name, value)));
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

    /// Settings with what `environment` (usually [`std::env::vars`]) says in `KAFKA_*`. `brokers` is the address of `--kafka` or
    /// `KAFKA_BROKER`; where it is `None`, the environment may name it in librdkafka's words, and else it is
    /// [`DEFAULT_BROKER`].
    ///
    /// # Errors
    /// A sentence that names what is wrong: an empty address, or a variable that cannot be used.
    pub fn from_environment(
        brokers: Option<String>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, String> {
        let found = environment::read(environment)?;
        let brokers = match (brokers, found.address) {
            (Some(brokers), Some((name, other))) if brokers != other => {
                tracing::warn!("{name}={other} is not used: --kafka (KAFKA_BROKER) says {brokers}");
                brokers
            }
            (Some(brokers), _) => brokers,
            (None, Some((_, address))) => address,
            (None, None) => DEFAULT_BROKER.to_owned(),
        };
        if brokers.trim().is_empty() {
            return Err(format!(
                "--kafka (KAFKA_BROKER) is empty: give an address such as {DEFAULT_BROKER}"
            ));
        }
        let settings = Self {
            brokers,
            overrides: found.settings,
        };
        if settings.said_protocol() == Some(GroupProtocol::Consumer)
            && let Some(name) = settings.of_classic()
        {
            let variable = format!("KAFKA_{}", name.to_ascii_uppercase().replace('.', "_"));
            return Err(format!(
                "{variable} and KAFKA_GROUP_PROTOCOL=consumer exclude each other: under that protocol the broker decides on it"
            ));
        }
        // Each is taken; together they may still not be, such as a certificate without its key.
        settings
            .client("azulejo")
            .create_native_config()
            .map_err(|error| format!("the KAFKA_* variables are not usable together: {error}"))?;
        Ok(settings)
    }

    fn said(&self, setting: &str) -> Option<&str> {
        let (_, value) = self.overrides.iter().find(|(name, _)| name == setting)?;
        Some(value)
    }

    /// Who this program is to the cluster, as an authorizer names it: `User:NAME` with SASL; with a certificate the cluster
    /// derives the name from its subject; `User:ANONYMOUS` without either.
    pub fn principal(&self) -> String {
        let protocol = self.said("security.protocol").unwrap_or("plaintext");
        if protocol.to_ascii_lowercase().starts_with("sasl") {
            return match self.said("sasl.username") {
                Some(name) => format!("User:{name}"),
                None => "the user of this program's credentials".to_owned(),
            };
        }
        for setting in ["ssl.certificate.location", "ssl.keystore.location"] {
            if let Some(path) = self.said(setting) {
                return format!("the user of the certificate {path}");
            }
        }
        "User:ANONYMOUS".to_owned()
    }

    /// The group protocol that the environment asks for; `None` leaves it to what the cluster has. A setting that only the classic
    /// one takes asks for that.
    pub fn group_protocol(&self) -> Option<GroupProtocol> {
        let implied = self.of_classic().map(|_| GroupProtocol::Classic);
        self.said_protocol().or(implied)
    }

    fn said_protocol(&self) -> Option<GroupProtocol> {
        let name = self.said("group.protocol")?;
        Some(if name.eq_ignore_ascii_case("consumer") {
            GroupProtocol::Consumer
        } else {
            GroupProtocol::Classic
        })
    }

    /// A setting from the environment that only the classic group protocol takes.
    fn of_classic(&self) -> Option<&'static str> {
        ["session.timeout.ms", "heartbeat.interval.ms"]
            .into_iter()
            .find(|name| self.said(name).is_some())
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
            // While a line is down its packets vanish, and the kernel sends them again after ever longer pauses, up to half a
            // minute. A new connection every few seconds is there soon after the line is.
            .set("socket.connection.setup.timeout.ms", "4000")
            .set("socket.timeout.ms", "15000")
            // Loopback sends small requests at once.
            .set("socket.nagle.disable", "true");
        self.apply(&mut config);
        config
    }

    /// A producer of tiles: acknowledged by all replicas in sync.
    ///
    /// It is not idempotent. A tile is known by its job and number, a doubled one counts once and order means nothing, so
    /// idempotence would protect nothing; but an idempotent producer fails for good when a cluster has lost what it had
    /// acknowledged, and takes what it holds with it.
    pub fn producer(&self, client: &str) -> ClientConfig {
        let mut config = self.client(client);
        config
            .set("enable.idempotence", "false")
            .set("acks", "all")
            .set(
                "message.max.bytes",
                (MAX_RECORD_BYTES + ENVELOPE_BYTES).to_string(),
            )
            // A tile is close to a megabyte: it goes out at once rather than wait for company. A topic's bound on records is one on
            // batches, so that many small tiles must not make a large batch; one that is larger by itself still goes.
            .set("linger.ms", "0")
            .set("batch.size", "65536")
            // Bounds the memory of what is not acknowledged yet.
            .set("queue.buffering.max.kbytes", "65536")
            // Five tiles of the usual size are there within the time-out on a line of 2 megabits a second, five of the largest
            // on one of 20.
            .set("max.in.flight.requests.per.connection", "5")
            .set("socket.timeout.ms", "20000")
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
            // What one answer may hold: on a line of 10 megabits a second it is there within the time-out.
            .set("fetch.max.bytes", "12582912")
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

    /// Sets what the environment says, which wins over what `config` has; not the group's protocol, which is decided by
    /// [`KafkaSettings::group_protocol`].
    pub fn apply(&self, config: &mut ClientConfig) {
        for (name, value) in self.overrides.iter().filter(|(name, _)| name != "group.protocol") {
            config.set(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_of_the_classic_group_protocol_asks_for_it() {
        let session = ("KAFKA_SESSION_TIMEOUT_MS", "30000");
        assert_eq!(
            from(None, &[session]).group_protocol(),
            Some(GroupProtocol::Classic)
        );
        let both = [session, ("KAFKA_GROUP_PROTOCOL", "consumer")];
        let error = KafkaSettings::from_environment(
            None,
            both.map(|(name, value)| (name.to_owned(), value.to_owned())),
        )
        .unwrap_err();
        assert!(error.contains("KAFKA_SESSION_TIMEOUT_MS"), "{error}");
        assert_eq!(from(None, &[]).group_protocol(), None);
    }

    fn from(brokers: Option<&str>, pairs: &[(&str, &str)]) -> KafkaSettings {
        let environment = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        KafkaSettings::from_environment(brokers.map(str::to_owned), environment).unwrap()
    }

    #[test]
    fn every_kafka_variable_reaches_librdkafka() {
        let settings = from(
            Some("127.0.0.1:9092"),
            &[
                ("KAFKA_SECURITY_PROTOCOL", "sasl_plaintext"),
                ("KAFKA_SASL_MECHANISM", "SCRAM-SHA-512"),
                ("KAFKA_SASL_USERNAME", "me"),
                ("KAFKA_SASL_PASSWORD", "x"),
                ("KAFKA_BROKER", "ignored:1"),
                ("PATH", "/bin"),
            ],
        );
        let config = settings.producer("test");
        assert_eq!(config.get("security.protocol"), Some("sasl_plaintext"));
        assert_eq!(config.get("sasl.username"), Some("me"));
        assert_eq!(config.get("bootstrap.servers"), Some("127.0.0.1:9092"));
        assert_eq!(config.get("broker"), None);
        assert_eq!(settings.principal(), "User:me");
    }

    #[test]
    fn the_address_of_the_flag_wins_over_every_other_name_of_it() {
        let others = [
            ("KAFKA_BOOTSTRAP_SERVERS", "elsewhere:1"),
            ("KAFKA_METADATA_BROKER_LIST", "elsewhere:2"),
        ];
        for config in [
            from(Some("here:9092"), &others).client("t"),
            from(Some("here:9092"), &others).consumer("t"),
            from(Some("here:9092"), &others).producer("t"),
        ] {
            assert_eq!(config.get("bootstrap.servers"), Some("here:9092"));
            assert_eq!(config.get("metadata.broker.list"), None);
        }
        assert_eq!(from(None, &others).brokers, "elsewhere:1");
        assert_eq!(from(None, &[]).brokers, DEFAULT_BROKER);
    }

    #[test]
    fn a_password_is_not_shown() {
        let settings = from(
            None,
            &[("KAFKA_SASL_PASSWORD", "hunter2"), ("KAFKA_SASL_USERNAME", "me")],
        );
        let shown = format!("{settings:?}");
        assert!(!shown.contains("hunter2") && shown.contains("me"), "{shown}");
    }

    #[test]
    fn a_variable_wins_over_a_default() {
        assert_eq!(
            from(None, &[("KAFKA_LINGER_MS", "5")])
                .producer("t")
                .get("linger.ms"),
            Some("5")
        );
    }

    #[test]
    fn who_this_program_is_follows_from_its_credentials() {
        assert_eq!(from(None, &[]).principal(), "User:ANONYMOUS");
        let certificate = [
            ("KAFKA_SECURITY_PROTOCOL", "ssl"),
            ("KAFKA_SSL_CERTIFICATE_LOCATION", "/etc/azulejo/me.pem"),
        ];
        assert!(
            from(None, &certificate)
                .principal()
                .contains("/etc/azulejo/me.pem")
        );
    }

    #[test]
    fn tls_and_scram_are_built_in() {
        let settings = from(
            None,
            &[
                ("KAFKA_SECURITY_PROTOCOL", "sasl_ssl"),
                ("KAFKA_SASL_MECHANISM", "SCRAM-SHA-512"),
                ("KAFKA_SASL_USERNAME", "me"),
                ("KAFKA_SASL_PASSWORD", "x"),
            ],
        );
        let client: Result<rdkafka::producer::BaseProducer, _> = settings.producer("t").create();
        assert!(client.is_ok(), "{:?}", client.err());
        for compression in ["lz4", "zstd", "gzip", "snappy"] {
            let settings = from(None, &[("KAFKA_COMPRESSION_TYPE", compression)]);
            let client: Result<rdkafka::producer::BaseProducer, _> = settings.producer("t").create();
            assert!(client.is_ok(), "{compression}: {:?}", client.err());
        }
    }
}
