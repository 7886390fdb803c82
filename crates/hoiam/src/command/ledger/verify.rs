//! `hoiam ledger verify`: recomputes the Merkle tree over everything on record, and finds what was changed.

use std::path::Path;

use anyhow::{Context, bail};
use chassis::ledger::{Filter, Range};
use contracts::Recorded;
use contracts::subjects::{self, headers};
use futures::StreamExt;
use kernel::Position;
use ledger::event::StoredEvent;
use ledger::merkle::{Frontier, Hash, leaf_hash};
use sha2::{Digest, Sha256};

use crate::connect::System;
use crate::output;

#[derive(clap::Args)]
#[command(after_help = "Example:\n  hoiam ledger verify")]
pub(crate) struct Arguments {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let system = System::of(data)?;
    let ledger = system.ledger().await?;
    let head = ledger.head(Position(0)).await?;
    let range = Range {
        from: Position(1),
        to: Some(Position(head.position)),
        limit: None,
    };
    let mut events = std::pin::pin!(ledger.read_all_wire(range, Filter::default()));
    let mut frontier = Frontier::default();
    let mut leaves = Vec::new();
    while let (true, Some(event)) = (head.position > 0, events.next().await) {
        let event = event?;
        let position = event.position;
        if position != frontier.size() + 1 {
            bail!(
                "position {} is missing: the next event on record is {position}",
                frontier.size() + 1
            );
        }
        if !event.data.is_empty()
            && Sha256::new()
                .chain_update(&event.salt)
                .chain_update(&event.data)
                .finalize()[..]
                != event.data_hash[..]
        {
            bail!("position {position}: its data is not what was committed (its hash differs)");
        }
        let (data_hash, sealed_hash) = (event.data_hash.to_vec(), event.sealed_hash.to_vec());
        let leaf = leaf(&Recorded::try_from(event)?, data_hash, sealed_hash);
        leaves.push(leaf);
        frontier.push(leaf);
    }
    if frontier.size() != head.position {
        bail!(
            "{} events are on record, but the ledger's head is {}",
            frontier.size(),
            head.position
        );
    }
    let root = frontier.root();
    if root[..] != head.merkle_root[..] {
        bail!(
            "the record was changed after it was committed: its tree has the root {}, the root that grew with it is {}; {}",
            hex::encode(root),
            hex::encode(&head.merkle_root),
            where_changed(&system, &leaves)
                .await
                .unwrap_or_else(|e| format!("where, the stream cannot tell ({e:#})"))
        );
    }
    if arguments.json {
        return output::json(&serde_json::json!({ "positions": head.position, "root": hex::encode(root) }));
    }
    output::line(format!(
        "All {} events fit the Merkle root {}.",
        head.position,
        hex::encode(root)
    ))
}

/// Compares with the copy that went to the stream when the events were committed.
async fn where_changed(system: &System, leaves: &[Hash]) -> anyhow::Result<String> {
    let nats = system.nats("admin").await?;
    let stream = nats
        .jetstream()
        .get_stream(subjects::EVENTS)
        .await
        .context("the stream cannot be read")?;
    let first = stream.cached_info().state.first_sequence;
    let mut changed = Vec::new();
    for (position, leaf) in (1_u64..)
        .zip(leaves)
        .skip_while(|(position, _)| *position < first)
    {
        let message = stream
            .get_raw_message(position)
            .await
            .context("the stream cannot be read")?;
        let hash = |name: &str| {
            hex::decode(message.headers.get(name).map_or("", |v| v.as_str())).unwrap_or_default()
        };
        let event = chassis::nats::from_headers(&message.headers, &message.payload)?;
        if self::leaf(&event, hash(headers::DATA_HASH), hash(headers::SEALED_HASH)) != *leaf {
            changed.push(position.to_string());
        }
    }
    Ok(if changed.is_empty() {
        "the stream's copy is the same, so it was changed before it was relayed, or the root itself was"
            .to_owned()
    } else {
        format!("the stream's copy differs at position {}", changed.join(", "))
    })
}

fn leaf(event: &Recorded, data_hash: Vec<u8>, sealed_hash: Vec<u8>) -> Hash {
    let (name, revision) = event.kind.rsplit_once(".v").unwrap_or((&event.kind, "0"));
    leaf_hash(&ledger::envelope::leaf(&StoredEvent {
        position: event.position.0,
        id: event.id.0,
        category: event.stream.category.clone(),
        stream_id: event.stream.id,
        version: event.version,
        case_id: event.case.map(|c| c.0),
        name: name.to_owned(),
        revision: revision.parse().unwrap_or_default(),
        occurred_at: event.occurred_at.0,
        recorded_at: event.recorded_at.0,
        actor: event.actor.to_string(),
        correlation: event.correlation.clone(),
        causation: event.causation.map(|c| c.0),
        traceparent: event.traceparent.clone(),
        request_id: event.request.0,
        data: Vec::new(),
        salt: Vec::new(),
        data_hash,
        sealed_hash,
        leaf: Vec::new(),
    }))
}
