//! Counts what was sent, held, receipted and refused, so that the sums reconcile.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use contracts::wire::ReceiptOut;
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::records::Record;
use crate::output;

/// What became of one message id.
#[derive(Clone, PartialEq, Eq)]
enum Outcome {
    /// Not even the broker has it.
    Sent,
    /// The broker holds it.
    Held,
    Receipted,
    Refused(String),
}

struct State {
    /// How many messages have the id, and what became of them.
    by_id: HashMap<String, (u64, Outcome)>,
    /// Ids without an answer, and messages with one; counted along, since a feed may have millions.
    open: usize,
    answered: u64,
    again: u64,
    moved: Instant,
}

/// The count; shared by who publishes and who reads receipts.
pub(super) struct Tally {
    state: Mutex<State>,
    changed: Notify,
}

/// The end of a feed.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Summary {
    sent: u64,
    held: u64,
    receipted: u64,
    refused: BTreeMap<String, u64>,
    missing: u64,
    sent_again: u64,
    seconds: f64,
    per_second: f64,
}

impl Tally {
    pub(super) fn expecting(records: &[Record]) -> Self {
        let mut by_id = HashMap::with_capacity(records.len());
        for record in records {
            by_id.entry(record.id.clone()).or_insert((0, Outcome::Sent)).0 += 1;
        }
        let state = State {
            open: by_id.len(),
            answered: 0,
            by_id,
            again: 0,
            moved: Instant::now(),
        };
        Self {
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        #[expect(clippy::expect_used, reason = "nothing panics while the lock is held")]
        self.state.lock().expect("no holder panics")
    }

    fn moved(&self, mut state: std::sync::MutexGuard<'_, State>) {
        state.moved = Instant::now();
        drop(state);
        self.changed.notify_waiters();
    }

    pub(super) fn held(&self, id: &str) {
        let mut state = self.state();
        if let Some((_, outcome)) = state.by_id.get_mut(id)
            && *outcome == Outcome::Sent
        {
            *outcome = Outcome::Held;
        }
        self.moved(state);
    }

    pub(super) fn sent_again(&self, count: usize) {
        self.state().again += count as u64;
    }

    /// Takes a receipt or refusal; `false` when it is about a message of somebody else.
    pub(super) fn receipt(&self, receipt: &ReceiptOut) -> bool {
        let (id, outcome) = match receipt {
            ReceiptOut::Receipt { id, .. } => (Some(id), Outcome::Receipted),
            ReceiptOut::Refusal { id, reason, .. } => (id.as_ref(), Outcome::Refused(reason.to_string())),
        };
        let mut state = self.state();
        let Some((messages, known)) = id.and_then(|id| state.by_id.get_mut(id)) else {
            return false;
        };
        if matches!(known, Outcome::Sent | Outcome::Held) {
            *known = outcome;
            let messages = *messages;
            state.open -= 1;
            state.answered += messages;
            self.moved(state);
        }
        true
    }

    pub(super) fn is_open(&self, id: &str) -> bool {
        self.state()
            .by_id
            .get(id)
            .is_some_and(|(_, o)| matches!(o, Outcome::Sent | Outcome::Held))
    }

    pub(super) fn is_complete(&self) -> bool {
        self.state().open == 0
    }

    pub(super) fn answered(&self) -> u64 {
        self.state().answered
    }

    /// How long nothing has moved.
    pub(super) fn quiet_for(&self) -> Duration {
        self.state().moved.elapsed()
    }

    pub(super) async fn changed_within(&self, patience: Duration) {
        // Both ends are fine: somebody looks again.
        let _ = tokio::time::timeout(patience, self.changed.notified()).await;
    }

    pub(super) fn summary(&self, elapsed: Duration) -> Summary {
        let state = self.state();
        let count = |want: fn(&Outcome) -> bool| {
            state
                .by_id
                .values()
                .filter(|(_, o)| want(o))
                .map(|(n, _)| n)
                .sum::<u64>()
        };
        let mut refused = BTreeMap::new();
        for (n, outcome) in state.by_id.values() {
            if let Outcome::Refused(reason) = outcome {
                *refused.entry(reason.clone()).or_insert(0) += n;
            }
        }
        let receipted = count(|o| *o == Outcome::Receipted);
        let seconds = elapsed.as_secs_f64();
        Summary {
            sent: count(|_| true),
            held: count(|o| *o != Outcome::Sent),
            receipted,
            refused,
            missing: count(|o| matches!(o, Outcome::Sent | Outcome::Held)),
            sent_again: state.again,
            seconds: (seconds * 1000.0).round() / 1000.0,
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            per_second: (receipted as f64 / seconds * 10.0).round() / 10.0,
        }
    }
}

impl Summary {
    /// Whether every message has its answer.
    pub(super) fn reconciles(&self) -> bool {
        self.missing == 0 && self.sent == self.receipted + self.refused.values().sum::<u64>()
    }

    pub(super) fn print(&self) -> anyhow::Result<()> {
        let mut rows = vec![
            vec!["sent".to_owned(), self.sent.to_string()],
            vec!["held by the broker".to_owned(), self.held.to_string()],
            vec!["receipted (on record)".to_owned(), self.receipted.to_string()],
        ];
        rows.extend(
            self.refused
                .iter()
                .map(|(reason, n)| vec![format!("refused: {reason}"), n.to_string()]),
        );
        rows.push(vec!["missing".to_owned(), self.missing.to_string()]);
        output::table(&["messages", ""], rows)?;
        output::line(format!(
            "{} in {:.1} s, {:.0} receipts a second",
            if self.reconciles() {
                "Reconciled"
            } else {
                "NOT reconciled"
            },
            self.seconds,
            self.per_second
        ))
    }
}

#[cfg(test)]
mod tests {
    use contracts::Code;
    use kernel::taxonomy::Channel;

    use super::*;

    fn record(id: &str) -> Record {
        Record {
            id: id.to_owned(),
            channel: Channel::Sms,
            body: bytes::Bytes::new(),
        }
    }

    fn refusal(id: &str, reason: &str) -> ReceiptOut {
        ReceiptOut::Refusal {
            id: Some(id.to_owned()),
            reason: Code::new(reason).unwrap(),
            detail: String::new(),
        }
    }

    #[test]
    fn sums_reconcile_only_when_each_message_has_an_answer() {
        let tally = Tally::expecting(&[record("a"), record("b"), record("b")]);
        tally.held("a");
        assert!(!tally.summary(Duration::from_secs(1)).reconciles());
        assert!(tally.receipt(&refusal("a", "no_text")));
        assert!(tally.receipt(&refusal("b", "nul")));
        let summary = tally.summary(Duration::from_secs(1));
        assert_eq!((summary.sent, summary.missing, summary.refused["nul"]), (3, 0, 2));
        assert!(summary.reconciles() && tally.is_complete());
    }

    #[test]
    fn a_receipt_of_somebody_else_is_not_ours() {
        let tally = Tally::expecting(&[record("a")]);
        assert!(!tally.receipt(&refusal("z", "no_text")));
        assert!(tally.is_open("a"));
    }
}
