//! The units and streets there are, by their folded names.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use crate::text::Folded;

/// What a folded ward name can mean.
#[derive(Debug, Default)]
pub(super) struct Meaning {
    /// A unit of today.
    pub(super) today: BTreeSet<u32>,
    /// Units of before: their district and what they are today.
    pub(super) before: Vec<(u16, Vec<u32>)>,
}

#[derive(Debug, Default)]
pub(super) struct Units {
    pub(super) names: HashMap<u32, String>,
    pub(super) wards: HashMap<String, Meaning>,
    pub(super) districts: HashMap<String, u16>,
}

pub(super) static UNITS: LazyLock<Units> = LazyLock::new(|| {
    let mut units = Units::default();
    for line in include_str!("../../data/units.txt")
        .lines()
        .filter(|l| !l.starts_with('#'))
    {
        units.read(line);
    }
    // How people shorten districts whose name needs no type word.
    for (alias, code) in [
        ("bthanh", 765),
        ("b thanh", 765),
        ("btan", 777),
        ("tbinh", 766),
        ("tphu", 767),
        ("bchanh", 785),
        ("gvap", 764),
        ("pnhuan", 768),
        ("hmon", 784),
    ] {
        units.districts.insert(alias.to_owned(), code);
    }
    units
});

impl Units {
    /// One line of the data file; what does not read is left out (a test counts the lines).
    fn read(&mut self, line: &str) {
        let mut words = line.split(' ');
        let kind = words.next().unwrap_or_default();
        let code = words
            .next()
            .and_then(|c| c.parse::<u32>().ok())
            .unwrap_or_default();
        let letter = words.next().unwrap_or_default();
        let rest = words.collect::<Vec<_>>().join(" ");
        let (name, codes) = rest.split_once(" = ").unwrap_or((&rest, ""));
        let folded = Folded::new(name).as_str().to_owned();
        match kind {
            "W" => {
                let word = match letter {
                    "P" => "Phường",
                    "X" => "Xã",
                    _ => "Đặc khu",
                };
                self.names.insert(code, format!("{word} {name}"));
                self.wards.entry(folded).or_default().today.insert(code);
            }
            "D" => {
                let code = u16::try_from(code).unwrap_or_default();
                // "binhthanh" is how it is typed in a hurry.
                self.districts.insert(folded.replace(' ', ""), code);
                self.districts.insert(folded, code);
            }
            "O" => {
                let today = codes.split(' ').filter_map(|c| c.parse().ok()).collect();
                let district = u16::try_from(code).unwrap_or_default();
                self.wards
                    .entry(folded)
                    .or_default()
                    .before
                    .push((district, today));
            }
            _ => {}
        }
    }
}

/// The streets of the list.
#[derive(Debug, Default)]
pub(super) struct Streets {
    /// How each folded name is spelt.
    pub(super) names: HashMap<String, &'static str>,
    /// With which words they begin: most words begin none.
    pub(super) first: BTreeSet<String>,
    /// Words of the longest.
    pub(super) most: usize,
}

pub(super) static STREETS: LazyLock<Streets> = LazyLock::new(|| {
    let mut streets = Streets::default();
    let lines = include_str!("../../data/streets.txt").lines();
    for name in lines.filter(|line| !line.starts_with('#')) {
        let folded = Folded::new(name).as_str().to_owned();
        // What is also a ward's or a district's name says nothing by itself.
        if UNITS.wards.contains_key(&folded) || UNITS.districts.contains_key(&folded) {
            continue;
        }
        streets.most = streets.most.max(folded.split(' ').count());
        streets.first.extend(folded.split(' ').next().map(str::to_owned));
        streets.names.insert(folded, name);
    }
    streets
});
