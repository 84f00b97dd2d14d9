//! What is kept of jobs that have ended, and for how long. The time is an argument: nobody waits for a month.

use crate::rig::{Act, Rig, TestWorker, ended, wait_for};
use azulejo_imaging::{PixelFormat, Size};
use azulejo_protocol::{Job, JobId, JobQuery, JobStatus, Retention, Timestamp};
use azulejo_server::engine::retention::Expired;
use azulejo_server::engine::{Change, Engine};
use time::Duration;

fn keeping(rig: &Rig, retention: Retention) -> Engine {
    rig.engine_with(|config| config.retention = retention)
}

/// A job of one tile that ended in this way. Only what sharpens is rendered.
async fn one(rig: &Rig, engine: &Engine, status: JobStatus) -> Job {
    let (upload, _) = rig.upload(Size::new(64, 64), PixelFormat::GRAY8);
    let recipe = match status {
        JobStatus::Completed => "sharpen",
        JobStatus::Failed => "emboss",
        JobStatus::Cancelled | JobStatus::Processing => "invert",
    };
    let id = engine.submit(upload, recipe).await.unwrap().job_id;
    if status == JobStatus::Cancelled {
        engine.cancel(id).await.unwrap();
    }
    if status == JobStatus::Processing {
        return wait_for(engine, id, |job| job.in_flight > 0).await;
    }
    let job = ended(engine, id).await;
    assert_eq!(job.status, status, "{:?}", job.error);
    job
}

fn worker(rig: &Rig) -> TestWorker {
    TestWorker::start(rig, |task| match task.recipe.as_str() {
        "sharpen" => Act::Render,
        "emboss" => Act::Fail("it cannot be".into()),
        _ => Act::Ignore,
    })
}

fn days(count: i64) -> Timestamp {
    Timestamp::now_utc() + Duration::days(count)
}

async fn there(engine: &Engine) -> Vec<JobId> {
    let mut jobs: Vec<_> = engine
        .jobs(JobQuery::default())
        .await
        .unwrap()
        .iter()
        .map(|job| job.job_id)
        .collect();
    jobs.sort();
    jobs
}

async fn is_gone(rig: &Rig, engine: &Engine, id: JobId) {
    assert_eq!(engine.job(id).await.unwrap_err().code, "job_not_found");
    assert!(
        !rig.jobs_folder().join(id.to_string()).exists(),
        "its files are there"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_goes_at_its_age_and_one_under_way_never() {
    let rig = Rig::new();
    let engine = keeping(
        &rig,
        Retention {
            results_days: Some(30),
            failed_days: Some(7),
            ..Retention::default()
        },
    );
    let _worker = worker(&rig);
    let completed = one(&rig, &engine, JobStatus::Completed).await;
    let failed = one(&rig, &engine, JobStatus::Failed).await;
    let cancelled = one(&rig, &engine, JobStatus::Cancelled).await;
    let under_way = one(&rig, &engine, JobStatus::Processing).await.job_id;

    // It is told when.
    let at = |job: &Job, days| Some(job.completed_at.unwrap() + Duration::days(days));
    assert_eq!(completed.expires_at, at(&completed, 30));
    assert_eq!(failed.expires_at, at(&failed, 7));
    assert_eq!(engine.job(under_way).await.unwrap().expires_at, None);
    for job in engine.jobs(JobQuery::default()).await.unwrap() {
        assert_eq!(job.expires_at, engine.job(job.job_id).await.unwrap().expires_at);
    }
    assert_eq!(engine.health().retention.results_days, Some(30));

    assert_eq!(engine.expire(days(6)).await.unwrap(), Expired::default());
    let mut news = engine.subscribe();
    let expired = engine.expire(days(8)).await.unwrap();
    assert_eq!(
        expired,
        Expired {
            jobs: 2,
            originals: 0
        }
    );
    is_gone(&rig, &engine, failed.job_id).await;
    is_gone(&rig, &engine, cancelled.job_id).await;
    assert_eq!(there(&engine).await, [completed.job_id, under_way]);
    let mut told = Vec::new();
    while told.len() < 2 {
        if let Change::JobGone(id, _) = news.recv().await.unwrap() {
            told.push(id);
        }
    }
    told.sort();
    assert_eq!(told, [failed.job_id, cancelled.job_id]);

    assert_eq!(engine.expire(days(29)).await.unwrap(), Expired::default());
    assert!(engine.result_file(completed.job_id).await.is_ok());
    assert_eq!(engine.expire(days(31)).await.unwrap().jobs, 1);
    is_gone(&rig, &engine, completed.job_id).await;
    engine.expire(days(36_000)).await.unwrap();
    assert_eq!(there(&engine).await, [under_way]);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_original_can_go_before_its_job() {
    let rig = Rig::new();
    let engine = keeping(
        &rig,
        Retention {
            originals_days: Some(2),
            ..Retention::default()
        },
    );
    let _worker = worker(&rig);
    let completed = one(&rig, &engine, JobStatus::Completed).await.job_id;
    let failed = one(&rig, &engine, JobStatus::Failed).await.job_id;
    assert_eq!(engine.expire(days(1)).await.unwrap(), Expired::default());
    assert!(engine.original_file(completed).await.is_ok());
    assert!(!engine.job(completed).await.unwrap().original_gone);
    let mut news = engine.subscribe();
    let expired = engine.expire(days(3)).await.unwrap();
    assert_eq!(
        expired,
        Expired {
            jobs: 0,
            originals: 2
        }
    );
    // It is told, and whoever looks at the jobs hears of it.
    assert!(engine.job(completed).await.unwrap().original_gone);
    let listed = engine.jobs(JobQuery::default()).await.unwrap();
    assert!(listed.iter().all(|job| job.original_gone));
    let mut told = Vec::new();
    while told.len() < 2 {
        if let Change::Job(id) = news.recv().await.unwrap() {
            told.push(id);
        }
    }
    told.sort();
    assert_eq!(told, [completed, failed]);
    let error = engine.original_file(completed).await.unwrap_err();
    assert_eq!((error.status, error.code.as_str()), (410, "original_gone"));
    assert_eq!(engine.retry(failed).await.unwrap_err().status, 410);
    assert!(engine.result_file(completed).await.is_ok());
    // It is not looked for again.
    assert_eq!(engine.expire(days(3)).await.unwrap(), Expired::default());
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_a_number_the_oldest_go_but_not_within_the_grace() {
    let rig = Rig::new();
    let engine = keeping(
        &rig,
        Retention {
            jobs: Some(2),
            grace_minutes: 60,
            ..Retention::default()
        },
    );
    let _worker = worker(&rig);
    let mut jobs = Vec::new();
    for status in [JobStatus::Completed, JobStatus::Failed, JobStatus::Completed] {
        jobs.push(one(&rig, &engine, status).await.job_id);
    }
    let under_way = one(&rig, &engine, JobStatus::Processing).await.job_id;
    let soon = Timestamp::now_utc() + Duration::minutes(59);
    assert_eq!(engine.expire(soon).await.unwrap(), Expired::default());
    let late = Timestamp::now_utc() + Duration::minutes(61);
    assert_eq!(engine.expire(late).await.unwrap().jobs, 1);
    is_gone(&rig, &engine, jobs[0]).await;
    assert_eq!(there(&engine).await, [jobs[1], jobs[2], under_way]);
    assert_eq!(engine.expire(late).await.unwrap(), Expired::default());
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_a_number_of_bytes_the_oldest_go() {
    let rig = Rig::new();
    // Noise does not compress: each job takes up more than twice 256 KiB, and two of them more than 1 MiB.
    let engine = keeping(
        &rig,
        Retention {
            bytes: Some(1 << 20),
            ..Retention::default()
        },
    );
    let _worker = worker(&rig);
    let mut jobs = Vec::new();
    for _ in 0..3 {
        let (upload, _) = rig.upload(Size::new(512, 512), PixelFormat::GRAY8);
        let id = engine.submit(upload, "sharpen").await.unwrap().job_id;
        assert_eq!(ended(&engine, id).await.status, JobStatus::Completed);
        jobs.push(id);
    }
    // Scratch goes a moment after the end.
    let scratch = rig.jobs_folder().join(jobs[2].to_string()).join("result.raw");
    wait_for(&engine, jobs[2], |_| !scratch.exists()).await;
    assert_eq!(engine.expire(Timestamp::now_utc()).await.unwrap().jobs, 2);
    assert_eq!(there(&engine).await, [jobs[2]]);
    assert_eq!(
        engine.expire(Timestamp::now_utc()).await.unwrap(),
        Expired::default()
    );
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_was_cut_off_is_finished_by_the_next_pass_also_after_a_restart() {
    let rig = Rig::new();
    let retention = Retention {
        results_days: Some(1),
        ..Retention::default()
    };
    let engine = keeping(&rig, retention);
    let worker = worker(&rig);
    let id = one(&rig, &engine, JobStatus::Completed).await.job_id;
    engine.shutdown().await;
    drop((engine, worker));
    // What a process leaves behind that was killed after it had moved the files, and before it forgot the row.
    let trash = rig.folder.path().join("data/trash");
    std::fs::create_dir_all(&trash).unwrap();
    let folder = rig.jobs_folder().join(id.to_string());
    std::fs::rename(&folder, trash.join(id.to_string())).unwrap();
    let engine = keeping(&rig, retention);
    assert!(engine.job(id).await.is_ok());
    assert_eq!(engine.expire(days(2)).await.unwrap().jobs, 1);
    is_gone(&rig, &engine, id).await;
    assert_eq!(std::fs::read_dir(&trash).unwrap().count(), 0);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_retried_has_its_time_anew() {
    let rig = Rig::new();
    let engine = keeping(
        &rig,
        Retention {
            failed_days: Some(7),
            ..Retention::default()
        },
    );
    let _worker = worker(&rig);
    let first = one(&rig, &engine, JobStatus::Failed).await;
    let id = first.job_id;
    assert_eq!(engine.retry(id).await.unwrap().expires_at, None);
    let second = ended(&engine, id).await;
    assert!(second.expires_at > first.expires_at);
    let between = first.expires_at.unwrap() + Duration::microseconds(1);
    assert!(between < second.expires_at.unwrap());
    assert_eq!(engine.expire(between).await.unwrap(), Expired::default());
    assert_eq!(engine.expire(second.expires_at.unwrap()).await.unwrap().jobs, 1);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_bounds_jobs_are_kept_for_ever() {
    let rig = Rig::new();
    let engine = rig.engine();
    let _worker = worker(&rig);
    let job = one(&rig, &engine, JobStatus::Completed).await;
    assert_eq!(job.expires_at, None);
    assert_eq!(engine.expire(days(100_000)).await.unwrap(), Expired::default());
    assert_eq!(there(&engine).await, [job.job_id]);
    engine.shutdown().await;
}
