//! What the law says on erasing: on which basis content may go, and which duty keeps it all the same. Pure.

use contracts::event::Payload;
use contracts::events::classification::{ReportClassified, ReviewDecided};
use contracts::events::feedback::{CaseClosed, CaseReopened};
use contracts::events::report::ReportReceived;
use kernel::taxonomy::{ErasureBasis, Kind};

use crate::error::StoreError;
use crate::event::StoredEvent;

/// Whose events decide whether the law keeps the content.
pub(crate) const DUTIES: [&str; 3] = ["report", "classification", "feedback"];

/// Which legal duty to keep stands against a basis, if one does. A case under way is needed for its answer; a complaint, a denunciation or a
/// crime report is a file of proceedings, kept for its term whatever the person wishes. What a court orders, and what was unlawful
/// from the start, nothing keeps.
pub(crate) fn forbidden(basis: ErasureBasis, case: &Standing) -> Option<&'static str> {
    use ErasureBasis::{
        ConsentWithdrawn, CourtOrder, PurposeFulfilled, RetentionExpired, SubjectRequest, UnlawfulProcessing,
    };
    match basis {
        UnlawfulProcessing | CourtOrder => None,
        _ if case.open => Some("open_case"),
        RetentionExpired => None,
        SubjectRequest | ConsentWithdrawn | PurposeFulfilled => case.petition.then_some("petition"),
    }
}

/// What matters of a case.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// A report that is not closed.
    pub(crate) open: bool,
    /// Found to be a complaint, a denunciation or a crime report.
    pub(crate) petition: bool,
    /// Position of the last event seen.
    pub(crate) seen: u64,
}

impl Standing {
    /// Takes in the next event of the case.
    ///
    /// # Errors
    /// `Damaged` when it cannot be read what the case was found to be: then nobody may say that the law does not keep it.
    pub(crate) fn see(&mut self, event: &StoredEvent) -> Result<(), StoreError> {
        self.seen = event.position;
        match event.type_().as_str() {
            ReportReceived::TYPE | CaseReopened::TYPE => self.open = true,
            CaseClosed::TYPE => self.open = false,
            ReportClassified::TYPE => self.found(read::<ReportClassified>(event)?.finding.kind),
            ReviewDecided::TYPE => self.found(read::<ReviewDecided>(event)?.finding.kind),
            _ => {}
        }
        Ok(())
    }

    fn found(&mut self, kind: Kind) {
        self.petition = matches!(kind, Kind::Complaint | Kind::Denunciation | Kind::CrimeReport);
    }
}

fn read<P: Payload>(event: &StoredEvent) -> Result<P, StoreError> {
    serde_json::from_slice(&event.data)
        .map_err(|_| StoreError::Damaged("what a case was found to be cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(open: bool, petition: bool) -> Standing {
        Standing {
            open,
            petition,
            seen: 1,
        }
    }

    #[test]
    fn each_basis_against_each_standing() {
        for basis in ErasureBasis::ALL {
            let stands = |open, petition| forbidden(*basis, &case(open, petition));
            let expected = match basis {
                ErasureBasis::UnlawfulProcessing | ErasureBasis::CourtOrder => [None; 4],
                ErasureBasis::RetentionExpired => [None, None, Some("open_case"), Some("open_case")],
                _ => [None, Some("petition"), Some("open_case"), Some("open_case")],
            };
            let found = [
                stands(false, false),
                stands(false, true),
                stands(true, false),
                stands(true, true),
            ];
            assert_eq!(found, expected, "{basis}");
        }
    }

    #[test]
    fn a_finding_that_cannot_be_read_is_no_leave_to_erase() {
        let event = StoredEvent {
            position: 1,
            id: uuid::Uuid::nil(),
            category: "classification".to_owned(),
            stream_id: uuid::Uuid::nil(),
            version: 1,
            case_id: None,
            name: ReportClassified::TYPE.trim_end_matches(".v1").to_owned(),
            revision: 1,
            occurred_at: 0,
            recorded_at: 0,
            actor: "service:classification".to_owned(),
            correlation: String::new(),
            causation: None,
            traceparent: String::new(),
            request_id: uuid::Uuid::nil(),
            data: b"{}".to_vec(),
            salt: Vec::new(),
            data_hash: Vec::new(),
            sealed_hash: Vec::new(),
            leaf: Vec::new(),
        };
        assert!(Standing::default().see(&event).is_err());
    }
}
