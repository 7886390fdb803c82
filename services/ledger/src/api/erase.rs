//! Erasing what was sealed for a case: the law may ask for it, and it may forbid it.
//!
//! The event comes first, the key after it. A crash in between leaves an erasure on record whose key still lies in the key store, but
//! nothing that it opens: the ciphertext went in the event's own transaction. Whoever opens the vault next destroys the key before anything
//! else. The other order could leave content destroyed and nobody answerable for it.

use chassis::callers::Caller;
use contracts::Code;
use contracts::event::Payload as _;
use contracts::events::access::ContentErased;
use contracts::events::classification::{ReportClassified, ReviewDecided};
use contracts::events::feedback::{CaseClosed, CaseReopened};
use contracts::events::report::ReportReceived;
use contracts::grpc::ledger as wire;
use kernel::taxonomy::Kind;
use sha2::{Digest as _, Sha256};
use tonic::Status;
use uuid::Uuid;

use super::Api;
use crate::error::Refused;
use crate::event::{Filter, StoredEvent};
use crate::request::{ACCESS, CONTENT_ERASED, Expected, Guard, NewEvent, Origin, Request, StreamAppend, id};

/// Events of a case read at a time.
const PAGE: usize = 1_000;
/// Whose events decide whether the law keeps the content.
const DUTIES: [&str; 3] = ["report", "classification", "feedback"];

/// Why content is erased (Law 91/2025/QH15 on personal data, Decree 356/2025).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Basis {
    /// The person asks.
    SubjectRequest,
    /// The person withdraws consent.
    ConsentWithdrawn,
    /// What it was collected for is done.
    PurposeFulfilled,
    /// It was kept as long as it had to be.
    RetentionExpired,
    /// It should never have been processed.
    UnlawfulProcessing,
    /// A court or a competent authority says so.
    CourtOrder,
}

impl Basis {
    fn parse(code: &str) -> Result<Self, Refused> {
        Ok(match code {
            "subject_request" => Self::SubjectRequest,
            "consent_withdrawn" => Self::ConsentWithdrawn,
            "purpose_fulfilled" => Self::PurposeFulfilled,
            "retention_expired" => Self::RetentionExpired,
            "unlawful_processing" => Self::UnlawfulProcessing,
            "court_order" => Self::CourtOrder,
            _ => {
                return Err(Refused::invalid(
                    "basis",
                    "it must be subject_request, consent_withdrawn, purpose_fulfilled, retention_expired, unlawful_processing or court_order",
                ));
            }
        })
    }

    /// Which legal duty to keep stands against it, if one does. A case under way is needed for its answer; a complaint, a denunciation or a
    /// crime report is a file of proceedings, kept for its term whatever the person wishes. What a court orders, and what was unlawful
    /// from the start, nothing keeps.
    fn forbidden_by(self, case: &Standing) -> Option<&'static str> {
        match self {
            Self::UnlawfulProcessing | Self::CourtOrder => None,
            _ if case.open => Some("open_case"),
            Self::RetentionExpired => None,
            Self::SubjectRequest | Self::ConsentWithdrawn | Self::PurposeFulfilled => {
                case.petition.then_some("petition")
            }
        }
    }
}

/// What matters of a case.
#[derive(Default)]
struct Standing {
    /// A report that is not closed.
    open: bool,
    /// Found to be a complaint, a denunciation or a crime report.
    petition: bool,
    seen: u64,
}

impl Standing {
    fn see(&mut self, event: &StoredEvent) {
        self.seen = event.position;
        let type_ = event.type_();
        let kind = match type_.as_str() {
            ReportReceived::TYPE | CaseReopened::TYPE => {
                self.open = true;
                None
            }
            CaseClosed::TYPE => {
                self.open = false;
                None
            }
            ReportClassified::TYPE => serde_json::from_slice(&event.data)
                .ok()
                .map(|it: ReportClassified| it.finding.kind),
            ReviewDecided::TYPE => serde_json::from_slice(&event.data)
                .ok()
                .map(|it: ReviewDecided| it.finding.kind),
            _ => None,
        };
        if let Some(kind) = kind {
            self.petition = matches!(kind, Kind::Complaint | Kind::Denunciation | Kind::CrimeReport);
        }
    }
}

impl Api {
    pub(super) async fn erase(
        &self,
        caller: &Caller,
        request: wire::EraseContentRequest,
        traceparent: String,
    ) -> Result<wire::EraseContentReply, Status> {
        super::may(caller, "erase")?;
        let request_id = id("request_id", &request.request_id)?;
        let case = id("case_id", &request.case_id)?;
        let basis = Basis::parse(&request.basis)?;
        let ordered_by = Code::new(&*request.ordered_by)
            .ok()
            .filter(|code| !code.is_empty())
            .ok_or_else(|| {
                Refused::invalid("ordered_by", "it must be 1 to 64 letters, digits or '_.:/+@=-'")
            })?;
        let mut unless = request
            .unless
            .iter()
            .cloned()
            .map(Guard::try_from)
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(position) = self.store.erasure(case).await? {
            self.forget(case).await?;
            return Ok(wire::EraseContentReply {
                position,
                already: true,
            });
        }
        let standing = self.standing(case).await?;
        if let Some(duty) = basis.forbidden_by(&standing) {
            return Err(Refused::MustBeKept { duty }.into());
        }
        unless.push(Guard {
            case,
            after: standing.seen,
            categories: DUTIES.map(str::to_owned).to_vec(),
        });
        let fact = ContentErased {
            basis: Code::lossy(&request.basis),
            ordered_by,
        };
        let data =
            serde_json::to_vec(&fact).map_err(|_| Status::internal("the erasure cannot be recorded"))?;
        let sent = Sha256::new()
            .chain_update(case.as_bytes())
            .chain_update(&data)
            .finalize();
        let event = NewEvent {
            name: CONTENT_ERASED.to_owned(),
            revision: 1,
            occurred_at: self.clock.now().0,
            actor: format!("admin:{}", caller.name),
            data: data.into(),
            sealed: None,
        };
        let appended = self
            .writer
            .append(Request {
                id: request_id,
                origin: Origin::Client(sent.into()),
                streams: vec![StreamAppend {
                    category: ACCESS.to_owned(),
                    id: case,
                    case: Some(case),
                    expected: Expected::Any,
                    events: vec![event],
                }],
                unless,
                express: true,
                correlation: String::new(),
                causation: None,
                traceparent,
            })
            .await?;
        chassis::failpoint::hit("ledger.erased_before_key");
        self.forget(case).await?;
        Ok(wire::EraseContentReply {
            position: appended.head,
            already: appended.already,
        })
    }

    /// What follows from an erasure on record; done again at each start, so a failure here delays it and loses nothing.
    async fn forget(&self, case: Uuid) -> Result<(), Status> {
        // Of its own: a caller that gives up must not leave it half-way.
        let (vault, now) = (std::sync::Arc::clone(&self.vault), self.clock.now().0);
        let forgotten = tokio::spawn(async move { vault.forget(&[case], now).await }).await;
        forgotten.map_err(|_| Status::internal("forgetting was interrupted"))?.map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "a key could not be destroyed now");
            Status::unavailable(
                "the erasure is on record and nothing opens any more, but its key is not destroyed yet: send the same request again",
            )
        })
    }

    async fn standing(&self, case: Uuid) -> Result<Standing, Status> {
        let filter = Filter {
            case_id: Some(case),
            ..Filter::default()
        };
        let mut standing = Standing::default();
        loop {
            let page = self
                .store
                .read_all(standing.seen + 1, u64::MAX, PAGE, &filter)
                .await?;
            page.iter().for_each(|event| standing.see(event));
            if page.len() < PAGE {
                break;
            }
        }
        if standing.seen == 0 {
            return Err(Refused::invalid("case_id", "nothing is on record about this case").into());
        }
        Ok(standing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duty_to_keep_stands_against_a_wish_and_not_against_a_court() {
        let case = |open, petition| Standing {
            open,
            petition,
            seen: 1,
        };
        let forbids =
            |basis: &str, open, petition| Basis::parse(basis).unwrap().forbidden_by(&case(open, petition));
        for wish in ["subject_request", "consent_withdrawn", "purpose_fulfilled"] {
            assert_eq!(forbids(wish, true, false), Some("open_case"));
            assert_eq!(forbids(wish, false, true), Some("petition"));
            assert_eq!(forbids(wish, false, false), None);
        }
        assert_eq!(forbids("retention_expired", true, true), Some("open_case"));
        assert_eq!(forbids("retention_expired", false, true), None);
        for order in ["court_order", "unlawful_processing"] {
            assert_eq!(forbids(order, true, true), None);
        }
        assert!(Basis::parse("because").is_err());
    }
}
