//! The core in a simulated world: Kafka as a few vectors, workers as small programs, a store that forgets what was not
//! committed, a server that dies between any two effects. One seed decides everything.
//!
//! `AZULEJO_SEEDS=100000` tries more seeds, `AZULEJO_SEED=17` tells what happens with one.

mod faults;
mod kafka;
mod random;
mod store;
mod worker;
mod world;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use world::{Mutation, World};

const SEEDS: u64 = 10_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Lives through one seed; tells all that happened when it breaks a promise.
fn try_seed(seed: u64, mutation: Mutation) -> Result<World, String> {
    let mut world = World::new(seed, mutation);
    match world.live() {
        Ok(()) => Ok(world),
        Err(broken) => Err(format!("seed {seed}: {broken}")),
    }
}

/// What happened with a seed, line by line.
fn story(seed: u64) -> String {
    let mut world = World::new(seed, Mutation::None);
    world.verbose = true;
    let outcome = world.live();
    let skipped = world.log.len().saturating_sub(3000);
    format!(
        "{:#?}\n... {skipped} lines before\n{}\n{outcome:?}",
        world.faults,
        world.log[skipped..].join("\n")
    )
}

#[test]
fn every_seed_keeps_every_promise() {
    if let Some(seed) = number("AZULEJO_SEED") {
        println!("{}", story(seed));
        if let Err(broken) = try_seed(seed, Mutation::None) {
            panic!("{broken}");
        }
        return;
    }
    let seeds = number("AZULEJO_SEEDS").unwrap_or(SEEDS);
    let first = number("AZULEJO_FIRST_SEED").unwrap_or(0);
    let next = AtomicU64::new(first);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let results: Vec<Result<BTreeMap<&'static str, u32>, String>> = std::thread::scope(|scope| {
        let work = || {
            let mut endings: BTreeMap<&'static str, u32> = BTreeMap::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= first + seeds {
                    return Ok(endings);
                }
                let lived = try_seed(seed, Mutation::None)?;
                for (name, count) in lived.endings {
                    *endings.entry(name).or_default() += count;
                }
            }
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a seed panicked"))
            .collect()
    });
    let mut endings: BTreeMap<&'static str, u32> = BTreeMap::new();
    for result in results {
        match result {
            Ok(counted) => {
                for (name, count) in counted {
                    *endings.entry(name).or_default() += count;
                }
            }
            Err(broken) => panic!("{broken}\nAZULEJO_SEED=N tells what happened"),
        }
    }
    println!("{seeds} seeds, jobs that ended: {endings:?}");
    for name in ["completed", "failed", "cancelled"] {
        assert!(endings.get(name).is_some_and(|count| *count > 0), "no job {name}");
    }
}

#[test]
fn a_driver_that_breaks_its_word_is_found() {
    for mutation in [
        Mutation::TellBeforeStoring,
        Mutation::LoseEndings,
        Mutation::LoseResume,
        Mutation::LosePixels,
        Mutation::LoseFailures,
        Mutation::LoseBands,
        Mutation::LoseStop,
        Mutation::LoseCheck,
    ] {
        let found = (0..SEEDS).find_map(|seed| try_seed(seed, mutation).err());
        println!("{mutation:?}: {found:?}");
        assert!(found.is_some(), "{mutation:?} is not found");
    }
}

#[test]
fn the_same_seed_gives_the_same_story() {
    assert_eq!(story(3), story(3));
}
