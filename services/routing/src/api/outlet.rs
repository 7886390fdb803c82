//! Outlets over gRPC: where a unit without NATS is told of its cases, what waits for it, and what is sent again.

use chassis::callers::Caller;
use chassis::ledger::{Append, LedgerClient, LedgerError, NewEvent};
use contracts::events::outlet::{NoticesReplayed, OutletRemoved, OutletSet};
use contracts::grpc::routing::{
    Delivery, ListDeliveriesReply, ListDeliveriesRequest, ListOutletsReply, Outlet, OutletRequest,
    ReadLinkReply, ReplayDeliveriesRequest, SetOutletReply, SetOutletRequest,
};
use contracts::{Code, sealed};
use kernel::{Actor, Clock, Instant, RequestId};
use routing_domain::{Rejection, UnitCode, city_date};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tonic::Status;

use super::{MOST_ROWS, SOME_ROWS, who};
use crate::error::Refusal;
use crate::handle::{Done, Handler};
use crate::notices::Told;
use crate::outlet::link::Link;
use crate::outlet::mail::is_address;
use crate::outlet::store::{self, Deliveries};
use crate::outlet::webhook::{Webhooks, new_secret};
use crate::outlet::{Carrier, Record};

/// What it takes to change outlets and to read them.
pub(crate) struct Outlets {
    pub(crate) ledger: LedgerClient,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Deliveries,
    pub(crate) webhooks: Webhooks,
    /// Whether mails can be sent.
    pub(crate) mail: bool,
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
        self.check(asked.carrier, &request.address)?;
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
            // Of a mail nobody needs it: it is in the links.
            secret: match asked.carrier {
                Carrier::Webhook => stored.outlet.secret,
                Carrier::Mail => String::new(),
            },
        })
    }

    fn check(&self, carrier: Carrier, address: &str) -> Result<(), Status> {
        match carrier {
            Carrier::Webhook => {
                let checked = self.webhooks.check(address);
                checked.map_err(|why| Status::invalid_argument(why.to_string()))
            }
            Carrier::Mail if !self.mail => Err(Status::failed_precondition(
                "mail is not configured: start routing with --smtp, or with --outbox-dir and --outbox-key-file",
            )),
            Carrier::Mail if is_address(address) => Ok(()),
            Carrier::Mail => Err(Status::invalid_argument(
                "this is no mail address: give one like phong-xd@so-xd.example",
            )),
        }
    }

    /// The link that an officer followed, passed on by who acts for people.
    pub(super) async fn link(&self, caller: &Caller, token: &str) -> Result<Link, Status> {
        who::passes_links(caller)?;
        let now = self.clock.now();
        let link = Link::read(&self.ledger, token, now).await?;
        if link.is_over(now) {
            return Err(Refusal::LinkExpired.into());
        }
        Ok(link)
    }

    /// What a link stands for, and whether anything can be done by it still.
    pub(super) async fn read_link(&self, handler: &Handler, token: &str) -> Result<ReadLinkReply, Refusal> {
        let now = self.clock.now();
        let link = Link::read(&self.ledger, token, now).await?;
        let (file, case) = handler.look(link.case).await?;
        let usable = async {
            if link.is_over(now) {
                return Err(Refusal::LinkExpired);
            }
            case.is_before(&link.notice)?;
            if file.answered(&link.notice)? {
                return Err(Rejection::AlreadyAnswered.into());
            }
            handler.may_read(&case, &link.notice.unit).await
        };
        let state = match usable.await {
            Ok(()) if file.accepted(&link.notice)? => "accepted",
            Ok(()) => "waiting",
            Err(refusal @ (Refusal::Rejected(_) | Refusal::LinkExpired)) => refusal.code(),
            Err(refusal) => return Err(refusal),
        };
        let mut reply = ReadLinkReply {
            state: state.to_owned(),
            code: file.code()?.map(|code| code.to_string()).unwrap_or_default(),
            revision: link.notice.revision,
            until: i64::from(link.until) * Instant::SECOND,
            ..ReadLinkReply::default()
        };
        let (policy, _) = handler.present().await?;
        let unit = policy
            .units_on(city_date(now))
            .find(|unit| unit.code == link.notice.unit);
        reply.unit_name = unit.map_or_else(|| link.notice.unit.to_string(), |unit| unit.vi.clone());
        for event in file.events() {
            if let Some(told) = Told::read(event)?
                && told.unit.as_str() == link.notice.unit.as_str()
                && told.revision == link.notice.revision
            {
                reply.dispatched_at = event.recorded_at.0;
                reply.office = told.office.code().to_owned();
            }
        }
        if let Some(finding) = file.finding()? {
            reply.topic = finding
                .topic
                .map(|topic| topic.code().to_owned())
                .unwrap_or_default();
            reply.urgency = finding.urgency.code().to_owned();
            reply.level = u32::from(finding.level.get());
        }
        Ok(reply)
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
