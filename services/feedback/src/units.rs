//! Names of units as a citizen reads them in an answer.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Checked against the routing policy by a test.
const UNITS: &str = include_str!("../data/units.psv");

/// A unit's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) vi: &'static str,
    pub(crate) en: &'static str,
}

static BY_CODE: LazyLock<HashMap<&'static str, Unit>> = LazyLock::new(|| {
    let lines = UNITS.lines().filter(|line| !line.starts_with('#'));
    let unit = |line: &'static str| {
        let mut parts = line.split('|');
        Some((
            parts.next()?,
            Unit {
                vi: parts.next()?,
                en: parts.next()?,
            },
        ))
    };
    lines.filter_map(unit).collect()
});

/// The unit with this code, if its name is known.
pub(crate) fn unit(code: &str) -> Option<Unit> {
    BY_CODE.get(code).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_of_the_routing_policy_has_a_name_here_and_no_other() {
        let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/../routing/domain/policy/city.toml");
        let policy = std::fs::read_to_string(policy).unwrap();
        let units = policy.split("[[").filter(|block| block.starts_with("unit]]"));
        let code = |block: &str| {
            let line = block.lines().find(|line| line.starts_with("code = \""))?;
            line.split('"').nth(1).map(str::to_owned)
        };
        let mut theirs: Vec<String> = units.map(|block| code(block).unwrap()).collect();
        let mut ours: Vec<String> = BY_CODE.keys().map(|code| (*code).to_owned()).collect();
        theirs.sort_unstable();
        ours.sort_unstable();
        assert_eq!(ours, theirs);
        assert!(ours.len() > 30);
    }
}
