//! One case as the console's read model keeps it: codes, numbers and times folded from events; nothing a person typed.

use std::fmt;
use std::str::FromStr;

use contracts::events::{classification, feedback, obligation, report, routing};
use contracts::{Payload, Recorded};
use kernel::taxonomy::{Channel, Destination, Field, Kind, Office, Topic, Urgency};
use kernel::{CaseId, Instant, Position};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::lang::Lang;

/// Where a case stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum State {
    /// On record; not yet sorted.
    #[default]
    Received,
    /// A person must confirm what it is.
    InReview,
    /// At the operators' desk (level 1).
    AtDesk,
    /// With the office: waits for an opinion (level 3) or an order (levels 4, 5, returned cases).
    WithOffice,
    /// Put before a unit, not yet accepted.
    WithUnit,
    /// The unit works on it.
    Accepted,
    /// The result is there; the citizen is being told.
    Answered,
    /// Its obligations are met.
    Closed,
    /// Taken up again.
    Reopened,
}

impl State {
    /// All of them, in the order of the journey.
    pub const ALL: [Self; 9] = [
        Self::Received,
        Self::InReview,
        Self::AtDesk,
        Self::WithOffice,
        Self::WithUnit,
        Self::Accepted,
        Self::Answered,
        Self::Reopened,
        Self::Closed,
    ];

    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::InReview => "in_review",
            Self::AtDesk => "at_desk",
            Self::WithOffice => "with_office",
            Self::WithUnit => "with_unit",
            Self::Accepted => "accepted",
            Self::Answered => "answered",
            Self::Closed => "closed",
            Self::Reopened => "reopened",
        }
    }

    /// What people see.
    #[must_use]
    pub const fn name(self, lang: Lang) -> &'static str {
        match self {
            Self::Received => lang.t("Mới tiếp nhận", "Received"),
            Self::InReview => lang.t("Chờ xét", "In review"),
            Self::AtDesk => lang.t("Tại bàn trực", "At the desk"),
            Self::WithOffice => lang.t("Tại văn phòng", "With the office"),
            Self::WithUnit => lang.t("Đã chuyển đơn vị", "With a unit"),
            Self::Accepted => lang.t("Đơn vị đang xử lý", "Accepted by the unit"),
            Self::Answered => lang.t("Đã có kết quả", "Answered"),
            Self::Closed => lang.t("Đã kết thúc", "Closed"),
            Self::Reopened => lang.t("Mở lại", "Reopened"),
        }
    }

    /// Whether somebody still owes something.
    #[must_use]
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Closed)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for State {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|s| s.code() == text).ok_or(())
    }
}

/// Who must answer a dispute between the offices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaits {
    /// The office that does not have the case.
    Office(Office),
    /// The leaders.
    Leaders,
}

impl fmt::Display for Awaits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Office(office) => f.write_str(office.code()),
            Self::Leaders => f.write_str(LEADERS),
        }
    }
}

impl FromStr for Awaits {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            LEADERS => Ok(Self::Leaders),
            office => office.parse().map(Self::Office).map_err(|_| ()),
        }
    }
}

const LEADERS: &str = "leaders";

/// Something owed and not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// Which obligation.
    pub obligation: Uuid,
    /// What: `acceptance`, `result` …
    pub what: String,
    /// By when.
    pub due: Instant,
    /// Whether the deadline passed.
    pub missed: bool,
}

/// A row of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseRow {
    /// The case.
    pub case: CaseId,
    /// Tracking code; empty until `report_received` is seen.
    pub code: String,
    /// By which channel.
    pub channel: Option<Channel>,
    /// When it was recorded.
    pub received_at: Instant,
    /// Position of `report_received`: the list's order.
    pub received: Position,
    /// False when the call dropped.
    pub complete: bool,
    /// Party building or State management.
    pub field: Option<Field>,
    /// The main topic.
    pub topic: Option<Topic>,
    /// The legal kind.
    pub kind: Option<Kind>,
    /// How soon harm comes.
    pub urgency: Option<Urgency>,
    /// Level of the answer, 1 to 5.
    pub level: Option<u8>,
    /// Where it rests.
    pub destination: Option<Destination>,
    /// The handling office.
    pub office: Option<Office>,
    /// The unit it is before, or the lead unit proposed.
    pub unit: String,
    /// Number of the last dispatch; 0 before the first.
    pub revision: u32,
    /// Where it stands.
    pub state: State,
    /// Whose word an open dispute between the offices waits for.
    pub disputed: Option<Awaits>,
    /// What is owed and not done.
    pub owed: Vec<Owed>,
    /// Whether anything was ever late.
    pub was_late: bool,
    /// The number to call (113, 114, 115) when words of danger were found; else empty.
    pub emergency: String,
    /// Position of the last event of the case.
    pub position: Position,
}

impl Default for CaseRow {
    fn default() -> Self {
        Self {
            case: CaseId(Uuid::nil()),
            code: String::new(),
            channel: None,
            received_at: Instant(0),
            received: Position(0),
            complete: true,
            field: None,
            topic: None,
            kind: None,
            urgency: None,
            level: None,
            destination: None,
            office: None,
            unit: String::new(),
            revision: 0,
            state: State::Received,
            disputed: None,
            owed: Vec::new(),
            was_late: false,
            emergency: String::new(),
            position: Position(0),
        }
    }
}

impl CaseRow {
    /// The next thing owed.
    #[must_use]
    pub fn next(&self) -> Option<&Owed> {
        self.owed.iter().min_by_key(|o| o.due)
    }

    /// Whether a deadline passed and the thing is still not done.
    #[must_use]
    pub fn overdue(&self) -> bool {
        self.owed.iter().any(|o| o.missed)
    }

    /// Takes an event in. Total: what it does not know, or cannot read, moves nothing but the position.
    pub fn evolve(&mut self, event: &Recorded) {
        self.position = self.position.max(event.position);
        if let Some(e) = read::<report::ReportReceived>(event) {
            self.code = e.code.to_string();
            self.channel = Some(e.channel);
            self.received_at = event.recorded_at;
            self.received = event.position;
            self.complete = e.complete;
        } else if let Some(e) = read::<report::EmergencySuspected>(event) {
            self.emergency = e.number.to_string();
        } else if let Some(e) = read::<classification::ReportClassified>(event) {
            self.find(&e.finding);
        } else if let Some(e) = read::<classification::ReviewRequested>(event) {
            self.find(&e.suggestion);
            self.state = State::InReview;
            self.destination = Some(Destination::Review);
        } else if let Some(e) = read::<classification::ReviewDecided>(event) {
            self.find(&e.finding);
            self.state = State::Received;
            self.destination = None;
        } else {
            self.routed(event);
        }
    }

    fn find(&mut self, finding: &classification::Finding) {
        self.field = finding.field;
        self.topic = finding.topic;
        self.kind = Some(finding.kind);
        self.urgency = Some(finding.urgency);
        self.level = Some(finding.level.get());
        self.complete = finding.complete;
    }

    fn routed(&mut self, event: &Recorded) {
        if let Some(e) = read::<routing::CaseRouted>(event)
            && e.clause.as_str() == "dispute"
        {
            // Only the office is another; a recall or a dispatch beside it says what becomes of the unit.
            self.office = Some(e.office);
            self.destination = Some(e.destination);
            if self.state == State::WithOffice {
                self.unit = e.units.first().map(ToString::to_string).unwrap_or_default();
            }
        } else if let Some(e) = read::<routing::CaseRouted>(event) {
            self.office = Some(e.office);
            self.destination = Some(e.destination);
            self.unit = e.units.first().map(ToString::to_string).unwrap_or_default();
            self.state = match e.destination {
                Destination::Desk => State::AtDesk,
                Destination::Office => State::WithOffice,
                Destination::Unit | Destination::Police => State::WithUnit,
                Destination::Review => State::InReview,
                Destination::None => self.state,
            };
        } else if let Some(e) = read::<routing::CaseDispatched>(event) {
            self.unit = e.unit.to_string();
            self.office = Some(e.office);
            self.revision = e.revision;
            self.state = State::WithUnit;
        } else if read::<routing::CaseAccepted>(event).is_some() {
            self.state = State::Accepted;
        } else if read::<routing::CaseReturned>(event).is_some()
            || read::<routing::CaseRecalled>(event).is_some()
        {
            self.state = State::WithOffice;
        } else if let Some(e) = read::<routing::ResultReported>(event) {
            // A part done is no answer: the unit goes on with the rest.
            self.state = if e.outcome.as_str() == "partly_done" {
                State::Accepted
            } else {
                State::Answered
            };
        } else if let Some(e) = read::<routing::DisputeOpened>(event) {
            self.disputed = Some(if e.before.as_str() == LEADERS {
                Awaits::Leaders
            } else {
                Awaits::Office(e.to)
            });
        } else if read::<routing::DisputeRefused>(event).is_some() {
            self.disputed = Some(Awaits::Leaders);
        } else if let Some(e) = read::<routing::DisputeDecided>(event) {
            self.disputed = None;
            // What classification found stays in its event; the case counts where it was decided to belong.
            self.field = Some(e.field);
        } else if read::<feedback::CaseClosed>(event).is_some() {
            self.state = State::Closed;
            self.disputed = None;
        } else if read::<feedback::CaseReopened>(event).is_some() {
            self.state = State::Reopened;
        } else {
            self.owes(event);
        }
    }

    fn owes(&mut self, event: &Recorded) {
        if let Some(e) = read::<obligation::ObligationOpened>(event) {
            self.owed.retain(|o| o.obligation != e.obligation);
            self.owed.push(Owed {
                obligation: e.obligation,
                what: e.what.to_string(),
                due: e.due,
                missed: false,
            });
        } else if let Some(e) = read::<obligation::ObligationMet>(event) {
            self.was_late |= e.late;
            self.owed.retain(|o| o.obligation != e.obligation);
        } else if let Some(e) = read::<obligation::ObligationOvertaken>(event) {
            self.owed.retain(|o| o.obligation != e.obligation);
        } else if let Some(e) = read::<obligation::ObligationMissed>(event) {
            self.was_late = true;
            for owed in self.owed.iter_mut().filter(|o| o.obligation == e.obligation) {
                owed.missed = true;
            }
        }
    }
}

/// The payload if the event is of the type and fits it. The read model is disposable and shows facts; what it cannot read it leaves
/// to the timeline, which shows the event all the same.
fn read<P: Payload>(event: &Recorded) -> Option<P> {
    event.decode::<P>().ok().flatten()
}
