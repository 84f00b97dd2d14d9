//! The places of connections and requests: how many there are, who has them, and who makes way.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::activity::Activity;
use crate::config::listening::Listening;
use crate::http::limits::origin::Origin;

/// All places.
#[derive(Debug)]
pub struct Places {
    limits: Listening,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    connections: HashMap<u64, Connection>,
    requests: usize,
    /// Connections and requests of each address that is counted.
    by_origin: HashMap<Origin, Count>,
}

#[derive(Debug, Default)]
struct Count {
    connections: usize,
    requests: usize,
}

#[derive(Debug)]
struct Connection {
    origin: Option<Origin>,
    activity: Arc<Activity>,
    end: CancellationToken,
}

/// What one connection has: given back when dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    id: u64,
    origin: Option<Origin>,
    /// What the connection is doing.
    pub activity: Arc<Activity>,
    /// Cancelled when the connection is to end at once.
    pub end: CancellationToken,
}

/// What one request has: given back when dropped.
#[derive(Debug)]
pub struct RequestPlace {
    places: Arc<Places>,
    origin: Option<Origin>,
}

/// There is no place: those in use are all busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// Of all places.
    Server,
    /// Of those that one address may have.
    Address,
}

impl Places {
    /// Places as `limits` say.
    pub fn new(limits: Listening) -> Arc<Self> {
        Arc::new(Self {
            limits,
            table: Mutex::default(),
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection from `address`. When there is none left, one that waits for a request is told to end.
    ///
    /// # Errors
    /// None waits for a request.
    pub fn connect(self: &Arc<Self>, address: IpAddr, now: Instant, is_tls: bool) -> Result<Place, Full> {
        let origin = counted(address);
        let mut table = self.table();
        if let Some(origin) = origin
            && table.by_origin.get(&origin).map_or(0, |count| count.connections) >= self.limits.per_address
            && !table.make_way(Some(origin))
        {
            return Err(Full::Address);
        }
        if table.connections.len() >= self.limits.connections && !table.make_way(None) {
            return Err(Full::Server);
        }
        let id = table.next;
        table.next += 1;
        let activity = Arc::new(Activity::new(now, is_tls));
        let end = CancellationToken::new();
        let connection = Connection {
            origin,
            activity: Arc::clone(&activity),
            end: end.clone(),
        };
        table.connections.insert(id, connection);
        if let Some(origin) = origin {
            table.by_origin.entry(origin).or_default().connections += 1;
        }
        Ok(Place {
            places: Arc::clone(self),
            id,
            origin,
            activity,
            end,
        })
    }

    /// Ends the connection that has waited longest for a request. Says whether there was one.
    pub fn make_way(&self) -> bool {
        self.table().make_way(None)
    }

    /// Ends the connections that have been at something for too long.
    pub fn end_overdue(&self, now: Instant) {
        for connection in self.table().connections.values() {
            if let Some(why) = connection.activity.overdue(now, &self.limits)
                && !connection.end.is_cancelled()
            {
                tracing::debug!(?why, "ending a connection");
                connection.end.cancel();
            }
        }
    }
}

impl Table {
    /// Ends the connection, of `origin` if one is named, that has waited longest for a request. Its place is given away at once.
    fn make_way(&mut self, origin: Option<Origin>) -> bool {
        let longest = self
            .connections
            .iter()
            .filter(|(_, connection)| origin.is_none() || connection.origin == origin)
            .filter_map(|(id, connection)| Some((connection.activity.waiting_since()?, *id)))
            .min();
        let Some((_, id)) = longest else { return false };
        if let Some(connection) = self.connections.remove(&id) {
            connection.end.cancel();
            self.uncount(connection.origin);
        }
        true
    }

    fn uncount(&mut self, origin: Option<Origin>) {
        self.change(origin, |count| {
            count.connections = count.connections.saturating_sub(1)
        });
    }

    fn change(&mut self, origin: Option<Origin>, change: impl FnOnce(&mut Count)) {
        let Some(origin) = origin else { return };
        if let Some(count) = self.by_origin.get_mut(&origin) {
            change(count);
            if count.connections == 0 && count.requests == 0 {
                self.by_origin.remove(&origin);
            }
        }
    }
}

/// Loopback is not counted by address: a proxy, a tunnel and everything on this machine come from there.
fn counted(address: IpAddr) -> Option<Origin> {
    (!address.to_canonical().is_loopback()).then(|| Origin::of(address))
}

impl Place {
    /// A place for a request that came by this connection.
    ///
    /// # Errors
    /// As many requests are under way as there may be connections.
    pub fn request(&self) -> Result<RequestPlace, Full> {
        let mut table = self.places.table();
        if table.requests >= self.places.limits.connections {
            return Err(Full::Server);
        }
        if let Some(origin) = self.origin {
            let count = table.by_origin.entry(origin).or_default();
            if count.requests >= self.places.limits.per_address {
                return Err(Full::Address);
            }
            count.requests += 1;
        }
        table.requests += 1;
        Ok(RequestPlace {
            places: Arc::clone(&self.places),
            origin: self.origin,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.places.table();
        // One that made way is counted no more.
        if table.connections.remove(&self.id).is_some() {
            table.uncount(self.origin);
        }
    }
}

impl Drop for RequestPlace {
    fn drop(&mut self) {
        let mut table = self.places.table();
        table.requests = table.requests.saturating_sub(1);
        table.change(self.origin, |count| {
            count.requests = count.requests.saturating_sub(1)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::activity::tests::limits;
    use super::*;
    use std::time::Duration;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn away(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn the_one_that_waited_longest_makes_way_and_a_busy_one_never() {
        let places = Places::new(limits(&["--max-connections=8"]));
        let start = Instant::now();
        let taken: Vec<Place> = (0..8)
            .map(|n| {
                places
                    .connect(HOME, start + Duration::from_secs(n), false)
                    .unwrap()
            })
            .collect();
        taken[0].activity.begin(false);
        let ninth = places
            .connect(HOME, start + Duration::from_secs(8), false)
            .unwrap();
        let ended: Vec<bool> = taken.iter().map(|place| place.end.is_cancelled()).collect();
        assert_eq!(ended, [false, true, false, false, false, false, false, false]);
        for place in taken.iter().chain([&ninth]) {
            place.activity.begin(false);
        }
        assert_eq!(places.connect(HOME, start, false).unwrap_err(), Full::Server);
        drop(taken);
        assert_eq!(places.table().connections.len(), 1);
        drop(ninth);
        assert!(places.table().connections.is_empty());
    }

    #[test]
    fn an_address_has_its_own_bound_and_others_do_not_feel_it() {
        let places = Places::new(limits(&[
            "--max-connections=8",
            "--max-connections-per-address=2",
        ]));
        let now = Instant::now();
        let connect = |address| places.connect(address, now, false);
        let taken = [connect(away(1)).unwrap(), connect(away(1)).unwrap()];
        for place in &taken {
            place.activity.begin(false);
        }
        assert_eq!(connect(away(1)).unwrap_err(), Full::Address);
        let other = connect(away(2)).unwrap();
        // Whoever is from the same address makes way, not the other, though that waits as well.
        taken[1].activity.end(1, now);
        let third = connect(away(1)).unwrap();
        assert!(taken[1].end.is_cancelled() && !other.end.is_cancelled());
        // Loopback has no such bound.
        let home: Vec<Place> = (0..4).map(|_| connect(HOME).unwrap()).collect();
        drop((taken, other, third, home));
        assert!(
            places.table().by_origin.is_empty(),
            "nothing is kept of who has gone"
        );
    }

    #[test]
    fn requests_are_bounded_like_connections_and_forgotten_at_their_end() {
        let places = Places::new(limits(&[
            "--max-connections=8",
            "--max-connections-per-address=2",
        ]));
        let place = places.connect(away(1), Instant::now(), false).unwrap();
        let requests = [place.request().unwrap(), place.request().unwrap()];
        assert_eq!(place.request().unwrap_err(), Full::Address);
        let home = places.connect(HOME, Instant::now(), false).unwrap();
        let many: Vec<_> = (0..6).map(|_| home.request().unwrap()).collect();
        assert_eq!(home.request().unwrap_err(), Full::Server);
        // The connection goes first.
        drop(place);
        drop((requests, many, home));
        let table = places.table();
        assert!(table.requests == 0 && table.by_origin.is_empty() && table.connections.is_empty());
    }

    #[test]
    fn overdue_connections_end() {
        let limits = limits(&["--idle-timeout=5"]);
        let places = Places::new(limits);
        let now = Instant::now();
        let place = places.connect(HOME, now, false).unwrap();
        places.end_overdue(now + Duration::from_secs(4));
        assert!(!place.end.is_cancelled());
        places.end_overdue(now + Duration::from_secs(5));
        assert!(place.end.is_cancelled());
    }
}
