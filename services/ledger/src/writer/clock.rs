//! The writer's care for its clock: whether it may begin by it, the operator's word as an event, the comparison with the database's.

use contracts::events::ledger::ClockAccepted;
use kernel::Instant;
use uuid::Uuid;

use super::time::at_start;
use super::{Work, Writer};
use crate::error::StoreError;
use crate::request::{Request, StreamAppend};
use crate::store::session::Session;
use crate::telemetry;

impl Writer {
    /// Whether this instance may write by its wall clock. What an operator's word allows is to be recorded first of all.
    ///
    /// # Errors
    /// `Clock` when the wall clock needs a word that nobody gave.
    pub(super) async fn may_begin(&self) -> Result<Option<Request>, StoreError> {
        let head = self.store.head().await?;
        if head.position == 0 || !self.time.may_be_wrong() {
            return Ok(None);
        }
        let wall = self.time.now();
        let Err(doubt) = at_start(wall, head.recorded_at) else {
            return Ok(None);
        };
        let Some(who) = &self.accept_clock else {
            self.time.doubt_start(doubt);
            self.tell();
            return Err(StoreError::Clock(doubt.to_string()));
        };
        tracing::warn!(actor = who, %doubt, "the clock is accepted on an operator's word");
        accepted(who, wall, head.recorded_at).map(Some)
    }

    /// Compares the wall clock with the database's, and says when the two, or the monotonic clock, begin or cease to disagree.
    pub(super) async fn look_at_the_clock(&self, session: &mut Session) -> Result<(), StoreError> {
        if !self.time.may_be_wrong() {
            return Ok(());
        }
        if let Some(database) = session.clock().await? {
            self.time.compare(database);
        }
        self.time.now();
        self.tell();
        Ok(())
    }

    /// Once for each change.
    fn tell(&self) {
        let Some(doubt) = self.time.untold() else { return };
        metrics::gauge!(telemetry::CLOCK_DOUBTED).set(f64::from(u8::from(doubt.is_some())));
        match doubt {
            Some(doubt) => tracing::error!(%doubt, "the wall clock is in doubt"),
            None => tracing::info!("the wall clock counts again"),
        }
    }

    /// Records the operator's word, before anything else is written.
    pub(super) async fn record_word(
        &self,
        session: &mut Session,
        word: Option<Request>,
    ) -> Result<(), StoreError> {
        if let Some(word) = word {
            self.transact(session, &[&Work::Append(Box::new(word))]).await?;
        }
        Ok(())
    }
}

fn accepted(who: &str, wall: i64, last: i64) -> Result<Request, StoreError> {
    let fact = ClockAccepted {
        wall_at: Instant(wall),
        last_recorded_at: Instant(last),
    };
    let said = StreamAppend::fact(&fact, Uuid::nil(), None, who, wall)?;
    Ok(Request::ours(Uuid::new_v4(), vec![said], String::new()))
}
