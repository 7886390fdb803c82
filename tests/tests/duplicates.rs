//! Thirty people report the same flooded street: one unit acts once, and all of them hear of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use hoiam_tests::system::wait_for;
use hoiam_tests::{Story, System};
use serde_json::{Value, json};

/// What people say of it; each is sent by three channels.
const SAID: [&str; 10] = [
    "Đường Nguyễn Hữu Cảnh, phường Thạnh Mỹ Tây ngập sâu tới bánh xe, xe máy chết máy hàng loạt",
    "Nguyễn Hữu Cảnh phường Thạnh Mỹ Tây nước ngập lên quá trời, chạy xe không nổi luôn",
    "Duong Nguyen Huu Canh phuong Thanh My Tay ngap nang roi, nuoc tran vao nha dan",
    "Ngập nước nghiêm trọng trên đường Nguyễn Hữu Cảnh, phường Thạnh Mỹ Tây, cống không thoát kịp",
    "Mưa lớn làm đường Nguyễn Hữu Cảnh, phường Thạnh Mỹ Tây ngập nửa mét, đề nghị bơm nước",
    "Đường Nguyễn Hữu Cảnh phường Thạnh Mỹ Tây lại ngập, nước cống tràn lên mặt đường",
    "Đường Nguyễn Hữu Cảnh, phường Thạnh Mỹ Tây đang ngập lút bánh xe, xe máy không qua được",
    "Đường Nguyễn Hữu Cảnh, phường Thạnh Mỹ Tây ngập như sông, xe hơi cũng tắt máy",
    "Đề nghị xử lý ngập nước trên đường Nguyễn Hữu Cảnh, phường Thạnh Mỹ Tây, nước rút chậm",
    "Ngập sâu đường Nguyễn Hữu Cảnh phường Thạnh Mỹ Tây, miệng cống bị rác bít, nước không thoát",
];
/// Near in words, on another street.
const ELSEWHERE: &str = "Đường Quốc Hương, phường An Khánh ngập sâu tới bánh xe, xe máy chết máy hàng loạt";

/// The city's policy, but that it merges reports of a topic.
fn merging(topic: &str) -> String {
    let folder = hoiam_tests::programs::root().join("services/classification/domain/policy");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the policy is there")
        .map(|file| file.expect("readable").path())
        .collect();
    files.sort();
    let text: String = files
        .iter()
        .map(|file| std::fs::read_to_string(file).expect("readable"))
        .collect();
    assert!(text.contains("merged_by_policy = []"));
    text.replace(
        "merged_by_policy = []",
        &format!("merged_by_policy = [\"{topic}\"]"),
    )
}

/// Tracking codes by case.
fn by_code(story: &Story) -> BTreeMap<String, String> {
    story
        .of("report.report_received")
        .map(|e| {
            let code = e.data["code"].as_str().expect("a code").to_owned();
            (e.case.clone().expect("a case"), code)
        })
        .collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
fn thirty_reports_of_one_flooded_street_are_one_case_for_the_unit_and_its_result_reaches_all_of_them() {
    // The policy that merges: the built-in one leaves it to people.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let policy = folder.path().join("policy.toml");
    std::fs::write(&policy, merging("flooding")).expect("a writable folder");
    let system = System::start_with(
        &[],
        &[("HOIAM_CLASSIFICATION_POLICY", policy.to_str().expect("UTF-8"))],
    );

    let mut feed = String::new();
    let mut n = 0;
    let mut put = |text: &str, channel: &str| {
        n += 1;
        let mut report = json!({ "id": format!("dup-{n:03}"), "text": text, "channel": channel });
        report["from"] = match channel {
            "web" => json!({ "email": format!("nguoi{n}@example.vn") }),
            _ => json!({ "phone": format!("09000001{n:02}") }),
        };
        writeln!(feed, "{report}").expect("a String takes everything");
    };
    for text in SAID {
        for channel in ["sms", "web", "phone"] {
            put(text, channel);
        }
    }
    for channel in ["sms", "web", "phone"] {
        put(ELSEWHERE, channel);
    }
    let file = system.scratch().join("flood.jsonl");
    std::fs::write(&file, feed).expect("a writable folder");
    let summary = system
        .hoiam(&["feed", "--json", file.to_str().expect("UTF-8")])
        .ok()
        .json();
    assert_eq!(summary["receipted"], 33, "{summary}");
    let _ = system.settled();

    // 29 stand behind the first of the street, two behind the first of the other; each is known to the case that is answered.
    let merged = wait_for(
        "31 reports to be merged and known to the cases that are answered",
        || {
            let story = system.replay();
            let merged: BTreeMap<String, String> = story
                .of("classification.case_merged")
                .map(|e| {
                    (
                        e.case.clone().expect("a case"),
                        e.data["into"].as_str().expect("a case").to_owned(),
                    )
                })
                .collect();
            (merged.len() == 31 && story.count("classification.duplicate_joined") == 31).then_some(merged)
        },
    );
    let mut stands_for: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (case, root) in &merged {
        stands_for.entry(root).or_default().insert(case);
    }
    let mut sizes: Vec<usize> = stands_for.values().map(BTreeSet::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [2, 29], "{stands_for:?}");
    let root = (*stands_for
        .iter()
        .find(|(_, all)| all.len() == 29)
        .expect("counted")
        .0)
        .to_owned();

    // The unit has the two that are answered, and none of the others any more.
    let story = system.settled();
    let codes = by_code(&story);
    let holders = |story: &Story| -> BTreeMap<String, (String, u64)> {
        let mut holders = BTreeMap::new();
        for event in &story.0 {
            let case = || event.case.clone().expect("a case");
            if event.kind.starts_with("routing.case_dispatched") {
                let unit = event.data["unit"].as_str().expect("a unit").to_owned();
                holders.insert(case(), (unit, event.data["revision"].as_u64().expect("a number")));
            } else if event.kind.starts_with("routing.case_recalled") {
                assert_eq!(event.data["reason"], "merged");
                holders.remove(&case());
            }
        }
        holders
    };
    let held = holders(&story);
    assert_eq!(
        held.keys().collect::<BTreeSet<_>>(),
        stands_for
            .keys()
            .map(|root| codes.get_key_value(*root).expect("known").0)
            .collect(),
        "only what is answered is before a unit"
    );

    // One is somewhere else after all: it is parted, and its unit gets it with the time that remained.
    let recalled: BTreeSet<&str> = story
        .of("routing.case_recalled")
        .filter_map(|e| e.case.as_deref())
        .collect();
    // Whoever came last of those whom the unit had already; one merged before it was dispatched has its whole time instead.
    let had = stands_for[root.as_str()]
        .iter()
        .rev()
        .find(|case| recalled.contains(*case));
    let parted = (*had.unwrap_or_else(|| stands_for[root.as_str()].iter().next().expect("29"))).to_owned();
    let _ = system
        .hoiam(&[
            "desk",
            "part",
            &codes[&parted],
            "other_place",
            "--text",
            "Nhà tôi ở đầu kia",
        ])
        .ok();
    let story = wait_for("the parted case to be before its unit with its clocks", || {
        let story = system.replay();
        let again = holders(&story).contains_key(&parted);
        let owed = open_obligations(&story, &parted);
        (again && owed.len() == 2).then_some(story)
    });
    for opened in open_obligations(&story, &parted) {
        let steps = opened["arithmetic"].as_array().expect("steps");
        let stopped = steps
            .iter()
            .any(|s| s.as_str().is_some_and(|s| s.starts_with("stopped=")));
        assert_eq!(stopped, had.is_some(), "{opened}");
    }

    // The unit answers once.
    let (unit, revision) = holders(&story)[&root].clone();
    let _ = system.hoiam(&["unit", "add", &unit]).ok();
    let _ = system
        .hoiam(&[
            "unit",
            "reply",
            &unit,
            &codes[&root],
            "result",
            "--text",
            "Đã khơi thông cống, nước đã rút",
        ])
        .ok();
    assert!(revision >= 1);
    let everybody: BTreeSet<String> = stands_for[root.as_str()]
        .iter()
        .map(|case| (*case).to_owned())
        .chain([root.clone()])
        .filter(|case| *case != parted)
        .collect();
    assert_eq!(everybody.len(), 29);
    let story = wait_for("all of them to be told and closed", || {
        let story = system.replay();
        let with = |kind: &str, what: Option<&str>| -> BTreeSet<String> {
            story
                .of(kind)
                .filter(|e| what.is_none_or(|what| e.data["what"] == what))
                .map(|e| e.case.clone().expect("a case"))
                .collect()
        };
        let told = with("feedback.citizen_told", Some("result"));
        (told == everybody && with("feedback.case_closed", None) == everybody).then_some(story)
    });
    // Each over the channel it came by, once.
    let told: Vec<&Value> = story
        .of("feedback.citizen_told")
        .filter(|e| e.data["what"] == "result")
        .map(|e| &e.data)
        .collect();
    assert_eq!(told.len(), 29);
    assert!(told.iter().any(|d| d["channel"] == "email") && told.iter().any(|d| d["channel"] == "sms"));
    // What closed with the other is reopened with it, by nobody else; the parted one goes on by itself.
    let refused = system.hoiam(&[
        "desk",
        "reopen",
        &codes[everybody.iter().find(|case| **case != root).expect("28 more")],
        "not_fixed",
    ]);
    assert!(
        refused.code != 0 && refused.stderr.contains("merged"),
        "{refused:?}"
    );
    let doctor = system.hoiam(&["doctor"]);
    assert_eq!(doctor.code, 0, "{doctor:?}");
}

/// What is owed in a case: the openings of obligations that nothing has ended.
fn open_obligations(story: &Story, case: &str) -> Vec<Value> {
    let of = |kind: &'static str| story.of(kind).filter(|e| e.case.as_deref() == Some(case));
    let ended: BTreeSet<&str> = of("obligation.obligation_met")
        .chain(of("obligation.obligation_overtaken"))
        .filter_map(|e| e.data["obligation"].as_str())
        .collect();
    of("obligation.obligation_opened")
        .filter(|e| !ended.contains(e.data["obligation"].as_str().unwrap_or_default()))
        .map(|e| e.data.clone())
        .collect()
}
