//! What two policies say differently, entry by entry.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::PolicyError;

/// An entry that only one of two policies has, or that they have otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// `added`, `removed`, `changed` or `moved`: rules of one aspect are asked in their order.
    pub change: &'static str,
    /// `setting`, `words`, `count` or `rule`.
    pub sort: &'static str,
    /// Its id, or the name of the setting.
    pub name: String,
    /// Phrases it has now and had not.
    pub more: Vec<String>,
    /// Phrases it had and has no longer.
    pub less: Vec<String>,
}

/// All edits from one policy to another.
///
/// # Errors
/// `PolicyError` when one of them is no policy.
pub fn difference(old: &str, new: &str) -> Result<Vec<Edit>, PolicyError> {
    let read = |text: &str| -> Result<Table, PolicyError> {
        super::Policy::parse(text)?;
        Ok(toml::from_str(text)?)
    };
    let (old, new) = (read(old)?, read(new)?);
    let mut edits = Vec::new();
    compare("setting", &settings(&old), &settings(&new), &mut edits);
    for sort in ["words", "count", "rule"] {
        let (before, after) = (entries(&old, sort), entries(&new, sort));
        compare(sort, &of(&before), &of(&after), &mut edits);
        if sort == "rule" {
            moved(&before, &after, &mut edits);
        }
    }
    Ok(edits)
}

type Entry<'a> = (&'a str, &'a Value);

fn entries<'a>(policy: &'a Table, sort: &str) -> Vec<Entry<'a>> {
    let list = policy.get(sort).and_then(Value::as_array);
    let named = list.into_iter().flatten().map(|entry| {
        let id = entry.get("id").and_then(Value::as_str);
        (id.unwrap_or_default(), entry)
    });
    named.collect()
}

fn of<'a>(entries: &[Entry<'a>]) -> BTreeMap<String, &'a Value> {
    entries
        .iter()
        .map(|(id, entry)| ((*id).to_owned(), *entry))
        .collect()
}

/// The settings, those of the model by `model.<name>`.
fn settings(policy: &Table) -> BTreeMap<String, &Value> {
    let mut all = BTreeMap::new();
    for (name, value) in policy
        .get("settings")
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
    {
        match value {
            Value::Table(inner) => {
                all.extend(inner.iter().map(|(key, value)| (format!("{name}.{key}"), value)));
            }
            value => {
                all.insert(name.clone(), value);
            }
        }
    }
    all
}

fn compare(
    sort: &'static str,
    old: &BTreeMap<String, &Value>,
    new: &BTreeMap<String, &Value>,
    edits: &mut Vec<Edit>,
) {
    for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let (before, after) = (old.get(name), new.get(name));
        let change = match (before, after) {
            (Some(before), Some(after)) if before == after => continue,
            (Some(_), Some(_)) => "changed",
            (None, _) => "added",
            (_, None) => "removed",
        };
        let (before, after) = (phrases(before), phrases(after));
        edits.push(Edit {
            change,
            sort,
            name: name.clone(),
            more: after.difference(&before).cloned().collect(),
            less: before.difference(&after).cloned().collect(),
        });
    }
}

fn phrases(entry: Option<&&Value>) -> BTreeSet<String> {
    let list = entry.and_then(|entry| entry.get("phrases").and_then(Value::as_array));
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// Rules that both have and that stand behind another rule than before.
fn moved(old: &[Entry<'_>], new: &[Entry<'_>], edits: &mut Vec<Edit>) {
    let common = |these: &[Entry<'_>], others: &[Entry<'_>]| -> Vec<String> {
        let there: BTreeSet<&str> = others.iter().map(|(id, _)| *id).collect();
        let both = these.iter().filter(|(id, _)| there.contains(id));
        both.map(|(id, _)| (*id).to_owned()).collect()
    };
    let (before, after) = (common(old, new), common(new, old));
    let behind = |order: &[String]| -> BTreeMap<String, Option<String>> {
        let previous = std::iter::once(None).chain(order.iter().cloned().map(Some));
        order.iter().cloned().zip(previous).collect()
    };
    let (was, is) = (behind(&before), behind(&after));
    for name in after.into_iter().filter(|name| was.get(name) != is.get(name)) {
        edits.push(Edit {
            change: "moved",
            sort: "rule",
            name,
            more: Vec::new(),
            less: Vec::new(),
        });
    }
}
