//! Which tile pattern each worker has. A worker keeps its pattern for as long as it is remembered, whoever comes or goes.
//!
//! A new worker gets the first pattern, counted from that of its id, that nobody else has; among these, one that differs in two
//! motifs from those in view is better. With more workers than patterns some share one.

use std::collections::BTreeMap;

use azulejo_protocol::Pattern;

use crate::Time;

/// Ids come from outside: this bounds what they can make the server keep.
pub const MAX_REMEMBERED: usize = 10_000;
/// How often it is stored anew that a worker is still heard of.
const KEEP_EVERY: Time = Time::from_secs(24 * 60 * 60);

#[derive(Debug, Clone, Copy)]
struct Entry {
    pattern: Pattern,
    heard: Time,
    /// When it was stored last, in this process.
    kept: Option<Time>,
}

/// The patterns of the workers that are remembered, by id.
#[derive(Debug, Default)]
pub struct Patterns {
    entries: BTreeMap<String, Entry>,
}

impl Patterns {
    /// What an earlier process stored.
    pub fn restore(&mut self, stored: Vec<(String, Pattern)>) {
        for (id, pattern) in stored.into_iter().take(MAX_REMEMBERED) {
            self.entries.entry(id).or_insert(Entry {
                pattern,
                heard: Time::ZERO,
                kept: None,
            });
        }
    }

    /// The worker `id` is heard of while those that `is_in_view` names are shown. Gives its pattern when it is to be stored.
    pub fn hear(&mut self, id: &str, is_in_view: impl Fn(&str) -> bool, now: Time) -> Option<Pattern> {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.heard = now;
            let due = entry
                .kept
                .is_none_or(|kept| now.saturating_sub(kept) >= KEEP_EVERY);
            if due {
                entry.kept = Some(now);
            }
            return due.then_some(entry.pattern);
        }
        if self.entries.len() >= MAX_REMEMBERED {
            let away = self.entries.iter().filter(|(id, _)| !is_in_view(id));
            let oldest = away
                .min_by_key(|(_, entry)| entry.heard)
                .map(|(id, _)| id.clone())?;
            self.entries.remove(&oldest);
        }
        let pattern = self.choose(id, is_in_view);
        let entry = Entry {
            pattern,
            heard: now,
            kept: Some(now),
        };
        self.entries.insert(id.to_owned(), entry);
        Some(pattern)
    }

    /// The pattern of worker `id`; `None` when it is not remembered.
    pub fn of(&self, id: &str) -> Option<Pattern> {
        self.entries.get(id).map(|entry| entry.pattern)
    }

    fn choose(&self, id: &str, is_in_view: impl Fn(&str) -> bool) -> Pattern {
        let mut used = [false; Pattern::COUNT as usize];
        let mut in_view = Vec::new();
        for (id, entry) in &self.entries {
            used[usize::from(entry.pattern.number())] = true;
            if is_in_view(id) {
                in_view.push(entry.pattern);
            }
        }
        in_view.sort_unstable();
        in_view.dedup();
        // Of equals the first is taken: that of the id itself.
        Pattern::of(id)
            .onwards()
            .min_by_key(|pattern| {
                let nearest = in_view.iter().map(|other| pattern.distance(*other)).min();
                (
                    nearest == Some(0),
                    used[usize::from(pattern.number())],
                    nearest.is_some_and(|nearest| nearest < 2),
                )
            })
            .unwrap_or_else(|| Pattern::of(id))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all(_: &str) -> bool {
        true
    }

    #[test]
    fn a_worker_alone_has_the_pattern_of_its_id() {
        let mut patterns = Patterns::default();
        let given = patterns.hear("attic", all, Time::ZERO);
        assert_eq!(given, Some(Pattern::of("attic")));
    }

    #[test]
    fn workers_in_view_differ_in_two_motifs() {
        let mut patterns = Patterns::default();
        let given: Vec<_> = (0..12)
            .filter_map(|n| patterns.hear(&format!("worker-host-{n:08x}"), all, Time::ZERO))
            .collect();
        for (n, one) in given.iter().enumerate() {
            for other in &given[..n] {
                assert!(one.distance(*other) >= 2, "{one:?} and {other:?}");
            }
        }
    }

    #[test]
    fn every_pattern_is_given_before_one_is_given_twice() {
        let mut patterns = Patterns::default();
        let given: BTreeSet<_> = (0..Pattern::COUNT)
            .filter_map(|n| patterns.hear(&n.to_string(), all, Time::ZERO))
            .collect();
        assert_eq!(given.len(), usize::from(Pattern::COUNT));
        assert!(patterns.hear("one more", all, Time::ZERO).is_some());
    }

    #[test]
    fn a_pattern_stays_whoever_comes_or_goes_and_in_whatever_order_they_are_heard() {
        let mut patterns = Patterns::default();
        let mine = patterns.hear("mine", all, Time::ZERO);
        // Each of these would have the same pattern if it were alone.
        let rivals: Vec<String> = (0..)
            .map(|n| format!("rival-{n}"))
            .filter(|id| Some(Pattern::of(id)) == mine)
            .take(3)
            .collect();
        for rival in &rivals {
            assert_ne!(patterns.hear(rival, all, Time::ZERO), mine);
            assert_eq!(patterns.of("mine"), mine);
        }
        let before: Vec<_> = rivals.iter().map(|rival| patterns.of(rival)).collect();
        // Nobody is in view any more, and then all come back in another order.
        patterns.hear("somebody", |_| false, Time::ZERO);
        for rival in rivals.iter().rev() {
            patterns.hear(rival, all, Time::ZERO);
        }
        let after: Vec<_> = rivals.iter().map(|rival| patterns.of(rival)).collect();
        assert_eq!((before, patterns.of("mine")), (after, mine));
    }

    #[test]
    fn what_was_stored_is_kept_and_is_stored_anew_once_a_day() {
        let mut patterns = Patterns::default();
        let stored = Pattern::from(Pattern::of("a").number() + 1);
        patterns.restore(vec![("a".to_owned(), stored)]);
        assert_eq!(patterns.of("a"), Some(stored));
        assert_eq!(patterns.hear("a", all, Time::from_secs(5)), Some(stored));
        assert_eq!(patterns.hear("a", all, Time::from_secs(10)), None);
        assert_eq!(patterns.hear("a", all, KEEP_EVERY * 2), Some(stored));
    }

    #[test]
    fn ids_without_end_do_not_take_memory_without_end_and_who_is_in_view_is_not_forgotten() {
        let mut patterns = Patterns::default();
        let mine = patterns.hear("mine", all, Time::ZERO);
        for n in 0..MAX_REMEMBERED + 10 {
            patterns.hear(&format!("id-{n}"), |id| id == "mine", Time::from_secs(n as u64));
        }
        assert_eq!(patterns.entries.len(), MAX_REMEMBERED);
        assert_eq!(patterns.of("mine"), mine);
        assert_eq!(patterns.of("id-0"), None);
    }
}
