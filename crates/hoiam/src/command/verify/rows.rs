//! The ledger's rows against the log's entries, and what no checkpoint covers yet against the ledger's own root.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use chassis::ledger::{Filter, LedgerClient, Range};
use contracts::grpc::ledger::Event;
use futures::{Stream, StreamExt};
use kernel::{CaseId, Position};
use ledger::log::checkpoint::Checkpoint;
use ledger::log::tile::{self, Kind, Tile, WIDTH};
use ledger::log::verify::{Change, Finding, differences, leaf_of};
use ledger::merkle::proof::{Node, inclusion, root_by_inclusion};
use ledger::merkle::{Frontier, Hash, join, leaf_hash};
use sha2::{Digest, Sha256};

use super::Verdict;
use super::source::Source;

/// One bundle of entries at a time, as the rows reach it.
struct Entries<'a> {
    source: &'a Source,
    size: u64,
    bundle: Option<(Tile, Vec<Vec<u8>>)>,
}

impl<'a> Entries<'a> {
    fn new(source: &'a Source, size: u64) -> Self {
        Self {
            source,
            size,
            bundle: None,
        }
    }

    /// The entry of a position that the checkpoint covers; `None` when its bundle cannot be read.
    async fn at(&mut self, position: u64) -> anyhow::Result<Option<&[u8]>> {
        let index = position - 1;
        let Some(tile) = Tile::of(Kind::Entries, index / WIDTH, self.size) else {
            return Ok(None);
        };
        if self.bundle.as_ref().is_none_or(|(held, _)| *held != tile) {
            let bytes = self.source.tile(tile).await?.unwrap_or_default();
            let entries = tile::entries(&bytes, tile.width).unwrap_or_default();
            self.bundle = Some((tile, entries.into_iter().map(<[u8]>::to_vec).collect()));
        }
        let entries = self.bundle.as_ref().map(|(_, entries)| entries);
        Ok(entries
            .and_then(|entries| entries.get((index % WIDTH) as usize))
            .map(Vec::as_slice))
    }
}

/// Every row on record, in order. Gives how many were checked.
pub(super) async fn all(
    source: &Source,
    checkpoint: &Checkpoint,
    mut frontier: Frontier,
    ledger: &LedgerClient,
    verdict: &mut Verdict,
) -> anyhow::Result<u64> {
    let head = ledger.head(Position(0)).await?;
    let mut next = 1;
    if head.position > 0 {
        let range = Range {
            from: Position(1),
            to: Some(Position(head.position)),
            limit: None,
        };
        let mut entries = Entries::new(source, checkpoint.size);
        let mut rows = std::pin::pin!(ledger.read_all_wire(range, Filter::default()));
        while let Some(row) = next_row(&mut rows, next, verdict).await? {
            missing(next, row.position, verdict)?;
            next = row.position + 1;
            let leaf = compare(&row, checkpoint.size, &mut entries, verdict).await?;
            if row.position > checkpoint.size
                && let Some(leaf) = leaf
            {
                frontier.push(leaf_hash(&leaf));
            }
        }
    }
    let end = head.position.max(checkpoint.size);
    missing(next, end + 1, verdict)?;
    if frontier.size() == head.position && frontier.root()[..] != head.merkle_root[..] {
        let says = format!(
            "the rows after position {} do not lead to the root that grew with them, {}",
            checkpoint.size,
            hex::encode(&head.merkle_root)
        );
        verdict.found(&[Finding::whole(Change::Root, says)])?;
    }
    Ok(end)
}

/// A row that cannot be read is a finding too: the ledger refuses to give what is damaged.
async fn next_row(
    rows: &mut (impl Stream<Item = Result<Event, chassis::ledger::LedgerError>> + Unpin),
    next: u64,
    verdict: &mut Verdict,
) -> anyhow::Result<Option<Event>> {
    match rows.next().await.transpose() {
        Ok(row) => Ok(row),
        Err(error) if error.is_transient() => Err(error.into()),
        Err(error) => {
            let says = format!("the ledger cannot give this row: {error}");
            verdict.found(&[Finding::at(next, Change::Row, says)])?;
            Ok(None)
        }
    }
}

fn missing(expected: u64, found: u64, verdict: &mut Verdict) -> anyhow::Result<()> {
    for position in expected..found {
        let says = "no row is there; the log has one".to_owned();
        verdict.found(&[Finding::at(position, Change::RowMissing, says)])?;
    }
    Ok(())
}

/// One row against its entry and its data's hash; gives its leaf.
async fn compare(
    row: &Event,
    covered: u64,
    entries: &mut Entries<'_>,
    verdict: &mut Verdict,
) -> anyhow::Result<Option<Vec<u8>>> {
    let position = row.position;
    let data = || {
        Sha256::new()
            .chain_update(&row.salt)
            .chain_update(&row.data)
            .finalize()
    };
    if !row.data.is_empty() && data()[..] != row.data_hash[..] {
        let says = "its data is not what was committed: the hash differs";
        verdict.found(&[Finding::at(position, Change::Data, says)])?;
    }
    let Some(leaf) = leaf_of(row) else {
        verdict.found(&[Finding::at(
            position,
            Change::Row,
            "an id or the type of this row is none",
        )])?;
        return Ok(None);
    };
    if position <= covered {
        match entries.at(position).await? {
            Some(entry) if entry == leaf => {}
            Some(entry) => {
                let says = format!("the row was changed: {}", differences(entry, &leaf));
                verdict.found(&[Finding::at(position, Change::Row, says)])?;
            }
            None => {
                let says = "the log's entry cannot be read";
                verdict.found(&[Finding::at(position, Change::Missing, says)])?;
            }
        }
    }
    Ok(Some(leaf))
}

/// The rows of one case, each with its own proof of inclusion. Gives how many the checkpoint covers.
pub(super) async fn of_case(
    source: &Source,
    checkpoint: &Checkpoint,
    ledger: &LedgerClient,
    case: CaseId,
    verdict: &mut Verdict,
) -> anyhow::Result<u64> {
    let filter = Filter {
        case_id: Some(case.to_vec().into()),
        ..Filter::default()
    };
    let mut entries = Entries::new(source, checkpoint.size);
    let mut tiles = HashMap::new();
    let mut rows = std::pin::pin!(ledger.read_all_wire(Range::default(), filter));
    let mut covered = 0;
    while let Some(row) = next_row(&mut rows, covered + 1, verdict).await? {
        compare(&row, checkpoint.size, &mut entries, verdict).await?;
        if row.position > checkpoint.size {
            continue;
        }
        covered += 1;
        let Some(entry) = entries.at(row.position).await? else {
            continue;
        };
        let (index, size) = (row.position - 1, checkpoint.size);
        let mut path = Vec::new();
        for part in inclusion(index, size) {
            let mut hashes = Vec::new();
            for node in part {
                hashes.extend(node_of(source, node, size, &mut tiles).await?);
            }
            path.push(join(&hashes));
        }
        if root_by_inclusion(leaf_hash(entry), index, size, &path) != Some(checkpoint.root) {
            let says = "the log's entry is not in the tree that was signed: entry or tiles were changed";
            verdict.found(&[Finding::at(row.position, Change::Entry, says)])?;
        }
    }
    Ok(covered)
}

async fn node_of(
    source: &Source,
    node: Node,
    size: u64,
    held: &mut HashMap<Tile, Vec<Hash>>,
) -> anyhow::Result<Option<Hash>> {
    let (kind, index, _) = tile::place(node);
    let Some(tile) = Tile::of(kind, index, size) else {
        return Ok(None);
    };
    let hashes = match held.entry(tile) {
        Entry::Occupied(held) => held.into_mut(),
        Entry::Vacant(place) => {
            let bytes = source.tile(tile).await?.unwrap_or_default();
            place.insert(tile::hashes(&bytes, tile.width).unwrap_or_default())
        }
    };
    Ok(tile::node_in(node, hashes))
}
