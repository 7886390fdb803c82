//! A report goes on record once, and danger stands beside it.
#![allow(clippy::unwrap_used, reason = "a test may")]

use intake_domain::report::{Danger, Receive, Refusal, Rejection};
use intake_domain::{Command, Event, Reason, Received, Report, Submission};
use kernel::given::given;
use kernel::{IdentityKey, Instant, RequestId};

fn receive(danger: Option<Danger>, express: bool) -> Receive {
    let key = IdentityKey::new([7; 32]);
    let submission = Submission {
        channel: "phone".into(),
        id: "1".into(),
        text: "Cháy nhà".into(),
        phone: Some("0900000011".into()),
        ..Submission::default()
    };
    Receive {
        accepted: submission.accept(Instant(1_774_314_000_000_000)).unwrap(),
        gateway: "gw1".into(),
        code: key.code_of(key.case_of(RequestId::client("phone/gw1", "1"))),
        source: key.token_of("+84900000011"),
        danger,
        express,
    }
}

fn received(receive: Receive, express: bool) -> Event {
    Event::ReportReceived(Box::new(Received {
        channel: receive.accepted.channel,
        gateway: receive.gateway,
        line: "",
        code: receive.code,
        source: receive.source,
        occurred_at: receive.accepted.occurred_at,
        answerable: true,
        complete: true,
        text_length: 8,
        language: receive.accepted.language,
        located: false,
        express,
    }))
}

fn refusal() -> Refusal {
    Refusal {
        channel: "sms".into(),
        gateway: "gw1".into(),
        reason: Reason::NotJson,
        size: 3,
        kept: true,
    }
}

#[test]
fn a_report_goes_on_record() {
    let command = receive(None, false);
    given::<Report>(&[])
        .when(Command::Receive(Box::new(command.clone())))
        .then(&[received(command, false)]);
}

#[test]
fn words_that_mean_danger_stand_beside_it_and_put_it_on_the_express_lane() {
    let danger = Danger {
        number: "114".into(),
        evidence: vec![("fire".into(), 0, 8)],
    };
    let command = receive(Some(danger.clone()), false);
    given::<Report>(&[])
        .when(Command::Receive(Box::new(command.clone())))
        .then(&[received(command, true), Event::EmergencySuspected(danger)]);
}

#[test]
fn the_same_report_again_changes_nothing() {
    let command = receive(None, false);
    given::<Report>(&[received(command.clone(), false)])
        .when(Command::Receive(Box::new(command)))
        .then_nothing();
}

#[test]
fn what_cannot_be_a_report_is_on_record_as_refused_once() {
    given::<Report>(&[])
        .when(Command::Refuse(refusal()))
        .then(&[Event::ReportRefused(refusal())]);
    given::<Report>(&[Event::ReportRefused(refusal())])
        .when(Command::Refuse(refusal()))
        .then_nothing();
}

#[test]
fn a_refusal_and_a_report_never_share_a_stream() {
    let command = receive(None, false);
    given::<Report>(&[Event::ReportRefused(refusal())])
        .when(Command::Receive(Box::new(command.clone())))
        .rejected(&Rejection::AlreadyRefused);
    given::<Report>(&[received(command, false)])
        .when(Command::Refuse(refusal()))
        .rejected(&Rejection::AlreadyReceived);
}
