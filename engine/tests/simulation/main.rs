//! The core in a simulated world: Kafka as a few vectors, workers as small programs, a store that forgets what was not
//! committed, a server that dies between any two effects. One seed decides everything.
//!
//! `AZULEJO_SEEDS=100000` tries more seeds (`cargo xtask nightly` a million), `AZULEJO_SEED=17` tells what happens with one.

mod faults;
mod kafka;
mod random;
mod store;
mod worker;
mod world;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use azulejo_engine::Time;
use world::{Mutation, World};

const SEEDS: u64 = 4_000;

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
    let (resends, merged) = (AtomicU64::new(0), AtomicU64::new(0));
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
                resends.fetch_add(u64::from(lived.losses.resends), Ordering::Relaxed);
                merged.fetch_add(u64::from(lived.merged), Ordering::Relaxed);
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
    let (resends, merged) = (resends.into_inner(), merged.into_inner());
    println!(
        "{seeds} seeds, jobs that ended: {endings:?}, tiles sent again because of a loss: {resends}, measuring passes: {merged}"
    );
    assert!(resends > 0, "no tile was sent again because of a loss");
    assert!(merged > 0, "nothing was measured");
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
        Mutation::LosePass,
    ] {
        let found = (0..SEEDS).find_map(|seed| try_seed(seed, mutation).err());
        println!("{mutation:?}: {found:?}");
        assert!(found.is_some(), "{mutation:?} is not found");
    }
}

#[test]
fn no_worker_idles_while_tiles_wait_whatever_the_way_and_the_work() {
    for way in [200, 20_000, 500_000] {
        // Tiles that take far less than the way are so many at once that it would take minutes.
        for work in [1_000, 100_000, 10_000_000]
            .into_iter()
            .filter(|work| 100 * work > way)
        {
            let mut world = World::steady(Time::from_micros(way), Time::from_micros(work), 2);
            let busy = world.live().and_then(|()| world.busy());
            println!("{way} us on the way, {work} us at work: {busy:?}");
            assert!(
                busy.as_ref().is_ok_and(|busy| *busy > 0.9),
                "{way} us on the way, {work} us at work: {busy:?}"
            );
        }
    }
}

#[test]
fn a_small_job_behind_forty_large_ones_ends_within_seconds() {
    let mut world = World::crowded();
    world.live().expect("all jobs end");
    let mut spans: Vec<Time> = world
        .lives
        .values()
        .map(|(from, to)| to.expect("an end") - *from)
        .collect();
    let small = spans.split_off(40);
    println!(
        "large: {:?} to {:?}, small: {small:?}",
        spans.iter().min(),
        spans.iter().max()
    );
    assert!(
        spans.iter().max() > Some(&Time::from_secs(60)),
        "nothing was crowded"
    );
    assert!(small.iter().all(|span| *span < Time::from_secs(2)), "{small:?}");
}

#[test]
fn the_same_seed_gives_the_same_story() {
    assert_eq!(story(3), story(3));
}
