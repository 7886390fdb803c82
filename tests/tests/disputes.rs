//! The two offices dispute whose a case is: from the officer's form in the console to the leaders' decision, one record and its clocks.

use std::collections::BTreeMap;

use hoiam_tests::system::wait_for;
use hoiam_tests::{Story, System};
use serde_json::Value;

/// A person signed in to the console.
struct Person {
    client: reqwest::Client,
    console: String,
    cookies: BTreeMap<String, String>,
}

impl Person {
    async fn signed_in(system: &System, login: &str) -> Self {
        let file = std::fs::read(system.data().join("keys/demo-accounts.json")).expect("the accounts");
        let accounts: Value = serde_json::from_slice(&file).expect("JSON");
        let accounts = accounts["accounts"].as_array().expect("a list");
        let account = accounts.iter().find(|it| it["login"] == login).expect(login);
        let mut person = Self {
            client: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .expect("a client"),
            console: system.addresses()["console"]
                .as_str()
                .expect("an address")
                .to_owned(),
            cookies: BTreeMap::new(),
        };
        let password = account["password"].as_str().expect("a password");
        let answer = person
            .post("/", "/sign-in", &[("login", login), ("password", password)])
            .await;
        assert_eq!(answer.0, 303, "{login} signs in: {}", answer.1);
        person
    }

    async fn get(&mut self, path: &str) -> (u16, String) {
        let request = self.client.get(self.url(path));
        self.send(request).await
    }

    async fn post(&mut self, from: &str, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let page = self.get(from).await.1;
        let token = page.split("name=\"csrf\" value=\"").nth(1);
        let token = token.and_then(|rest| rest.split('"').next()).unwrap_or_default();
        let mut fields = fields.to_vec();
        fields.push(("csrf", token));
        let request = self.client.post(self.url(path)).form(&fields);
        self.send(request).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.console.trim_end_matches('/'))
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> (u16, String) {
        let cookies: Vec<_> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let answer = request
            .header("cookie", cookies.join("; "))
            .send()
            .await
            .expect("an answer");
        for cookie in answer.headers().get_all("set-cookie") {
            let pair = cookie
                .to_str()
                .expect("text")
                .split(';')
                .next()
                .unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        (answer.status().as_u16(), answer.text().await.expect("a page"))
    }
}

fn story(system: &System, code: &str) -> Story {
    Story::parse(&system.hoiam(&["replay", "--case", code, "--json"]).ok().stdout)
}

/// The obligation of this sort: who owes it, and how it ended.
fn owed(system: &System, code: &str, what: &str) -> Option<(String, String)> {
    let story = story(system, code);
    let opened = story
        .of("obligation.obligation_opened")
        .find(|it| it.data["what"] == what)?;
    let id = &opened.data["obligation"];
    let ends = |kind: &str| story.of(kind).any(|it| it.data["obligation"] == *id);
    let end = ["obligation.obligation_met", "obligation.obligation_overtaken"];
    let end = end.into_iter().find(|kind| ends(kind)).unwrap_or("open");
    Some((opened.data["owner"].as_str()?.to_owned(), end.to_owned()))
}

fn dispatched(system: &System, text: &str) -> String {
    let sent = system.hoiam(&[
        "submit",
        text,
        "--channel",
        "sms",
        "--phone",
        "0900000021",
        "--json",
    ]);
    let code = sent.ok().json()["code"].as_str().expect("a code").to_owned();
    wait_for("the case to be dispatched", || {
        (story(system, &code).count("routing.case_dispatched") > 0).then_some(())
    });
    code
}

const HOLE: &str =
    "Đường Lê Văn Lương, xã Nhà Bè có ổ gà lớn trước số nhà 100, xe máy té nhiều lần, đề nghị sửa.";

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_is_opened_refused_and_decided_on_the_pages_and_moves_the_case_with_its_unit() {
    let system = System::start();
    let code = dispatched(&system, HOLE);
    let page = format!("/cases/{code}");
    let mut state = Person::signed_in(&system, "office").await;
    let mut party = Person::signed_in(&system, "party").await;
    let mut leader = Person::signed_in(&system, "leader").await;
    let form = |verb: &str| format!("action=\"{page}/{verb}\"");

    // Only the office that has the case is offered the form, and only its word counts.
    wait_for("the page to show the case", || {
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current()
                .block_on(state.get(&page))
                .1
                .contains(&form("dispute"))
                .then_some(())
        })
    });
    assert!(!party.get(&page).await.1.contains(&form("dispute")));
    let opening = [
        ("id", "d1"),
        ("reason", "person"),
        ("text", "Người này là đảng viên"),
    ];
    let refused = party.post(&page, &format!("{page}/dispute"), &opening).await;
    assert!(refused.0 >= 400, "{refused:?}");
    let opened = state.post(&page, &format!("{page}/dispute"), &opening).await;
    assert_eq!(opened.0, 303, "{}", opened.1);
    let again = state.post(&page, &format!("{page}/dispute"), &opening).await;
    assert_eq!(
        again.0, 303,
        "the same form again is the same dispute: {}",
        again.1
    );
    assert_eq!(story(&system, &code).count("routing.dispute_opened"), 1);

    // Meanwhile nothing goes to another unit.
    let order = system.hoiam(&["desk", "order", &code, "sawaco"]);
    assert_ne!(order.code, 0);
    assert!(order.stderr.contains("dispute"), "{order:?}");
    let ready = wait_for("the list to show the dispute", || {
        tokio::task::block_in_place(|| {
            let wait = tokio::runtime::Handle::current();
            let list = wait.block_on(party.get("/cases?disputed=1")).1;
            list.contains(&code).then(|| wait.block_on(party.get(&page)).1)
        })
    });
    assert!(ready.contains(&form("dispute-answer")), "{ready}");

    let silent = [("id", "a1"), ("answer", "refuse"), ("text", "")];
    let refused = party
        .post(&page, &format!("{page}/dispute-answer"), &silent)
        .await;
    assert!(refused.0 >= 400, "to refuse takes words");
    let words = [("id", "a2"), ("answer", "refuse"), ("text", "Là việc sửa đường")];
    assert_eq!(
        party
            .post(&page, &format!("{page}/dispute-answer"), &words)
            .await
            .0,
        303
    );
    let decision = [
        ("id", "l1"),
        ("office", "vp_tu"),
        ("reason", "person"),
        ("text", ""),
    ];
    let answer = party
        .post(&page, &format!("{page}/dispute-decision"), &decision)
        .await;
    assert_eq!(answer.0, 403, "an office is no leader");
    assert_eq!(
        leader
            .post(&page, &format!("{page}/dispute-decision"), &decision)
            .await
            .0,
        303
    );

    let moved = wait_for("the case to be before a unit of the Party", || {
        let story = story(&system, &code);
        (story.count("routing.case_dispatched") == 2 && story.count("feedback.citizen_told") >= 3)
            .then_some(story)
    });
    let routed = moved.of("routing.case_routed").last().expect("routed");
    assert_eq!(
        (routed.data["office"].as_str(), routed.data["clause"].as_str()),
        (Some("vp_tu"), Some("dispute"))
    );
    assert_eq!(
        moved.count("routing.case_recalled"),
        1,
        "the first unit is told that it is over"
    );
    let inputs = routed.data["inputs"].to_string();
    assert!(inputs.contains("field=party_building"), "{inputs}");
    for (what, owner) in [
        ("dispute_answer", "office:vp_tu"),
        ("dispute_decision", "leaders"),
    ] {
        wait_for("the clock of the dispute to stop", || {
            let met = (owner.to_owned(), "obligation.obligation_met".to_owned());
            (owed(&system, &code, what)? == met).then_some(())
        });
    }
    // No ping-pong: who got it cannot give it back without new facts.
    let back = [
        "--office",
        "vp_tu",
        "--reason",
        "matter",
        "--text",
        "Không phải của chúng tôi",
    ];
    let back = system.hoiam(&[&["desk", "dispute", "open", &code][..], &back[..]].concat());
    assert!(back.code != 0 && back.stderr.contains("new facts"), "{back:?}");
    let told = system.hoiam(&["case", &code]).ok().stdout;
    assert!(told.contains("Văn phòng Thành ủy"), "{told}");
    let words = state.get(&page).await.1;
    assert!(
        !words.contains("đảng viên"),
        "the reason is sealed until it is opened"
    );
    let explained = system.hoiam(&["policy", "explain", &code]).ok().stdout;
    assert!(explained.contains("clause dispute"), "{explained}");
}

#[test]
fn where_the_other_office_agrees_nobody_else_is_asked() {
    let system = System::start();
    let code = dispatched(&system, HOLE);
    let desk = |words: &[&str]| system.hoiam(&[&["desk", "dispute"], words].concat());
    let opening = ["--reason", "matter", "--text", "Việc của chi bộ"];
    let wrong = desk(&[&["open", &code, "--office", "vp_tu"][..], &opening[..]].concat());
    assert_ne!(wrong.code, 0, "the other office does not have the case");
    let early = desk(&["answer", &code, "agree", "--office", "vp_tu"]);
    assert!(
        early.code != 0 && early.stderr.contains("no dispute"),
        "{early:?}"
    );
    let _ = desk(&[&["open", &code, "--office", "vp_ubnd"][..], &opening[..]].concat()).ok();
    let own = desk(&["answer", &code, "agree", "--office", "vp_ubnd"]);
    assert_ne!(own.code, 0, "nobody answers their own dispute");
    let nobody = desk(&[
        "decide",
        &code,
        "vp_tu",
        "--reason",
        "matter",
        "--as",
        "office:an",
    ]);
    assert_ne!(nobody.code, 0, "an officer is no leader");
    let _ = desk(&["answer", &code, "agree", "--office", "vp_tu"]).ok();
    wait_for("the clock to stop", || {
        let met = ("office:vp_tu".to_owned(), "obligation.obligation_met".to_owned());
        (owed(&system, &code, "dispute_answer")? == met).then_some(())
    });
    assert_eq!(owed(&system, &code, "dispute_decision"), None);
    let late = desk(&["decide", &code, "vp_ubnd", "--reason", "matter"]);
    assert!(late.code != 0 && late.stderr.contains("no dispute"), "{late:?}");
}
