//! How alike two reports are: by matter, place, time and words, in points whose sum is the score. What is compared of a text is its traits,
//! which whoever keeps them hashes under a key, so that they cannot be read back.

use std::collections::BTreeSet;

use kernel::Instant;
use kernel::taxonomy::{Kind, Level, Topic, Urgency};
use vietnam::{Folded, places};

use crate::finding::Finding;
use crate::policy::DuplicateSettings;

/// Points, in thousandths of one. Their best add up to 1,000.
const TOPIC: u16 = 250;
const NEIGHBOUR: u16 = 150;
const STREET: u16 = 300;
/// Another house or alley number on the same street.
const OTHER_NUMBER: u16 = 130;
const PIN: u16 = 300;
/// A ward, or a number, beside a street or pin.
const FIRMER: u16 = 100;
const WARD_ALONE: u16 = 150;
const TIME: u16 = 100;
const WORDS: u16 = 250;

/// Hashes of words that are kept, the smallest: of a longer text as fair a sample as of another.
const MOST_WORDS: usize = 64;
/// Side of a cell of the map in degrees: 200 m to the north, a little less to the east at the city's latitude.
const CELL: f64 = 0.0018;

/// Words that say nothing of the matter.
const EMPTY: [&str; 60] = [
    "thi", "la", "ma", "va", "cua", "cho", "voi", "o", "tai", "den", "tu", "nay", "do", "kia", "day", "nhu",
    "rat", "qua", "lam", "da", "dang", "se", "bi", "duoc", "co", "khong", "ko", "k", "chua", "con", "cung",
    "nua", "roi", "luon", "toi", "em", "minh", "chung", "anh", "chi", "ong", "ba", "bac", "co", "moi",
    "nguoi", "dan", "kinh", "gui", "de", "nghi", "mong", "xin", "vui", "long", "a", "ah", "oi", "duong",
    "phuong",
];

/// What is compared of a text. Hashed under a key by whoever keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    /// Single words and pairs, without those of the place and those that say nothing: the smallest hashes, in order.
    pub words: Vec<u32>,
    /// The street, alley, bridge or park.
    pub street: Option<u64>,
    /// Numbers of houses and alleys beside it.
    pub numbers: Vec<u32>,
    /// The cell of the map that was pinned, and the eight around it.
    pub cells: Vec<u64>,
}

impl Sketch {
    /// Of a report's text and of the place that came beside it; `hash` is keyed.
    #[must_use]
    pub fn of(
        text: &str,
        address: Option<&str>,
        pin: Option<(f64, f64)>,
        hash: impl Fn(&str) -> u64,
    ) -> Self {
        let short = |what: &str| (hash(what) >> 32) as u32;
        let folded = Folded::new(text);
        let place = places::find(&folded);
        let named: Vec<_> = [&place.street, &place.ward, &place.district]
            .into_iter()
            .flatten()
            .collect();
        let mut words = BTreeSet::new();
        let mut last: Option<&str> = None;
        for at in folded.words() {
            let word = &folded.as_str()[at.clone()];
            let of_place = named
                .iter()
                .any(|place| place.start < at.end && at.start < place.end);
            if of_place || word.bytes().any(|b| b.is_ascii_digit()) || EMPTY.contains(&word) {
                last = None;
                continue;
            }
            words.insert(short(&format!("word {word}")));
            if let Some(last) = last {
                words.insert(short(&format!("word {last} {word}")));
            }
            last = Some(word);
        }
        let beside = address.map(Folded::new);
        let of_address = beside
            .as_ref()
            .and_then(|folded| Some((folded, places::find(folded).street?)));
        let street = place.street.map(|at| (&folded, at)).or(of_address);
        let (street, numbers) = street.map_or((None, Vec::new()), |(folded, at)| {
            let (name, numbers) = street_and_numbers(folded.as_str(), at);
            (Some(name), numbers)
        });
        Self {
            words: words.into_iter().take(MOST_WORDS).collect(),
            street: street.map(|name| hash(&format!("street {name}"))),
            numbers: numbers
                .iter()
                .map(|number| short(&format!("number {number}")))
                .collect(),
            cells: pin
                .map(cells)
                .unwrap_or_default()
                .iter()
                .map(|cell| hash(cell))
                .collect(),
        }
    }
}

/// The street's name without type words, and the numbers in it and right before it: "nhà số 12 hẻm 47 Quốc Hương" is `quoc huong` with 12, 47.
fn street_and_numbers(text: &str, at: std::ops::Range<usize>) -> (String, Vec<String>) {
    const TYPES: [&str; 8] = ["duong", "dg", "hem", "so", "nha", "dai", "lo", "ngo"];
    let is_number = |word: &str| word.bytes().next().is_some_and(|b| b.is_ascii_digit());
    let split = |text: &str| -> Vec<String> {
        text.split([' ', ',', '.'])
            .filter(|w| !w.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let inside = split(&text[at.clone()]);
    let mut numbers: Vec<String> = inside.iter().filter(|w| is_number(w)).cloned().collect();
    let mut name: Vec<&str> = inside
        .iter()
        .map(String::as_str)
        .filter(|w| !is_number(w) && !TYPES.contains(w))
        .collect();
    // A street that is called by its number has no other name.
    if name.is_empty() {
        name = inside.iter().map(String::as_str).collect();
        numbers.clear();
    }
    for word in split(&text[..at.start]).into_iter().rev().take(4) {
        if is_number(&word) {
            numbers.push(word);
        } else if !TYPES.contains(&word.as_str()) {
            break;
        }
    }
    (name.join(" "), numbers)
}

/// The cell of a point, first, and those around it.
fn cells((latitude, longitude): (f64, f64)) -> Vec<String> {
    let at = |degrees: f64| (degrees / CELL).floor() as i64;
    let (north, east) = (at(latitude), at(longitude));
    let around = [
        (0, 0),
        (-1, -1),
        (-1, 0),
        (-1, 1),
        (0, -1),
        (0, 1),
        (1, -1),
        (1, 0),
        (1, 1),
    ];
    around
        .iter()
        .map(|(n, e)| format!("cell {} {}", north + n, east + e))
        .collect()
}

/// A report that can be compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparable {
    /// What it is about.
    pub topic: Topic,
    /// What it is in law.
    pub kind: Kind,
    /// How soon harm comes.
    pub urgency: Urgency,
    /// Level of the answer.
    pub level: Level,
    /// Today's wards it may mean.
    pub wards: Vec<u32>,
    /// When it was recorded.
    pub at: Instant,
    /// Token of who sent it; empty if that is not known.
    pub source: String,
    /// What is compared of its text.
    pub sketch: Sketch,
}

/// Whether a report may be handled with another at all: what accuses somebody, and what goes to the police, never is, nor what is no matter.
#[must_use]
pub fn is_mergeable(finding: &Finding) -> bool {
    !matches!(
        finding.topic,
        None | Some(Topic::Corruption | Topic::CadreConduct | Topic::OfficialConduct | Topic::Personnel)
    ) && !matches!(
        finding.kind,
        Kind::Denunciation | Kind::CrimeReport | Kind::NotAReport | Kind::Unclear | Kind::Thanks
    )
}

/// How alike two reports are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Likeness {
    /// In thousandths.
    pub score: u16,
    /// What it is the sum of.
    pub parts: Vec<(&'static str, u16)>,
}

/// Compares; `None` where one fact says that they are not the same: another matter, another street, other wards, too long ago; a complaint of
/// another person.
#[must_use]
pub fn compare(a: &Comparable, b: &Comparable, settings: &DuplicateSettings) -> Option<Likeness> {
    let mut parts = Vec::new();
    if a.topic == b.topic {
        parts.push(("topic", TOPIC));
    } else if settings.are_neighbours(a.topic, b.topic) {
        parts.push(("topic.neighbour", NEIGHBOUR));
    } else {
        return None;
    }
    let same_source = !a.source.is_empty() && a.source == b.source;
    if (a.kind == Kind::Complaint || b.kind == Kind::Complaint) && !(same_source && a.kind == b.kind) {
        return None;
    }
    let window = settings.window(a.topic).min(settings.window(b.topic));
    let apart = (a.at.0 - b.at.0).abs();
    if apart > window {
        return None;
    }
    parts.push(("time", points(TIME, 1.0 - apart as f64 / window as f64)));
    place(a, b, &mut parts)?;
    let (x, y) = (&a.sketch.words, &b.sketch.words);
    let shared = x.iter().filter(|word| y.binary_search(word).is_ok()).count();
    // Half of the words is as alike as two people tell of one thing.
    let alike = 4.0 * shared as f64 / (x.len() + y.len()).max(1) as f64;
    parts.push(("words", points(WORDS, alike.min(1.0))));
    parts.retain(|(_, points)| *points > 0);
    let score = parts.iter().map(|(_, points)| points).sum();
    Some(Likeness { score, parts })
}

fn points(most: u16, share: f64) -> u16 {
    (f64::from(most) * share).round() as u16
}

fn place(a: &Comparable, b: &Comparable, parts: &mut Vec<(&'static str, u16)>) -> Option<()> {
    let (x, y) = (&a.sketch, &b.sketch);
    let pinned = x.cells.first().zip(y.cells.first());
    let near = pinned.map(|(here, _)| y.cells.contains(here));
    let street = x.street.zip(y.street).map(|(x, y)| x == y);
    let wards = (!a.wards.is_empty() && !b.wards.is_empty())
        .then(|| a.wards.iter().any(|ward| b.wards.contains(ward)));
    if near == Some(false) || wards == Some(false) || (street == Some(false) && near.is_none()) {
        return None;
    }
    let numbers = (!x.numbers.is_empty() && !y.numbers.is_empty())
        .then(|| x.numbers.iter().any(|number| y.numbers.contains(number)));
    match (near, street, wards) {
        (Some(true), _, _) => parts.push(("place.pin", PIN)),
        (_, Some(true), _) if numbers == Some(false) => parts.push(("place.other_number", OTHER_NUMBER)),
        (_, Some(true), _) => parts.push(("place.street", STREET)),
        (_, _, Some(true)) => {
            parts.push(("place.ward", WARD_ALONE));
            return Some(());
        }
        _ => return Some(()),
    }
    if wards == Some(true) || numbers == Some(true) || (near.is_some() && street == Some(true)) {
        parts.push(("place.firmer", FIRMER));
    }
    Some(())
}

/// Whether the policy may merge the two without a person: common reflections of one level, no emergency, no two numbers on one street.
#[must_use]
pub fn without_a_person(
    a: &Comparable,
    b: &Comparable,
    likeness: &Likeness,
    settings: &DuplicateSettings,
) -> bool {
    let common = |r: &Comparable| r.kind == Kind::Reflection && r.urgency != Urgency::Emergency;
    let other_number = likeness
        .parts
        .iter()
        .any(|(part, _)| *part == "place.other_number");
    likeness.score >= settings.merge
        && !other_number
        && [a, b]
            .iter()
            .all(|r| common(r) && settings.merged_by_policy.contains(&r.topic))
        && a.level == b.level
}
