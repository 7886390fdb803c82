//! What people decided at review, as the record has it, and the texts they read.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use chassis::ledger::{Filter, Range, Run};
use classification::Opener;
use classification_domain::record::{Named, Record, Sealed};
use contracts::events::classification::ReviewDecided;
use contracts::events::report::ReportReceived;
use futures::StreamExt;
use kernel::{Actor, CaseId, Position};

use crate::connect::System;

/// What the record has to learn from.
#[derive(Default)]
pub(super) struct OnRecord {
    /// Labelled by a person, and not learnt yet; without their texts.
    pub(super) decided: Vec<Record>,
    /// Of these, and of what the model in force learnt, by position.
    pub(super) texts: HashMap<u64, String>,
    /// Decisions whose report was erased.
    pub(super) erased: usize,
}

/// Reads the decisions and opens their reports in one run of `by`.
pub(super) async fn read(data: &Path, by: &str, known: &str) -> anyhow::Result<OnRecord> {
    let by = Actor::parse(by)?;
    let ledger = System::of(data)?.ledger().await?;
    let head = Position(ledger.head(Position(0)).await?.position);
    let known: Vec<Sealed> = Record::read_all(known)?
        .iter()
        .filter_map(|it| it.sealed)
        .collect();
    let learnt: BTreeSet<CaseId> = known.iter().map(|it| it.case).collect();
    let filter = Filter {
        types: ["report.report_received", "classification.review_decided"]
            .map(str::to_owned)
            .to_vec(),
        ..Filter::default()
    };
    let range = Range {
        to: Some(head),
        ..Range::default()
    };
    let mut reports: HashMap<CaseId, u64> = HashMap::new();
    let mut decided = Vec::new();
    let mut events = std::pin::pin!(ledger.read_all(range, filter));
    while let Some(event) = events.next().await {
        let event = event?;
        let Some(case) = event.case.filter(|case| !learnt.contains(case)) else {
            continue;
        };
        if event.is::<ReportReceived>() {
            reports.insert(case, event.position.0);
        } else if let (Some(decision), Some(position)) =
            (event.decode::<ReviewDecided>()?, reports.get(&case))
        {
            decided.push(labelled(
                decision,
                Sealed {
                    position: *position,
                    case,
                },
            ));
        }
    }
    let wanted = known
        .iter()
        .chain(decided.iter().filter_map(|record| record.sealed.as_ref()));
    let positions: Vec<Position> = wanted.map(|it| Position(it.position)).collect();
    let role = by.role().to_owned();
    let opener = Opener {
        ledger,
        run: Some(Run::new(by, &role, Position(1)..=head)),
    };
    let texts = opener.texts(&positions).await?;
    let before = decided.len();
    decided.retain(|record| record.sealed.is_some_and(|it| texts.contains_key(&it.position)));
    Ok(OnRecord {
        erased: before - decided.len(),
        decided,
        texts,
    })
}

fn labelled(decision: ReviewDecided, sealed: Sealed) -> Record {
    let found = decision.finding;
    Record {
        id: format!("position-{}", sealed.position),
        text: String::new(),
        sealed: Some(sealed),
        complete: found.complete,
        field: found.field,
        topic: found.topic,
        kind: found.kind,
        urgency: found.urgency,
        level: found.level,
        place: Named::default(),
        also: found.also,
    }
}
