//! What came over NATS and cannot be a report goes on record as refused, so that nothing is lost and nobody wonders.

use chassis::ledger::{Append, AppendedEvent, Expected, LedgerError, StreamWrite};
use contracts::Code;
use contracts::events::report::ReportRefused;
use intake_domain::report::Refusal;
use intake_domain::{Command, Reason, Report};
use kernel::{Decider, RequestId, StreamId};
use sha2::{Digest, Sha256};

use crate::handle::{Desk, Entrance, new_event};

/// Most bytes of a refused body that are kept: under the ledger's limit of 256 KiB for sealed content.
const KEEP: usize = 200 << 10;

impl Desk {
    /// Puts on record that a body was refused; the same body from the same sender once. Content goes nowhere but into the sealed part.
    pub(crate) async fn record_refusal(
        &self,
        channel: &str,
        entrance: &Entrance,
        reason: Reason,
        body: &[u8],
    ) -> Result<AppendedEvent, LedgerError> {
        let request = RequestId::client(
            &format!("{channel}/{}/refused", entrance.sender),
            &hex::encode(Sha256::digest(body)),
        );
        let case = self.key.case_of(request);
        let refusal = Refusal {
            channel: channel.to_owned(),
            gateway: entrance.gateway.clone(),
            reason,
            size: u32::try_from(body.len()).unwrap_or(u32::MAX),
            kept: body.len() <= KEEP,
        };
        let sealed = refusal.kept.then(|| body.to_vec());
        let now = self.clock.now();
        let events = Report::decide(&<Report as Decider>::State::default(), Command::Refuse(refusal))
            .map_err(|rejection| LedgerError::Invalid {
                what: rejection.to_string(),
            })?;
        let events = events
            .into_iter()
            .map(|event| new_event(event, &entrance.actor, now, sealed.clone()))
            .collect();
        let write = StreamWrite::new(StreamId::new("report", case.0), Expected::None, events);
        let appended = self
            .ledger
            .append(Append::client(request, body, Some(case), vec![write]))
            .await?;
        let nothing = || LedgerError::Answer {
            what: "an append without events".to_owned(),
        };
        appended.events.into_iter().next().ok_or_else(nothing)
    }
}

/// As the contract states it.
pub(crate) fn payload(refusal: &Refusal) -> ReportRefused {
    ReportRefused {
        channel: Code::lossy(&refusal.channel),
        gateway: Code::lossy(&refusal.gateway),
        reason: Code::lossy(refusal.reason.code()),
        size: refusal.size,
        kept: refusal.kept,
    }
}
