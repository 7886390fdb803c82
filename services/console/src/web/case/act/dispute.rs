//! The forms of a dispute between the two offices, and what each sends to routing.

use contracts::grpc::routing::{AnswerDisputeRequest, DecideDisputeRequest, OpenDisputeRequest};
use kernel::taxonomy::Office;
use prost::bytes::Bytes;
use tonic::Status;

use super::{Action, listed};
use crate::case::CaseRow;
use crate::lang::Lang;
use crate::roles::Act;
use crate::web::App;
use crate::web::guard::Fields;
use crate::web::page::{Choice, Select};
use crate::words::List;

pub(super) fn form(action: &mut Action, act: Act, row: &CaseRow, lang: Lang) {
    let reason = || {
        listed(
            "reason",
            lang.t("Lý do", "Reason"),
            "matter",
            List::DisputeReason,
            lang,
        )
    };
    match act {
        Act::OpenDispute => {
            action.title = lang.t("Thuộc văn phòng kia", "This is the other office's");
            action.hint = lang.t(
                "Văn phòng kia trả lời trong hạn; không đồng ý thì lãnh đạo quyết định. Trong lúc đó vụ việc không chuyển thêm cho đơn vị nào, trừ khẩn cấp.",
                "The other office answers in time; if it refuses, the leaders decide. Meanwhile the case goes to no further unit, unless in an emergency.",
            );
            action.selects = vec![reason()];
            action.text = Some(lang.t("Giải thích", "Explanation"));
            action.button = lang.t("Nêu tranh chấp thẩm quyền", "Open the dispute");
        }
        Act::AnswerDispute => {
            action.title = lang.t(
                "Văn phòng kia cho rằng đây là việc của bạn",
                "The other office says that this is yours",
            );
            action.hint = lang.t(
                "Nhận thì vụ việc chuyển về văn phòng bạn ngay; không nhận thì nêu lý do và lãnh đạo quyết định.",
                "If you take it, it moves to your office at once; if not, say why, and the leaders decide.",
            );
            action.selects = vec![Select {
                name: "answer",
                label: lang.t("Trả lời", "Answer"),
                key: "",
                value: "agree".to_owned(),
                options: vec![
                    Choice::new("agree", lang.t("Nhận vụ việc", "We take it")),
                    Choice::new("refuse", lang.t("Không nhận", "It is not ours")),
                ],
            }];
            action.text = Some(lang.t("Lý do (bắt buộc khi không nhận)", "Words (required to refuse)"));
            action.required = false;
            action.button = lang.t("Trả lời", "Answer");
        }
        _ => {
            action.title = lang.t("Quyết định thẩm quyền", "Decide whose it is");
            action.hint = lang.t(
                "Quyết định của lãnh đạo kết thúc tranh chấp.",
                "The leaders' decision ends the dispute.",
            );
            let offices = Office::ALL.iter();
            action.selects = vec![
                Select {
                    name: "office",
                    label: lang.t("Văn phòng", "Office"),
                    key: "",
                    value: row.office.map_or("", Office::code).to_owned(),
                    options: offices
                        .map(|office| Choice::new(office.code(), lang.t(office.vi(), office.en())))
                        .collect(),
                },
                reason(),
            ];
            action.text = Some(lang.t("Nội dung chỉ đạo (nếu có)", "Words (if any)"));
            action.required = false;
            action.button = lang.t("Quyết định", "Decide");
        }
    }
}

/// What every one of them says.
pub(super) struct Said {
    pub(super) request_id: String,
    pub(super) actor: String,
    pub(super) case_id: Bytes,
    pub(super) text: String,
    /// The person's own office.
    pub(super) own: Option<Office>,
}

pub(super) async fn send(app: &App, act: Act, said: Said, fields: &Fields) -> Result<u64, Status> {
    let Said {
        request_id,
        actor,
        case_id,
        text,
        own,
    } = said;
    let mut routing = app.clients.routing();
    // Without an office the service says who gives one.
    let own = own.map_or("", Office::code).to_owned();
    let reason_code = fields.get("reason").to_owned();
    let done = match act {
        Act::OpenDispute => {
            let request = OpenDisputeRequest {
                request_id,
                actor,
                case_id,
                office: own,
                reason_code,
                text,
            };
            routing.open_dispute(request).await?
        }
        Act::AnswerDispute => {
            let request = AnswerDisputeRequest {
                request_id,
                actor,
                case_id,
                office: own,
                agree: fields.get("answer") == "agree",
                text,
            };
            routing.answer_dispute(request).await?
        }
        _ => {
            let request = DecideDisputeRequest {
                request_id,
                actor,
                case_id,
                office: fields.get("office").to_owned(),
                reason_code,
                text,
            };
            routing.decide_dispute(request).await?
        }
    };
    Ok(done.into_inner().position)
}
