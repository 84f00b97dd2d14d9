//! Places for the uploads that are under way: bounded for all, and for each owner, so that one cannot keep the others out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use azulejo_protocol::ApiError;

use super::trouble::no_place;
use super::waiting::SHARE;

/// The places. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Places {
    most: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_owner: HashMap<String, usize>,
}

/// A place, free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    taken: Arc<Mutex<Taken>>,
    owner: Option<String>,
}

impl Places {
    /// `most` places, of which an owner has a quarter. Uploads of nobody have all of them.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            taken: Arc::default(),
        }
    }

    /// Takes a place for an upload of `owner`.
    ///
    /// # Errors
    /// 429 when there is none, or the owner has as many as one may.
    pub fn take(&self, owner: Option<&str>) -> Result<Place, ApiError> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        self.check(&taken, owner)?;
        taken.all += 1;
        if let Some(owner) = owner {
            *taken.by_owner.entry(owner.to_owned()).or_default() += 1;
        }
        Ok(Place {
            taken: Arc::clone(&self.taken),
            owner: owner.map(str::to_owned),
        })
    }

    /// Whether there is a place at this moment.
    ///
    /// # Errors
    /// Those of [`Places::take`].
    pub fn look(&self, owner: Option<&str>) -> Result<(), ApiError> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        self.check(&taken, owner)
    }

    fn check(&self, taken: &Taken, owner: Option<&str>) -> Result<(), ApiError> {
        let share = self.most / SHARE;
        let own = owner.and_then(|owner| taken.by_owner.get(owner));
        if own.is_some_and(|own| *own >= share) {
            let detail = format!(
                "{share} of your uploads are under way at the moment, and no more of one owner may be: wait until one has ended"
            );
            return Err(ApiError::new(429, "too_many_uploads", detail));
        }
        if taken.all >= self.most {
            return Err(no_place());
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        if let Some(owner) = &self.owner
            && let Some(own) = taken.by_owner.get_mut(owner)
        {
            *own -= 1;
            if *own == 0 {
                taken.by_owner.remove(owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_has_a_quarter_of_the_places_and_gives_them_back() {
        let places = Places::new(8);
        let anns: Vec<_> = (0..2).map(|_| places.take(Some("ann")).unwrap()).collect();
        let error = places.take(Some("ann")).unwrap_err();
        assert_eq!((error.status, error.code.as_str()), (429, "too_many_uploads"));
        assert!(error.detail.contains("2 of your uploads"), "{}", error.detail);
        assert!(places.look(Some("ann")).is_err() && places.look(Some("bob")).is_ok());
        let others: Vec<_> = (0..6).map(|_| places.take(None).unwrap()).collect();
        let error = places.take(Some("bob")).unwrap_err();
        assert!(!error.detail.contains("your"), "{}", error.detail);
        drop(anns);
        assert!(places.take(Some("ann")).is_ok());
        drop(others);
        let taken = places.taken.lock().unwrap();
        assert!(taken.all == 0 && taken.by_owner.is_empty());
    }
}
