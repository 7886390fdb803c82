//! The five levels of answering the citizen, each from the report to the closing, with the commands people and units use.

use hoiam_tests::system::wait_for;
use hoiam_tests::{Event, Story, System};

/// One citizen's report in a running system.
struct Case<'a> {
    system: &'a System,
    code: String,
}

impl<'a> Case<'a> {
    /// Hands a report in.
    fn reported(system: &'a System, text: &str) -> Self {
        let answer = system.hoiam(&[
            "submit",
            text,
            "--channel",
            "sms",
            "--phone",
            "0900000099",
            "--json",
        ]);
        let code = answer.ok().json()["code"]
            .as_str()
            .expect("a tracking code")
            .to_owned();
        Self { system, code }
    }

    fn story(&self) -> Story {
        Story::parse(
            &self
                .system
                .hoiam(&["replay", "--case", &self.code, "--json"])
                .ok()
                .stdout,
        )
    }

    fn has(&self, kind: &str) -> bool {
        self.story().count(kind) > 0
    }

    /// Waits until so many events of a type are in its story; gives the last.
    fn waits_for(&self, kind: &str, count: usize) -> Event {
        wait_for(&format!("{kind} number {count} of {}", self.code), || {
            let story = self.story();
            (story.count(kind) >= count).then(|| story.of(kind).last().expect("counted").clone())
        })
    }

    /// A person decides what it is, if the rules asked for one.
    fn decided_as(&self, topic: &str, kind: &str, level: &str) {
        wait_for("a finding", || {
            (self.has("classification.report_classified") || self.has("classification.review_requested"))
                .then_some(())
        });
        if self.has("classification.review_requested") {
            assert!(
                !self.has("routing.case_routed"),
                "nothing leaves the house before a person has looked"
            );
            self.desk(&[
                "review", "decide", &self.code, "--topic", topic, "--kind", kind, "--level", level,
            ]);
        }
        self.waits_for("routing.case_routed", 1);
    }

    fn desk(&self, arguments: &[&str]) {
        let _ = self.system.hoiam(&[&["desk"], arguments].concat()).ok();
    }

    /// Its unit, with a credential of its own.
    fn unit(&self, revision: usize) -> String {
        let dispatched = self.waits_for("routing.case_dispatched", revision);
        assert_eq!(
            dispatched.data["revision"], revision,
            "revisions are dense: {dispatched:?}"
        );
        let unit = dispatched.data["unit"].as_str().expect("a unit").to_owned();
        let _ = self.system.hoiam(&["unit", "add", &unit]).ok();
        unit
    }

    fn unit_says(&self, unit: &str, words: &[&str]) {
        let _ = self
            .system
            .hoiam(&[&["unit", "reply", unit, &self.code], words].concat())
            .ok();
    }

    fn told(&self) -> Vec<String> {
        let story = self.story();
        story
            .of("feedback.citizen_told")
            .map(|e| e.data["what"].as_str().expect("what").to_owned())
            .collect()
    }

    fn closed_as(&self, reason: &str, times: usize) {
        assert_eq!(
            self.waits_for("feedback.case_closed", times).data["reason"],
            reason,
            "{}",
            self.code
        );
    }
}

#[test]
fn level_1_the_operator_guides_the_citizen_at_once_and_no_unit_ever_sees_it() {
    let system = System::start();
    let case = Case::reported(
        &system,
        "Cho tôi hỏi làm lại căn cước công dân thì đến đâu, cần mang giấy tờ gì?",
    );
    assert_eq!(
        case.waits_for("routing.case_routed", 1).data["destination"],
        "desk"
    );
    case.desk(&[
        "answer",
        &case.code,
        "Mời ông bà đến công an phường nơi ở, mang giấy khai sinh.",
    ]);
    case.closed_as("guided", 1);
    assert!(case.has("feedback.guidance_given"));
    assert!(!case.has("routing.case_dispatched"));
    assert_eq!(case.told(), ["received", "guidance"]);
}

#[test]
fn level_2_the_citizen_is_told_now_and_again_with_the_result_and_what_was_only_partly_done_is_not_done() {
    let system = System::start();
    let case = Case::reported(
        &system,
        "Đường Lê Văn Lương, xã Nhà Bè có ổ gà lớn trước số nhà 100, mặt đường hư, đề nghị vá lại.",
    );
    let unit = case.unit(1);
    case.unit_says(&unit, &["open"]);
    case.unit_says(&unit, &["accept"]);
    case.unit_says(
        &unit,
        &["result", "--code", "partly_done", "--text", "Đã vá một nửa."],
    );
    wait_for("the citizen to hear of the half", || {
        (case.told().len() == 3).then_some(())
    });
    assert!(!case.has("feedback.case_closed"), "partly done is not done");
    case.unit_says(&unit, &["result", "--text", "Đã vá xong."]);
    case.closed_as("result_told", 1);
    let told = case.told();
    assert_eq!(
        (
            told[0].as_str(),
            told[1].as_str(),
            told.last().map(String::as_str)
        ),
        ("received", "forwarded", Some("result"))
    );
    let late = system.hoiam(&["unit", "reply", &unit, &case.code, "result", "--text", "Lần nữa."]);
    assert_ne!(late.code, 0, "an answer after closing is refused: {late:?}");

    // Closed without being fixed: there is a way back.
    case.desk(&["reopen", &case.code, "not_fixed"]);
    assert_eq!(case.unit(2), unit);
    case.unit_says(&unit, &["accept"]);
    case.unit_says(&unit, &["result", "--text", "Đã vá lại."]);
    case.closed_as("result_told", 2);

    // Its story in plain words names the case and who acted.
    let words = system.hoiam(&["case", &case.code]).ok().stdout;
    assert!(words.contains(&case.code) && words.contains(&unit), "{words}");
}

#[test]
fn level_2_a_unit_that_says_not_ours_sends_it_back_and_a_case_bounced_twice_waits_for_the_office() {
    let system = System::start();
    let case = Case::reported(
        &system,
        "Đường Lê Văn Lương, xã Nhà Bè có ổ gà lớn trước số nhà 100, mặt đường hư, đề nghị vá lại.",
    );
    let first = case.unit(1);
    let better = if first == "so_yt" { "so_ct" } else { "so_yt" };
    let words = [
        "return",
        "--code",
        "not_ours",
        "--text",
        "Không thuộc địa bàn.",
        "--better-unit",
        better,
    ];
    case.unit_says(&first, &words);
    assert_eq!(case.unit(2), better, "to the better unit it named");
    case.unit_says(
        better,
        &[
            "return",
            "--code",
            "not_ours",
            "--text",
            "Cũng không phải của chúng tôi.",
            "--better-unit",
            &first,
        ],
    );
    let routed = case.waits_for("routing.case_routed", 2);
    assert_eq!(routed.data["destination"], "office", "no ping-pong: {routed:?}");
    case.desk(&["order", &case.code, "ubnd_xa"]);
    assert_eq!(case.unit(3), "ubnd_xa");
}

#[test]
fn level_3_waits_for_the_leaders_opinion_and_a_declined_one_is_told_and_waits_again_when_reopened() {
    let system = System::start();
    let text = "Đèn đường Lê Văn Lương hỏng 6 tháng, tôi đã phản ánh bốn lần, phường nói của Sở, Sở nói của phường, không ai làm.";
    let case = Case::reported(&system, text);
    case.decided_as("electricity_lighting", "reflection", "3");
    assert_eq!(
        case.waits_for("routing.case_routed", 1).data["destination"],
        "office"
    );
    case.waits_for("feedback.submission_drafted", 1);
    assert!(
        !case.has("routing.case_dispatched"),
        "held for the leaders' opinion"
    );
    case.desk(&[
        "opinion",
        &case.code,
        "decline",
        "--text",
        "Đã có kế hoạch chung cho cả khu vực.",
    ]);
    case.closed_as("opinion_declined", 1);
    case.desk(&["reopen", &case.code, "citizen_disagrees"]);
    case.waits_for("feedback.submission_drafted", 2);
    assert!(
        !case.has("routing.case_dispatched"),
        "reopening alone sends nothing out: the leaders have not agreed"
    );
    case.desk(&["opinion", &case.code, "agree"]);
    let unit = case.unit(1);
    case.unit_says(
        &unit,
        &[
            "result",
            "--text",
            "Đã thay đèn, giao một đơn vị chịu trách nhiệm.",
        ],
    );
    case.closed_as("result_told", 2);
}

#[test]
fn level_4_a_denunciation_waits_for_a_person_then_for_the_offices_order_then_for_result_and_dialogue() {
    let system = System::start();
    let case = Case::reported(
        &system,
        "Tôi tố cáo ông Nguyễn Văn A, chủ tịch UBND phường, nhận tiền của nhà thầu.",
    );
    case.waits_for("classification.review_requested", 1);
    case.decided_as("corruption", "denunciation", "4");
    let routed = case.waits_for("routing.case_routed", 1);
    assert_eq!(
        (
            routed.data["destination"].as_str(),
            routed.data["office"].as_str()
        ),
        (Some("office"), Some("vp_tu")),
        "{routed:?}"
    );
    assert!(
        !case.has("routing.case_dispatched"),
        "it waits for the office's order"
    );
    let elsewhere = system.hoiam(&["desk", "order", &case.code, "so_xd"]);
    assert_ne!(
        elsewhere.code, 0,
        "an accusation goes to oversight only: {elsewhere:?}"
    );
    case.desk(&["order", &case.code, "ubkt_tu"]);
    let unit = case.unit(1);
    case.unit_says(&unit, &["result", "--text", "Đã xác minh, có kết luận."]);
    wait_for("the result to be told", || {
        case.told().contains(&"result".to_owned()).then_some(())
    });
    assert!(
        !case.has("feedback.case_closed"),
        "level 4 is not done before the dialogue"
    );
    case.desk(&[
        "dialogue",
        &case.code,
        "Đối thoại ngày 24/11, người dân đồng ý kết luận.",
    ]);
    case.closed_as("dialogue_held", 1);
}

#[test]
fn level_5_a_proposal_is_studied_and_closes_with_a_letter_of_thanks() {
    let system = System::start();
    let text = "Tôi xin góp ý, hiến kế: thành phố nên lắp mái che và ghế ở trạm xe buýt, cho học sinh đi xe buýt miễn phí để giảm kẹt xe.";
    let case = Case::reported(&system, text);
    case.decided_as("public_transport", "suggestion", "5");
    assert_eq!(
        case.waits_for("routing.case_routed", 1).data["destination"],
        "office"
    );
    case.desk(&[
        "letter",
        &case.code,
        "Thành phố trân trọng cảm ơn đóng góp của ông bà.",
    ]);
    case.closed_as("thanked", 1);
    assert!(case.told().contains(&"thanks".to_owned()), "{:?}", case.told());
}

#[test]
fn a_crime_report_goes_to_the_police_at_once_and_leaves_the_hotlines_clock() {
    let system = System::start();
    let case = Case::reported(
        &system,
        "Có nhóm thanh niên bán ma túy công khai ở hẻm 51 Cao Thắng, phường Bàn Cờ, mỗi tối từ 21 giờ.",
    );
    case.decided_as("security", "crime_report", "2");
    let routed = case.waits_for("routing.case_routed", 1);
    assert_eq!(routed.data["destination"], "police", "{routed:?}");
    assert_eq!(case.unit(1), "cong_an");
    case.closed_as("with_police", 1);
}
