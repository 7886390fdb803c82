//! A case's story in plain words: what happened, who, when (UTC+7) and why, one line for each event. Pure; the command
//! `hoiam case` tells the same story.

use std::collections::{BTreeMap, HashMap};

use contracts::events::{access, classification, feedback, message, obligation, report, routing};
use contracts::{Payload, Recorded};
use kernel::{Actor, Instant};
use uuid::Uuid;

use crate::lang::Lang;
use crate::words::{List, say};

mod arithmetic;
mod outlet;
mod tell;

/// Which part of the city a line is about; decides its mark on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// What the citizen said or was told.
    Citizen,
    /// What the house decided.
    House,
    /// What a unit did.
    Unit,
    /// Deadlines.
    Clock,
    /// A deadline passed, something was refused or failed.
    Alarm,
    /// Who read what.
    Access,
    /// It is done.
    Done,
}

impl Tone {
    /// Its name in the style sheet.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Citizen => "citizen",
            Self::House => "house",
            Self::Unit => "unit",
            Self::Clock => "clock",
            Self::Alarm => "alarm",
            Self::Access => "access",
            Self::Done => "done",
        }
    }
}

/// One line of the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Position of the event.
    pub position: u64,
    /// Its type, for those who look closer.
    pub kind: String,
    /// When it was recorded, `24/11/2026 14:05:09` in UTC+7.
    pub when: String,
    /// The same as RFC 3339, for machines.
    pub instant: String,
    /// Who is answerable, in words.
    pub who: String,
    /// What happened, one sentence.
    pub what: String,
    /// Why: the clause, the rule, the policy's version.
    pub why: String,
    /// Which part of the city.
    pub tone: Tone,
    /// Whether a person's words go with it.
    pub words: bool,
}

impl Line {
    /// Whether `why` says why, and not only more about it.
    #[must_use]
    pub fn says_why(&self) -> bool {
        const REASONED: [&str; 12] = [
            report::EmergencySuspected::TYPE,
            report::ReportRefused::TYPE,
            classification::ReportClassified::TYPE,
            routing::CaseRouted::TYPE,
            routing::CaseDispatched::TYPE,
            routing::CaseReturned::TYPE,
            routing::CaseRecalled::TYPE,
            routing::DisputeOpened::TYPE,
            routing::DisputeDecided::TYPE,
            obligation::ObligationOvertaken::TYPE,
            feedback::CaseClosed::TYPE,
            feedback::CaseReopened::TYPE,
        ];
        !self.why.is_empty() && REASONED.contains(&self.kind.as_str())
    }
}

/// What a teller needs besides the event itself.
pub struct Told<'a> {
    /// In which language.
    pub lang: Lang,
    /// Names of units by code; a code without a name is shown as it is.
    pub units: &'a BTreeMap<String, String>,
    owed: HashMap<Uuid, String>,
}

impl<'a> Told<'a> {
    /// Starts a story.
    #[must_use]
    pub fn new(lang: Lang, units: &'a BTreeMap<String, String>) -> Self {
        Self {
            lang,
            units,
            owed: HashMap::new(),
        }
    }

    /// The name of a unit.
    #[must_use]
    pub fn unit(&self, code: &str) -> String {
        self.units.get(code).cloned().unwrap_or_else(|| code.to_owned())
    }

    /// What an obligation of the story is about.
    fn owed(&self, obligation: &Uuid) -> String {
        let what = self.owed.get(obligation).map_or("", String::as_str);
        say(List::Obligation, what, self.lang).into_owned()
    }
}

/// The whole story, in order.
#[must_use]
pub fn story(events: &[Recorded], lang: Lang, units: &BTreeMap<String, String>) -> Vec<Line> {
    let mut told = Told::new(lang, units);
    events.iter().map(|event| tell(event, &mut told)).collect()
}

/// One event in words. Total: an unknown type is told by its name.
#[must_use]
pub fn tell(event: &Recorded, told: &mut Told<'_>) -> Line {
    let (tone, what, why) = tell::sentence(event, told).unwrap_or_else(|| {
        (
            Tone::House,
            format!("{} {}", told.lang.t("Sự kiện", "Event"), event.kind),
            String::new(),
        )
    });
    Line {
        position: event.position.0,
        kind: event.kind.clone(),
        when: when(event.recorded_at),
        instant: event.recorded_at.to_string(),
        who: who(&event.actor, told),
        what,
        why,
        tone,
        words: event.has_sealed,
    }
}

/// An actor in words.
#[must_use]
pub fn who(actor: &Actor, told: &Told<'_>) -> String {
    let lang = told.lang;
    match (actor.role(), actor.id()) {
        ("citizen", _) => lang.t("Người dân", "The citizen").to_owned(),
        ("service", service) => {
            let name = match service {
                "intake" => lang.t("Tiếp nhận", "Intake"),
                "classification" => lang.t("Phân loại", "Classification"),
                "routing" => lang.t("Điều phối", "Routing"),
                "escalation" => lang.t("Đôn đốc", "Escalation"),
                "feedback" => lang.t("Phản hồi", "Feedback"),
                "ledger" => lang.t("Sổ cái", "The ledger"),
                other => other,
            };
            format!("{name} ({})", lang.t("tự động", "automatic"))
        }
        ("unit", code) => told.unit(code),
        ("gateway", name) => format!("{} {name}", lang.t("Cổng", "Gateway")),
        (role, id) => {
            let role = say(List::Role, role, lang);
            let mut letters = role.chars();
            let first = letters
                .next()
                .map(|c| c.to_uppercase().to_string())
                .unwrap_or_default();
            format!("{first}{} {id}", letters.as_str())
        }
    }
}

/// An instant as the city reads it: `24/11/2026 14:05:09`, UTC+7.
#[must_use]
pub fn when(at: Instant) -> String {
    local(at).strftime("%d/%m/%Y %H:%M:%S").to_string()
}

/// An instant in the city's zone, which is a fixed UTC+7 without daylight saving.
#[must_use]
pub fn local(at: Instant) -> jiff::civil::DateTime {
    jiff::tz::offset(7).to_datetime(at.timestamp())
}
