//! Puts what is before units on CASES again when the broker has lost it: the ledger knows it still.

use chassis::backoff::Backoff;
use chassis::consumer::{Failure, Waiter};
use contracts::subjects;
use futures::{StreamExt, TryStreamExt, stream};
use kernel::Position;
use kernel::taxonomy::Office;
use routing_domain::{Notice, UnitCode};
use tokio_util::sync::CancellationToken;

use super::{Board, Told};
use crate::case_file::CaseFile;
use crate::store::{Store, Waiting};

/// So many cases are read and put beside each other.
const AT_ONCE: usize = 16;

/// Looks at every connection to the broker, the first among them, whether CASES still holds what waits longest.
pub(crate) struct Restorer {
    board: Board,
    store: Store,
    cases: Waiter,
}

impl Restorer {
    pub(crate) fn new(board: Board, store: Store, cases: Waiter) -> Self {
        Self { board, store, cases }
    }

    /// Runs until the word to stop.
    pub(crate) async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let _ = shutdown.run_until_cancelled(self.at_every_connection()).await;
        Ok(())
    }

    async fn at_every_connection(&self) {
        let mut connection = self.board.nats.connection();
        let mut seen = None;
        // The sender lives in the client, which we hold.
        while let Ok(now) = connection
            .wait_for(|c| c.up && Some(c.epoch) != seen)
            .await
            .map(|c| *c)
        {
            seen = Some(now.epoch);
            let mut backoff = Backoff::between_services();
            while let Err(error) = self.restore().await {
                // The relay makes the stream first.
                tracing::info!(
                    error = format!("{error:#}"),
                    "cannot look yet whether CASES is whole; trying again"
                );
                backoff.pause().await;
            }
        }
    }

    async fn restore(&self) -> anyhow::Result<()> {
        let head = self.board.ledger.head(Position(0)).await?.position;
        while !self.cases.reached(Position(head)).await {}
        let waiting = self.store.waiting().await?;
        // The one that waits longest is put there last. So if it is there, all of them are, whatever ended an earlier attempt.
        let Some((longest, others)) = waiting.split_last() else {
            return Ok(());
        };
        let office: Office = longest.office.parse()?;
        let subject = subjects::case_notice(office, &longest.unit, longest.case, longest.revision);
        if self.board.nats.holds(subjects::CASES, &subject).await? {
            return Ok(());
        }
        tracing::warn!(
            cases = waiting.len(),
            "CASES has lost what is before units; putting it there again"
        );
        stream::iter(others)
            .map(Ok)
            .try_for_each_concurrent(AT_ONCE, |waiting| self.put_again(waiting))
            .await?;
        self.put_again(longest).await?;
        tracing::info!("CASES holds again what is before units");
        Ok(())
    }

    /// The ledger has the last word on whether it is before that unit.
    async fn put_again(&self, waiting: &Waiting) -> anyhow::Result<()> {
        match self.try_again(waiting).await {
            Ok(()) => Ok(()),
            Err(Failure::Transient(error)) => Err(error),
            Err(Failure::Poison { reason, detail }) => {
                tracing::error!(case.id = %waiting.case, reason, detail, "a notice cannot be put on CASES again");
                Ok(())
            }
        }
    }

    async fn try_again(&self, waiting: &Waiting) -> Result<(), Failure> {
        let file = CaseFile::read(&self.board.ledger, waiting.case, None).await?;
        let unit = UnitCode::parse(&waiting.unit)
            .map_err(|error| Failure::poison("bad_unit_code", error.to_string()))?;
        let notice = Notice {
            unit,
            revision: waiting.revision,
        };
        if file.fold()?.is_before(&notice).is_err() {
            return Ok(());
        }
        // The dispatch comes last, after what was told since: with it, all is there.
        for event in file.events().iter().rev() {
            match Told::read(event)? {
                Some(told) if told.about == waiting.revision && told.recalled.is_none() => {
                    self.board.put(&file, event, told).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}
