//! What each voice says of a text by itself, for whoever asks why.

use kernel::taxonomy::{Kind, Level, Topic};
use vietnam::Folded;

use crate::classify::{Given, classify_at, listen};
use crate::finding::Classification;
use crate::model::Head;
use crate::policy::Policy;

/// A finding, and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// What both voices together find.
    pub found: Classification,
    /// What the rules say.
    pub rules: Rules,
    /// What the model says, having heard the rules; none where the rules speak alone.
    pub model: Option<Says>,
}

/// What the rules say by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The topic whose words weigh most, or that a rule names.
    pub topic: Option<Topic>,
    /// The kind of the first rule that holds.
    pub kind: Kind,
    /// The level of the first rule that holds.
    pub level: Level,
    /// Whether nothing is missing.
    pub complete: bool,
    /// How sure, in percent.
    pub sure: u32,
}

/// What the model says: shares in thousandths, the likeliest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Says {
    /// Its version.
    pub version: String,
    /// Of the topics, at most three.
    pub topics: Vec<(Option<Topic>, u16)>,
    /// Of the kinds, at most three.
    pub kinds: Vec<(Kind, u16)>,
    /// That it accuses an official: a denunciation, corruption, or a complaint about one.
    pub accuses: u16,
}

/// The most shares of one head.
const MOST: usize = 3;

/// Explains what a policy makes of a text.
#[must_use]
pub fn explain(policy: &Policy, text: &str) -> Explanation {
    let folded = Folded::new(text);
    let (reading, opinion) = listen(policy, &folded, false);
    let model = policy.second_voice().map(|(model, settings)| {
        let said = model.say(policy, &folded, &reading, &opinion);
        let topics = best(&said.shares(Head::Topic, settings.sharpness_topic));
        let kinds = best(&said.shares(Head::Kind, settings.sharpness_kind));
        Says {
            version: model.version().to_owned(),
            topics: topics
                .into_iter()
                .map(|(class, share)| (Topic::ALL.get(class).copied(), share))
                .collect(),
            kinds: kinds
                .into_iter()
                .map(|(class, share)| (Kind::ALL[class], share))
                .collect(),
            accuses: thousandths(said.shares(Head::Sensitive, settings.sharpness_sensitive)[1]),
        }
    });
    Explanation {
        found: classify_at(policy, text, Given::default()),
        rules: Rules {
            topic: opinion.topic,
            kind: opinion.kind,
            level: opinion.level,
            complete: opinion.complete,
            sure: opinion.sure,
        },
        model,
    }
}

fn best(shares: &[f32]) -> Vec<(usize, u16)> {
    let mut ranked: Vec<(usize, f32)> = shares.iter().copied().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    ranked
        .into_iter()
        .take(MOST)
        .map(|(class, share)| (class, thousandths(share)))
        .collect()
}

fn thousandths(share: f32) -> u16 {
    (share * 1000.0).round() as u16
}
