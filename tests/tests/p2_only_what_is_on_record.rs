//! P2, nothing acts on what is not on record: the relay is the only publisher of `evt.>`, and everybody holds the least they need.

use hoiam_tests::System;
use serde_json::Value;

#[test]
fn no_credential_but_the_relays_may_publish_an_event_or_read_what_is_not_its_own() {
    let system = System::start();
    let _ = system.hoiam(&["unit", "add", "so_yt"]).ok();
    let _ = system.hoiam(&["unit", "add", "so_gddt"]).ok();
    let intrude = |user: &str, attempts: &[&str]| {
        let credential = system.credential(user);
        let mut arguments = vec!["--credential", credential.to_str().expect("UTF-8")];
        arguments.extend(attempts);
        let results = system.outsider("intruder.py", &arguments, "");
        for result in results.as_array().expect("a list") {
            assert_eq!(result["denied"], Value::Bool(true), "{user}: {result}");
        }
    };
    const EVENT: &str = "evt.0.report.report_received.00000000-0000-0000-0000-000000000001";
    for service in [
        "intake",
        "classification",
        "routing",
        "escalation",
        "feedback",
        "console",
    ] {
        intrude(
            service,
            &[
                "publish",
                EVENT,
                "publish",
                "$JS.API.STREAM.DELETE.EVENTS",
                "publish",
                "$JS.API.STREAM.PURGE.EVENTS",
            ],
        );
    }
    intrude(
        "unit-so_yt",
        &[
            "publish",
            EVENT,
            "publish",
            "cases.vp_ubnd.so_yt.x.1",
            "publish",
            "desk.so_gddt.accept",
            "publish",
            "in.sms.so_yt",
            "publish",
            "$JS.API.CONSUMER.MSG.NEXT.CASES.unit-so_gddt",
            "publish",
            "$JS.API.CONSUMER.MSG.NEXT.EVENTS.classification-0",
            "publish",
            "$JS.API.CONSUMER.CREATE.CASES.mine",
            "publish",
            "$JS.API.STREAM.MSG.GET.CASES",
            "subscribe",
            "cases.>",
            "subscribe",
            "evt.>",
            "subscribe",
            "desk.>",
            "subscribe",
            "_INBOX_unit-so_gddt.>",
            "subscribe",
            ">",
        ],
    );
    intrude(
        "gw-demo",
        &[
            "publish",
            EVENT,
            "publish",
            "in.sms.other",
            "publish",
            "out.sms.demo",
            "subscribe",
            "evt.>",
            "subscribe",
            "in.>",
            "subscribe",
            "out.>",
            "publish",
            "desk.so_yt.open",
        ],
    );
    let after = system.settled();
    assert_eq!(
        after.count("report.report_received"),
        0,
        "nothing of it is on record"
    );
    assert_eq!(
        system.hoiam(&["doctor"]).code,
        0,
        "and the stream still equals the ledger"
    );
}
