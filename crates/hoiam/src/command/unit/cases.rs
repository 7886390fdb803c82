//! `hoiam unit cases`: a unit's cases as routing has them, by the administrator's token of the data folder.

use std::path::Path;

use anyhow::Context;
use contracts::grpc::routing::routing_client::RoutingClient;
use contracts::grpc::routing::{ListCasesRequest, UnitCase};
use kernel::taxonomy::{Topic, Urgency};
use kernel::{CaseId, Instant, Position};
use serde_json::json;

use super::super::replay::local;
use crate::connect::{System, refusal};
use crate::output;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The unit's code.
    unit: String,
    /// The closed ones too.
    #[arg(long)]
    all: bool,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(data: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let system = System::of(data)?;
    let at_least = system.ledger().await?.head(Position(0)).await?.position;
    let request = ListCasesRequest {
        unit: arguments.unit.clone(),
        at_least,
        limit: 1_000,
    };
    let mut cases = RoutingClient::new(system.service("routing").await?)
        .list_cases(request)
        .await
        .map_err(|s| refusal(&s))?
        .into_inner()
        .cases;
    cases.retain(|case| arguments.all || case.state != "closed");
    if arguments.json {
        return cases.iter().try_for_each(|case| output::json(&object(case)?));
    }
    if cases.is_empty() {
        output::note("Không có vụ việc đang mở / No case is open.");
        return Ok(());
    }
    output::table(
        &[
            "mã tra cứu",
            "chuyển lúc (UTC+7)",
            "thông báo",
            "mức",
            "chủ đề",
            "khẩn",
            "trạng thái",
        ],
        cases.iter().map(row),
    )
}

fn object(case: &UnitCase) -> anyhow::Result<serde_json::Value> {
    let id = CaseId::from_slice(&case.case_id).context("routing names a case that is none")?;
    Ok(json!({
        "case": id, "code": case.code, "unit": case.unit, "revision": case.revision, "state": case.state, "office": case.office,
        "topic": case.topic, "urgency": case.urgency, "level": case.level, "dispatched_at": Instant(case.dispatched_at).to_string(),
    }))
}

fn row(case: &UnitCase) -> Vec<String> {
    vec![
        case.code.clone(),
        local(Instant(case.dispatched_at)),
        case.revision.to_string(),
        case.level.to_string(),
        case.topic.parse::<Topic>().map_or("–", |t| t.vi()).to_owned(),
        case.urgency.parse::<Urgency>().map_or("–", |u| u.vi()).to_owned(),
        match case.state.as_str() {
            "dispatched" => "chờ tiếp nhận",
            "accepted" => "đang giải quyết",
            "answered" => "đã có kết quả",
            "closed" => "đã kết thúc",
            other => other,
        }
        .to_owned(),
    ]
}
