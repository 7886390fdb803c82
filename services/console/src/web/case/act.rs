//! What people do with a case: the forms, and what each sends to the service that owns the step.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use contracts::grpc::feedback::{AnswerRequest, OpinionRequest, ReopenRequest};
use contracts::grpc::routing::DispatchRequest;
use prost::bytes::Bytes;
use tonic::Status;

use super::{Extra, after, find, page};
use crate::case::CaseRow;
use crate::error::Problem;
use crate::lang::Lang;
use crate::roles::Act;
use crate::web::App;
use crate::web::guard::{Fields, Signed};
use crate::web::page::{Choice, Select};
use crate::words::{List, options};

mod dispute;

/// A form on the page of a case.
pub(in crate::web) struct Action {
    pub(super) verb: &'static str,
    pub(super) id: String,
    pub(super) title: &'static str,
    pub(super) hint: &'static str,
    pub(super) selects: Vec<Select>,
    pub(super) text: Option<&'static str>,
    pub(super) required: bool,
    pub(super) kept: String,
    pub(super) button: &'static str,
}

const VERBS: [(&str, Act); 9] = [
    ("answer", Act::AnswerAtDesk),
    ("opinion", Act::GiveOpinion),
    ("order", Act::OrderDispatch),
    ("dialogue", Act::RecordDialogue),
    ("letter", Act::SendLetter),
    ("dispute", Act::OpenDispute),
    ("dispute-answer", Act::AnswerDispute),
    ("dispute-decision", Act::DecideDispute),
    ("reopen", Act::Reopen),
];

/// The form of an act; `None` for what is done elsewhere.
pub(super) fn form(act: Act, row: &CaseRow, units: &BTreeMap<String, String>, lang: Lang) -> Option<Action> {
    let verb = VERBS.iter().find(|(_, a)| *a == act)?.0;
    let mut action = Action {
        verb,
        id: uuid::Uuid::new_v4().to_string(),
        title: "",
        hint: "",
        selects: Vec::new(),
        text: None,
        required: true,
        kept: String::new(),
        button: "",
    };
    let listed = |name, label, value: &str, list| listed(name, label, value, list, lang);
    match act {
        Act::AnswerAtDesk => {
            action.title = lang.t("Trả lời tại bàn trực (mức 1)", "Answer at the desk (level 1)");
            action.hint = lang.t(
                "Điều bạn hướng dẫn được gửi lại người dân và vụ việc kết thúc.",
                "What you advise is sent to the citizen and the case is closed.",
            );
            action.text = Some(lang.t("Lời hướng dẫn", "Guidance"));
            action.button = lang.t("Gửi hướng dẫn", "Send the guidance");
        }
        Act::GiveOpinion => {
            action.title = lang.t("Ý kiến lãnh đạo (mức 3)", "Leaders' opinion (level 3)");
            action.hint = lang.t(
                "Đồng ý thì chuyển ngay cho đơn vị đề xuất.",
                "If agreed, it goes to the proposed unit at once.",
            );
            action.selects = vec![listed(
                "opinion",
                lang.t("Ý kiến", "Opinion"),
                "agree",
                List::Opinion,
            )];
            action.text = Some(lang.t("Nội dung chỉ đạo (nếu có)", "Words (if any)"));
            action.required = false;
            action.button = lang.t("Ghi ý kiến", "Record the opinion");
        }
        Act::OrderDispatch => {
            action.title = lang.t("Chuyển đơn vị xử lý", "Put before a unit");
            action.hint = lang.t(
                "Theo lệnh của văn phòng; đơn vị thấy vụ việc ngay.",
                "On the office's order; the unit sees it at once.",
            );
            let mut choices: Vec<_> = units.iter().map(|(c, n)| Choice::new(c, n)).collect();
            choices.sort_by(|a, b| a.text.cmp(&b.text));
            action.selects = vec![Select {
                name: "unit",
                label: lang.t("Đơn vị", "Unit"),
                key: "",
                value: row.unit.clone(),
                options: choices,
            }];
            action.button = lang.t("Chuyển", "Dispatch");
        }
        Act::RecordDialogue => {
            action.title = lang.t("Đã đối thoại (mức 4)", "Dialogue held (level 4)");
            action.hint = lang.t(
                "Ghi biên bản đã được các bên xác nhận.",
                "Record the minutes that all sides confirmed.",
            );
            action.text = Some(lang.t("Biên bản", "Minutes"));
            action.button = lang.t("Ghi biên bản", "Record the minutes");
        }
        Act::SendLetter => {
            action.title = lang.t("Thư cảm ơn (mức 5)", "Letter of thanks (level 5)");
            action.hint = lang.t(
                "Thư đã được duyệt; gửi tới người hiến kế.",
                "The approved letter goes to who made the proposal.",
            );
            action.text = Some(lang.t("Nội dung thư", "The letter"));
            action.button = lang.t("Gửi thư", "Send the letter");
        }
        Act::OpenDispute | Act::AnswerDispute | Act::DecideDispute => {
            dispute::form(&mut action, act, row, lang);
        }
        Act::Reopen => {
            action.title = lang.t("Mở lại vụ việc", "Reopen the case");
            action.hint = lang.t(
                "Cần một lý do; vụ việc đi tiếp.",
                "A reason is needed; the case goes on.",
            );
            action.selects = vec![listed(
                "reason",
                lang.t("Lý do", "Reason"),
                "not_fixed",
                List::Reopening,
            )];
            action.text = Some(lang.t("Giải thích", "Explanation"));
            action.button = lang.t("Mở lại", "Reopen");
        }
        Act::SeeCases | Act::OpenContent | Act::TakeReport | Act::Review => return None,
    }
    Some(action)
}

/// A select of the codes of a list.
fn listed(name: &'static str, label: &'static str, value: &str, list: List, lang: Lang) -> Select {
    Select {
        name,
        label,
        key: "",
        value: value.to_owned(),
        options: options(list, lang)
            .into_iter()
            .map(|(v, t)| Choice::new(v, t))
            .collect(),
    }
}

/// `POST /cases/{code}/{verb}`. A refusal shows the page again, with the sentence and the text kept.
pub(in crate::web) async fn act(
    State(app): State<Arc<App>>,
    signed: Signed,
    Path((code, verb)): Path<(String, String)>,
    fields: Fields,
) -> Result<Response, Problem> {
    let Some((_, act)) = VERBS.into_iter().find(|(v, _)| *v == verb) else {
        return Err(Problem::not_found());
    };
    signed.may(act)?;
    let row = find(&app, &code).await?;
    match send(&app, &signed, act, &row, &fields).await {
        Ok(position) => Ok(after(&row.code, position)),
        Err(status) => {
            let extra = Extra {
                problem: Some(status.into()),
                kept: Some((verb, fields.get("text").to_owned())),
                ..Extra::default()
            };
            page(&app, &signed, &row, extra).await
        }
    }
}

async fn send(app: &App, signed: &Signed, act: Act, row: &CaseRow, fields: &Fields) -> Result<u64, Status> {
    let actor = signed
        .session
        .actor()
        .map_err(|_| Status::internal("this login cannot be an actor"))?
        .to_string();
    let request_id = fields.get("id").to_owned();
    let case_id: Bytes = row.case.to_vec().into();
    let text = fields.get("text").to_owned();
    let mut feedback = app.clients.feedback();
    let answer = |text| AnswerRequest {
        request_id: request_id.clone(),
        actor: actor.clone(),
        case_id: row.case.to_vec().into(),
        text,
    };
    let done = match act {
        Act::AnswerAtDesk => feedback.answer_at_desk(answer(text)).await?,
        Act::RecordDialogue => feedback.record_dialogue(answer(text)).await?,
        Act::SendLetter => feedback.send_letter(answer(text)).await?,
        Act::GiveOpinion => {
            let opinion = fields.get("opinion").to_owned();
            feedback
                .give_opinion(OpinionRequest {
                    request_id,
                    actor,
                    case_id,
                    opinion,
                    text,
                })
                .await?
        }
        Act::Reopen => {
            let reason_code = fields.get("reason").to_owned();
            feedback
                .reopen(ReopenRequest {
                    request_id,
                    actor,
                    case_id,
                    reason_code,
                    reason: text,
                })
                .await?
        }
        Act::OrderDispatch => {
            let unit = fields.get("unit").to_owned();
            let asked = DispatchRequest {
                request_id,
                actor,
                case_id,
                unit,
            };
            return Ok(app.clients.routing().dispatch(asked).await?.into_inner().position);
        }
        Act::OpenDispute | Act::AnswerDispute | Act::DecideDispute => {
            let said = dispute::Said {
                request_id,
                actor,
                case_id,
                text,
                own: signed.session.office,
            };
            return dispute::send(app, act, said, fields).await;
        }
        Act::SeeCases | Act::OpenContent | Act::TakeReport | Act::Review => {
            return Err(Status::invalid_argument("this is done elsewhere"));
        }
    };
    Ok(done.into_inner().position)
}
