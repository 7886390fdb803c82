//! How well findings fit labels: the figures of `hoiam eval` and of the tests, from one place.

use std::collections::BTreeMap;

use kernel::taxonomy::{Kind, Topic};
use serde::Serialize;
use vietnam::Folded;

use crate::finding::{Classification, Evidence};
use crate::record::Record;

/// The figures, by the names other programs know them by. A share of nothing is 1: nothing was wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// How many reports were measured.
    pub records: usize,
    /// Share that needs no person.
    pub decided_share: f64,
    /// Share whose field is right.
    pub field_accuracy: f64,
    /// Share whose topic is right.
    pub topic_accuracy: f64,
    /// Share whose topic is among the best three suggestions.
    pub topic_top3: f64,
    /// Mean F1 of the topics that occur among the labels.
    pub topic_macro_f1: f64,
    /// Share of the decided whose topic is right.
    pub topic_accuracy_decided: f64,
    /// Mean F1 of the kinds that occur among the labels.
    pub kind_macro_f1: f64,
    /// Share of emergencies that are found.
    pub emergency_recall: f64,
    /// Share of what is called an emergency that is one.
    pub emergency_precision: f64,
    /// Share whose completeness is right.
    pub complete_accuracy: f64,
    /// Share whose level is right.
    pub level_exact: f64,
    /// Share whose level is at most one off.
    pub level_within_one: f64,
    /// Of the streets, wards and districts that texts name, the share found exactly.
    pub place_found: f64,
    /// Share of what is no report that is found to be none.
    pub not_a_report_recall: f64,
    /// Mean distance of confidence from the share that is right, over five bins of equal mass.
    pub expected_calibration_error: f64,
    /// Denunciations that neither wait for a person nor are called one, by id. There must be none.
    pub denunciations_missed: Vec<String>,
    /// What accuses an official (denunciation, corruption, conduct) and is decided without a person, by id.
    pub accusations_decided: Vec<String>,
}

/// A class with its counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Score {
    /// How many labels are this class.
    pub labelled: u32,
    /// How many findings are.
    pub found: u32,
    /// How many are both.
    pub right: u32,
}

/// One bin of the calibration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// How many findings.
    pub findings: usize,
    /// Their mean confidence.
    pub confidence: f64,
    /// The share whose topic is right.
    pub right: f64,
}

/// A finding that differs from its label.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mistake {
    /// The record.
    pub id: String,
    /// What the label says, of what differs.
    pub expected: BTreeMap<&'static str, String>,
    /// What was found instead.
    pub given: BTreeMap<&'static str, String>,
    /// Thousandths.
    pub confidence: u16,
    /// Whether a person sees it anyway.
    pub review: bool,
    /// Rules and where they matched.
    pub evidence: Vec<Evidence>,
}

/// Everything that was measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The figures.
    pub figures: Figures,
    /// Each topic's score, by code; `-` is none.
    pub topics: BTreeMap<&'static str, Score>,
    /// Each kind's score, by code.
    pub kinds: BTreeMap<&'static str, Score>,
    /// Calibration, the least sure first.
    pub bins: Vec<Bin>,
    /// How often a topic was taken for another: labelled, found.
    pub confusion: BTreeMap<(&'static str, &'static str), u32>,
    /// The mistakes, the surest first: these mislead most.
    pub mistakes: Vec<Mistake>,
}

const BINS: usize = 5;

impl Score {
    /// The harmonic mean of precision and recall.
    #[must_use]
    pub fn f1(&self) -> f64 {
        share(2 * self.right, self.labelled + self.found)
    }
}

/// Measures findings against the labels of the same reports.
#[must_use]
pub fn measure(records: &[Record], found: &[Classification]) -> Measured {
    let pairs: Vec<(&Record, &Classification)> = records.iter().zip(found).collect();
    let count = |holds: &dyn Fn(&Record, &Classification) -> bool| {
        pairs.iter().filter(|(r, c)| holds(r, c)).count() as u32
    };
    let of_all = |holds: &dyn Fn(&Record, &Classification) -> bool| share(count(holds), pairs.len() as u32);
    let mut topics: BTreeMap<&'static str, Score> = BTreeMap::new();
    let mut kinds: BTreeMap<&'static str, Score> = BTreeMap::new();
    let mut confusion = BTreeMap::new();
    let (mut parts, mut parts_found) = (0, 0);
    for (record, c) in &pairs {
        tally(&mut topics, code(record.topic), code(c.finding.topic));
        tally(&mut kinds, record.kind.code(), c.finding.kind.code());
        if record.topic != c.finding.topic {
            *confusion
                .entry((code(record.topic), code(c.finding.topic)))
                .or_default() += 1;
        }
        let (named, right) = places(record, c);
        parts += named;
        parts_found += right;
    }
    let decided = count(&|_, c| !c.needs_review());
    let emergency = |kind: Kind| kind == Kind::Emergency;
    let emergencies_found = count(&|r, c| emergency(r.kind) && emergency(c.finding.kind));
    let bins = calibration(&pairs);
    let error = bins
        .iter()
        .map(|bin| (bin.confidence - bin.right).abs() * bin.findings as f64)
        .sum::<f64>()
        / (pairs.len().max(1) as f64);
    let figures = Figures {
        records: pairs.len(),
        decided_share: share(decided, pairs.len() as u32),
        field_accuracy: of_all(&|r, c| r.field == c.finding.field),
        topic_accuracy: of_all(&|r, c| r.topic == c.finding.topic),
        topic_top3: of_all(&|r, c| {
            r.topic == c.finding.topic || c.suggested.iter().take(3).any(|(topic, _)| *topic == r.topic)
        }),
        topic_macro_f1: macro_f1(&topics),
        topic_accuracy_decided: share(
            count(&|r, c| !c.needs_review() && r.topic == c.finding.topic),
            decided,
        ),
        kind_macro_f1: macro_f1(&kinds),
        emergency_recall: share(emergencies_found, count(&|r, _| emergency(r.kind))),
        emergency_precision: share(emergencies_found, count(&|_, c| emergency(c.finding.kind))),
        complete_accuracy: of_all(&|r, c| r.complete == c.finding.complete),
        level_exact: of_all(&|r, c| r.level == c.finding.level),
        level_within_one: of_all(&|r, c| r.level.get().abs_diff(c.finding.level.get()) <= 1),
        place_found: share(parts_found, parts),
        not_a_report_recall: share(
            count(&|r, c| r.kind == Kind::NotAReport && c.finding.kind == Kind::NotAReport),
            count(&|r, _| r.kind == Kind::NotAReport),
        ),
        expected_calibration_error: error,
        denunciations_missed: pairs
            .iter()
            .filter(|(r, c)| {
                r.kind == Kind::Denunciation && !c.needs_review() && c.finding.kind != Kind::Denunciation
            })
            .map(|(r, _)| r.id.clone())
            .collect(),
        accusations_decided: pairs
            .iter()
            .filter(|(r, c)| r.is_sensitive() && !c.needs_review())
            .map(|(r, _)| r.id.clone())
            .collect(),
    };
    let mut mistakes: Vec<Mistake> = pairs.iter().filter_map(|(r, c)| mistake(r, c)).collect();
    mistakes.sort_by(|a, b| (a.review, b.confidence, &a.id).cmp(&(b.review, a.confidence, &b.id)));
    Measured {
        figures,
        topics,
        kinds,
        bins,
        confusion,
        mistakes,
    }
}

fn share(part: u32, whole: u32) -> f64 {
    if whole == 0 {
        1.0
    } else {
        f64::from(part) / f64::from(whole)
    }
}

fn code(topic: Option<Topic>) -> &'static str {
    topic.map_or("-", Topic::code)
}

fn tally(scores: &mut BTreeMap<&'static str, Score>, labelled: &'static str, found: &'static str) {
    let score = scores.entry(labelled).or_default();
    score.labelled += 1;
    score.right += u32::from(labelled == found);
    scores.entry(found).or_default().found += 1;
}

/// Over the classes that somebody labelled; "no topic" is none.
fn macro_f1(scores: &BTreeMap<&'static str, Score>) -> f64 {
    let labelled = scores
        .iter()
        .filter(|(code, score)| score.labelled > 0 && **code != "-");
    let f1: Vec<f64> = labelled.map(|(_, score)| score.f1()).collect();
    f1.iter().sum::<f64>() / f1.len().max(1) as f64
}

/// How many parts of a place the label names, and how many of them were found as named.
fn places(record: &Record, found: &Classification) -> (u32, u32) {
    let fold = |text: &str| Folded::new(text).as_str().replace(['.', ','], " ");
    let characters: Vec<char> = record.text.chars().collect();
    let mut counts = (0, 0);
    for (rule, label) in [
        ("place.street", &record.place.street),
        ("place.ward", &record.place.ward),
        ("place.district", &record.place.district),
    ] {
        let Some(label) = label else { continue };
        counts.0 += 1;
        let part = found.finding.place.iter().find(|e| e.rule == rule);
        let words = part.and_then(|e| characters.get(e.start as usize..e.end as usize));
        let words: String = words.unwrap_or_default().iter().collect();
        counts.1 += u32::from(fold(label) == fold(&words));
    }
    counts
}

/// Five bins of equal mass, by confidence.
fn calibration(pairs: &[(&Record, &Classification)]) -> Vec<Bin> {
    let mut by_confidence: Vec<(u16, bool)> = pairs
        .iter()
        .map(|(r, c)| (c.confidence, r.topic == c.finding.topic))
        .collect();
    by_confidence.sort_unstable();
    let n = by_confidence.len();
    (0..BINS)
        .map(|bin| &by_confidence[n * bin / BINS..n * (bin + 1) / BINS])
        .filter(|bin| !bin.is_empty())
        .map(|bin| Bin {
            findings: bin.len(),
            confidence: bin.iter().map(|(c, _)| f64::from(*c)).sum::<f64>() / 1000.0 / bin.len() as f64,
            right: bin.iter().filter(|(_, right)| *right).count() as f64 / bin.len() as f64,
        })
        .collect()
}

fn mistake(record: &Record, found: &Classification) -> Option<Mistake> {
    let f = &found.finding;
    let (mut expected, mut given) = (BTreeMap::new(), BTreeMap::new());
    for (what, label, finding) in [
        ("topic", code(record.topic).to_owned(), code(f.topic).to_owned()),
        ("kind", record.kind.code().to_owned(), f.kind.code().to_owned()),
        ("level", record.level.to_string(), f.level.to_string()),
        (
            "urgency",
            record.urgency.code().to_owned(),
            f.urgency.code().to_owned(),
        ),
        ("complete", record.complete.to_string(), f.complete.to_string()),
    ] {
        if label != finding {
            expected.insert(what, label);
            given.insert(what, finding);
        }
    }
    (!expected.is_empty()).then(|| Mistake {
        id: record.id.clone(),
        expected,
        given,
        confidence: found.confidence,
        review: found.needs_review(),
        evidence: found.evidence.clone(),
    })
}
