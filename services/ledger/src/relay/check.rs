//! Whether the stream is the ledger's, and whole: looked at before each session, and every second while nothing is to be published.

use async_nats::jetstream::stream::{RawMessageErrorKind, State, Stream};
use contracts::subjects::headers;

use super::{Ended, Relay, broken};
use crate::event::{Filter, StoredEvent};
use crate::store::Head;

/// Only age takes messages away, and only at the front; so whatever else is missing was lost.
fn missing(state: &State) -> u64 {
    if state.messages == 0 {
        return 0;
    }
    (state.last_sequence + 1).saturating_sub(state.first_sequence + state.messages)
}

impl Relay<'_> {
    /// The stream's last sequence, if the stream is ours up to there and has no hole.
    pub(super) async fn checked_last(&self, stream: &Stream) -> Result<u64, Ended> {
        let state = state(stream).await?;
        let last = state.last_sequence;
        let head = self.still_leads().await?.position;
        if last > head {
            return Err(Ended::NotOurs(format!(
                "the stream ends at {last}, the ledger at {head}: the ledger was restored from an older backup, or the stream belongs to another ledger"
            )));
        }
        // What retention has trimmed cannot be compared; nothing is left that could differ.
        if last == 0 || state.messages == 0 {
            return Ok(last);
        }
        let message = match stream.get_raw_message(last).await {
            Ok(message) => message,
            Err(error) if is_not_found(&error.kind()) => {
                // Trimmed meanwhile, or not readable.
                return match self::state(stream).await? {
                    now if now.first_sequence > last => Ok(last),
                    _ => Err(Ended::Damaged(format!(
                        "the stream's last message, {last}, cannot be read"
                    ))),
                };
            }
            Err(error) => return Err(broken("the stream's last message")(error.into())),
        };
        let header = |name| message.headers.get(name).map(async_nats::HeaderValue::as_str);
        let event = self.event_at(last).await?;
        let same = header(headers::POSITION) == Some(last.to_string().as_str())
            && header(headers::ID) == Some(event.id.hyphenated().to_string().as_str())
            && header(headers::DATA_HASH) == Some(hex::encode(&event.data_hash).as_str());
        if !same {
            return Err(Ended::NotOurs(format!(
                "the stream's message {last} is not the ledger's event {last}"
            )));
        }
        match missing(&state) {
            0 => Ok(last),
            lost => Err(Ended::Damaged(format!(
                "the stream has lost {lost} of the messages between {} and {last}",
                state.first_sequence
            ))),
        }
    }

    /// The head, if this instance leads still. To publish what is committed, each at its position, does no harm whoever does it; to
    /// judge the stream by a head that is not ours any more, or to delete it, would.
    pub(super) async fn still_leads(&self) -> Result<Head, Ended> {
        let head = self.store.head().await?;
        if head.fence == self.fence {
            Ok(head)
        } else {
            Err(Ended::Deposed)
        }
    }

    async fn event_at(&self, position: u64) -> Result<StoredEvent, Ended> {
        let mut found = self
            .store
            .read_all(position, position, 1, &Filter::default())
            .await?;
        found
            .pop()
            .ok_or_else(|| Ended::NotOurs(format!("the ledger has no event at {position}")))
    }

    /// When there is nothing to publish: is the stream still there, whole, and where we left it?
    pub(super) async fn look_again(&self, stream: &Stream, last: u64) -> Result<u64, Ended> {
        self.still_leads().await?;
        let state = state(stream).await?;
        if state.last_sequence == last && missing(&state) == 0 {
            Ok(last)
        } else {
            self.checked_last(stream).await
        }
    }
}

async fn state(stream: &Stream) -> Result<State, Ended> {
    let info = stream.get_info().await;
    Ok(info
        .map_err(|e| broken("the stream's state, or it is gone")(e.into()))?
        .state)
}

/// The server says the same of a message that was never there and of one whose bytes no longer fit their checksum.
fn is_not_found(kind: &RawMessageErrorKind) -> bool {
    use async_nats::jetstream::ErrorCode;
    match kind {
        RawMessageErrorKind::NoMessageFound => true,
        RawMessageErrorKind::JetStream(e) => e.error_code() == ErrorCode::NO_MESSAGE_FOUND,
        _ => false,
    }
}
