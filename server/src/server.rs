//! The whole server: a listener, intake, the engine and the routes, from start to end. The program and the tests start
//! it the same way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use azulejo_app::base::BasePath;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::config::Config;
use crate::config::listening::Listening;
use crate::engine::problems::{Aspect, Problems};
use crate::engine::{Engine, EngineConfig};
use crate::http::limits::headers::HeaderLimits;
use crate::http::serve::tls::Tls;
use crate::http::{self, HttpConfig};
use crate::intake::{Intake, IntakeConfig};

/// How often uploads that nobody uses are looked for.
const SWEEP: Duration = Duration::from_secs(60);

/// A server that listens. [`Server::run`] answers.
pub struct Server {
    address: SocketAddr,
    base: BasePath,
    engine: Engine,
    listener: TcpListener,
    listening: Listening,
    tls: Option<Arc<Tls>>,
    router: Router,
    shutdown: CancellationToken,
}

impl Server {
    /// Takes the address and the data folder, and starts the engine, which goes on with unfinished jobs. Kafka need not
    /// be there. Cancelling `shutdown` ends the server.
    ///
    /// # Errors
    /// The address is taken, the certificate cannot be used, or the data folder cannot.
    pub async fn start(config: Config, shutdown: CancellationToken) -> anyhow::Result<Self> {
        if !config.site_root.join("pkg").is_dir() {
            tracing::warn!(
                "the built site is missing from {} (--site-root, AZULEJO_SITE): pages come without style and script; \
                 `cargo xtask build` makes it",
                config.site_root.display()
            );
        }
        let tls = config.tls.map(Tls::open).transpose()?;
        let listener = TcpListener::bind(config.listen).await.with_context(|| {
            format!(
                "cannot listen on {} (--listen, AZULEJO_LISTEN, MASTER_PORT)",
                config.listen
            )
        })?;
        let address = listener.local_addr()?;
        // The engine locks the data folder, so intake cannot clean up under another server.
        let engine = Engine::start(EngineConfig {
            kafka: config.kafka,
            topics: config.topics,
            topic_settings: config.topic_settings,
            server_id: config.server_id,
            data_dir: config.data_dir.clone(),
            limits: config.limits,
            tile_timeout: config.tile_timeout,
            max_attempts: config.max_attempts,
            reuse: config.reuse,
            quotas: config.quotas,
            retention: config.retention,
        })?;
        let mut uploads = IntakeConfig::new(config.data_dir.join("uploads"), config.limits);
        uploads.resumable.age = config.upload_expiry;
        uploads.idle_timeout = config.listening.upload_window;
        let intake = Intake::open(uploads)?;
        intake.expire();
        let access = Access::open(&config.data_dir, &config.access)?;
        tokio::spawn(save_uses(access.clone(), shutdown.clone()));
        let http = HttpConfig {
            address,
            access: access.clone(),
            proxy: config.proxy.clone(),
            site_root: config.site_root,
            rates: config.rates,
            headers: HeaderLimits {
                bytes: config.listening.header_bytes,
                count: config.listening.headers,
            },
        };
        let router = http::router(engine.clone(), intake.clone(), http, shutdown.clone());
        tokio::spawn(sweep(intake, shutdown.clone()));
        tokio::spawn(engine.clone().expire_until(shutdown.clone()));
        tokio::spawn(forget_keys(engine.clone(), shutdown.clone()));
        if let Some(tls) = &tls {
            tokio::spawn(renew(
                Arc::clone(tls),
                engine.problems().clone(),
                shutdown.clone(),
            ));
        }
        Ok(Self {
            address,
            base: config.proxy.base,
            engine,
            listener,
            listening: config.listening,
            tls,
            router,
            shutdown,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it is, as browsers and scripts spell it.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{}", self.address, self.base)
    }

    /// The engine behind it.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Answers until `shutdown` is cancelled, then ends in order: the listener closes, live streams end, requests under
    /// way finish, the engine puts down what it holds.
    ///
    /// # Errors
    /// The engine cannot go on in this process.
    pub async fn run(self) -> anyhow::Result<()> {
        let mut serving = std::pin::pin!(http::serve::serve(
            self.listener,
            self.router,
            self.listening,
            self.tls,
            self.shutdown.clone()
        ));
        let result = tokio::select! {
            () = &mut serving => Ok(()),
            reason = self.engine.lost() => {
                tracing::error!(reason, "ending");
                self.shutdown.cancel();
                serving.await;
                Err(anyhow::Error::msg(reason))
            }
        };
        self.shutdown.cancel();
        self.engine.shutdown().await;
        result
    }
}

async fn forget_keys(engine: Engine, shutdown: CancellationToken) {
    while tokio::time::timeout(SWEEP, shutdown.cancelled()).await.is_err() {
        engine.forget_keys().await;
    }
}

/// Writes down now and then when keys were used last.
async fn save_uses(access: Access, shutdown: CancellationToken) {
    while tokio::time::timeout(SWEEP, shutdown.cancelled()).await.is_err() {
        access.save();
    }
    access.save();
    access.flush().await;
}

/// Takes up certificates that change. One that cannot be used is a problem that `/health` and the pages tell.
async fn renew(tls: Arc<Tls>, problems: Problems, shutdown: CancellationToken) {
    const SUBJECT: &str = "the certificate";
    let tell = |problem: Option<&str>| match problem {
        Some(sentence) => problems.set(SUBJECT, Aspect::Certificate, sentence),
        None => problems.clear(SUBJECT, Aspect::Certificate),
    };
    tokio::select! {
        () = tls.renew(tell) => {}
        () = shutdown.cancelled() => {}
    }
}

async fn sweep(intake: Intake, shutdown: CancellationToken) {
    while tokio::time::timeout(SWEEP, shutdown.cancelled()).await.is_err() {
        intake.expire();
    }
}
