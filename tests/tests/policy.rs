//! The routing policy by hand: a person checks, compares and publishes a version; it decides from its time on; each decision says why.

use hoiam_tests::system::wait_for;
use hoiam_tests::{Story, System};
use serde_json::Value;

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect()
}

/// Hands in a report and waits until it is routed.
fn routed(system: &System, text: &str) -> String {
    let submitted = system
        .hoiam(&[
            "submit",
            text,
            "--channel",
            "sms",
            "--phone",
            "0900000011",
            "--json",
        ])
        .ok()
        .json();
    let code = submitted["code"].as_str().expect("a tracking code").to_owned();
    wait_for("the case to be routed", || {
        let story = system.hoiam(&[
            "replay",
            "--json",
            "--case",
            &code,
            "--type",
            "routing.case_dispatched",
        ]);
        (story.code == 0 && !story.stdout.trim().is_empty()).then_some(())
    });
    code
}

#[test]
fn a_person_publishes_a_policy_and_the_decisions_after_it_name_it_and_say_why() {
    const HOLE: &str =
        "Đường Lê Văn Lương, xã Nhà Bè có ổ gà lớn trước số nhà 100, mặt đường hư, đề nghị vá lại.";
    let mut system = System::start();
    let before = routed(&system, HOLE);
    let current = system.hoiam(&["policy", "show", "current"]).ok().stdout;
    let file = system.scratch().join("new.toml");
    let path = file.to_str().expect("UTF-8").to_owned();

    // What may not decide is refused, by the command and by the service.
    std::fs::write(&file, current.replace("lead = \"vp_ubnd\"", "lead = \"nobody\"")).expect("it is written");
    let refused = system.hoiam(&["policy", "check", &path, "--json"]);
    assert_eq!(refused.code, 1);
    let errors = lines(&refused.stdout);
    assert!(
        errors.iter().any(|it| it["error"] == "unknown_unit"),
        "{refused:?}"
    );
    let refused = system.hoiam(&["policy", "publish", &path, "--by", "operator:lan"]);
    assert!(
        refused.code == 1 && refused.stderr.contains("nobody"),
        "{refused:?}"
    );

    let roads = "id = \"roads\"\nwhen = { topic = [\"roads\"] }\nlead = \"so_gtvt\"";
    assert!(current.contains(roads));
    std::fs::write(
        &file,
        current.replace(roads, &roads.replace("so_gtvt", "ubnd_quan")),
    )
    .expect("it is written");
    assert_eq!(system.hoiam(&["policy", "check", &path]).code, 0);
    let difference = lines(
        &system
            .hoiam(&["policy", "diff", "current", &path, "--json"])
            .ok()
            .stdout,
    );
    assert!(
        difference
            .iter()
            .any(|it| it["name"] == "roads" && it["change"] == "changed")
    );
    assert!(
        difference.iter().any(|it| it["to"]["units"][0] == "ubnd_xa"),
        "{difference:?}"
    );
    let backtest = lines(&system.hoiam(&["policy", "backtest", &path, "--json"]).ok().stdout);
    let end = backtest.last().expect("totals");
    assert_eq!(
        (&end["decisions"], &end["moved"]),
        (&1.into(), &1.into()),
        "{backtest:?}"
    );

    // One that comes later, and one at once.
    let later = system
        .hoiam(&[
            "policy",
            "publish",
            &path,
            "--by",
            "office:an",
            "--from",
            "2999-01-01",
            "--json",
        ])
        .ok()
        .json();
    assert_eq!(later["in_force"], false, "{later}");
    let same = routed(&system, HOLE);
    let now = system
        .hoiam(&["policy", "publish", &path, "--by", "operator:lan", "--json"])
        .ok()
        .json();
    assert_eq!(now["in_force"], true, "{now}");
    let after = routed(&system, HOLE);

    // The next start leaves the person's version in force.
    system.stop();
    system.up(&[]);
    let listed = lines(&system.hoiam(&["policy", "list", "--json"]).ok().stdout);
    assert_eq!(listed.len(), 3, "{listed:?}");
    assert_eq!(listed[2]["in_force"], true);
    assert_eq!(listed[2]["by"], "operator:lan");
    assert_eq!(listed[0]["source"], "built_in");

    let explain = |code: &str| {
        let told = system.hoiam(&["policy", "explain", code, "--json"]).ok();
        lines(&told.stdout).swap_remove(0)
    };
    for (code, lead, version) in [
        (&before, "so_xd", &listed[0]),
        (&same, "so_xd", &listed[0]),
        (&after, "ubnd_xa", &listed[2]),
    ] {
        let told = explain(code);
        assert_eq!(
            (&told["units"][0], &told["clause"]),
            (&lead.into(), &"roads".into()),
            "{told}"
        );
        assert_eq!(told["policy"], version["version"], "{told}");
        assert_eq!(told["replayed"], true);
        let passed = told["passed"].as_array().expect("the clauses before it");
        assert!(
            passed
                .iter()
                .any(|it| it["clause"] == "traffic" && it["because"][0] == "topic is roads, not traffic")
        );
    }

    // A unit that says the report is about itself gives it to the level above, and never has it again.
    let _ = system.hoiam(&["unit", "add", "ubnd_xa"]).ok();
    let _ = system
        .hoiam(&[
            "unit",
            "reply",
            "ubnd_xa",
            &after,
            "return",
            "--code",
            "conflict",
            "--text",
            "Phản ánh về chính chúng tôi.",
        ])
        .ok();
    let told = lines(&system.hoiam(&["policy", "explain", &after, "--json"]).ok().stdout);
    assert_eq!(told[1]["clause"], "conflict-of-interest");
    assert_eq!(told[1]["dispatched_to"], "vp_ubnd", "{told:?}");
    assert_eq!(told[1]["conflict"]["about"][0], "ubnd_xa");
    let refused = system.hoiam(&["desk", "order", &after, "ubnd_xa"]);
    assert!(
        refused.code == 1 && refused.stderr.contains("vp_ubnd"),
        "{refused:?}"
    );
    let story: Story = system.replay();
    story.assert_dense();
}
