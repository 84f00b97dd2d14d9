use azulejo_protocol::{JobQuery, JobStatus, TileState, Timestamp};

use super::tiles::{self, TileRow};
use super::*;
use super::{jobs, patterns};
use crate::engine::testing;
use azulejo_engine::Ending;

fn alarm() -> Alarm {
    Arc::new(|reason| panic!("{reason}"))
}

fn done(tile: u32) -> TileRow {
    TileRow {
        tile,
        state: TileState::Done,
        attempt: 1,
        failures: 0,
        spent: 0,
        worker: Some("w".into()),
        micros: Some(4000),
        transit_micros: Some(9000),
        error: None,
        checksum: Some(7),
    }
}

fn open() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("db"), &alarm()).unwrap();
    (folder, store)
}

fn insert(store: &Store) -> jobs::JobRow {
    let row = testing::plan(Path::new("/nowhere"), 4, 4).row;
    let stored = row.clone();
    store.write_blocking(move |db| jobs::insert(db, &stored)).unwrap();
    row
}

#[test]
fn a_job_round_trips() {
    let (_folder, store) = open();
    let row = insert(&store);
    let id = row.id;
    assert_eq!(
        store.read_blocking(move |db| jobs::get(db, id)).unwrap(),
        Some(row)
    );
}

#[test]
fn patterns_of_workers_are_kept_until_they_are_old() {
    let (_folder, store) = open();
    let at = |days: i64| Timestamp::UNIX_EPOCH + time::Duration::days(20_000 + days);
    let put = |worker: &'static str, pattern: u16, days| {
        store
            .write_blocking(move |db| patterns::put(db, worker, pattern.into(), at(days)))
            .unwrap();
    };
    put("a", 7, 0);
    put("b", 8, 1);
    put("a", 7, 50);
    let restored = |days| {
        store
            .write_blocking(move |db| patterns::restore(db, at(days)))
            .unwrap()
    };
    assert_eq!(
        restored(60),
        [("a".to_owned(), 7.into()), ("b".to_owned(), 8.into())]
    );
    assert_eq!(restored(100), [("a".to_owned(), 7.into())]);
    assert_eq!(restored(60), [("a".to_owned(), 7.into())], "b is forgotten");
}

#[test]
fn the_oldest_patterns_go_when_there_are_too_many() {
    let (_folder, store) = open();
    let rows = store
        .write_blocking(|db| {
            for n in 0..azulejo_engine::patterns::MAX_REMEMBERED as i64 {
                db.execute(
                    "INSERT INTO patterns VALUES (?1, 1, ?2)",
                    (n.to_string(), 1000 + n),
                )?;
            }
            patterns::put(db, "new", 5.into(), Timestamp::now_utc())?;
            db.query_row("SELECT count(*), min(heard) FROM patterns", [], |row| {
                Ok((row.get::<_, usize>(0)?, row.get::<_, i64>(1)?))
            })
        })
        .unwrap();
    assert_eq!(rows, (azulejo_engine::patterns::MAX_REMEMBERED, 1001));
}

#[test]
fn a_job_ends_once() {
    let (_folder, store) = open();
    let id = insert(&store).id;
    let end = |ending: Ending| {
        store
            .write_blocking(move |db| jobs::end(db, id, &ending, Timestamp::UNIX_EPOCH, 3))
            .unwrap()
    };
    assert!(end(Ending::Cancelled));
    assert!(!end(Ending::Completed { output_bytes: 5 }));
    let status = store
        .read_blocking(move |db| jobs::get(db, id))
        .unwrap()
        .unwrap()
        .status;
    assert_eq!(status, JobStatus::Cancelled);
    assert!(store.write_blocking(move |db| jobs::revive(db, id)).unwrap());
    assert!(!store.write_blocking(move |db| jobs::delete(db, id)).unwrap());
    assert!(end(Ending::Failed { reason: "no".into() }));
    assert!(store.write_blocking(move |db| jobs::delete(db, id)).unwrap());
}

#[test]
fn tiles_and_position_are_stored_together_or_not_at_all() {
    let (folder, store) = open();
    let id = insert(&store).id;
    let failed: Result<(), _> = store.write_blocking(move |db| {
        tiles::put(db, id, &done(0))?;
        tiles::set_position(db, "results", 0, 10)?;
        Err(rusqlite::Error::QueryReturnedNoRows)
    });
    assert!(failed.is_err());
    assert!(
        store
            .read_blocking(move |db| tiles::of_job(db, id))
            .unwrap()
            .is_empty()
    );
    assert!(
        store
            .read_blocking(|db| tiles::positions(db, "results"))
            .unwrap()
            .is_empty()
    );
    store
        .write_blocking(move |db| {
            tiles::put(db, id, &done(0))?;
            tiles::set_position(db, "results", 0, 10)
        })
        .unwrap();
    store.close();
    let store = Store::open(&folder.path().join("db"), &alarm()).unwrap();
    assert_eq!(
        store.read_blocking(move |db| tiles::of_job(db, id)).unwrap(),
        [done(0)]
    );
    assert_eq!(
        store.read_blocking(|db| tiles::positions(db, "results")).unwrap(),
        [(0, 10)]
    );
}

#[test]
fn what_fails_in_a_batch_does_not_take_the_others_with_it() {
    let (_folder, store) = open();
    let id = insert(&store).id;
    let stores: Vec<_> = (0..16u32)
        .map(|tile| {
            let store = store.clone();
            std::thread::spawn(move || {
                store.write_blocking(move |db| {
                    tiles::put(db, id, &done(tile))?;
                    if tile % 2 == 1 {
                        Err(rusqlite::Error::QueryReturnedNoRows)
                    } else {
                        Ok(())
                    }
                })
            })
        })
        .collect();
    for (tile, thread) in stores.into_iter().enumerate() {
        assert_eq!(thread.join().unwrap().is_ok(), tile % 2 == 0);
    }
    assert_eq!(
        store.read_blocking(move |db| tiles::counts(db, id)).unwrap(),
        (8, 0)
    );
}

#[test]
fn a_done_tile_stays_done_and_a_deleted_job_gets_no_tiles() {
    let (_folder, store) = open();
    let id = insert(&store).id;
    let dead = TileRow {
        state: TileState::Dead,
        error: Some("late".into()),
        ..done(1)
    };
    store
        .write_blocking(move |db| {
            tiles::put(db, id, &done(1))?;
            tiles::put(db, id, &dead)
        })
        .unwrap();
    assert_eq!(
        store.read_blocking(move |db| tiles::get(db, id, 1)).unwrap(),
        Some(done(1))
    );
    store
        .write_blocking(move |db| {
            jobs::end(db, id, &Ending::Cancelled, Timestamp::UNIX_EPOCH, 0)?;
            jobs::delete(db, id)
        })
        .unwrap();
    store
        .write_blocking(move |db| tiles::put(db, id, &done(2)))
        .unwrap();
    assert_eq!(
        store.read_blocking(move |db| tiles::counts(db, id)).unwrap(),
        (0, 0)
    );
}

#[test]
fn lists_filter_search_and_page() {
    let (_folder, store) = open();
    let ids: Vec<_> = (0..5).map(|_| insert(&store).id).collect();
    let last = ids[4];
    store
        .write_blocking(move |db| jobs::end(db, last, &Ending::Cancelled, Timestamp::UNIX_EPOCH, 0))
        .unwrap();
    let list = |query: JobQuery| {
        let rows = store.read_blocking(move |db| jobs::list(db, &query)).unwrap();
        rows.iter().map(|row| row.id).collect::<Vec<_>>()
    };
    let search = |text: &str| {
        list(JobQuery {
            search: Some(text.into()),
            ..JobQuery::default()
        })
        .len()
    };
    assert_eq!(
        list(JobQuery {
            status: Some(JobStatus::Cancelled),
            ..JobQuery::default()
        }),
        [last]
    );
    assert_eq!(
        (
            search("COAST"),
            search("sharp"),
            search("%"),
            search("_"),
            search("x'")
        ),
        (5, 5, 0, 0, 0)
    );
    assert_eq!(search(&ids[2].to_string()), 1);
    let page = list(JobQuery {
        limit: Some(2),
        offset: Some(1),
        ..JobQuery::default()
    });
    assert_eq!(page, [ids[3], ids[2]]);
}

#[test]
fn a_closed_store_says_so() {
    let (_folder, store) = open();
    store.close();
    assert!(matches!(store.read_blocking(jobs::ids), Err(StoreError::Closed)));
}

/// A database that may have so many pages more: then its disk is full.
fn nearly_full(path: &Path, more: i64) -> Connection {
    let mut connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    schema::migrate(&mut connection).unwrap();
    let pages: i64 = connection
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    connection
        .pragma_update(None, "max_page_count", pages + more)
        .unwrap();
    connection
}

#[test]
fn whoever_asked_is_answered_when_the_disk_is_full_and_finds_the_ballast_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let connection = nearly_full(&path, 4);
    let ballast = Ballast::beside(&path);
    assert!(folder.path().join("ballast").is_file());
    let (sender, requests) = mpsc::channel();
    let (answers, heard) = mpsc::channel();
    let channel = Mutex::new(Some(sender));
    let ask = |name: &'static str, bytes: usize| {
        let answers = answers.clone();
        let work = move |db: &Connection| {
            db.execute(
                "INSERT INTO installation (key, value) VALUES (?1, ?2)",
                rusqlite::params![name, "x".repeat(bytes)],
            )
        };
        send(&channel, false, work, move |result| {
            answers.send((name, result)).unwrap();
        })
        .unwrap();
    };
    // All in one batch.
    ask("small", 10);
    ask("large", 1 << 20);
    ask("last", 10);
    drop(lock(&channel).take());
    serve(connection, &Queue::Own(requests), Some(&ballast));
    drop(answers);
    let mut told: Vec<_> = heard.iter().collect();
    told.sort_by_key(|(name, _)| *name);
    let [("large", large), ("last", last), ("small", small)] = &told[..] else {
        panic!("not everybody was answered: {told:?}");
    };
    assert!(large.as_ref().unwrap_err().is_disk_full(), "{large:?}");
    // The others are kept, or hear of a full disk as well, which passes.
    for other in [small, last] {
        if let Err(error) = other {
            assert_eq!(error.class(), StoreClass::Passing, "{error}");
        }
    }
    assert!(!folder.path().join("ballast").exists(), "it is kept");
    let db = Connection::open(&path).unwrap();
    for (name, result) in &told {
        let stored: i64 = db
            .query_row(
                "SELECT count(*) FROM installation WHERE key = ?1",
                [name],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(stored == 1, result.is_ok(), "{name}");
    }
}

#[test]
fn slow_lists_hold_up_no_look_at_a_job_and_are_made_side_by_side() {
    let (_folder, store) = open();
    let row = insert(&store);
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let (began, begun) = std::sync::mpsc::channel();
    let wait = Arc::new(Mutex::new(wait));
    let mut slow = Vec::new();
    // All but one of the threads for lists are kept busy by one that never ends by itself.
    for _ in 1..SCANNERS {
        let (store, wait, began) = (store.clone(), Arc::clone(&wait), began.clone());
        slow.push(runtime.spawn(async move {
            let work = move |db: &Connection| {
                let count: u32 = db.query_row("SELECT count(*) FROM jobs", [], |row| row.get(0))?;
                began.send(()).unwrap();
                let _ = wait.lock().unwrap().recv();
                Ok(count)
            };
            store.scan(work).await.unwrap()
        }));
    }
    for _ in 1..SCANNERS {
        begun.recv().unwrap();
    }
    let id = row.id;
    assert_eq!(
        store.read_blocking(move |db| jobs::owner(db, id)).unwrap(),
        Some(None)
    );
    let list = store.scan(|db| jobs::list(db, &JobQuery::default()));
    assert_eq!(runtime.block_on(list).unwrap(), [row]);
    assert!(slow.iter().all(|list| !list.is_finished()));
    drop(go_on);
    for list in slow {
        assert_eq!(runtime.block_on(list).unwrap(), 1);
    }
    store.close();
    let closed = runtime.block_on(store.scan(jobs::ids));
    assert!(matches!(closed, Err(StoreError::Closed)));
}
