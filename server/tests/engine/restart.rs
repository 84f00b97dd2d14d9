//! The engine after a restart, after damage to its files, and with a broker that goes away or forgets everything.

use std::time::{Duration, Instant};

use crate::rig::{Act, Broker, Rig, TestWorker, assert_result, ended, wait_for};
use azulejo_imaging::{PixelFormat, Size};
use azulejo_protocol::{JobId, JobQuery, JobStatus};
use azulejo_server::engine::Engine;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

/// A job of 25 tiles of which ten are done.
async fn begin(rig: &Rig, engine: &Engine) -> (JobId, azulejo_imaging::Raster) {
    let worker = TestWorker::start(rig, |task| if task.tile < 10 { Act::Render } else { Act::Ignore });
    let (upload, image) = rig.upload(Size::new(300, 300), PixelFormat::RGB8);
    let id = engine.submit(upload, "blur:sigma=2").await.unwrap().job_id;
    wait_for(engine, id, |job| job.progress.completed == 10).await;
    drop(worker);
    (id, image)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_engine_goes_on_where_it_was() {
    let rig = Rig::new();
    let engine = rig.engine();
    let (id, image) = begin(&rig, &engine).await;
    let told = engine.job(id).await.unwrap().revision;
    let listed = engine.jobs(JobQuery::default()).await.unwrap()[0].revision;
    assert!(listed > told, "{listed} after {told}");
    engine.shutdown().await;
    drop(engine);
    let engine = rig.engine();
    let job = engine.job(id).await.unwrap();
    assert_eq!((job.status, job.progress.completed), (JobStatus::Processing, 10));
    assert!(job.revision > listed, "what a restarted server tells is newer");
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    assert_result(&engine, id, &image, "blur:sigma=2").await;
    assert!(engine.job(id).await.unwrap().revision > job.revision);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pixels_that_a_power_cut_lost_are_rendered_again() {
    let rig = Rig::new();
    let engine = rig.engine();
    let (id, image) = begin(&rig, &engine).await;
    engine.shutdown().await;
    drop(engine);
    let folder = rig.jobs_folder().join(id.to_string());
    // The beginning reads as zeros, the end is cut off, and so are the decoded pixels.
    let tiles = folder.join("result.raw");
    let mut bytes = std::fs::read(&tiles).unwrap();
    bytes[..5000].fill(0);
    bytes.truncate(bytes.len() - 5000);
    std::fs::write(&tiles, &bytes).unwrap();
    let source = std::fs::OpenOptions::new()
        .write(true)
        .open(folder.join("source.raw"))
        .unwrap();
    source.set_len(1000).unwrap();
    for part in ["result.part", "result.7.part"] {
        std::fs::write(folder.join(part), "half a file").unwrap();
    }
    let engine = rig.engine();
    for part in ["result.part", "result.7.part"] {
        assert!(!folder.join(part).exists(), "{part}");
    }
    wait_for(&engine, id, |job| job.progress.completed < 10).await;
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    assert_result(&engine, id, &image, "blur:sigma=2").await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_upload_is_gone_fails_with_the_reason_and_strange_folders_are_kept() {
    let rig = Rig::new();
    let engine = rig.engine();
    let (id, _) = begin(&rig, &engine).await;
    engine.shutdown().await;
    drop(engine);
    let folder = rig.jobs_folder().join(id.to_string());
    std::fs::remove_file(folder.join("original")).unwrap();
    std::fs::remove_file(folder.join("source.raw")).unwrap();
    let stray = rig.jobs_folder().join(uuid::Uuid::now_v7().to_string());
    std::fs::create_dir(&stray).unwrap();
    std::fs::write(stray.join("original"), "x").unwrap();
    let engine = rig.engine();
    let job = ended(&engine, id).await;
    assert_eq!(job.status, JobStatus::Failed);
    assert!(job.error.unwrap().contains("submit the image again"));
    assert!(engine.retry(id).await.is_err_and(|error| error.status == 410));
    // The database may be the one that is wrong, so nothing is deleted.
    assert!(!stray.exists());
    let orphan = rig
        .folder
        .path()
        .join("data/orphans")
        .join(stray.file_name().unwrap());
    assert!(orphan.join("original").is_file());
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_engine_on_the_same_folder_is_refused() {
    let rig = Rig::new();
    let engine = rig.engine();
    let config = azulejo_server::engine::EngineConfig {
        kafka: rig.kafka(),
        topics: azulejo_protocol::Topics::default(),
        topic_settings: azulejo_transport::TopicSettings::default(),
        server_id: None,
        data_dir: rig.folder.path().join("data"),
        limits: engine.health().limits,
        tile_timeout: Duration::from_secs(2),
        max_attempts: 3,
        reuse: azulejo_server::engine::reuse::Reuse::default(),
        quotas: azulejo_server::engine::quotas::Quotas::default(),
        retention: azulejo_protocol::Retention::default(),
    };
    let error = Engine::start(config).unwrap_err().to_string();
    assert!(error.contains("another server uses"), "{error}");
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_waits_for_the_broker_and_survives_that_it_forgets_everything() {
    let rig = Rig::new();
    let address = rig.broker.address();
    let engine = rig.engine();
    let (id, image) = begin(&rig, &engine).await;
    let Rig { broker, folder } = rig;
    drop(broker);
    // Uploads are accepted while the broker is away.
    tokio::time::timeout(Duration::from_secs(20), async {
        while engine.health().kafka_connected {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("the engine notices that the broker is away");
    assert_eq!(engine.health().status, "degraded");
    // It comes back with an empty log: positions, topics and outstanding tiles are gone.
    let broker = Broker::start(folder.path().join("kafka-2"), address);
    let rig = Rig { broker, folder };
    let (upload, second) = rig.upload(Size::new(130, 130), PixelFormat::GRAY8);
    let other = engine.submit(upload, "sharpen").await.unwrap().job_id;
    wait_for(&engine, id, |_| engine.health().kafka_connected).await;
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    assert_result(&engine, id, &image, "blur:sigma=2").await;
    assert_result(&engine, other, &second, "sharpen").await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_the_results_get_meanwhile_is_read() {
    let rig = Rig::new();
    let engine = rig.engine();
    let (id, image) = begin(&rig, &engine).await;
    let topic = engine.results_topic().to_owned();
    let admin: AdminClient<DefaultClientContext> = rig.kafka().client("test").create().unwrap();
    let grown = admin
        .create_partitions(&[NewPartitions::new(&topic, 6)], &AdminOptions::new())
        .await
        .unwrap();
    assert!(grown.iter().all(Result::is_ok), "{grown:?}");
    // Nothing says that a record was read like one that is refused.
    let producer: BaseProducer = rig.kafka().producer("test").create().unwrap();
    let record = BaseRecord::<str, str>::to(&topic).payload("strange").partition(5);
    assert!(producer.send(record).is_ok());
    producer.flush(Duration::from_secs(10)).unwrap();
    let begun = Instant::now();
    while rig
        .records(&azulejo_protocol::Topics::default().dead_letters, 1)
        .is_empty()
    {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is not read");
    }
    let _worker = TestWorker::start(&rig, |_| Act::Render);
    assert_result(&engine, id, &image, "blur:sigma=2").await;
    engine.shutdown().await;
}
