//! What a full disk must leave as it is, and how others go on.

use std::time::Duration;

use anyhow::{Result, ensure};
use azulejo_end2end::client::{Answer, Client};
use azulejo_end2end::{Cluster, images};

use crate::disk::Disk;

/// How long anything may take here.
pub const SOON: Duration = Duration::from_secs(60);

/// What the disk holds apart from the job that a test is about.
pub struct Others {
    /// A job whose result must not change, and that result.
    pub kept: (String, Vec<u8>),
    pub small: Vec<u8>,
    pub wanted: images::Pixels,
}

impl Others {
    pub async fn begin(cluster: &Cluster) -> Result<Self> {
        let small = images::png(&images::photo(1024, 1024, 3))?;
        let id = cluster
            .client()
            .submit("kept.png", small.clone(), "invert")
            .await?;
        let result = cluster.client().result(&id).await?;
        let wanted = cluster.apply("sharpen", &small, "png")?;
        Ok(Self {
            kept: (id, result),
            small,
            wanted,
        })
    }

    /// A job that can be deleted to make room: about as much as a small one needs, and its reserve.
    pub async fn victim(&self, cluster: &Cluster) -> Result<String> {
        let file = images::png(&images::photo(3000, 3000, 5))?;
        let id = cluster.client().submit("victim.png", file, "invert").await?;
        cluster.client().result(&id).await?;
        Ok(id)
    }

    /// On a disk that is full to the last byte room is made by deleting a job; then another one runs, without a restart.
    pub async fn must_go_on(&self, cluster: &Cluster, disk: &Disk, victim: &str) -> Result<()> {
        disk.fill(0)?;
        ensure!(disk.free()? == 0, "{} bytes are free", disk.free()?);
        let client = cluster.client();
        must_be_full(&client.process("small.png", self.small.clone(), "sharpen").await?)?;
        let deleted = delete(cluster, victim).await?;
        ensure!(deleted.status == 204, "{deleted:?}");
        ensure!(client.get(&format!("/job/{victim}")).await?.status == 404);
        ensure!(!disk.of_job(victim, "").exists(), "its files are there");
        let id = client.submit("small.png", self.small.clone(), "sharpen").await?;
        let result = images::decode(&client.result(&id).await?)?;
        result.must_equal(&self.wanted, "the job after a full disk")?;
        ensure!(delete(cluster, &id).await?.status == 204);
        self.must_be_whole(&client).await?;
        disk.empty()
    }

    pub async fn must_be_whole(&self, client: &Client) -> Result<()> {
        let (id, result) = &self.kept;
        ensure!(
            client.download(id).await? == *result,
            "the result of another job has changed"
        );
        Ok(())
    }

    /// A job that has ended without a worker: cancelled.
    pub async fn victim_without_workers(&self, cluster: &Cluster, disk: &Disk) -> Result<String> {
        let client = cluster.client();
        let id = client.submit("victim.png", self.small.clone(), "sepia").await?;
        let cancelled = client.post(&format!("/job/{id}/cancel")).await?;
        ensure!(cancelled.status == 200, "{cancelled:?}");
        ensure!(disk.of_job(&id, "original").is_file());
        Ok(id)
    }
}

pub async fn delete(cluster: &Cluster, id: &str) -> Result<Answer> {
    cluster.client().delete(&format!("/job/{id}")).await
}

fn must_be_full(answer: &Answer) -> Result<()> {
    ensure!(
        answer.status == 507 && answer.json["code"] == "disk_full",
        "{answer:?}"
    );
    Ok(())
}
