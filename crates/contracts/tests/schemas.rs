//! The published JSON Schemas are those of the code, and no event can hold free text.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use contracts::events::CATALOGUE;
use contracts::wire;
use schemars::schema_for;
use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto")
}

/// Links of rustdoc lead nowhere outside of it.
fn text(schema: &schemars::Schema) -> String {
    format!("{:#}\n", schema.as_value())
        .replace("[`crate::sealed::", "`")
        .replace("`]", "`")
}

/// Path below `proto/` and text of every published schema.
fn published() -> BTreeMap<PathBuf, String> {
    let events = CATALOGUE
        .iter()
        .map(|e| (format!("events/{}.schema.json", e.kind), text(&(e.schema)())));
    let wire = [
        ("report_in", schema_for!(wire::ReportIn)),
        ("receipt_out", schema_for!(wire::ReceiptOut)),
        ("case_notice", schema_for!(wire::CaseNotice)),
        ("case_webhook", schema_for!(wire::CaseWebhook)),
        ("desk_request", schema_for!(wire::DeskRequest)),
        ("desk_reply", schema_for!(wire::DeskReply)),
    ];
    let wire = wire
        .into_iter()
        .map(|(name, schema)| (format!("wire/{name}.schema.json"), text(&schema)));
    events
        .chain(wire)
        .map(|(path, text)| (path.into(), text))
        .collect()
}

#[test]
fn the_published_schemas_are_those_of_the_code() {
    let published = published();
    if env::var_os("UPDATE_SCHEMAS").is_some() {
        for (path, text) in &published {
            let path = folder().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }
    let mut wrong: Vec<String> = Vec::new();
    for (path, text) in &published {
        match fs::read_to_string(folder().join(path)) {
            Ok(found) if found == *text => {}
            Ok(_) => wrong.push(format!("{} is not what the code says", path.display())),
            Err(e) => wrong.push(format!("{}: {e}", path.display())),
        }
    }
    for sub in ["events", "wire"] {
        for file in fs::read_dir(folder().join(sub)).unwrap() {
            let path = Path::new(sub).join(file.unwrap().file_name());
            if path.to_string_lossy().ends_with(".schema.json") && !published.contains_key(&path) {
                wrong.push(format!("{} belongs to no type", path.display()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{wrong:#?}\nUPDATE_SCHEMAS=1 cargo test -p contracts writes them; a change of an event that is on record needs a new version"
    );
}

/// Where a schema lets in a string or a list without bounds.
fn unbounded(schema: &Value, at: &str, found: &mut Vec<String>) {
    let is = |kind: &str| match &schema["type"] {
        Value::String(one) => one == kind,
        Value::Array(several) => several.iter().any(|one| one == kind),
        _ => false,
    };
    let has = |keys: &[&str]| keys.iter().any(|key| schema.get(key).is_some());
    if is("string") && !has(&["enum", "const", "pattern", "maxLength"]) && schema["format"] != "uuid" {
        found.push(at.to_owned());
    }
    if is("array") && !has(&["maxItems"]) {
        found.push(format!("{at}[]"));
    }
    let Some(members) = schema.as_object() else {
        // `true` stands for anything at all, as serde_json::Value would.
        return if *schema == json!(true) {
            found.push(format!("{at} (anything)"))
        };
    };
    for (name, member) in members {
        let at = format!("{at}/{name}");
        match (name.as_str(), member) {
            ("properties" | "$defs" | "patternProperties", Value::Object(named)) => {
                named
                    .iter()
                    .for_each(|(name, one)| unbounded(one, &format!("{at}/{name}"), found));
            }
            ("oneOf" | "anyOf" | "allOf" | "prefixItems", Value::Array(choices)) => {
                choices.iter().for_each(|one| unbounded(one, &at, found));
            }
            ("items" | "additionalProperties", one) => unbounded(one, &at, found),
            _ => {}
        }
    }
}

#[test]
fn no_event_holds_a_string_or_a_list_without_bounds() {
    let mut found = Vec::new();
    for entry in CATALOGUE {
        unbounded((entry.schema)().as_value(), entry.kind, &mut found);
    }
    assert!(
        found.is_empty(),
        "free text belongs in the sealed part, codes are contracts::Code: {found:#?}"
    );
}

#[test]
fn the_bounds_test_itself_finds_free_text_wherever_it_hides() {
    let schema = json!({
        "type": "object",
        "properties": {
            "plain": { "type": "string" },
            "maybe": { "type": ["string", "null"] },
            "list": { "type": "array", "maxItems": 3, "items": { "type": "string" } },
            "endless": { "type": "array", "items": { "type": "integer" } },
            "anything": true,
            "map": { "type": "object", "additionalProperties": { "type": "string" } },
            "choice": { "anyOf": [{ "type": "string" }, { "type": "null" }] },
            "code": { "type": "string", "pattern": "^a$" },
            "id": { "type": "string", "format": "uuid" },
            "time": { "type": "string", "format": "date-time" }
        },
        "$defs": { "Note": { "properties": { "text": { "type": "string" } } } }
    });
    let mut found = Vec::new();
    unbounded(&schema, "x", &mut found);
    found.sort();
    assert_eq!(
        found,
        [
            "x/$defs/Note/properties/text",
            "x/properties/anything (anything)",
            "x/properties/choice/anyOf",
            "x/properties/endless[]",
            "x/properties/list/items",
            "x/properties/map/additionalProperties",
            "x/properties/maybe",
            "x/properties/plain",
            "x/properties/time",
        ]
    );
}

#[test]
fn a_type_is_named_after_its_category_and_carries_its_version() {
    let mut seen = std::collections::BTreeSet::new();
    for entry in CATALOGUE {
        let name = entry
            .kind
            .strip_prefix(entry.category)
            .and_then(|rest| rest.strip_prefix('.'))
            .unwrap();
        let (event, version) = name.split_once(".v").unwrap();
        assert!(
            event.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
            "{}",
            entry.kind
        );
        assert!(version.parse::<u32>().unwrap() >= 1, "{}", entry.kind);
        assert!(
            seen.insert(entry.kind),
            "{} stands twice in the catalogue",
            entry.kind
        );
    }
}
