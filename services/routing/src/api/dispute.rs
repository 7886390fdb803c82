//! The offices' disputes over gRPC: who may say what, and the command it becomes.

use chassis::callers::Caller;
use contracts::grpc::routing::{AnswerDisputeRequest, DecideDisputeRequest, OpenDisputeRequest};
use kernel::taxonomy::Office;
use kernel::{Actor, RequestId};
use routing_domain::{Command, Dispute, DisputeReason};
use tonic::Status;

use super::{case_id, given, who};
use crate::desk::MOST_WORDS;
use crate::error::Refusal;
use crate::handle::{Asked, Desktop, Done, Handler};

pub(super) async fn open(
    handler: &Handler,
    caller: &Caller,
    said: OpenDisputeRequest,
) -> Result<Done, Status> {
    let actor = who::of_an_office(caller, &said.actor)?;
    let by = office(&said.office)?;
    let reason = reason(&said.reason_code)?;
    let asked = asked(
        caller,
        actor,
        "open",
        (&said.request_id, &said.case_id, &said.text),
        &format!("{by} {reason}"),
    )?;
    let in_words = asked.words.is_some();
    let command = |_: &Desktop<'_>| Ok(Command::Dispute(Dispute::Open { by, reason, in_words }));
    Ok(handler.command(&asked, command).await?)
}

pub(super) async fn answer(
    handler: &Handler,
    caller: &Caller,
    said: AnswerDisputeRequest,
) -> Result<Done, Status> {
    let actor = who::of_an_office(caller, &said.actor)?;
    let by = office(&said.office)?;
    let asked = asked(
        caller,
        actor,
        "answer",
        (&said.request_id, &said.case_id, &said.text),
        &format!("{by} {}", said.agree),
    )?;
    let in_words = asked.words.is_some();
    let command = |on: &Desktop<'_>| {
        Ok(Command::Dispute(if said.agree {
            let routed = on.as_of(by)?;
            Dispute::Agree { by, routed }
        } else {
            Dispute::Refuse { by, in_words }
        }))
    };
    Ok(handler.command(&asked, command).await?)
}

pub(super) async fn decide(
    handler: &Handler,
    caller: &Caller,
    said: DecideDisputeRequest,
) -> Result<Done, Status> {
    let actor = who::leads(caller, &said.actor)?;
    let office = office(&said.office)?;
    let reason = reason(&said.reason_code)?;
    let asked = asked(
        caller,
        actor,
        "decide",
        (&said.request_id, &said.case_id, &said.text),
        &format!("{office} {reason}"),
    )?;
    let command = |on: &Desktop<'_>| {
        let routed = on.as_of(office)?;
        Ok(Command::Dispute(Dispute::Decide {
            office,
            reason,
            routed,
        }))
    };
    Ok(handler.command(&asked, command).await?)
}

fn asked(
    caller: &Caller,
    actor: Actor,
    verb: &str,
    (id, case, text): (&str, &[u8], &str),
    what: &str,
) -> Result<Asked, Status> {
    if !(1..=128).contains(&id.chars().count()) {
        return Err(Status::invalid_argument(
            "request_id must have 1 to 128 characters: your own id of this request",
        ));
    }
    if text.chars().count() > MOST_WORDS {
        return Err(
            Refusal::Malformed(format!("text has more than {MOST_WORDS} characters: shorten it")).into(),
        );
    }
    let case = case_id(case)?;
    Ok(Asked {
        sent: format!("{case} {actor} {what} {text}").into_bytes(),
        request: RequestId::client(&format!("routing/{}/dispute/{verb}", caller.name), id),
        actor,
        case,
        words: given(text.trim().to_owned()),
    })
}

fn office(code: &str) -> Result<Office, Status> {
    code.parse().map_err(|_| {
        Status::invalid_argument(
            "office is vp_tu or vp_ubnd: an administrator says which of the two a person belongs to",
        )
    })
}

fn reason(code: &str) -> Result<DisputeReason, Status> {
    code.parse()
        .map_err(|error: <DisputeReason as std::str::FromStr>::Err| {
            Status::invalid_argument(error.to_string())
        })
}
