//! A policy with a mistake in it is refused, and the mistake is named.

use classification_domain::policy::{BUILT_IN, difference};
use classification_domain::{Policy, PolicyError};

fn refused(addition: &str) -> PolicyError {
    Policy::parse(&format!("{BUILT_IN}\n{addition}")).expect_err("a mistake")
}

#[test]
fn the_built_in_policy_parses_and_the_folder_holds_nothing_else() {
    assert!(Policy::built_in().phrase_count() > 1_000);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/policy");
    let files = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(files, 9, "a file in policy/ is not part of BUILT_IN");
}

#[test]
fn mistakes_are_named() {
    let same = "[[words]]\nid = \"flooding.water\"\nsays = \"topic.flooding\"\nphrases = [\"nước\"]";
    assert!(matches!(refused(same), PolicyError::SameId(id) if id == "flooding.water"));
    let topic = "[[words]]\nid = \"x.y\"\nsays = \"topic.weather\"\nphrases = [\"nắng\"]";
    assert!(
        matches!(refused(topic), PolicyError::BadSays { id, says } if id == "x.y" && says == "topic.weather")
    );
    let phrase = "[[words]]\nid = \"x.y\"\nsays = \"topic.health\"\nphrases = [\"sốt\", \"!!\"]";
    assert!(matches!(
        refused(phrase),
        PolicyError::BadPhrase { number: 2, .. }
    ));
    let unknown =
        "[[rule]]\nid = \"review.x\"\nsays = \"review.unclear\"\nall = [\"signal.nobody_says_this\"]";
    assert!(
        matches!(refused(unknown), PolicyError::UnknownName { name, .. } if name == "signal.nobody_says_this")
    );
    let weight = "[[words]]\nid = \"x.y\"\nsays = \"topic.health\"\nweight = 99\nphrases = [\"sốt\"]";
    assert!(matches!(refused(weight), PolicyError::OutOfRange(id) if id == "x.y"));
    let default = "[[rule]]\nid = \"kind.x\"\nsays = \"kind.thanks\"\nall = [\"signal.thanks\"]";
    assert!(matches!(refused(default), PolicyError::NoDefault("kind")));
    assert!(matches!(refused("[[words]]\ncolour = 1"), PolicyError::Toml(_)));
    assert!(matches!(Policy::parse(""), Err(PolicyError::Toml(_))));
}

#[test]
fn a_difference_names_each_entry_and_phrase_and_only_what_moved() {
    assert_eq!(difference(BUILT_IN, BUILT_IN).unwrap(), []);
    let more = "[[words]]\nid = \"x.y\"\nsays = \"topic.health\"\nphrases = [\"sốt xuất huyết lạ\"]";
    let new = BUILT_IN.replace("topic_sure = 500", "topic_sure = 501").replacen(
        "phrases = [",
        "phrases = [\"một cụm từ mới\", ",
        1,
    );
    let edits = difference(BUILT_IN, &format!("{new}\n{more}")).unwrap();
    let told: Vec<_> = edits
        .iter()
        .map(|it| (it.change, it.sort, it.more.len(), it.less.len()))
        .collect();
    assert_eq!(
        told,
        [
            ("changed", "setting", 0, 0),
            ("changed", "words", 1, 0),
            ("added", "words", 1, 0)
        ]
    );
    assert_eq!(edits[0].name, "model.topic_sure");
    // The last two of three rules change places.
    let rules = |ids: [&str; 3]| {
        let rule = |id: &str| format!("[[rule]]\nid = \"{id}\"\nsays = \"review.unclear\"\n");
        format!("{BUILT_IN}\n{}", ids.map(rule).concat())
    };
    let edits = difference(&rules(["r.a", "r.b", "r.c"]), &rules(["r.a", "r.c", "r.b"])).unwrap();
    assert!(edits.iter().all(|it| it.change == "moved") && !edits.is_empty());
    assert!(edits.iter().all(|it| it.name != "r.a"));
    assert!(difference(BUILT_IN, "nothing").is_err());
}
