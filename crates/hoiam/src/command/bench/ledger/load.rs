//! Appends as the bench sends them: one event of 600 bytes a request, each to a new stream that must not exist yet.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use contracts::grpc::ledger as wire;
use futures::StreamExt;
use ledger::envelope;
use ledger::event::StoredEvent;
use ledger::merkle::{Frontier, leaf_hash};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::closed_loop::{self, Measured, Span};
use super::subject::{Client, LOAD, Subject};

/// Bytes of an event's data.
pub(super) const BYTES: usize = 600;
/// Requests under way on the one stream of the streaming append.
const WINDOW: usize = 4_096;

/// A request with one event in a category.
pub(super) fn request(category: &str) -> wire::AppendRequest {
    let id = Uuid::new_v4();
    let stream = bytes::Bytes::copy_from_slice(id.as_bytes());
    let event = wire::NewEvent {
        r#type: format!("{category}.measured.v1"),
        occurred_at: 1_767_225_600_000_000, // 2026-01-01
        actor: "service:bench".to_owned(),
        data: format!("{{\"filler\":\"{}\"}}", "x".repeat(BYTES - 13)).into(),
        sealed: None,
    };
    wire::AppendRequest {
        request_id: bytes::Bytes::copy_from_slice(Uuid::new_v4().as_bytes()),
        origin: Some(wire::append_request::Origin::Reaction(wire::Reaction {
            consumer: "bench".to_owned(),
        })),
        case_id: Some(stream.clone()),
        streams: vec![wire::StreamAppend {
            category: category.to_owned(),
            stream_id: stream,
            expected: Some(wire::stream_append::Expected::None(true)),
            events: vec![event],
        }],
        ..wire::AppendRequest::default()
    }
}

/// Unary appends by so many clients.
pub(super) async fn append(subject: &Subject, clients: usize, span: Span) -> anyhow::Result<Measured> {
    let mut connections = Vec::new();
    for _ in 0..closed_loop::connections(clients) {
        connections.push(subject.client().await?);
    }
    let clients = (0..clients).map(|n| {
        let client = connections[n % connections.len()].clone();
        move || {
            let mut client = client.clone();
            async move { client.append(request(LOAD)).await.map(drop) }
        }
    });
    Ok(closed_loop::run(clients.collect(), span).await?)
}

/// One pipeline, kept full; counts what is acknowledged until `count` more are, after as many again for warming up as a tenth of it.
pub(super) async fn stream(mut client: Client, count: usize) -> anyhow::Result<(usize, f64)> {
    let warm_up = count / 10;
    let (room, permits) = tokio::sync::mpsc::channel::<()>(WINDOW);
    for _ in 0..WINDOW {
        room.send(()).await?;
    }
    let requests = futures::stream::unfold(permits, |mut permits| async move {
        permits.recv().await.map(|()| (request(LOAD), permits))
    });
    let mut answers = client
        .append_stream(requests.take(warm_up + count))
        .await?
        .into_inner();
    let mut from = None;
    for answered in 0..warm_up + count {
        if answered == warm_up {
            from = Some(Instant::now());
        }
        let answer = answers.next().await.context("the ledger ended the pipeline")??;
        match answer.result {
            Some(wire::append_result::Result::Appended(_)) => {}
            Some(wire::append_result::Result::Refused(refusal)) => {
                bail!("an append was refused: {}", refusal.message)
            }
            None => bail!("an answer is empty"),
        }
        // After the last request nobody takes permits any more.
        let _ = room.try_send(());
    }
    Ok((count, from.map_or(0.0, |from| from.elapsed().as_secs_f64())))
}

/// What reading came to.
pub(super) struct ReadAll {
    pub(super) count: usize,
    pub(super) seconds: f64,
}

/// Reads up to so many events from the first on, over one connection.
pub(super) async fn read_all(client: &mut Client, limit: u64) -> anyhow::Result<ReadAll> {
    let mut events = client.read_all(range(limit)).await?.into_inner();
    let first = events.message().await?.context("there is nothing to read")?;
    let from = Instant::now();
    let mut last = first.position;
    while let Some(event) = events.message().await? {
        if event.position != last + 1 {
            bail!("the ledger skipped from {last} to {}", event.position);
        }
        last = event.position;
    }
    Ok(ReadAll {
        count: usize::try_from(last - first.position)?,
        seconds: from.elapsed().as_secs_f64(),
    })
}

/// The same, and hashes every event's data and leaf, grows the tree, and compares its root with the ledger's.
pub(super) async fn verify(client: &mut Client) -> anyhow::Result<ReadAll> {
    let head = client.head(wire::HeadRequest { at_least: 0 }).await?.into_inner();
    let from = Instant::now();
    let mut events = client.read_all(range(head.position)).await?.into_inner();
    let mut tree = Frontier::default();
    while let Some(event) = events.message().await? {
        let event = stored(event)?;
        let hash = Sha256::new()
            .chain_update(&event.salt)
            .chain_update(&event.data)
            .finalize();
        if event.position != tree.size() + 1 || hash[..] != event.data_hash[..] {
            bail!("the event at {} is not what was committed", event.position);
        }
        tree.push(leaf_hash(&envelope::leaf(&event)));
    }
    if tree.root()[..] != head.merkle_root[..] {
        bail!("the events do not come to the ledger's root");
    }
    Ok(ReadAll {
        count: usize::try_from(head.position)?,
        seconds: from.elapsed().as_secs_f64(),
    })
}

fn range(limit: u64) -> wire::ReadAllRequest {
    wire::ReadAllRequest {
        from: 1,
        limit,
        ..wire::ReadAllRequest::default()
    }
}

/// What the leaf is made of.
fn stored(event: wire::Event) -> anyhow::Result<StoredEvent> {
    let id = |bytes: &[u8]| Uuid::from_slice(bytes).context("an id is not 16 bytes");
    let (name, revision) = event.r#type.rsplit_once(".v").context("a type has no version")?;
    Ok(StoredEvent {
        position: event.position,
        id: id(&event.id)?,
        category: event.category,
        stream_id: id(&event.stream_id)?,
        version: event.version,
        case_id: event.case_id.as_deref().map(id).transpose()?,
        name: name.to_owned(),
        revision: revision.parse()?,
        occurred_at: event.occurred_at,
        recorded_at: event.recorded_at,
        actor: event.actor,
        correlation: event.correlation,
        causation: event.causation.as_deref().map(id).transpose()?,
        traceparent: event.traceparent,
        request_id: id(&event.request_id)?,
        data: event.data.into(),
        salt: event.salt.into(),
        data_hash: event.data_hash.into(),
        sealed_hash: event.sealed_hash.into(),
        leaf: Vec::new(),
    })
}

/// Appends at a pace, whatever is still under way, for so long.
pub(super) async fn paced(
    client: &Client,
    category: &'static str,
    per_second: f64,
    span: Duration,
) -> anyhow::Result<usize> {
    let began = Instant::now();
    let mut under_way = tokio::task::JoinSet::new();
    let mut beat = tokio::time::interval(Duration::from_millis(1));
    let mut sent = 0;
    while began.elapsed() < span {
        beat.tick().await;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of requests, far below 2^53"
        )]
        let due = (began.elapsed().as_secs_f64() * per_second) as usize;
        while sent < due {
            let mut client = client.clone();
            under_way.spawn(async move { client.append(request(category)).await.map(drop) });
            sent += 1;
        }
        while let Some(done) = under_way.try_join_next() {
            done??;
        }
    }
    while let Some(done) = under_way.join_next().await {
        done??;
    }
    Ok(sent)
}
