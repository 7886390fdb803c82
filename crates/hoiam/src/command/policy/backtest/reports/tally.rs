//! What would have been decided otherwise, counted and told.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use classification::Speaking;
use classification_domain::{Classification, Reason};
use contracts::Code;
use contracts::events::classification::Finding;
use kernel::CaseId;
use kernel::taxonomy::{Kind, Level, Topic, Urgency};
use serde_json::{Value, json};

use super::super::Arguments;
use super::Report;
use crate::output;

/// Ways told to people; `--json` has all cases.
const TOLD: usize = 20;

/// What was or would be decided about one report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    topic: Option<Topic>,
    kind: Kind,
    level: Level,
    urgency: Urgency,
    /// Why a person looks first; empty: nobody does.
    reasons: Vec<String>,
    policy: Code,
    model: Code,
}

impl Decision {
    pub(super) fn on_record(found: &Finding, reasons: &[Code], policy: Code, model: Code) -> Self {
        Self {
            topic: found.topic,
            kind: found.kind,
            level: found.level,
            urgency: found.urgency,
            reasons: reasons.iter().map(ToString::to_string).collect(),
            policy,
            model,
        }
    }

    pub(super) fn now(found: &Classification) -> Self {
        Self {
            topic: found.finding.topic,
            kind: found.finding.kind,
            level: found.finding.level,
            urgency: found.finding.urgency,
            reasons: found
                .reasons
                .iter()
                .map(|reason| reason.code().to_owned())
                .collect(),
            policy: Code::default(),
            model: Code::default(),
        }
    }

    fn review(&self) -> bool {
        !self.reasons.is_empty()
    }

    /// Each aspect by name, as it is told.
    fn aspects(&self) -> [(&'static str, String); 5] {
        [
            ("topic", self.topic.map_or("none", Topic::code).to_owned()),
            ("kind", self.kind.code().to_owned()),
            ("level", self.level.to_string()),
            ("urgency", self.urgency.code().to_owned()),
            ("review", if self.review() { "yes" } else { "no" }.to_owned()),
        ]
    }

    /// Whether it accuses an official, or may.
    fn is_sensitive(&self) -> bool {
        let reasons = [
            Reason::MayBeDenunciation,
            Reason::MayBeCorruption,
            Reason::AboutAnOfficial,
        ];
        let topics = [Topic::Corruption, Topic::CadreConduct, Topic::OfficialConduct];
        self.kind == Kind::Denunciation
            || self.topic.is_some_and(|topic| topics.contains(&topic))
            || reasons
                .iter()
                .any(|it| self.reasons.iter().any(|reason| reason == it.code()))
    }
}

/// A report that would be decided otherwise.
struct Changed {
    case: CaseId,
    from: Decision,
    to: Decision,
}

/// What came of the reports.
pub(super) struct Tally<'a> {
    speaking: &'a Speaking,
    replayed: u64,
    erased: u64,
    /// Not decided yet when the record was read.
    undecided: u64,
    /// Sent to a person: then, and under the policy.
    reviews: (u64, u64),
    changed: Vec<Changed>,
    /// Sensitive by what is on record, and nobody would look.
    slipped: Vec<CaseId>,
    /// Emergencies by what is on record that would neither be called so nor be looked at.
    missed: Vec<CaseId>,
    /// Where a person decided: how many, and how often topic and kind were theirs: then, and under the policy.
    people: (u64, u64, u64),
    /// Decided by this very policy with a model that can no longer learn all it had learnt.
    other_model: u64,
}

impl<'a> Tally<'a> {
    pub(super) const fn new(speaking: &'a Speaking) -> Self {
        Self {
            speaking,
            replayed: 0,
            erased: 0,
            undecided: 0,
            reviews: (0, 0),
            changed: Vec::new(),
            slipped: Vec::new(),
            missed: Vec::new(),
            people: (0, 0, 0),
            other_model: 0,
        }
    }

    pub(super) fn take(&mut self, report: &Report, now: Option<Decision>) {
        let Some(now) = now else {
            self.erased += 1;
            return;
        };
        let Some(was) = &report.decided else {
            self.undecided += 1;
            return;
        };
        self.replayed += 1;
        self.reviews.0 += u64::from(was.review());
        self.reviews.1 += u64::from(now.review());
        // Events did not always say the model.
        if was.policy == self.speaking.version && !was.model.is_empty() && was.model != self.speaking.model {
            self.other_model += 1;
        }
        // What a person decided is what it is.
        let truth = report.by_person.as_ref().unwrap_or(was);
        if truth.is_sensitive() && !now.review() && now.kind != Kind::Emergency {
            self.slipped.push(report.case);
        }
        if truth.kind == Kind::Emergency && now.kind != Kind::Emergency && !now.review() {
            self.missed.push(report.case);
        }
        if let Some(person) = &report.by_person {
            let right = |it: &Decision| u64::from((it.topic, it.kind) == (person.topic, person.kind));
            self.people.0 += 1;
            self.people.1 += right(was);
            self.people.2 += right(&now);
        }
        if was.aspects() != now.aspects() {
            self.changed.push(Changed {
                case: report.case,
                from: was.clone(),
                to: now,
            });
        }
    }

    /// From what to what, by aspect, the most frequent first.
    fn ways(&self) -> Vec<((&'static str, String, String), u64)> {
        let mut ways: BTreeMap<_, u64> = BTreeMap::new();
        for it in &self.changed {
            for ((aspect, from), (_, to)) in it.from.aspects().into_iter().zip(it.to.aspects()) {
                if from != to {
                    *ways.entry((aspect, from, to)).or_default() += 1;
                }
            }
        }
        let mut ways: Vec<_> = ways.into_iter().collect();
        ways.sort_by_key(|(_, reports)| Reverse(*reports));
        ways
    }

    pub(super) fn tell(
        self,
        arguments: &Arguments,
        read: u64,
        seconds: f64,
        used: f64,
    ) -> anyhow::Result<()> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a figure to be read"
        )]
        let a_minute = |seconds: f64| (self.replayed as f64 * 60.0 / seconds.max(0.001)) as u64;
        let (per_minute, per_core) = (a_minute(seconds), a_minute(used));
        if arguments.json {
            for it in &self.changed {
                output::json(&json!({ "case": it.case, "from": object(&it.from), "to": object(&it.to) }))?;
            }
            return output::json(&json!({
                "decisions": self.replayed, "changed": self.changed.len(), "not_replayable": self.erased,
                "undecided": self.undecided, "reviews": self.reviews.0, "reviews_then": self.reviews.1,
                "slipped": self.slipped, "missed": self.missed,
                "decided_by_people": self.people.0, "right": self.people.1, "right_then": self.people.2,
                "policy": self.speaking.version, "model": self.speaking.model, "other_model": self.other_model,
                "read": read, "seconds": seconds, "per_minute": per_minute, "per_core_minute": per_core,
            }));
        }
        if arguments.cases {
            for it in &self.changed {
                let told = |it: &Decision| it.aspects().map(|(_, said)| said).join(" ");
                output::line(format!("{}  {}  →  {}", it.case, told(&it.from), told(&it.to)))?;
            }
        }
        let ways = self.ways();
        if !ways.is_empty() {
            let more = ways.len().saturating_sub(TOLD);
            let rows = ways
                .into_iter()
                .take(TOLD)
                .map(|((aspect, from, to), reports)| vec![reports.to_string(), aspect.to_owned(), from, to]);
            output::table(&["reports", "", "from", "to"], rows)?;
            if more > 0 {
                output::line(format!("and {more} more ways, in --json"))?;
            }
        }
        for (cases, what) in [
            (
                &self.slipped,
                "may accuse an official, and nobody would look first",
            ),
            (&self.missed, "was an emergency, and would be none"),
        ] {
            for case in cases {
                output::line(format!("WARNING: {case} {what}"))?;
            }
        }
        if self.people.0 > 0 {
            output::line(format!(
                "Where a person decided ({}), topic and kind were theirs in {}, and would be in {}.",
                self.people.0, self.people.1, self.people.2
            ))?;
        }
        if self.other_model > 0 {
            output::line(format!(
                "{} decisions of this policy cannot be replayed exactly: of the reports its model had learnt some were erased, and it is {} now.",
                self.other_model, self.speaking.model
            ))?;
        }
        output::line(format!(
            "Of {} decisions, {} would be others; {} reports were erased and cannot be replayed, {} are not decided yet. To a person: {} then, {} under the policy. \
             Nothing was changed; that the reports were opened is on record. {seconds:.1} s ({per_minute} reports a minute, {per_core} a minute of one core).",
            self.replayed,
            self.changed.len(),
            self.erased,
            self.undecided,
            self.reviews.0,
            self.reviews.1,
        ))
    }
}

fn object(it: &Decision) -> Value {
    json!({
        "topic": it.topic, "kind": it.kind, "level": it.level, "urgency": it.urgency, "review": it.review(), "reasons": it.reasons,
    })
}
