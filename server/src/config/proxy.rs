//! By which names the server goes, and whose word about clients it takes.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use azulejo_app::base::BasePath;
use ipnet::IpNet;

use crate::http::address::PublicName;

/// By which names the server goes, and whose word about clients it takes.
#[derive(Debug, Clone, clap::Args)]
pub struct ProxyArguments {
    /// Answers to this host name, too, beside `localhost` and plain IP addresses; may be given several times, or separated by
    /// commas. Give a port where it is not the usual one (80, 443): pages are served from that address then. Other names are
    /// refused, so that no foreign web page can reach the server through a name of its own (DNS rebinding). Needed when --listen
    /// names an address that other machines can reach.
    #[arg(
        long = "public-host",
        env = "AZULEJO_PUBLIC_HOST",
        value_name = "NAME[:PORT]",
        value_delimiter = ','
    )]
    pub public_hosts: Vec<String>,

    /// Believes what this proxy says of its clients (Forwarded, or X-Forwarded-For, -Proto, -Host and -Prefix): an IP address or a network
    /// such as 10.0.0.0/8; may be given several times, or separated by commas. The default is to believe nobody.
    #[arg(
        long = "trusted-proxy",
        env = "AZULEJO_TRUSTED_PROXIES",
        value_name = "ADDRESS[/BITS]",
        value_delimiter = ','
    )]
    pub trusted_proxies: Vec<String>,

    /// Lies below this path of its host, where a proxy passes it on as it is: /tiles for https://example.org/tiles/. A proxy that
    /// takes it away says so in X-Forwarded-Prefix, and then nothing is set here. The default is the root.
    #[arg(
        long = "base-path",
        env = "AZULEJO_BASE_PATH",
        value_name = "PATH",
        default_value = "",
        hide_default_value = true
    )]
    pub base_path: String,
}

/// The checked settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// Names that requests may be addressed to, beside `localhost` and IP addresses.
    pub names: Vec<PublicName>,
    /// Peers whose word about their clients is taken.
    pub trusted: Vec<Network>,
    /// Below which path it lies.
    pub base: BasePath,
}

/// An address or a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Whether `address` is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.to_canonical().into()));
        }
        let network: IpNet = text
            .parse()
            .map_err(|_| "give an IP address such as 10.0.0.7, or a network such as 10.0.0.0/8".to_owned())?;
        if network.prefix_len() == 0 {
            return Err(
                "that is every address there is: whoever can connect could claim to be anybody".into(),
            );
        }
        Ok(Self(network))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ProxyArguments {
    /// Checks them.
    ///
    /// # Errors
    /// A sentence that names the setting at fault and what it may be.
    pub fn check(&self) -> anyhow::Result<ProxySettings> {
        Ok(ProxySettings {
            names: read(&self.public_hosts, "--public-host (AZULEJO_PUBLIC_HOST)")?,
            trusted: read(&self.trusted_proxies, "--trusted-proxy (AZULEJO_TRUSTED_PROXIES)")?,
            base: self.base_path.trim().parse().map_err(|reason| {
                let given = &self.base_path;
                anyhow::anyhow!("--base-path (AZULEJO_BASE_PATH) '{given}': {reason}")
            })?,
        })
    }
}

fn read<T: FromStr<Err = String>>(texts: &[String], setting: &str) -> anyhow::Result<Vec<T>> {
    let texts = texts.iter().map(|text| text.trim());
    texts
        .filter(|text| !text.is_empty())
        .map(|text| {
            text.parse()
                .map_err(|reason| anyhow::anyhow!("{setting} '{text}': {reason}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses_in_either_spelling() {
        let network: Network = "10.0.0.0/8".parse().unwrap();
        assert!(network.contains("10.255.0.1".parse().unwrap()));
        assert!(network.contains("::ffff:10.0.0.1".parse().unwrap()));
        assert!(!network.contains("11.0.0.1".parse().unwrap()));
        let one: Network = "::1".parse().unwrap();
        assert!(one.contains("::1".parse().unwrap()) && !one.contains("::2".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_or_all_of_them_is_refused() {
        for text in ["proxy.example", "10.0.0.0/33", "0.0.0.0/0", "::/0", "*"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
