//! Tiles that were given up, over the server's REST API.

use azulejo_protocol::dead::{DeadTile, Replayed};
use azulejo_protocol::report::MAX_REPORT_BYTES;
use azulejo_protocol::{Job, JobId};
use futures::StreamExt as _;
use reqwest::Url;

use anyhow::{Context as _, anyhow, bail};

use super::{Client, JOB_PATIENCE, PATIENCE};

impl Client {
    /// Dead tiles that `query` means.
    ///
    /// # Errors
    /// When the server cannot be reached or does not understand the query.
    pub async fn dead_tiles(&self, query: &[(&str, String)]) -> anyhow::Result<Vec<DeadTile>> {
        let url = self.with_query("/dead-tiles", query)?;
        self.json(self.http.get(url).timeout(PATIENCE)).await
    }

    /// Gives a dead tile of a job, or all of them, their attempts anew.
    ///
    /// # Errors
    /// When the server cannot be reached, or the job cannot go on.
    pub async fn replay(&self, id: JobId, tile: Option<u32>) -> anyhow::Result<Job> {
        let path = tile.map_or_else(
            || format!("/job/{id}/replay"),
            |tile| format!("/job/{id}/tile/{tile}/replay"),
        );
        self.json(self.http.post(self.url(&path)).timeout(JOB_PATIENCE))
            .await
    }

    /// Gives all dead tiles of the jobs that `query` means their attempts anew, of some jobs at a time.
    ///
    /// # Errors
    /// When the server cannot be reached or does not understand the query.
    pub async fn replay_all(&self, query: &[(&str, String)]) -> anyhow::Result<Replayed> {
        let url = self.with_query("/dead-tiles/replay", query)?;
        self.json(self.http.post(url).timeout(JOB_PATIENCE)).await
    }

    /// The report of a tile.
    ///
    /// # Errors
    /// When the server cannot be reached, does not know the tile or has its pixels no more, or sends more than a report can be.
    pub async fn tile_report(&self, id: JobId, tile: u32) -> anyhow::Result<Vec<u8>> {
        let url = self.url(&format!("/job/{id}/tile/{tile}/report"));
        let mut stream = self.send(self.http.get(url)).await?.bytes_stream();
        let mut report = Vec::new();
        while let Some(chunk) = stream.next().await {
            report.extend_from_slice(&chunk.map_err(|error| anyhow!(error.without_url()))?);
            if report.len() > MAX_REPORT_BYTES {
                bail!("the server sends more than a report of a tile can be");
            }
        }
        Ok(report)
    }

    fn with_query(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Url> {
        let mut url = Url::parse(&self.url(path)).context("the server's address")?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }
}
