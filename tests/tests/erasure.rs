//! What the law says to erase is erased everywhere: searched for, found, erased, and then nowhere; and the key over all keys is rotated.

use hoiam_tests::System;
use hoiam_tests::disk::files_with;
use hoiam_tests::system::wait_for;
use testkit::softhsm::Token;

fn outbox(system: &System) -> usize {
    std::fs::read_dir(system.data().join("outbox")).map_or(0, |folder| folder.flatten().count())
}

fn search(system: &System, term: [&str; 2]) -> Vec<String> {
    let output = system
        .hoiam(&[
            "ledger",
            "search",
            term[0],
            term[1],
            "--reader",
            "inspector:minh",
            "--purpose",
            "inspect",
            "--json",
        ])
        .ok();
    let lines = output.stdout.lines().map(|line| {
        let found: serde_json::Value = serde_json::from_str(line).expect("JSON");
        found["code"].as_str().expect("a code").to_owned()
    });
    lines.collect()
}

#[test]
fn what_is_erased_is_found_nowhere_and_the_key_over_all_keys_is_replaced() {
    let mut system = System::start();
    let submit = |system: &System, text: &str, phone: &str| {
        let answer = system
            .hoiam(&["submit", text, "--channel", "sms", "--phone", phone, "--json"])
            .ok()
            .json();
        answer["code"].as_str().expect("a code").to_owned()
    };
    let erased = submit(&system, "Ổ gà lớn làm xe té, có con vẹt Xích Thố", "0912 774 365");
    let kept = submit(&system, "Ổ gà lớn làm xe té ở cầu Chà Và", "0903 111 222");
    let story = system.settled();
    let case = story
        .of("report.report_received")
        .find(|event| event.data["code"].as_str() == Some(&*erased))
        .and_then(|event| event.case.clone())
        .expect("the case is on record");
    wait_for("the index", || {
        (search(&system, ["--phone", "+84912774365"]) == [erased.clone()]).then_some(())
    });
    assert_eq!(
        search(&system, ["--word", "xich tho"]),
        std::slice::from_ref(&erased)
    );
    let messages = outbox(&system);
    assert!(messages >= 2, "each was told that it arrived");

    let erase = |system: &System, basis: &str, more: &[&str]| {
        let mut arguments = vec![
            "ledger",
            "erase",
            "--case",
            &erased,
            "--basis",
            basis,
            "--ordered-by",
            "QD-118/2026",
        ];
        arguments.extend(more);
        system.hoiam(&arguments)
    };
    let unasked = erase(&system, "court_order", &[]);
    assert_eq!(unasked.code, 1);
    assert!(unasked.stderr.contains("--yes"), "{unasked:?}");
    let refused = erase(&system, "subject_request", &["--yes"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("close the case first"), "{refused:?}");
    let done = erase(&system, "court_order", &["--yes", "--json"]).ok().json();
    assert_eq!(
        (&done["case"], &done["already"]),
        (&case.as_str().into(), &false.into())
    );

    // Everything that was made of it goes too: the messages to the citizen, the tokens.
    wait_for("the outbox to forget", || {
        (outbox(&system) < messages).then_some(())
    });
    assert_eq!(search(&system, ["--phone", "0912774365"]), [""; 0]);
    assert_eq!(search(&system, ["--word", "xe te"]), std::slice::from_ref(&kept));
    let verified = system.hoiam(&["verify"]).ok();
    assert!(!verified.stdout.is_empty());
    for mark in ["Xích Thố", "912774365", "0912 774 365"] {
        let found = files_with(&system.data(), mark.as_bytes());
        assert!(found.is_empty(), "{mark} stands in {found:?}");
    }
    let shown = system.hoiam(&["case", &erased]).ok();
    assert!(shown.stdout.contains("xóa vĩnh viễn"), "{shown:?}");
    // The unit that had it is told so.
    assert!(
        story
            .of("routing.case_dispatched")
            .any(|event| event.case.as_deref() == Some(&*case)),
        "a unit had it"
    );
    wait_for("the case to be taken back", || {
        let story = system.replay();
        let told = story
            .of("routing.case_recalled")
            .find(|event| event.case.as_deref() == Some(&*case) && event.data["reason"] == "erased");
        told.map(drop)
    });

    // The key over all keys: not while it runs; stopped half-way it goes on; then only the new one opens.
    let running = system.hoiam(&["ledger", "rotate-key"]);
    assert_eq!(running.code, 1);
    assert!(running.stderr.contains("stopped first"), "{running:?}");
    assert_eq!(system.stop(), 0);
    let kek = system.data().join("keys/kek");
    let before = std::fs::read(&kek).expect("a key");
    for point in ["ledger.rotate_batch", "ledger.rotate_before_finish"] {
        let died = system
            .command(&["ledger", "rotate-key"])
            .env("HOIAM_FAIL_POINT", point)
            .output()
            .expect("it runs");
        assert!(!died.status.success(), "{died:?}");
    }
    let rotated = system.hoiam(&["ledger", "rotate-key", "--json"]).ok().json();
    assert_ne!(std::fs::read(&kek).expect("a key"), before);
    let mut environment = Vec::new();
    let token = Token::make(system.scratch()).expect("a token, where SoftHSM2 is installed");
    if token.is_none() {
        eprintln!("could not run with a token: SoftHSM2 is not installed (Debian: apt-get install softhsm2)");
    }
    if let Some(Token {
        configuration: conf,
        uri,
    }) = &token
    {
        // And from the file into a token.
        environment.push(("SOFTHSM2_CONF", conf.as_str()));
        let moved = system
            .command(&["ledger", "rotate-key", "--new", uri, "--json"])
            .env("SOFTHSM2_CONF", conf)
            .output()
            .expect("it runs");
        assert!(moved.status.success(), "{moved:?}");
        let moved: serde_json::Value = serde_json::from_slice(&moved.stdout).expect("JSON");
        assert_eq!(moved["from"], rotated["to"]);
    }
    system.up(&environment);
    let again = submit(&system, "Ổ gà lớn làm xe té ở cầu Bông", "0903 111 222");
    wait_for(
        "what is sealed under the new key to be found beside what was sealed under the old",
        || (search(&system, ["--phone", "0903111222"]) == [again.clone(), kept.clone()]).then_some(()),
    );
    let rotations = system.replay().count("access.key_rotated");
    assert_eq!(rotations, 1 + usize::from(token.is_some()));
    assert_eq!(search(&system, ["--word", "xich"]), [""; 0]);
    assert_eq!(system.stop(), 0);
}
