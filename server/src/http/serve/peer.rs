//! Who is at the other end of a connection.

use std::net::{IpAddr, SocketAddr};

/// Who is at the other end of the connection that a request came by. It is in every request's extensions. Behind a proxy it is
/// the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Address and port of the other end. An IPv4 address that came in by an IPv6 socket is an IPv4 address here.
    pub address: SocketAddr,
    /// Whether the connection is encrypted by TLS that ends in this server.
    pub is_tls: bool,
}

impl Peer {
    /// The other end at `address`.
    pub fn new(address: SocketAddr, is_tls: bool) -> Self {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        Self { address, is_tls }
    }

    /// Its address without the port.
    pub fn ip(&self) -> IpAddr {
        self.address.ip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_is_one_however_it_came_in() {
        let peer = Peer::new("[::ffff:10.0.0.7]:81".parse().unwrap(), false);
        assert_eq!(peer.address, "10.0.0.7:81".parse().unwrap());
        assert_eq!(peer.ip(), "10.0.0.7".parse::<IpAddr>().unwrap());
    }
}
