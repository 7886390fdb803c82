//! The same for the offices' disputes.

use chassis::ledger::NewEvent;
use contracts::events::routing as wire;
use contracts::{Code, Recorded};
use routing_domain::{Before, DisputeEvent, Ruling};

use super::{Stating, Unreadable};

const OFFICE: &str = "office";
const LEADERS: &str = "leaders";
const AGREED: &str = "agreed";

pub(super) fn heard(recorded: &Recorded) -> Result<Option<DisputeEvent>, Unreadable> {
    let reason = |code: &Code| {
        let reason = code.as_str().parse();
        reason.map_err(|_| Unreadable::Code(recorded.position))
    };
    if let Some(p) = recorded.decode::<wire::DisputeOpened>()? {
        return Ok(Some(DisputeEvent::Opened {
            number: p.dispute,
            from: p.from,
            reason: reason(&p.reason)?,
            before: if p.before.as_str() == LEADERS {
                Before::Leaders
            } else {
                Before::OtherOffice
            },
        }));
    }
    if let Some(p) = recorded.decode::<wire::DisputeRefused>()? {
        return Ok(Some(DisputeEvent::Refused {
            number: p.dispute,
            by: p.office,
        }));
    }
    let Some(p) = recorded.decode::<wire::DisputeDecided>()? else {
        return Ok(None);
    };
    Ok(Some(DisputeEvent::Decided {
        number: p.dispute,
        office: p.office,
        moved: p.moved,
        ruling: if p.basis.as_str() == AGREED {
            Ruling::Agreed
        } else {
            Ruling::Leaders(reason(&p.basis)?)
        },
    }))
}

pub(super) fn stated(event: &DisputeEvent, by: &Stating<'_>) -> NewEvent {
    let actor = by.actor.clone();
    match *event {
        DisputeEvent::Opened {
            number,
            from,
            reason,
            before,
        } => {
            let opened = wire::DisputeOpened {
                dispute: number,
                from,
                to: from.other(),
                reason: Code::lossy(reason.code()),
                before: Code::lossy(match before {
                    Before::OtherOffice => OFFICE,
                    Before::Leaders => LEADERS,
                }),
            };
            NewEvent::of(&opened, actor, by.at)
        }
        DisputeEvent::Refused { number, by: office } => {
            let refused = wire::DisputeRefused {
                dispute: number,
                office,
            };
            NewEvent::of(&refused, actor, by.at)
        }
        DisputeEvent::Decided {
            number,
            office,
            moved,
            ruling,
        } => {
            let (who, basis) = match ruling {
                Ruling::Agreed => (OFFICE, AGREED),
                Ruling::Leaders(reason) => (LEADERS, reason.code()),
            };
            let decided = wire::DisputeDecided {
                dispute: number,
                office,
                field: office.field(),
                moved,
                by: Code::lossy(who),
                basis: Code::lossy(basis),
            };
            NewEvent::of(&decided, actor, by.at)
        }
    }
}
