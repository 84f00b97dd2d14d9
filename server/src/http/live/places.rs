//! How many live streams one may have: each is a connection that is held for hours, and work for the hub.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azulejo_protocol::ApiError;

use crate::access::Caller;
use crate::http::forwarded::Client;
use crate::http::limits::origin::Origin;

/// Most streams of one owner, or from one address where nobody is asked for a key.
const MOST: usize = 64;

/// How long a client may take nothing of what is sent to it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Whose streams are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Whose {
    Owner(Arc<str>),
    Origin(Origin),
}

/// The streams that there are. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Places(Arc<Mutex<HashMap<Whose, usize>>>);

/// The place of one stream, which is free once this is dropped. It is none of those counted where there is no bound.
#[derive(Debug)]
pub struct Place(Option<(Places, Whose)>);

impl Places {
    /// A place for one stream of `caller`, or of `client` where that has no owner. Who has none and comes from this very machine is
    /// not counted.
    ///
    /// # Errors
    /// 429: they have as many as one may have.
    pub fn take(&self, caller: &Caller, client: Option<&Client>) -> Result<Place, ApiError> {
        let whose = match (caller.owner(), client) {
            (Some(owner), _) => Whose::Owner(owner.into()),
            (None, Some(client)) if !client.address.to_canonical().is_loopback() => {
                Whose::Origin(Origin::of(client.address))
            }
            (None, _) => return Ok(Place(None)),
        };
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = streams.entry(whose.clone()).or_default();
        if *count >= MOST {
            let who = match whose {
                Whose::Owner(_) => "one owner",
                Whose::Origin(_) => "one address",
            };
            let detail = format!(
                "{who} may have {MOST} live streams (GET /events, GET /ws) at the same time, and that many are open: close one of them"
            );
            return Err(ApiError::new(429, "too_many_streams", detail));
        }
        *count += 1;
        Ok(Place(Some((self.clone(), whose))))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((places, whose)) = self.0.take() else {
            return;
        };
        let mut streams = places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut counted) = streams.entry(whose) {
            *counted.get_mut() -= 1;
            if *counted.get() == 0 {
                counted.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::address::Scheme;

    fn from(address: &str) -> Client {
        Client {
            address: address.parse().unwrap(),
            scheme: Scheme::Http,
            host: None,
            is_forwarded: false,
        }
    }

    #[test]
    fn an_address_has_so_many_streams_and_no_more() {
        let places = Places::default();
        let anyone = Caller::anyone();
        let take = |client: &str| places.take(&anyone, Some(&from(client)));
        // A network of 64 bits is one client.
        let mut taken: Vec<_> = (0..MOST)
            .map(|number| take(&format!("2001:db8::{number:x}")).unwrap())
            .collect();
        let error = take("2001:db8::ffff").unwrap_err();
        assert_eq!((error.status, error.code.as_str()), (429, "too_many_streams"));
        assert!(
            error.detail.contains("one address may have 64"),
            "{}",
            error.detail
        );
        taken.push(take("203.0.113.9").unwrap());
        taken.swap_remove(0);
        taken.push(take("2001:db8::1").unwrap());
        assert!(take("2001:db8::1").is_err());
        taken.clear();
        assert!(places.0.lock().unwrap().is_empty(), "nobody is remembered");
    }

    #[test]
    fn on_this_machine_there_is_no_bound() {
        let places = Places::default();
        for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            let client = from(address);
            let taken: Result<Vec<_>, _> = (0..=MOST)
                .map(|_| places.take(&Caller::anyone(), Some(&client)))
                .collect();
            assert!(taken.is_ok(), "{address}");
        }
        assert!(places.take(&Caller::anyone(), None).is_ok());
    }

    #[test]
    fn an_owner_is_counted_wherever_they_are() {
        let places = Places::default();
        let ann = Caller::owned("ann");
        let taken: Vec<_> = (0..MOST)
            .map(|number| {
                let client = from(&format!("127.0.0.{number}"));
                places.take(&ann, Some(&client)).unwrap()
            })
            .collect();
        let error = places.take(&ann, Some(&from("203.0.113.9"))).unwrap_err();
        assert!(error.detail.contains("one owner may have 64"), "{}", error.detail);
        assert!(
            places
                .take(&Caller::owned("bob"), Some(&from("127.0.0.1")))
                .is_ok()
        );
        drop(taken);
        assert!(places.take(&ann, None).is_ok());
    }
}
