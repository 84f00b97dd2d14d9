//! The server's settings: defaults, then the environment, then flags; checked as a whole before anything starts.
//!
//! [`Arguments`] is what clap reads and what `--help` explains. [`Config`] is the checked result that the rest of the
//! program uses: a value that reaches it is in range.

mod access;
pub mod listening;
mod parse;
pub mod proxy;
mod quotas;
pub mod rates;
mod retention;
mod reuse;
pub mod tls;

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use azulejo_protocol::health::IntakeLimits;
use azulejo_protocol::topics::MAX_RECORD_BYTES;
use azulejo_protocol::{Retention, Topics};
use azulejo_transport::{KafkaSettings, TopicSettings};
use clap::Parser;
use clap::builder::BoolishValueParser;

use crate::access::AccessSettings;
use crate::engine::quotas::Quotas;
use crate::engine::reuse::Reuse;
pub use access::AccessArguments;
use parse::{bytes, ranged};
use proxy::{ProxyArguments, ProxySettings};
use retention::RetentionArguments;

const DEFAULT_HOST: &str = "127.0.0.1";
const DEFAULT_PORT: u16 = 8000;

/// The Azulejo server: takes images, cuts them into tiles, has them rendered through Kafka, puts results together and
/// shows it all on a dashboard.
///
/// Every setting has a flag and an environment variable; the flag wins. Variables that begin with KAFKA_ and are not
/// listed here go to librdkafka: KAFKA_SECURITY_PROTOCOL=ssl sets security.protocol.
#[derive(Debug, Clone, Parser)]
#[command(name = "azulejo-server", version, max_term_width = 110)]
pub struct Arguments {
    /// Listens for browsers and scripts on this address; port 0 takes a free one. The default is 127.0.0.1:8000. Any
    /// address that other machines can reach needs --allow-remote, --auth and --public-host.
    #[arg(long, env = "AZULEJO_LISTEN", value_name = "HOST:PORT")]
    pub listen: Option<String>,

    /// Listens on this port of 127.0.0.1 when --listen is not given. The default is 8000; 0 to 65535.
    #[arg(long, env = "MASTER_PORT", value_name = "PORT", value_parser = ranged::<u16>("MASTER_PORT", 0, 65_535))]
    pub port: Option<u16>,

    /// Allows --listen to name an address that other machines can reach. Needs --auth and --public-host.
    #[arg(long, env = "AZULEJO_ALLOW_REMOTE", value_parser = BoolishValueParser::new())]
    pub allow_remote: bool,

    /// How connections are taken.
    #[command(flatten)]
    pub listening: listening::ListeningArguments,

    /// How many requests one caller may send.
    #[command(flatten)]
    pub rates: rates::RateArguments,

    /// How connections are encrypted.
    #[command(flatten)]
    pub tls: tls::TlsArguments,

    /// Who may use the server.
    #[command(flatten)]
    pub access: AccessArguments,

    /// Names and proxies.
    #[command(flatten)]
    pub proxy: ProxyArguments,

    /// Reaches Kafka at this address; several are separated by commas. Wins over KAFKA_BOOTSTRAP_SERVERS. The default is
    /// 127.0.0.1:9092.
    #[arg(long, env = "KAFKA_BROKER", value_name = "HOST:PORT")]
    pub kafka: Option<String>,

    /// Puts this text before the name of every topic and group, so that several installations can share a cluster.
    /// The default is none; at most 100 letters, digits, dots, underscores and hyphens. Workers need the same.
    #[arg(
        long,
        env = "KAFKA_TOPIC_PREFIX",
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub topic_prefix: String,

    /// Gives the topic of tasks so many partitions, the most workers that can share the work: when it is not there yet, and
    /// also when it has fewer. The default makes 12 and grows nothing; 1 to 1000.
    #[arg(long, env = "KAFKA_PARTITIONS", value_name = "COUNT",
        value_parser = ranged::<u32>("KAFKA_PARTITIONS", 1, 1000))]
    pub partitions: Option<u32>,

    /// Makes this server's topic of results with so many partitions when it is not there yet. 1 to 100.
    #[arg(long, env = "KAFKA_RESULT_PARTITIONS", value_name = "COUNT", default_value = "4",
        value_parser = ranged::<u32>("KAFKA_RESULT_PARTITIONS", 1, 100))]
    pub result_partitions: u32,

    /// Makes topics with so many copies of each partition. The default is the cluster's own; 1 to 9.
    #[arg(long, env = "KAFKA_REPLICATION_FACTOR", value_name = "COUNT",
        value_parser = ranged::<u32>("KAFKA_REPLICATION_FACTOR", 1, 9))]
    pub replication_factor: Option<u32>,

    /// Puts at most so many bytes of pixels into a record; K and M stand for 1024 and 1024². Tiles are cut smaller where they
    /// would not fit, also where a topic that somebody else made takes less (max.message.bytes). 64K to 10M.
    #[arg(long, env = "KAFKA_MAX_RECORD_BYTES", value_name = "BYTES", default_value = "10M",
        value_parser = bytes("KAFKA_MAX_RECORD_BYTES", 64 << 10, MAX_RECORD_BYTES as u64))]
    pub max_record_bytes: u64,

    /// Names this server among those that share the workers: its topic of results is called `results-NAME`. The default is
    /// drawn once and kept in the data folder; give a name where topics are made beforehand. 1 to 64 letters, digits, dots,
    /// underscores and hyphens.
    #[arg(long, env = "KAFKA_SERVER_ID", value_name = "NAME", value_parser = server_id)]
    pub server_id: Option<String>,

    /// Keeps uploads, scratch files, results and the database in this folder; it is made when it is not there.
    #[arg(
        long,
        env = "AZULEJO_DATA_DIR",
        value_name = "FOLDER",
        default_value = "./azulejo-data/server"
    )]
    pub data_dir: PathBuf,

    /// Serves the built site (WebAssembly, style sheet, fonts) from this folder. The default is the first of
    /// `site` beside the program, `../share/azulejo/site` beside it, and `target/site` that exists.
    #[arg(long, env = "AZULEJO_SITE", value_name = "FOLDER")]
    pub site_root: Option<PathBuf>,

    /// Cuts results into tiles with this side, in pixels. 16 to 2048.
    #[arg(long, env = "TILE_SIZE", value_name = "PIXELS", default_value = "512",
        value_parser = ranged::<u32>("TILE_SIZE", 16, 2048))]
    pub tile_size: u32,

    /// Refuses images with a side shorter than this, in pixels. 1 to 65535.
    #[arg(long, env = "MIN_IMAGE_SIZE", value_name = "PIXELS", default_value = "1024",
        value_parser = ranged::<u32>("MIN_IMAGE_SIZE", 1, 65_535))]
    pub min_image_size: u32,

    /// Refuses files with more bytes than this; K, M and G stand for 1024, 1024² and 1024³. 1K to 1024G.
    #[arg(long, env = "AZULEJO_MAX_UPLOAD_BYTES", value_name = "BYTES", default_value = "4G",
        value_parser = bytes("AZULEJO_MAX_UPLOAD_BYTES", 1 << 10, 1 << 40))]
    pub max_upload_bytes: u64,

    /// Refuses images with more pixels than this. 1 to 100000000000. A job needs about seven bytes of disk for each
    /// pixel of an RGB image while it runs.
    #[arg(long, env = "AZULEJO_MAX_PIXELS", value_name = "PIXELS", default_value = "1100000000",
        value_parser = ranged::<u64>("AZULEJO_MAX_PIXELS", 1, 100_000_000_000))]
    pub max_pixels: u64,

    /// Refuses images with a side longer than this, in pixels. 1 to 1000000.
    #[arg(long, env = "AZULEJO_MAX_SIDE", value_name = "PIXELS", default_value = "65535",
        value_parser = ranged::<u32>("AZULEJO_MAX_SIDE", 1, 1_000_000))]
    pub max_side: u32,

    /// Deletes an unfinished upload of which nothing has come for so many seconds (PUT /uploads and POST /process delete theirs as
    /// soon as they break off). 1 to 2592000.
    #[arg(long, env = "AZULEJO_UPLOAD_EXPIRY", value_name = "SECONDS", default_value = "86400",
        value_parser = ranged::<u32>("AZULEJO_UPLOAD_EXPIRY", 1, 2_592_000))]
    pub upload_expiry: u32,

    /// How long jobs are kept.
    #[command(flatten)]
    pub retention: RetentionArguments,

    /// Sends a tile again when its result has not come after this many seconds. 1 to 3600.
    #[arg(long, env = "AZULEJO_TILE_TIMEOUT", value_name = "SECONDS", default_value = "30",
        value_parser = ranged::<u32>("AZULEJO_TILE_TIMEOUT", 1, 3600))]
    pub tile_timeout: u32,

    /// Gives a tile up, and its job with it, after it has failed so many times. 1 to 100.
    #[arg(long, env = "AZULEJO_MAX_ATTEMPTS", value_name = "COUNT", default_value = "3",
        value_parser = ranged::<u32>("AZULEJO_MAX_ATTEMPTS", 1, 100))]
    pub max_attempts: u32,

    /// What an earlier request may be used for again.
    #[command(flatten)]
    pub reuse: reuse::ReuseArguments,

    /// How much one owner may ask for.
    #[command(flatten)]
    pub quotas: quotas::QuotaArguments,

    /// Leaves SIGTERM to the supervisor, which stops this program by SIGINT when its turn has come.
    #[arg(long, env = "AZULEJO_SUPERVISED", hide = true, value_parser = BoolishValueParser::new())]
    pub supervised: bool,

    /// Logs what this filter lets through, to standard error: `warn`, `info`, `debug`, or `azulejo_server=debug,info`.
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,

    /// Writes the log as one JSON object a line, for programs to read.
    #[arg(long, env = "AZULEJO_LOG_JSON", value_parser = BoolishValueParser::new())]
    pub log_json: bool,
}

/// The checked settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How connections are taken.
    pub listening: listening::Listening,
    /// How many requests one caller may send.
    pub rates: rates::RateSettings,
    /// Certificate and key, where connections are encrypted.
    pub tls: Option<tls::TlsFiles>,
    /// Who may use the server.
    pub access: AccessSettings,
    /// By which names the server goes, and whose word about clients it takes.
    pub proxy: ProxySettings,
    /// How to reach Kafka.
    pub kafka: KafkaSettings,
    /// Names of the topics.
    pub topics: Topics,
    /// How missing topics are made.
    pub topic_settings: TopicSettings,
    /// The server's name among those that share the workers, where one is given.
    pub server_id: Option<String>,
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// The built site. It may be missing: pages then say so.
    pub site_root: PathBuf,
    /// What an image must keep to.
    pub limits: IntakeLimits,
    /// When an unfinished upload is deleted of which nothing comes.
    pub upload_expiry: Duration,
    /// How long jobs are kept after they have ended.
    pub retention: Retention,
    /// When an outstanding tile is sent again.
    pub tile_timeout: Duration,
    /// Failures after which a tile is given up.
    pub max_attempts: u32,
    /// What an earlier request may be used for again.
    pub reuse: Reuse,
    /// How much one owner may ask for.
    pub quotas: Quotas,
    /// SIGTERM is left to the supervisor.
    pub supervised: bool,
}

impl Arguments {
    /// Checks what a single flag cannot say for itself. `environment` is usually [`std::env::vars`].
    ///
    /// # Errors
    /// A sentence that names the setting at fault and what it may be.
    pub fn check(self, environment: impl IntoIterator<Item = (String, String)>) -> anyhow::Result<Config> {
        let listen = match &self.listen {
            Some(text) => resolve(text)?,
            None => resolve(&format!("{DEFAULT_HOST}:{}", self.port.unwrap_or(DEFAULT_PORT)))?,
        };
        if !listen.ip().is_loopback() && !self.allow_remote {
            bail!(
                "--listen (AZULEJO_LISTEN) names {listen}, which other machines can reach: give --allow-remote as well if \
                 that is meant, or listen on 127.0.0.1"
            );
        }
        let access = self.access.check()?;
        if !listen.ip().is_loopback() && !access.is_on {
            bail!(
                "--listen (AZULEJO_LISTEN) names {listen}, which other machines can reach, and nobody would be asked for a \
                 key: give --auth (AZULEJO_AUTH) and make one with `azulejo keys add`, or listen on 127.0.0.1"
            );
        }
        let proxy = self.proxy.check()?;
        if !listen.ip().is_loopback() && proxy.names.is_empty() {
            bail!(
                "--listen (AZULEJO_LISTEN) names {listen}, which other machines can reach: say by which name they do with \
                 --public-host (AZULEJO_PUBLIC_HOST), such as tiles.example, or the IP address if it has no name; other names \
                 are refused then, so that no foreign web page can use its visitors' browsers"
            );
        }
        if self.max_side < self.min_image_size {
            bail!(
                "--max-side (AZULEJO_MAX_SIDE) is {} and --min-image-size (MIN_IMAGE_SIZE) is {}: no image could meet \
                 both; the first must not be below the second",
                self.max_side,
                self.min_image_size
            );
        }
        if self.max_pixels < u64::from(self.min_image_size).pow(2) {
            bail!(
                "--max-pixels (AZULEJO_MAX_PIXELS) is {}: an image of the smallest allowed side, {} pixels \
                 (MIN_IMAGE_SIZE), already has {}; give at least that",
                self.max_pixels,
                self.min_image_size,
                u64::from(self.min_image_size).pow(2)
            );
        }
        Topics::check_prefix(&self.topic_prefix)
            .map_err(anyhow::Error::msg)
            .context("--topic-prefix (KAFKA_TOPIC_PREFIX)")?;
        let kafka = KafkaSettings::from_environment(self.kafka, environment).map_err(anyhow::Error::msg)?;
        Ok(Config {
            listen,
            listening: self.listening.check(),
            rates: self.rates.check(listen.ip().is_loopback() && !access.is_on),
            tls: self.tls.check()?,
            access,
            proxy,
            kafka,
            topics: Topics::with_prefix(&self.topic_prefix),
            topic_settings: TopicSettings {
                task_partitions: match self.partitions {
                    Some(count) => i32::try_from(count).context("--partitions (KAFKA_PARTITIONS)")?,
                    None => TopicSettings::default().task_partitions,
                },
                grow_tasks: self.partitions.is_some(),
                result_partitions: i32::try_from(self.result_partitions)
                    .context("--result-partitions (KAFKA_RESULT_PARTITIONS)")?,
                replication: match self.replication_factor {
                    Some(copies) => {
                        i32::try_from(copies).context("--replication-factor (KAFKA_REPLICATION_FACTOR)")?
                    }
                    None => TopicSettings::default().replication,
                },
                record_bytes: self.max_record_bytes,
            },
            server_id: self.server_id,
            data_dir: self.data_dir,
            site_root: self.site_root.unwrap_or_else(default_site_root),
            limits: IntakeLimits {
                min_side: self.min_image_size,
                max_side: self.max_side,
                max_pixels: self.max_pixels,
                max_bytes: self.max_upload_bytes,
                tile_size: self.tile_size,
                max_record_bytes: self.max_record_bytes,
            },
            upload_expiry: Duration::from_secs(u64::from(self.upload_expiry)),
            retention: self.retention.settings(),
            tile_timeout: Duration::from_secs(u64::from(self.tile_timeout)),
            max_attempts: self.max_attempts,
            reuse: self.reuse.check(),
            quotas: self.quotas.settings(),
            supervised: self.supervised,
        })
    }
}

/// A name that can end the name of a topic.
fn server_id(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=64).contains(&text.len()) && text.chars().all(allowed) {
        return Ok(text.to_owned());
    }
    Err("KAFKA_SERVER_ID must be 1 to 64 letters, digits, '.', '_' and '-'".to_owned())
}

fn resolve(text: &str) -> anyhow::Result<SocketAddr> {
    let shape = "--listen (AZULEJO_LISTEN) must be HOST:PORT such as 127.0.0.1:8000 or [::1]:8000";
    text.to_socket_addrs()
        .with_context(|| format!("'{text}' is not an address to listen on; {shape}"))?
        .next()
        .with_context(|| format!("'{text}' names no address; {shape}"))
}

/// Where an installation and a build tree keep the site.
fn default_site_root() -> PathBuf {
    let in_tree = PathBuf::from("target/site");
    let beside = std::env::current_exe()
        .ok()
        .and_then(|program| program.parent().map(PathBuf::from));
    let Some(beside) = beside else { return in_tree };
    // In a build tree the program is target/PROFILE/azulejo-server and the site target/site.
    [
        beside.join("site"),
        beside.join("../share/azulejo/site"),
        beside.join("../site"),
    ]
    .into_iter()
    .find(|folder| folder.is_dir())
    .unwrap_or(in_tree)
}

#[cfg(test)]
mod tests;
