//! Erasing what was sealed for a case: the law may ask for it, and it may forbid it.
//!
//! The event comes first, the key after it. A crash in between leaves an erasure on record whose key still lies in the key store, but
//! nothing that it opens: the ciphertext went in the event's own transaction. Whoever opens the vault next destroys the key before anything
//! else. The other order could leave content destroyed and nobody answerable for it.

use chassis::callers::Caller;
use contracts::Code;
use contracts::events::access::ContentErased;
use contracts::grpc::ledger as wire;
use kernel::UnknownWord;
use kernel::taxonomy::ErasureBasis;
use sha2::{Digest as _, Sha256};
use tonic::Status;
use uuid::Uuid;

use super::Api;
use crate::erasure::{DUTIES, Standing, forbidden};
use crate::error::Refused;
use crate::event::Filter;
use crate::request::{Guard, Origin, Request, StreamAppend, id};

/// Events of a case read at a time.
const PAGE: usize = 1_000;
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
        let basis: ErasureBasis = request
            .basis
            .parse()
            .map_err(|unknown: UnknownWord| Refused::invalid("basis", unknown.to_string()))?;
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
        if let Some(duty) = forbidden(basis, &standing) {
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
        let actor = format!("admin:{}", caller.name);
        let erased = StreamAppend::fact(&fact, case, Some(case), &actor, self.clock.now().0)?;
        let sent = Sha256::new().chain_update(case.as_bytes());
        let sent = erased
            .events
            .iter()
            .fold(sent, |sent, event| sent.chain_update(&event.data));
        let request = Request::ours(request_id, vec![erased], traceparent);
        let appended = self
            .writer
            .append(Request {
                origin: Origin::Client(sent.finalize().into()),
                unless,
                ..request
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
            tracing::error!(error = %chassis::telemetry::chain(&error), "a key could not be destroyed now");
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
            for event in &page {
                standing.see(event)?;
            }
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
