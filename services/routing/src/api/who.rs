//! Who may ask what over gRPC: a unit for itself, the console for the people signed in to it.

use chassis::callers::{Caller, CallerKind};
use kernel::Actor;
use routing_domain::UnitCode;
use tonic::Status;

/// Roles whose people give the office's orders.
const ORDERING: [&str; 3] = ["office", "leader", "admin"];

/// Roles whose people publish a policy.
const PUBLISHING: [&str; 4] = ["operator", "office", "leader", "admin"];

/// The unit that answers, and who is answerable for it.
pub(super) fn answers(caller: &Caller, unit: &str, actor: &str) -> Result<(UnitCode, Actor), Status> {
    let unit = own_or_named(caller, unit)?;
    let itself =
        Actor::of("unit", unit.as_str()).map_err(|error| Status::invalid_argument(error.to_string()))?;
    if actor.is_empty() || actor == itself.as_str() {
        return Ok((unit, itself));
    }
    Ok((unit, person(caller, actor)?))
}

/// The person who orders.
pub(super) fn orders(caller: &Caller, actor: &str) -> Result<Actor, Status> {
    let person = person(caller, actor)?;
    if ORDERING.contains(&person.role()) {
        Ok(person)
    } else {
        Err(Status::permission_denied(
            "only the office, its leaders or an administrator order a dispatch: name one of them as the actor",
        ))
    }
}

/// The officer of an office who says something in a dispute.
pub(super) fn of_an_office(caller: &Caller, actor: &str) -> Result<Actor, Status> {
    in_role(
        caller,
        actor,
        "office",
        "a dispute is opened and answered by an officer of an office: name office: as the actor",
    )
}

/// The leader who decides a dispute.
pub(super) fn leads(caller: &Caller, actor: &str) -> Result<Actor, Status> {
    in_role(
        caller,
        actor,
        "leader",
        "a dispute is decided by the leaders: name leader: as the actor",
    )
}

fn in_role(caller: &Caller, actor: &str, role: &str, else_say: &str) -> Result<Actor, Status> {
    let person = person(caller, actor)?;
    if person.role() == role {
        Ok(person)
    } else {
        Err(Status::permission_denied(else_say))
    }
}

/// The person who publishes a policy.
pub(super) fn publishes(caller: &Caller, actor: &str) -> Result<Actor, Status> {
    let person = person(caller, actor)?;
    if PUBLISHING.contains(&person.role()) {
        Ok(person)
    } else {
        Err(Status::permission_denied(
            "a policy is published by a person: name operator:, office:, leader: or admin: as the actor",
        ))
    }
}

/// The person who says where a unit's notices go.
pub(super) fn sets_outlets(caller: &Caller, actor: &str) -> Result<Actor, Status> {
    let person = person(caller, actor)?;
    if ORDERING.contains(&person.role()) {
        Ok(person)
    } else {
        Err(Status::permission_denied(
            "only the office, its leaders or an administrator say where a unit's notices go: name one of them as the actor",
        ))
    }
}

/// Whether the versions of the policy may be read: by those who act for people.
pub(super) fn reads_policies(caller: &Caller) -> Result<(), Status> {
    if acts(caller) {
        Ok(())
    } else {
        Err(Status::permission_denied(
            "this token may not read the policy: ask as the console or an administrator",
        ))
    }
}

/// The unit whose cases are listed; `None`: of all units.
pub(super) fn reads(caller: &Caller, unit: &str) -> Result<Option<UnitCode>, Status> {
    if unit.is_empty() && caller.kind != CallerKind::Unit {
        return if acts(caller) { Ok(None) } else { Err(foreign()) };
    }
    own_or_named(caller, unit).map(Some)
}

/// A unit's token names only itself; the console and administrators name any.
fn own_or_named(caller: &Caller, unit: &str) -> Result<UnitCode, Status> {
    let parse = |code: &str| {
        UnitCode::parse(code).map_err(|error| Status::invalid_argument(format!("unit: {error}")))
    };
    match caller.kind {
        CallerKind::Unit if unit.is_empty() || unit == caller.name => parse(&caller.name),
        CallerKind::Unit => Err(foreign()),
        _ if acts(caller) => parse(unit),
        _ => Err(foreign()),
    }
}

fn person(caller: &Caller, actor: &str) -> Result<Actor, Status> {
    if !acts(caller) {
        return Err(Status::permission_denied(
            "this caller may not act for a person: leave `actor` empty",
        ));
    }
    Actor::parse(actor).map_err(|error| Status::invalid_argument(format!("actor: {error}")))
}

fn acts(caller: &Caller) -> bool {
    caller.acts_for_people || caller.kind == CallerKind::Admin
}

fn foreign() -> Status {
    Status::permission_denied(
        "this token may not ask for that unit: a unit asks for itself, the console for the people signed in to it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(name: &str, kind: CallerKind, acts_for_people: bool) -> Caller {
        Caller {
            name: name.to_owned(),
            kind,
            token_sha256: String::new(),
            append: vec![],
            purposes: vec![],
            rights: vec![],
            read: false,
            acts_for_people,
        }
    }

    #[test]
    fn a_unit_answers_for_itself_only() {
        let unit = caller("so_xd", CallerKind::Unit, false);
        assert_eq!(answers(&unit, "", "").unwrap().1.as_str(), "unit:so_xd");
        assert!(answers(&unit, "so_xd", "unit:so_xd").is_ok());
        assert!(answers(&unit, "sawaco", "").is_err());
        assert!(answers(&unit, "so_xd", "unit:sawaco").is_err());
        assert!(reads(&unit, "sawaco").is_err());
        assert_eq!(reads(&unit, "").unwrap().unwrap().as_str(), "so_xd");
        assert!(orders(&unit, "office:an").is_err());
    }

    #[test]
    fn the_console_acts_for_people_and_an_operator_gives_no_orders() {
        let console = caller("console", CallerKind::Console, true);
        assert_eq!(
            answers(&console, "so_xd", "unit:so_xd").unwrap().0.as_str(),
            "so_xd"
        );
        assert_eq!(orders(&console, "office:an").unwrap().as_str(), "office:an");
        assert!(orders(&console, "operator:lan").is_err());
        assert!(orders(&console, "").is_err());
        assert!(of_an_office(&console, "office:an").is_ok() && leads(&console, "leader:binh").is_ok());
        assert!(of_an_office(&console, "leader:binh").is_err());
        for nobody in ["office:an", "admin:x", "operator:lan", "unit:so_xd", ""] {
            assert!(leads(&console, nobody).is_err());
        }
        assert_eq!(
            publishes(&console, "operator:lan").unwrap().as_str(),
            "operator:lan"
        );
        assert!(publishes(&console, "unit:so_xd").is_err());
        assert!(publishes(&console, "service:routing").is_err());
        assert_eq!(reads(&console, "").unwrap(), None);
    }

    #[test]
    fn other_services_and_gateways_ask_nothing() {
        for kind in [CallerKind::Service, CallerKind::Gateway, CallerKind::Auditor] {
            let other = caller("x", kind, false);
            assert!(answers(&other, "so_xd", "").is_err());
            assert!(reads(&other, "").is_err());
            assert!(orders(&other, "office:an").is_err());
            assert!(publishes(&other, "operator:lan").is_err());
            assert!(of_an_office(&other, "office:an").is_err() && leads(&other, "leader:binh").is_err());
            assert!(reads_policies(&other).is_err());
        }
    }
}
