//! Keeps what only `hoiam` makes: the durables of units and gateways, which go when the broker loses its data.

use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::members::make_durables;
use crate::connect::{System, broker};
use crate::data::{DataFolder, NatsCredential};

/// The relay makes the streams first.
const STREAMS: Duration = Duration::from_secs(60);
/// How often it is looked at without a reason.
const LOOK: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(200);

/// Makes the durables as soon as the streams are there.
pub(super) async fn first_time(system: &System) -> anyhow::Result<()> {
    let nats = system.nats("admin").await?;
    let deadline = tokio::time::Instant::now() + STREAMS;
    loop {
        match make_durables(&nats, &system.folder).await {
            Ok(()) => return Ok(()),
            Err(error) if tokio::time::Instant::now() > deadline => {
                return Err(error).context("the relay did not make the streams in time; the log says why");
            }
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

/// Makes them again whenever the broker was started again, and looks now and then.
pub(super) async fn run(
    folder: DataFolder,
    url: String,
    mut starts: watch::Receiver<u64>,
    stop: CancellationToken,
) {
    let work = async {
        let nats = loop {
            let credential = NatsCredential::read(&folder.nats_credential("admin")).map(|c| NatsCredential {
                url: Some(url.clone()),
                ..c
            });
            match async { broker(&credential?).await }.await {
                Ok(nats) => break nats,
                Err(error) => tracing::warn!(
                    error = format!("{error:#}"),
                    "cannot reach the broker as its administrator; trying again"
                ),
            }
            tokio::time::sleep(AGAIN).await;
        };
        loop {
            let pause = match make_durables(&nats, &folder).await {
                Ok(()) => LOOK,
                Err(error) => {
                    tracing::debug!(
                        error = format!("{error:#}"),
                        "the durables of units and gateways cannot be made yet"
                    );
                    AGAIN
                }
            };
            // Both ends lead to another look; an ended watch means that we are being stopped.
            let _ = tokio::time::timeout(pause, starts.changed()).await;
        }
    };
    tokio::select! {
        () = work => {}
        () = stop.cancelled() => {}
    }
}
