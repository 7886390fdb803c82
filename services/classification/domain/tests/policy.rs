//! A policy with a mistake in it is refused, and the mistake is named.

use classification_domain::policy::BUILT_IN;
use classification_domain::{Policy, PolicyError};

fn refused(addition: &str) -> PolicyError {
    Policy::parse(&format!("{BUILT_IN}\n{addition}")).expect_err("a mistake")
}

#[test]
fn the_built_in_policy_parses_and_the_folder_holds_nothing_else() {
    assert!(Policy::built_in().phrase_count() > 1_000);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/policy");
    let files = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(files, 8, "a file in policy/ is not part of BUILT_IN");
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
