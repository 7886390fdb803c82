//! A classification policy: words that say something, and rules that conclude from what was said. Data, read from TOML; a duty
//! officer can read and change it (`policy/`), and a mistake in it is refused by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kernel::taxonomy::{Field, Kind, Level, Topic, Urgency};
use vietnam::{Folded, Phrases};

use crate::finding::Reason;
use crate::model::{self, Model};

mod diff;
mod raw;

pub use diff::{Edit, difference};
use raw::Raw;
pub use raw::{DuplicateSettings, ModelSettings, Settings};

/// The policy the product comes with, as text; its version is the hash of these bytes.
pub const BUILT_IN: &str = concat!(
    include_str!("../policy/00-settings.toml"),
    include_str!("../policy/05-duplicates.toml"),
    include_str!("../policy/10-state-topics.toml"),
    include_str!("../policy/12-state-words.toml"),
    include_str!("../policy/15-party-topics.toml"),
    include_str!("../policy/16-party-words.toml"),
    include_str!("../policy/20-signals.toml"),
    include_str!("../policy/22-signal-words.toml"),
    include_str!("../policy/30-rules.toml"),
);

/// Why a policy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Not TOML, or not of this shape.
    #[error("the policy does not read as TOML of the known shape")]
    Toml(#[from] toml::de::Error),
    /// Two rules or word lists have one id.
    #[error("`{0}` is the id of two entries: give each its own")]
    SameId(String),
    /// An id that evidence cannot carry.
    #[error("`{0}` is no id: use 1 to 64 of a-z 0-9 _ . -")]
    BadId(String),
    /// `says` names nothing that can be said.
    #[error(
        "`{id}` says `{says}`, which means nothing: use signal.<name>, topic.<code>, kind.<code>, urgency.<code>, level.<1-5>, complete.no or review.<reason>"
    )]
    BadSays {
        /// The entry.
        id: String,
        /// What it says.
        says: String,
    },
    /// A condition names what no entry says.
    #[error("`{id}` asks for `{name}`, which nothing in the policy says")]
    UnknownName {
        /// The rule.
        id: String,
        /// The name.
        name: String,
    },
    /// A phrase that cannot be matched.
    #[error("`{id}`: phrase number {number} holds no word, or a comma or full stop inside")]
    BadPhrase {
        /// The entry.
        id: String,
        /// Which phrase, from 1.
        number: usize,
    },
    /// A word list without words, or a weight or share outside its range.
    #[error("`{0}` has no phrases, or a weight outside 1 to 9, or a surety outside 0 to 100")]
    OutOfRange(String),
    /// Scores or windows of duplicates that cannot be.
    #[error(
        "`settings.duplicates`: suggest and merge are 1 to 1,000, suggest at most merge, windows 1 to 2,160 hours"
    )]
    BadDuplicates,
    /// The model it names is not there.
    #[error(
        "the model `{0}` is not known here: put the labelled reports it learnt from into the folder of models, or name another"
    )]
    UnknownModel(String),
    /// What a model is to learn from does not read.
    #[error("the labelled reports of the model do not read")]
    BadRecords(#[from] crate::record::BadRecord),
    /// A rule of an aspect that must always answer is missing.
    #[error("no rule without conditions ends the list for `{0}`: add one, so that every text gets an answer")]
    NoDefault(&'static str),
}

/// What a rule concludes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conclusion {
    Topic(Topic),
    Kind(Kind),
    Urgency(Urgency),
    Level(Level),
    Incomplete,
    Review(Reason),
    Signal(usize),
}

/// A word list, compiled: which phrases it owns is in `Policy::list_of`.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) id: String,
    /// What the model knows it by.
    pub(crate) mark: u64,
    /// The topic it scores for; none for a signal.
    pub(crate) topic: Option<Topic>,
    /// The fact it establishes.
    pub(crate) fact: usize,
    pub(crate) weight: u32,
    /// How many different phrases it takes.
    pub(crate) min: usize,
    /// Only within the first so many bytes of the folded text.
    pub(crate) first: usize,
    pub(crate) deniable: bool,
    /// Does not count where somebody is addressed ("Kính gửi Chủ tịch …").
    pub(crate) spoken_of: bool,
    /// Written by somebody who had not the labelled reports before them: cross-validation leaves its phrases in.
    pub(crate) blind: bool,
}

/// A number before a unit: "87 hộ", "bốn lần".
#[derive(Debug)]
pub(crate) struct Count {
    pub(crate) id: String,
    pub(crate) fact: usize,
    pub(crate) at_least: u32,
    /// Folded.
    pub(crate) units: Vec<String>,
}

/// A rule, compiled to facts by number.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: String,
    /// What the model knows it by.
    pub(crate) mark: u64,
    pub(crate) says: Conclusion,
    pub(crate) sure: u16,
    all: Vec<usize>,
    any: Vec<usize>,
    none: Vec<usize>,
}

impl Rule {
    /// Whether the facts fulfil it.
    pub(crate) fn holds(&self, facts: &[bool]) -> bool {
        self.all.iter().all(|f| facts[*f])
            && (self.any.is_empty() || self.any.iter().any(|f| facts[*f]))
            && !self.none.iter().any(|f| facts[*f])
    }

    const fn is_default(&self) -> bool {
        self.all.is_empty() && self.any.is_empty() && self.none.is_empty()
    }
}

/// A policy ready to classify with.
#[derive(Debug)]
pub struct Policy {
    pub(crate) settings: Settings,
    pub(crate) phrases: Phrases,
    /// For each phrase, its word list.
    pub(crate) list_of: Vec<usize>,
    pub(crate) words: Vec<Words>,
    pub(crate) counts: Vec<Count>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) denial: Phrases,
    pub(crate) address: Phrases,
    /// Numbers of the facts by name.
    facts: BTreeMap<String, usize>,
    /// Their numbers for the codes of the taxonomy, in the order of each list.
    pub(crate) codes: Codes,
    /// What the model knows each fact by, in the order of their numbers.
    pub(crate) fact_marks: Vec<u64>,
    /// Whether a phrase is one word that says little where its tones are missing ("cháy" may then be "chạy").
    pub(crate) toneless: Vec<bool>,
    /// Phrases that are passed over, by number: empty unless somebody measures what is left without them.
    pub(crate) silent: Vec<bool>,
    /// The second voice; without one the rules speak alone.
    pub(crate) model: Option<Arc<Model>>,
}

/// Numbers of the facts that name codes.
#[derive(Debug, Default)]
pub(crate) struct Codes {
    pub(crate) topics: Vec<usize>,
    pub(crate) kinds: Vec<usize>,
    pub(crate) fields: Vec<usize>,
    pub(crate) urgencies: Vec<usize>,
}

/// Facts the code establishes.
pub(crate) const PLACE: &str = "text.place";
pub(crate) const STREET: &str = "text.street";
pub(crate) const MONEY: &str = "text.money";
pub(crate) const SHORT: &str = "text.short";
pub(crate) const LONG: &str = "text.long";
pub(crate) const QUESTION_MARK: &str = "text.question_mark";
pub(crate) const NO_WORDS: &str = "text.no_words";
pub(crate) const FOREIGN: &str = "text.foreign";
pub(crate) const NO_TOPIC: &str = "topic.none";
/// The signal under which further topics are named; a policy without it names none.
pub(crate) const SEVERAL: &str = "signal.several";
const GIVEN: [&str; 9] = [
    PLACE,
    STREET,
    MONEY,
    SHORT,
    LONG,
    QUESTION_MARK,
    NO_WORDS,
    FOREIGN,
    NO_TOPIC,
];

impl Policy {
    /// When two reports may tell of the same matter; none: nobody asks.
    #[must_use]
    pub const fn duplicates(&self) -> Option<&DuplicateSettings> {
        self.settings.duplicates.as_ref()
    }

    /// Reads and checks a policy.
    ///
    /// # Errors
    /// `PolicyError` naming the entry at fault.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let raw: Raw = toml::from_str(text)?;
        let duplicates = raw.settings.duplicates.as_ref();
        if duplicates.is_some_and(|settings| !settings.is_sound()) {
            return Err(PolicyError::BadDuplicates);
        }
        let mut facts = BTreeMap::new();
        let mut add = |name: String| {
            let next = facts.len();
            *facts.entry(name).or_insert(next)
        };
        for name in GIVEN {
            add(name.to_owned());
        }
        let codes = Topic::ALL.iter().map(|t| format!("topic.{t}"));
        let codes = codes.chain(Kind::ALL.iter().map(|k| format!("kind.{k}")));
        let codes = codes.chain(Field::ALL.iter().map(|f| format!("field.{f}")));
        for name in codes.chain(Urgency::ALL.iter().map(|u| format!("urgency.{u}"))) {
            add(name);
        }
        let mut ids = BTreeSet::new();
        let mut check_id = |id: &str| {
            let good = (1..=64).contains(&id.len())
                && id
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b));
            if !good {
                return Err(PolicyError::BadId(id.to_owned()));
            }
            if ids.insert(id.to_owned()) {
                Ok(())
            } else {
                Err(PolicyError::SameId(id.to_owned()))
            }
        };

        let mut phrases = Vec::new();
        let mut list_of = Vec::new();
        let mut words = Vec::new();
        for list in raw.words {
            check_id(&list.id)?;
            if list.phrases.is_empty() || !(1..=9).contains(&list.weight) || list.min == 0 {
                return Err(PolicyError::OutOfRange(list.id));
            }
            let (topic, fact) = match list.says.split_once('.') {
                Some(("topic", code)) => {
                    let topic: Topic = code.parse().map_err(|_| PolicyError::BadSays {
                        id: list.id.clone(),
                        says: list.says.clone(),
                    })?;
                    (Some(topic), add(format!("words.{topic}")))
                }
                Some(("signal", name)) if !name.is_empty() => (None, add(list.says.clone())),
                _ => {
                    return Err(PolicyError::BadSays {
                        id: list.id,
                        says: list.says,
                    });
                }
            };
            if let Some(bad) = list.phrases.iter().position(|p| Phrases::new([p]).is_err()) {
                return Err(PolicyError::BadPhrase {
                    id: list.id,
                    number: bad + 1,
                });
            }
            list_of.extend(std::iter::repeat_n(words.len(), list.phrases.len()));
            phrases.extend(list.phrases);
            let first = list.first.unwrap_or(usize::MAX);
            let (id, weight, min) = (list.id, list.weight, list.min);
            words.push(Words {
                mark: model::mark(&id),
                id,
                topic,
                fact,
                weight,
                min,
                first,
                deniable: list.deny,
                spoken_of: list.spoken_of,
                blind: list.blind,
            });
        }
        let mut counts = Vec::new();
        for count in raw.count {
            check_id(&count.id)?;
            if !count.says.starts_with("signal.") {
                return Err(PolicyError::BadSays {
                    id: count.id,
                    says: count.says,
                });
            }
            let units: Vec<String> = count
                .units
                .iter()
                .map(|u| Folded::new(u).as_str().to_owned())
                .collect();
            if units.is_empty() || units.iter().any(String::is_empty) {
                return Err(PolicyError::OutOfRange(count.id));
            }
            counts.push(Count {
                id: count.id,
                fact: add(count.says),
                at_least: count.at_least,
                units,
            });
        }
        // Rules may establish signals that later rules ask for.
        for rule in &raw.rule {
            if rule.says.starts_with("signal.") {
                add(rule.says.clone());
            }
        }
        let mut rules = Vec::new();
        for rule in raw.rule {
            check_id(&rule.id)?;
            if rule.sure > 100 {
                return Err(PolicyError::OutOfRange(rule.id));
            }
            let says = conclusion(&rule.says, &facts).ok_or_else(|| PolicyError::BadSays {
                id: rule.id.clone(),
                says: rule.says.clone(),
            })?;
            let number = |names: &[String]| {
                names
                    .iter()
                    .map(|name| {
                        facts.get(name).copied().ok_or_else(|| PolicyError::UnknownName {
                            id: rule.id.clone(),
                            name: name.clone(),
                        })
                    })
                    .collect::<Result<Vec<usize>, _>>()
            };
            let (all, any, none) = (number(&rule.all)?, number(&rule.any)?, number(&rule.none)?);
            rules.push(Rule {
                mark: model::mark(&rule.id),
                id: rule.id,
                says,
                sure: rule.sure,
                all,
                any,
                none,
            });
        }
        for (aspect, is) in [
            (
                "kind",
                (|c| matches!(c, Conclusion::Kind(_))) as fn(&Conclusion) -> bool,
            ),
            ("urgency", |c| matches!(c, Conclusion::Urgency(_))),
            ("level", |c| matches!(c, Conclusion::Level(_))),
        ] {
            if !rules.iter().rfind(|r| is(&r.says)).is_some_and(Rule::is_default) {
                return Err(PolicyError::NoDefault(aspect));
            }
        }
        let all = Phrases::new(&phrases).map_err(|_| PolicyError::OutOfRange("words".to_owned()))?;
        let denial = Phrases::new(&raw.settings.denial)
            .map_err(|_| PolicyError::OutOfRange("settings.denial".to_owned()))?;
        let address = Phrases::new(&raw.settings.address)
            .map_err(|_| PolicyError::OutOfRange("settings.address".to_owned()))?;
        if raw.settings.sure > 100 {
            return Err(PolicyError::OutOfRange("settings.sure".to_owned()));
        }
        let numbers = |names: Vec<String>| names.iter().map(|name| facts[name]).collect::<Vec<usize>>();
        let codes = Codes {
            topics: numbers(Topic::ALL.iter().map(|t| format!("topic.{t}")).collect()),
            kinds: numbers(Kind::ALL.iter().map(|k| format!("kind.{k}")).collect()),
            fields: numbers(Field::ALL.iter().map(|f| format!("field.{f}")).collect()),
            urgencies: numbers(Urgency::ALL.iter().map(|u| format!("urgency.{u}")).collect()),
        };
        let mut fact_marks = vec![0; facts.len()];
        for (name, number) in &facts {
            fact_marks[*number] = model::mark(name);
        }
        let one_word = |phrase: &String| !phrase.trim().contains(' ') && !phrase.is_ascii();
        let toneless = phrases.iter().map(one_word).collect();
        Ok(Self {
            toneless,
            codes,
            fact_marks,
            silent: Vec::new(),
            model: None,
            settings: raw.settings,
            phrases: all,
            list_of,
            words,
            counts,
            rules,
            denial,
            address,
            facts,
        })
    }

    /// The same rules with a second voice.
    #[must_use]
    pub fn with_model(self, model: Arc<Model>) -> Self {
        Self {
            model: Some(model),
            ..self
        }
    }

    /// The model it speaks with, if there is one.
    #[must_use]
    pub fn model(&self) -> Option<&Arc<Model>> {
        self.model.as_ref()
    }

    /// The version of the model it names; none when it names none.
    #[must_use]
    pub fn model_version(&self) -> Option<&str> {
        self.settings.model.as_ref().map(|model| model.version.as_str())
    }

    /// The second voice and when it is believed.
    pub(crate) fn second_voice(&self) -> Option<(&Model, &ModelSettings)> {
        Some((self.model.as_deref()?, self.settings.model.as_ref()?))
    }

    /// The phrases that occur in a text and may have been chosen for it, by number, each once.
    #[must_use]
    pub fn phrases_in(&self, text: &str) -> BTreeSet<usize> {
        let text = Folded::new(text);
        let found = self.phrases.find(&text).map(|found| found.phrase);
        found
            .filter(|phrase| !self.words[self.list_of[*phrase]].blind)
            .collect()
    }

    /// Passes over phrases from now on: how rules do that never saw a text shows when what only that text says is taken from them.
    pub fn silence(&mut self, phrases: &BTreeSet<usize>) {
        self.silent = (0..self.phrase_count())
            .map(|phrase| phrases.contains(&phrase))
            .collect();
    }

    /// How many phrases it knows.
    #[must_use]
    pub const fn phrase_count(&self) -> usize {
        self.list_of.len()
    }

    pub(crate) fn fact_count(&self) -> usize {
        self.facts.len()
    }

    /// The number of a fact that the code establishes or a code of the taxonomy names.
    pub(crate) fn fact(&self, name: &str) -> Option<usize> {
        self.facts.get(name).copied()
    }
}

fn conclusion(says: &str, facts: &BTreeMap<String, usize>) -> Option<Conclusion> {
    let (aspect, code) = says.split_once('.')?;
    Some(match aspect {
        "topic" => Conclusion::Topic(code.parse().ok()?),
        "kind" => Conclusion::Kind(code.parse().ok()?),
        "urgency" => Conclusion::Urgency(code.parse().ok()?),
        "level" => Conclusion::Level(Level::try_from(code.parse::<u8>().ok()?).ok()?),
        "complete" if code == "no" => Conclusion::Incomplete,
        "review" => Conclusion::Review(Reason::ALL.into_iter().find(|r| r.code() == code)?),
        "signal" => Conclusion::Signal(*facts.get(says)?),
        _ => return None,
    })
}
