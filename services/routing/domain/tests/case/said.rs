//! How the tests say what happened and what is asked.

use std::sync::LazyLock;

use jiff::civil::{Date, date};
use kernel::taxonomy::{Destination, Kind, Level, Topic, Urgency};
use routing_domain::policy::BUILT_IN;
use routing_domain::{
    Basis, Command, Event, Facts, Notice, Outcome, Policy, RecallReason, ReturnReason, Routed, UnitCode,
};

pub(crate) static CITY: LazyLock<Policy> = LazyLock::new(|| Policy::parse(BUILT_IN).unwrap());

pub(crate) const DAY: Date = date(2026, 11, 24);

pub(crate) fn unit(code: &str) -> UnitCode {
    UnitCode::parse(code).unwrap()
}

pub(crate) fn routed(topic: Topic, kind: Kind, level: u8) -> Routed {
    let level = Level::try_from(level).unwrap();
    let urgency = if kind == Kind::Emergency {
        Urgency::Emergency
    } else {
        Urgency::Normal
    };
    let facts = Facts {
        field: Some(topic.field()),
        topic: Some(topic),
        kind,
        urgency,
        level,
        line: None,
        number: None,
        hours: None,
        wards: Vec::new(),
    };
    CITY.route(&facts, DAY)
}

pub(crate) fn road(level: u8) -> Routed {
    routed(Topic::Roads, Kind::Reflection, level)
}

pub(crate) fn to_office(of: &Routed, clause: &str) -> Event {
    Event::CaseRouted(Routed {
        destination: Destination::Office,
        clause: clause.into(),
        ..of.clone()
    })
}

pub(crate) fn dispatched(of: &Routed, to: &str, revision: u32, basis: Basis) -> Event {
    Event::CaseDispatched {
        unit: unit(to),
        office: of.office,
        revision,
        basis,
    }
}

pub(crate) fn recalled(of: &Routed, on: Notice, reason: RecallReason) -> Event {
    Event::CaseRecalled {
        revision: on.revision + 1,
        on,
        office: of.office,
        reason,
    }
}

pub(crate) fn at(code: &str, revision: u32) -> Notice {
    Notice {
        unit: unit(code),
        revision,
    }
}

pub(crate) fn order(code: &str) -> Command {
    let unit = unit(code);
    let standing = CITY.standing(&unit, &[DAY]);
    Command::DispatchOnOrder { unit, standing }
}

pub(crate) fn give_back(on: Notice, better: Option<&str>) -> Command {
    let better = better.map(|code| (unit(code), CITY.standing(&unit(code), &[DAY])));
    Command::Return {
        on,
        reason: ReturnReason::NotOurs,
        in_words: true,
        better,
        above: None,
    }
}

pub(crate) fn returned(on: Notice, better: Option<&str>) -> Event {
    Event::CaseReturned {
        on,
        reason: ReturnReason::NotOurs,
        better_unit: better.map(unit),
    }
}

pub(crate) fn result(on: Notice) -> Command {
    Command::ReportResult {
        on,
        outcome: Outcome::Done,
        in_words: true,
    }
}

/// A hole in the road, before so_xd.
pub(crate) fn before_so_xd() -> Vec<Event> {
    let r = road(2);
    vec![
        Event::CaseRouted(r.clone()),
        dispatched(&r, "so_xd", 1, Basis::Level2),
    ]
}
