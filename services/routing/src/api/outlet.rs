//! Outlets over gRPC: where a unit without NATS is told of its cases, what waits for it, and what is sent again.

use chassis::ledger::{Append, LedgerClient, LedgerError, NewEvent};
use contracts::events::outlet::{NoticesReplayed, OutletRemoved, OutletSet};
use contracts::grpc::routing::{
    Delivery, ListDeliveriesReply, ListDeliveriesRequest, ListOutletsReply, Outlet, OutletRequest,
    ReplayDeliveriesRequest, SetOutletReply, SetOutletRequest,
};
use contracts::{Code, sealed};
use kernel::{Actor, Clock, Instant, RequestId};
use routing_domain::{UnitCode, city_date};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tonic::Status;

use super::{MOST_ROWS, SOME_ROWS};
use crate::error::Refusal;
use crate::handle::{Done, Handler};
use crate::outlet::store::{self, Deliveries};
use crate::outlet::webhook::{Webhooks, new_secret};
use crate::outlet::{Carrier, Record};

/// What it takes to change outlets and to read them.
pub(crate) struct Outlets {
    pub(crate) ledger: LedgerClient,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Deliveries,
    pub(crate) webhooks: Webhooks,
}

/// A person's request about one outlet, checked.
pub(super) struct Asked {
    pub(super) caller: String,
    pub(super) actor: Actor,
    pub(super) unit: UnitCode,
    carrier: Carrier,
    request_id: String,
}

impl Asked {
    pub(super) fn read(caller: &str, actor: Actor, on: OutletRequest) -> Result<Self, Status> {
        let invalid = |why: String| Status::invalid_argument(why);
        if !(1..=128).contains(&on.request_id.chars().count()) {
            return Err(invalid(
                "request_id must have 1 to 128 characters: your own id of this request".to_owned(),
            ));
        }
        Ok(Self {
            caller: caller.to_owned(),
            actor,
            unit: UnitCode::parse(&on.unit).map_err(|error| invalid(format!("unit: {error}")))?,
            carrier: carrier(&on.carrier)?,
            request_id: on.request_id,
        })
    }

    fn request(&self) -> RequestId {
        RequestId::client(&format!("routing/{}/outlet", self.caller), &self.request_id)
    }

    fn codes(&self) -> (Code, Code) {
        (Code::lossy(self.unit.as_str()), Code::lossy(self.carrier.code()))
    }
}

fn carrier(text: &str) -> Result<Carrier, Status> {
    text.parse()
        .map_err(|error: crate::outlet::UnknownCarrier| Status::invalid_argument(error.to_string()))
}

fn unavailable(error: impl Into<anyhow::Error>) -> Status {
    Refusal::Unavailable(error.into()).into()
}

impl Outlets {
    /// Sets where notices go. The secret stays the same unless it is to be rotated; the same request again gives the same answer.
    pub(super) async fn set(
        &self,
        handler: &Handler,
        asked: &Asked,
        request: &SetOutletRequest,
    ) -> Result<SetOutletReply, Status> {
        let (policy, now) = handler.present().await?;
        if !policy
            .units_on(city_date(now))
            .any(|unit| unit.code == asked.unit)
        {
            return Err(Status::invalid_argument(
                "the routing policy knows no such unit today: `hoiam policy show current` has their codes",
            ));
        }
        self.webhooks
            .check(&request.address)
            .map_err(|why| Status::invalid_argument(why.to_string()))?;
        let record = self.record(asked).await?;
        let known = record
            .target(&self.ledger, asked.carrier)
            .await
            .map_err(Refusal::from)?;
        let secret = match known {
            Some(known) if !request.rotate => known.outlet.secret,
            _ => new_secret().map_err(unavailable)?,
        };
        let (unit, carrier) = asked.codes();
        let fingerprint = Sha256::digest(secret.as_bytes());
        let payload = OutletSet {
            unit,
            carrier,
            secret: Code::lossy(
                &fingerprint
                    .iter()
                    .take(8)
                    .map(|byte| format!("{byte:02x}"))
                    .collect::<String>(),
            ),
        };
        let outlet = sealed::Outlet {
            address: request.address.clone(),
            secret,
        };
        let event = NewEvent::of(&payload, asked.actor.clone(), now).sealed_json(&outlet);
        let sent = format!(
            "{}|{}|{}|{}",
            asked.unit, asked.carrier, request.rotate, request.address
        );
        let done = self
            .append(record.append(asked.request(), sent.as_bytes(), event))
            .await?;
        // What is on record counts: after a request that came twice it is what the first one made.
        let stored = self
            .record(asked)
            .await?
            .target(&self.ledger, asked.carrier)
            .await;
        let stored = stored.map_err(Refusal::from)?;
        let stored =
            stored.ok_or_else(|| Status::aborted("it was taken away at the same moment: set it again"))?;
        Ok(SetOutletReply {
            position: done.position.0,
            secret: stored.outlet.secret,
        })
    }

    /// Takes an outlet away; what waits for it is dropped.
    pub(super) async fn remove(&self, asked: &Asked) -> Result<Done, Status> {
        let (unit, carrier) = asked.codes();
        let payload = OutletRemoved { unit, carrier };
        self.change(
            asked,
            b"remove",
            NewEvent::of(&payload, asked.actor.clone(), self.clock.now()),
        )
        .await
    }

    /// Sends notices again.
    pub(super) async fn replay(
        &self,
        asked: &Asked,
        request: &ReplayDeliveriesRequest,
    ) -> Result<Done, Status> {
        let (unit, carrier) = asked.codes();
        let payload = NoticesReplayed {
            unit,
            carrier,
            notice: (request.notice > 0).then_some(request.notice),
            since: (request.since > 0).then_some(Instant(request.since)),
        };
        let sent = format!("replay|{}|{}", request.notice, request.since);
        let event = NewEvent::of(&payload, asked.actor.clone(), self.clock.now());
        self.change(asked, sent.as_bytes(), event).await
    }

    /// States something about an outlet that is there.
    async fn change(&self, asked: &Asked, sent: &[u8], event: NewEvent) -> Result<Done, Status> {
        let record = self.record(asked).await?;
        if record.of(asked.request()).is_none()
            && record
                .target(&self.ledger, asked.carrier)
                .await
                .map_err(Refusal::from)?
                .is_none()
        {
            return Err(Status::failed_precondition(format!(
                "the unit {} has no {} set: there is nothing to change",
                asked.unit, asked.carrier
            )));
        }
        let sent = [
            sent,
            asked.unit.as_str().as_bytes(),
            asked.carrier.code().as_bytes(),
        ]
        .join(&b'|');
        self.append(record.append(asked.request(), &sent, event)).await
    }

    async fn record(&self, asked: &Asked) -> Result<Record, Status> {
        Ok(Record::read(&self.ledger, asked.unit.as_str())
            .await
            .map_err(Refusal::from)?)
    }

    async fn append(&self, append: Append) -> Result<Done, Status> {
        match self.ledger.append(append).await {
            Ok(appended) => Ok(Done {
                position: appended.position,
                already: appended.already,
            }),
            Err(LedgerError::WrongExpectedVersion { .. }) => Err(Status::aborted(
                "somebody changed this unit's outlets at the same moment: look at the list and try again",
            )),
            Err(error) => Err(Refusal::from(error).into()),
        }
    }

    pub(super) async fn list(&self, unit: Option<&UnitCode>) -> Result<ListOutletsReply, Status> {
        let rows = self
            .store
            .outlets(unit.map_or("", UnitCode::as_str))
            .await
            .map_err(unavailable)?;
        let mut outlets = Vec::with_capacity(rows.len());
        for row in rows {
            let record = Record::read(&self.ledger, &row.unit)
                .await
                .map_err(Refusal::from)?;
            let target = record
                .target(&self.ledger, carrier(&row.carrier)?)
                .await
                .map_err(Refusal::from)?;
            outlets.push(Outlet {
                unit: row.unit,
                carrier: row.carrier,
                address: target.map(|target| target.outlet.address).unwrap_or_default(),
                state: row.state,
                set_at: row.set_at.0,
                actor: row.actor,
                waiting: row.waiting,
                dead: row.dead,
            });
        }
        Ok(ListOutletsReply { outlets })
    }

    pub(super) async fn deliveries(
        &self,
        unit: &UnitCode,
        request: &ListDeliveriesRequest,
    ) -> Result<ListDeliveriesReply, Status> {
        let limit = if request.limit == 0 {
            SOME_ROWS
        } else {
            request.limit.min(MOST_ROWS)
        };
        let carrier = carrier(&request.carrier)?;
        let rows = self.store.list(unit.as_str(), carrier, request.dead, limit).await;
        Ok(ListDeliveriesReply {
            deliveries: rows.map_err(unavailable)?.into_iter().map(delivery).collect(),
        })
    }
}

fn delivery(row: store::Delivery) -> Delivery {
    Delivery {
        notice: row.notice.0,
        case_id: row.case.to_vec().into(),
        revision: row.revision,
        state: row.state,
        attempts: row.attempts,
        reason: row.reason,
        noticed_at: row.noticed_at.0,
        due_at: row.due_at.0,
    }
}
