//! P6, a citizen's identity stays sealed: marked names, numbers and words are fed in by every way, then everything is searched for them.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use hoiam_tests::System;
use hoiam_tests::system::wait_for;
use serde_json::json;
use unicode_normalization::UnicodeNormalization;

/// What must be found nowhere: a name, a phone number in three spellings, an e-mail address, words of reports, reasons and results.
const MARKS: [&str; 9] = [
    "Nguyễn Khổng Tước Quỳnh",
    "0912 774 365",
    "0912774365",
    "912774365",
    "khongtuoc.quynh@example.vn",
    "con vẹt Xích Thố màu tím",
    "lý do Bạch Mã Hoàng",
    "kết quả Ô Truy Tuyết",
    "hướng dẫn Đích Lư Vàng",
];

/// Every spelling a mark may hide in: NFC, NFD, without tones, lower case of both, UTF-16, JSON escapes, percent-encoding and base64 at each of
/// the three alignments.
fn spellings(mark: &str) -> Vec<(String, Vec<u8>)> {
    let nfc: String = mark.nfc().collect();
    let nfd: String = mark.nfd().collect();
    let toneless: String = mark
        .nfd()
        .filter(|c| !unicode_normalization::char::is_combining_mark(*c))
        .collect::<String>()
        .replace('đ', "d")
        .replace('Đ', "D");
    let mut all = Vec::new();
    for (name, text) in [
        ("NFC", nfc.clone()),
        ("NFD", nfd),
        ("toneless", toneless.clone()),
        ("lower", nfc.to_lowercase()),
        ("toneless lower", toneless.to_lowercase()),
    ] {
        for start in 0..3 {
            // Drop the characters that a neighbour's bits change: the first when the mark is not aligned, and the last always.
            let padded = [vec![0; start], text.as_bytes().to_vec()].concat();
            for (alphabet, encoded) in [
                ("base64", STANDARD_NO_PAD.encode(&padded)),
                ("base64url", URL_SAFE_NO_PAD.encode(&padded)),
            ] {
                let skip = [0, 2, 3][start];
                all.push((
                    format!("{mark} as {name} in {alphabet} at {start}"),
                    encoded.as_bytes()[skip..encoded.len() - 1].to_vec(),
                ));
            }
        }
        let escaped: String = text
            .chars()
            .flat_map(|c| {
                if c.is_ascii() {
                    c.to_string()
                } else {
                    c.escape_unicode().to_string().replace(['{', '}'], "")
                }
                .chars()
                .collect::<Vec<_>>()
            })
            .collect();
        let percent: String = text
            .bytes()
            .map(|b| {
                if b.is_ascii_alphanumeric() {
                    (b as char).to_string()
                } else {
                    format!("%{b:02X}")
                }
            })
            .collect();
        all.push((format!("{mark} as {name} percent-encoded"), percent.into_bytes()));
        all.push((format!("{mark} as {name} escaped"), escaped.into_bytes()));
        all.push((
            format!("{mark} as {name} in UTF-16"),
            text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ));
        all.push((format!("{mark} as {name}"), text.into_bytes()));
    }
    all.dedup_by(|a, b| a.1 == b.1);
    all
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let entry = entry.expect("a readable entry");
        if entry.file_type().expect("a type").is_dir() {
            files(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let mut rest = haystack;
    while let Some(at) = rest.iter().position(|b| *b == needle[0]) {
        if rest[at..].starts_with(needle) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

fn search(what: &str, haystack: &[u8], needles: &[(String, Vec<u8>)]) -> Vec<String> {
    needles
        .iter()
        .filter(|(_, needle)| contains(haystack, needle))
        .map(|(name, _)| format!("{name} in {what}"))
        .collect()
}

#[test]
fn the_search_itself_finds_every_spelling_it_looks_for() {
    let needles: Vec<_> = MARKS.iter().flat_map(|m| spellings(m)).collect();
    for mark in MARKS {
        let text = format!("xx{mark}yy");
        for hidden in [
            text.clone(),
            text.nfd().collect(),
            STANDARD_NO_PAD.encode(&text),
            STANDARD_NO_PAD.encode(format!("z{text}")),
            STANDARD_NO_PAD.encode(format!("zz{text}")),
        ] {
            assert!(
                !search("", hidden.as_bytes(), &needles).is_empty(),
                "{mark} is found in {hidden}"
            );
        }
    }
}

#[test]
fn marked_names_and_numbers_are_found_in_no_event_subject_log_error_or_file() {
    let mut system = System::start_with(&[], &[("RUST_LOG", "debug")]);
    let [
        name,
        phone_spaced,
        phone,
        _,
        email,
        words,
        reason,
        result,
        guidance,
    ] = MARKS;
    // Everything a person or a program without the right to read content gets to see.
    let printed = RefCell::new(String::new());
    let say = |output: hoiam_tests::Output| {
        printed_more(&printed, &output.stdout);
        printed_more(&printed, &output.stderr);
        output
    };

    // Reports by the command line (request/reply), INBOX (well and badly formed), the HTTP form and the console's API.
    let text = |matter: &str| {
        format!("{matter}. Tôi là {name}, số {phone_spaced}, thấy {words} ở đường Lê Văn Lương.")
    };
    let hole = say(system.hoiam(&[
        "submit",
        &text("Ổ gà lớn làm xe té"),
        "--channel",
        "sms",
        "--phone",
        phone_spaced,
        "--name",
        name,
        "--email",
        email,
        "--json",
    ]))
    .ok()
    .json();
    let question = say(system.hoiam(&[
        "submit",
        &text("Cho tôi hỏi thủ tục làm căn cước ở đâu?"),
        "--channel",
        "email",
        "--email",
        email,
        "--json",
    ]))
    .ok()
    .json();
    let nfd: String = text("Ngập nước").nfd().collect();
    let body = json!({"id": "p6-1", "text": nfd, "from": {"name": name, "phone": phone, "email": email}, "place": {"address": words}});
    let broken = format!("{{\"id\": \"p6-2\", \"text\": \"{}\", oops", text("Rác"));
    let no_text = json!({"id": "p6-3", "text": "", "from": {"name": name, "phone": phone}});
    let wrong_type = json!({"id": "p6-4", "text": {"inner": text("Cây ngã")}});
    let encode = |b: &str| base64::engine::general_purpose::STANDARD.encode(b);
    let input: Vec<String> = [
        body.to_string(),
        broken,
        no_text.to_string(),
        wrong_type.to_string(),
    ]
    .iter()
    .map(|b| json!({"subject": "in.web.demo", "body": encode(b)}).to_string())
    .collect();
    let credential = system.credential("gw-demo");
    let answers = system.outsider(
        "gateway.py",
        &[
            "--credential",
            credential.to_str().expect("UTF-8"),
            "--gateway",
            "demo",
            "--expect",
            "4",
        ],
        &input.join("\n"),
    );
    assert_eq!(answers["receipts"].as_array().map(Vec::len), Some(4), "{answers}");
    printed_more(&printed, &answers.to_string());

    let intake = system.addresses()["http"]["intake"]
        .as_str()
        .expect("intake's address")
        .to_owned();
    let client = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    client.block_on(async {
        for body in [
            json!({"id": "p6-5", "text": text("Tiếng ồn"), "from": {"phone": phone}}).to_string(),
            format!("{{{name} {phone}"),
        ] {
            let response = reqwest::Client::new()
                .post(format!("{intake}/reports"))
                .header("content-type", "application/json")
                .body(body)
                .send()
                .await
                .expect("an answer");
            let text = response.text().await.expect("a body");
            printed_more(&printed, &text);
        }
    });

    // Words of units and desks: a result, a return, guidance.
    let code = |answer: &serde_json::Value| answer["code"].as_str().expect("a code").to_owned();
    let (hole, question) = (code(&hole), code(&question));
    let unit = wait_for("the dispatch", || {
        let story = hoiam_tests::Story::parse(&system.hoiam(&["replay", "--case", &hole, "--json"]).stdout);
        story
            .of("routing.case_dispatched")
            .next()
            .map(|e| e.data["unit"].as_str().expect("a unit").to_owned())
    });
    let _ = system.hoiam(&["unit", "add", &unit]).ok();
    let opened = system.hoiam(&["unit", "reply", &unit, &hole, "open"]).ok();
    assert!(
        opened.stdout.contains(words),
        "the unit itself does read it: {opened:?}"
    );
    let _ = say(system.hoiam(&["unit", "reply", &unit, &hole, "result", "--text", result])).ok();
    // Another case goes to the same unit, which returns it with a reason in words.
    let again = say(system.hoiam(&[
        "submit",
        &text("Ổ gà lớn làm xe té ở chỗ khác"),
        "--channel",
        "sms",
        "--json",
    ]))
    .ok()
    .json();
    let again = code(&again);
    wait_for("the second dispatch", || {
        let story = hoiam_tests::Story::parse(&system.hoiam(&["replay", "--case", &again, "--json"]).stdout);
        story
            .of("routing.case_dispatched")
            .next()
            .map(|e| assert_eq!(e.data["unit"].as_str(), Some(&*unit)))
    });
    let _ = say(system.hoiam(&[
        "unit", "reply", &unit, &again, "return", "--code", "not_ours", "--text", reason,
    ]))
    .ok();
    wait_for("the question to wait at the desk", || {
        let story =
            hoiam_tests::Story::parse(&system.hoiam(&["replay", "--case", &question, "--json"]).stdout);
        (story.count("routing.case_routed") + story.count("classification.review_requested") > 0)
            .then_some(())
    });
    let story = hoiam_tests::Story::parse(&system.hoiam(&["replay", "--case", &question, "--json"]).stdout);
    if story.count("classification.review_requested") > 0 {
        let _ = say(system.hoiam(&[
            "desk",
            "review",
            "decide",
            &question,
            "--topic",
            "procedures",
            "--kind",
            "question",
            "--level",
            "1",
        ]))
        .ok();
        wait_for("the question at the desk", || {
            let story =
                hoiam_tests::Story::parse(&system.hoiam(&["replay", "--case", &question, "--json"]).stdout);
            (story.count("routing.case_routed") > 0).then_some(())
        });
    }
    let _ = say(system.hoiam(&["desk", "answer", &question, guidance])).ok();

    let story = system.settled();
    for event in &story.0 {
        printed_more(&printed, &event.json.to_string());
    }
    let _ = say(system.hoiam(&["case", &hole]));
    let _ = say(system.hoiam(&["doctor", "--verbose"]));
    printed_more(&printed, &system.log());
    // What a collector of metrics and a citizen with the code get to see.
    let addresses = system.addresses();
    client.block_on(async {
        let services = addresses["http"]
            .as_object()
            .expect("a map")
            .values()
            .map(|a| format!("{}/metrics", a.as_str().expect("an address")));
        let pages = [format!(
            "{}/track/{hole}",
            addresses["console"].as_str().expect("an address")
        )];
        for url in services.chain(pages) {
            let response = reqwest::get(&url).await.unwrap_or_else(|e| panic!("{url}: {e}"));
            assert!(response.status().is_success(), "{url}: {}", response.status());
            printed_more(&printed, &response.text().await.expect("a body"));
        }
    });

    let needles: Vec<_> = MARKS.iter().flat_map(|m| spellings(m)).collect();
    let mut found = search(
        "what was printed, answered, logged or is on record",
        printed.borrow().as_bytes(),
        &needles,
    );
    // Files while it runs (write-ahead logs, JetStream blocks) and after a clean stop.
    for moment in ["while it runs", "after a stop"] {
        let mut paths = Vec::new();
        files(&system.data(), &mut paths);
        assert!(paths.len() > 10, "there is something to search");
        for path in paths {
            let bytes = std::fs::read(&path).unwrap_or_default(); // a file may be gone by now
            found.extend(search(&format!("{} {moment}", path.display()), &bytes, &needles));
        }
        if system.runs() {
            assert_eq!(system.stop(), 0);
        }
    }
    assert!(
        found.is_empty(),
        "{} places, first: {:#?}",
        found.len(),
        &found[..found.len().min(20)]
    );
}

fn printed_more(printed: &RefCell<String>, text: &str) {
    let mut printed = printed.borrow_mut();
    printed.push_str(text);
    printed.push('\n');
}
