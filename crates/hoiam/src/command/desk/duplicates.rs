//! `hoiam desk duplicates`, `merge`, `part`: which reports are handled as one.

use anyhow::Context;
use contracts::grpc::classification::classification_client::ClassificationClient;
use contracts::grpc::classification::{ListSuspicionsRequest, MergeReply, MergeRequest, PartRequest};
use kernel::CaseId;
use serde_json::json;

use super::Desk;
use crate::connect::{Authorised, refusal};
use crate::output;

/// Most pairs of one list.
const MOST: u32 = 1_000;

async fn client(desk: &Desk) -> anyhow::Result<ClassificationClient<Authorised>> {
    Ok(ClassificationClient::new(
        desk.system.service("classification").await?,
    ))
}

/// Pairs that may be one, as of now.
pub(super) async fn list(desk: &Desk) -> anyhow::Result<()> {
    let ledger = desk.system.ledger().await?;
    let at_least = ledger.head(kernel::Position(0)).await?.position;
    let request = ListSuspicionsRequest {
        at_least,
        limit: MOST,
    };
    let found = client(desk).await?.list_suspicions(request).await;
    let found = found.map_err(|s| refusal(&s))?.into_inner().suspicions;
    let codes = desk.system.codes(&ledger).await?;
    let code = |id: &[u8]| {
        let case = CaseId::from_slice(id).context("classification names a case that is none")?;
        anyhow::Ok(
            codes
                .get(&case)
                .map_or_else(|| case.to_string(), ToString::to_string),
        )
    };
    let mut rows = Vec::new();
    for pair in &found {
        let (case, of) = (code(&pair.case_id)?, code(&pair.of)?);
        if desk.json {
            output::json(&json!({ "code": case, "of": of, "score": pair.score, "parts": pair.parts }))?;
        }
        rows.push(vec![
            case,
            of,
            format!("{} %", (pair.score + 5) / 10),
            pair.parts.join(" "),
        ]);
    }
    if desk.json {
        return Ok(());
    }
    if rows.is_empty() {
        output::note("No two open cases seem to be one.");
        return Ok(());
    }
    output::table(&["phản ánh sau", "giống vụ việc", "mức giống", "vì"], rows)
}

pub(super) async fn merge(desk: &Desk, case: &str, into: &str) -> anyhow::Result<()> {
    let request = MergeRequest {
        request_id: desk.request_id.clone(),
        actor: desk.actor.clone(),
        case_id: desk.case(case).await?.into(),
        into: desk.case(into).await?.into(),
    };
    done(desk, client(desk).await?.merge(request).await)
}

pub(super) async fn part(desk: &Desk, case: &str, reason_code: String, reason: String) -> anyhow::Result<()> {
    let request = PartRequest {
        request_id: desk.request_id.clone(),
        actor: desk.actor.clone(),
        case_id: desk.case(case).await?.into(),
        reason_code,
        reason,
    };
    done(desk, client(desk).await?.part(request).await)
}

fn done(desk: &Desk, reply: Result<tonic::Response<MergeReply>, tonic::Status>) -> anyhow::Result<()> {
    desk.say(reply.map_err(|s| refusal(&s))?.into_inner().position, false)
}
