//! UmaDB through its own client.

use std::time::Instant;

use anyhow::Context;
use umadb_client::UmaDbClient;
use umadb_dcb::{DcbAppendCondition, DcbEvent, DcbEventStoreAsync, DcbQuery, DcbQueryItem};
use uuid::Uuid;

use crate::Load;
use crate::closed_loop::{self, Measured};

pub(crate) async fn append(url: String, load: Load) -> anyhow::Result<Measured> {
    let mut connections = Vec::new();
    for _ in 0..closed_loop::connections(load.clients) {
        connections.push(std::sync::Arc::new(
            UmaDbClient::new(url.clone()).connect_async().await?,
        ));
    }
    let data = load.data().into_bytes();
    let clients = (0..load.clients).map(|n| {
        let client = std::sync::Arc::clone(&connections[n % connections.len()]);
        let data = data.clone();
        move || {
            let client = std::sync::Arc::clone(&client);
            let tag = Uuid::new_v4().to_string();
            let event = DcbEvent::default()
                .event_type("routing.measured.v1")
                .tags([tag.as_str()])
                .data(data.clone())
                .uuid(Uuid::new_v4());
            let absent = DcbAppendCondition {
                fail_if_events_match: DcbQuery::new().item(DcbQueryItem::new().tags([tag.as_str()])),
                after: None,
            };
            async move { client.append(vec![event], Some(absent), None).await.map(drop) }
        }
    });
    Ok(closed_loop::run(clients.collect(), load.span()).await?)
}

pub(crate) async fn read_all(url: String) -> anyhow::Result<Measured> {
    let client = UmaDbClient::new(url).connect_async().await?;
    let mut events = client.read(None, None, false, None).await?;
    let mut count = events.next_batch().await?.len();
    anyhow::ensure!(count > 0, "there is nothing to read");
    let from = Instant::now();
    let first = count;
    loop {
        let batch = events.next_batch().await.context("UmaDB stopped in the middle")?;
        if batch.is_empty() {
            break;
        }
        count += batch.len();
    }
    Ok(Measured {
        count: count - first,
        seconds: from.elapsed().as_secs_f64(),
        p50_us: 0,
        p99_us: 0,
    })
}
