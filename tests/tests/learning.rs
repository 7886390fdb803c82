//! The classification policy by hand: what people decided at review is learnt, compared, tried on the record, and put in force by a person; and what
//! is erased is learnt no more and stands nowhere.

use std::os::unix::fs::PermissionsExt;

use hoiam_tests::disk::files_with;
use hoiam_tests::system::wait_for;
use hoiam_tests::{Story, System};
use serde_json::Value;

/// A word that only one report holds.
const MARK: &str = "Xích Thố";

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect()
}

fn of(system: &System, arguments: &[&str]) -> hoiam_tests::Output {
    system.hoiam(&[&["policy"], arguments, &["--of", "classification"]].concat())
}

/// Hands in a report and waits until it is classified, or waits for a person: its code, and what was stated.
fn classified(system: &System, text: &str) -> (String, Value) {
    let submitted = system
        .hoiam(&[
            "submit",
            text,
            "--channel",
            "sms",
            "--phone",
            "0912774365",
            "--json",
        ])
        .ok()
        .json();
    let code = submitted["code"].as_str().expect("a tracking code").to_owned();
    let stated = wait_for("the report to be read", || {
        let story = Story::parse(&system.hoiam(&["replay", "--json", "--case", &code]).stdout);
        let found = story
            .of("classification.report_classified")
            .chain(story.of("classification.review_requested"))
            .next();
        found.map(|event| event.data.clone())
    });
    (code, stated)
}

#[test]
fn a_model_learns_what_people_decided_and_a_person_puts_it_in_force_and_what_is_erased_is_learnt_no_more() {
    let mut system = System::start();
    let accusing = |what: &str| {
        format!("Tôi tố cáo ông phó chủ tịch phường nhận hối lộ 50 triệu của chủ nhà xây trái phép, {what}.")
    };
    let reports = [
        accusing(&format!("nhà nuôi con vẹt {MARK}")),
        accusing("ở hẻm 12 đường Lê Văn Lương"),
        accusing("giấy tờ để ở quán nước đầu hẻm"),
        accusing("mấy lần rồi không ai xử"),
    ];
    let decided = reports.map(|text| {
        let (code, stated) = classified(&system, &text);
        assert!(stated["reasons"].is_array(), "a person looks first: {stated}");
        let _ = system
            .hoiam(&[
                "desk",
                "review",
                "decide",
                &code,
                "--topic",
                "corruption",
                "--kind",
                "denunciation",
                "--level",
                "4",
            ])
            .ok();
        code
    });
    const HOLE: &str =
        "Đường Lê Văn Lương, xã Nhà Bè có ổ gà lớn trước số nhà 100, mặt đường hư, đề nghị vá lại.";
    let (_, before) = classified(&system, HOLE);

    // A candidate, which holds no word of what it learnt.
    let trained = system
        .hoiam(&["train", "--by", "operator:lan", "--folds", "2", "--json"])
        .ok()
        .json();
    assert_eq!(
        (&trained["decided"], &trained["erased"]),
        (&4.into(), &0.into()),
        "{trained}"
    );
    assert_eq!(trained["in_force"], before["model"], "{trained}");
    let candidate = trained["candidate"].as_str().expect("a version").to_owned();
    let file = trained["file"].as_str().expect("a path");
    let mode = std::fs::metadata(file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for word in [MARK, "con vẹt", "quán nước đầu hẻm"] {
        let found = files_with(&system.data().join("models"), word.as_bytes());
        assert!(found.is_empty(), "{word} stands in {found:?}");
    }

    // What may not decide is refused, by the command and by the service, with what to do.
    let current = of(&system, &["show", "current"]).ok().stdout;
    let path = system.scratch().join("new.toml");
    let new = path.to_str().expect("UTF-8").to_owned();
    let names = |model: &str| {
        let old = before["model"].as_str().expect("a model");
        assert!(current.contains(old));
        std::fs::write(&path, current.replace(old, model)).expect("it is written");
    };
    names("00000000000000aa");
    assert_eq!(of(&system, &["check", &new]).code, 1);
    let refused = of(&system, &["publish", &new, "--by", "operator:lan"]);
    assert!(
        refused.code == 1 && refused.stderr.contains("put the labelled reports it learnt from"),
        "{refused:?}"
    );
    names(&candidate);
    assert_eq!(of(&system, &["check", &new]).code, 0);
    let difference = lines(&of(&system, &["diff", "current", &new, "--json"]).ok().stdout);
    assert_eq!(
        (&difference[0]["sort"], &difference[0]["name"]),
        (&"setting".into(), &"model.version".into()),
        "{difference:?}"
    );

    // Tried on the record: one opening for the model, one for the reports, and nothing decided.
    let told = system.replay();
    assert_eq!(told.count("access.reports_opened"), 1, "the training");
    let unnamed = of(&system, &["backtest", &new]);
    assert!(
        unnamed.code == 1 && unnamed.stderr.contains("--by"),
        "{unnamed:?}"
    );
    let tried = lines(
        &of(&system, &["backtest", &new, "--by", "operator:lan", "--json"])
            .ok()
            .stdout,
    );
    let end = tried.last().expect("totals");
    assert_eq!(
        (
            &end["decisions"],
            &end["not_replayable"],
            &end["decided_by_people"]
        ),
        (&5.into(), &0.into(), &4.into()),
        "{end}"
    );
    assert_eq!(
        (&end["model"], &end["slipped"]),
        (&candidate.as_str().into(), &Value::Array(vec![])),
        "{end}"
    );
    assert!(end["right_then"].as_u64() >= end["right"].as_u64(), "{end}");
    let after = system.replay();
    assert_eq!(after.count("access.reports_opened"), 3);
    for kind in [
        "classification.report_classified",
        "classification.review_requested",
    ] {
        assert_eq!(after.count(kind), told.count(kind));
    }

    // In force by a person; the next start leaves it so.
    let published = of(&system, &["publish", &new, "--by", "operator:lan", "--json"])
        .ok()
        .json();
    assert_eq!(published["in_force"], true, "{published}");
    let (_, next) = classified(&system, &format!("{HOLE} Lần hai."));
    assert_eq!(next["policy"], published["version"], "{next}");
    assert_eq!(next["model"], candidate.as_str(), "{next}");
    system.stop();
    system.up(&[]);
    let listed = lines(&of(&system, &["list", "--json"]).ok().stdout);
    let last = listed.last().expect("a version");
    assert_eq!(
        (listed.len(), &last["in_force"], &last["by"]),
        (2, &true.into(), &"operator:lan".into()),
        "{listed:?}"
    );

    // Erased: learnt no more from the next report on, and nowhere.
    let _ = system
        .hoiam(&[
            "ledger",
            "erase",
            "--case",
            &decided[0],
            "--basis",
            "court_order",
            "--ordered-by",
            "QD-118/2026",
            "--yes",
        ])
        .ok();
    let (_, then) = classified(&system, &format!("{HOLE} Lần ba."));
    assert_eq!(then["policy"], published["version"], "{then}");
    let without = then["model"].as_str().expect("a model");
    assert!(!without.is_empty() && without != candidate, "{then}");
    wait_for("the words to be gone", || {
        files_with(&system.data(), MARK.as_bytes())
            .is_empty()
            .then_some(())
    });
    let tried = lines(
        &of(
            &system,
            &["backtest", "current", "--by", "operator:lan", "--json"],
        )
        .ok()
        .stdout,
    );
    let end = tried.last().expect("totals");
    assert_eq!(
        (&end["not_replayable"], &end["other_model"]),
        (&1.into(), &1.into()),
        "{end}"
    );
    let again = system
        .hoiam(&["train", "--by", "operator:lan", "--folds", "2", "--json"])
        .ok()
        .json();
    assert_eq!(
        (&again["decided"], &again["erased"]),
        (&0.into(), &1.into()),
        "{again}"
    );
    assert_eq!(
        again["candidate"], without,
        "learnt again without it, it is the model that spoke: {again}"
    );
    system.replay().assert_dense();
}
