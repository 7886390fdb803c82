//! What people see for each code that is not in the shared taxonomy: reasons, outcomes, obligations, roles.

use std::borrow::Cow;

use crate::lang::Lang;

/// Which list a code is from; the same code may mean different things in two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Why a person must look at a report.
    ReviewReason,
    /// Why a case was put before a unit.
    Basis,
    /// Why a unit gave a case back.
    ReturnReason,
    /// Why a case is the other office's.
    DisputeReason,
    /// Why a case is taken back from a unit.
    RecallReason,
    /// What made an obligation pointless, by the type of the event.
    Overtaking,
    /// How a unit's work ended.
    Outcome,
    /// What somebody owes.
    Obligation,
    /// What the citizen was told.
    Told,
    /// By which way a message goes.
    Way,
    /// Why a case was closed.
    Closing,
    /// Why it goes on.
    Reopening,
    /// The leaders' opinion.
    Opinion,
    /// What content was opened for.
    Purpose,
    /// What a person or system may be.
    Role,
}

const WORDS: &[(List, &str, &str, &str)] = &[
    (
        List::ReviewReason,
        "low_confidence",
        "chưa đủ chắc chắn",
        "not sure enough",
    ),
    (
        List::ReviewReason,
        "may_be_denunciation",
        "có thể là tố cáo",
        "may be a denunciation",
    ),
    (
        List::ReviewReason,
        "may_be_corruption",
        "có thể liên quan tham nhũng",
        "may concern corruption",
    ),
    (
        List::ReviewReason,
        "about_an_official",
        "phản ánh về cán bộ, công chức",
        "about an official",
    ),
    (List::ReviewReason, "unclear", "nội dung chưa rõ", "unclear"),
    (
        List::ReviewReason,
        "may_be_emergency",
        "có thể đang nguy hiểm",
        "somebody may be in danger",
    ),
    (
        List::ReviewReason,
        "erased",
        "nội dung đã được xóa theo luật",
        "content lawfully erased",
    ),
    (
        List::ReviewReason,
        "incomplete",
        "thông tin chưa đủ",
        "incomplete",
    ),
    (
        List::Basis,
        "level_2",
        "mức 2: chuyển ngay cho đơn vị",
        "level 2: straight to the unit",
    ),
    (
        List::Basis,
        "opinion_agreed",
        "lãnh đạo đồng ý",
        "the leaders agreed",
    ),
    (
        List::Basis,
        "office_order",
        "theo lệnh của văn phòng",
        "on the office's order",
    ),
    (
        List::Basis,
        "crime_report",
        "tin báo tội phạm: chuyển công an",
        "crime report: to the police",
    ),
    (List::Basis, "emergency", "khẩn cấp", "emergency"),
    (
        List::Basis,
        "reopened",
        "vụ việc được mở lại",
        "the case was reopened",
    ),
    (
        List::Basis,
        "better_unit",
        "đơn vị trước nêu đơn vị đúng",
        "the unit before named the right one",
    ),
    (
        List::Basis,
        "level_above",
        "phản ánh về chính đơn vị trước: chuyển cấp trên",
        "the report is about the unit before: to the level above",
    ),
    (
        List::Basis,
        "dispute",
        "hai văn phòng đã xác định lại thẩm quyền",
        "the offices' dispute gave it to the other office",
    ),
    (
        List::DisputeReason,
        "matter",
        "nội dung thuộc lĩnh vực kia",
        "what it is about belongs to the other field",
    ),
    (
        List::DisputeReason,
        "person",
        "người được nói đến thuộc diện bên kia quản lý",
        "whom it is about answers to the other side",
    ),
    (
        List::DisputeReason,
        "main_matter",
        "nhiều việc, việc chính thuộc lĩnh vực kia",
        "of several matters, the main one belongs to the other field",
    ),
    (
        List::DisputeReason,
        "new_facts",
        "có tình tiết mới",
        "new facts came to light",
    ),
    (List::DisputeReason, "other", "lý do khác", "another reason"),
    (
        List::ReturnReason,
        "not_ours",
        "không thuộc thẩm quyền",
        "not within its competence",
    ),
    (
        List::ReturnReason,
        "incomplete",
        "thiếu thông tin",
        "information is missing",
    ),
    (
        List::ReturnReason,
        "duplicate",
        "trùng với vụ việc khác",
        "a duplicate",
    ),
    (
        List::ReturnReason,
        "conflict",
        "xung đột lợi ích",
        "conflict of interest",
    ),
    (List::ReturnReason, "other", "lý do khác", "another reason"),
    (
        List::RecallReason,
        "elsewhere",
        "chuyển đơn vị khác",
        "it goes to another unit",
    ),
    (
        List::RecallReason,
        "erased",
        "nội dung đã được xóa theo luật",
        "its content was lawfully erased",
    ),
    (
        List::Overtaking,
        "routing.case_returned.v1",
        "đơn vị đã trả lại",
        "the unit gave it back",
    ),
    (
        List::Overtaking,
        "routing.case_recalled.v1",
        "đã rút khỏi đơn vị",
        "it was taken back from the unit",
    ),
    (
        List::Overtaking,
        "routing.case_dispatched.v1",
        "đã chuyển đơn vị khác",
        "it went to another unit",
    ),
    (
        List::Overtaking,
        "routing.case_routed.v1",
        "đã điều phối lại",
        "it was routed anew",
    ),
    (
        List::Overtaking,
        "routing.dispute_decided.v1",
        "tranh chấp đã được quyết định",
        "the dispute was decided",
    ),
    (
        List::Overtaking,
        "feedback.case_closed.v1",
        "vụ việc đã kết thúc",
        "the case was closed",
    ),
    (List::Outcome, "done", "đã giải quyết", "done"),
    (
        List::Outcome,
        "partly_done",
        "đã giải quyết một phần",
        "partly done",
    ),
    (
        List::Outcome,
        "not_possible",
        "không thể thực hiện",
        "not possible",
    ),
    (List::Outcome, "no_grounds", "không có cơ sở", "no grounds"),
    (List::Obligation, "review", "xét phân loại", "review"),
    (
        List::Obligation,
        "desk_answer",
        "trả lời tại bàn",
        "answer at the desk",
    ),
    (List::Obligation, "opinion", "ý kiến lãnh đạo", "leaders' opinion"),
    (
        List::Obligation,
        "dispatch_order",
        "lệnh chuyển của văn phòng",
        "the office's order",
    ),
    (
        List::Obligation,
        "acceptance",
        "đơn vị tiếp nhận",
        "acceptance by the unit",
    ),
    (List::Obligation, "result", "kết quả", "result"),
    (List::Obligation, "dialogue", "buổi đối thoại", "the dialogue"),
    (
        List::Obligation,
        "dispute_answer",
        "trả lời tranh chấp thẩm quyền",
        "answer to the dispute",
    ),
    (
        List::Obligation,
        "dispute_decision",
        "quyết định tranh chấp thẩm quyền",
        "decision of the dispute",
    ),
    (List::Obligation, "letter", "thư cảm ơn", "the letter of thanks"),
    (
        List::Told,
        "received",
        "đã tiếp nhận phản ánh",
        "the report was received",
    ),
    (
        List::Told,
        "forwarded",
        "phản ánh đã chuyển tới đơn vị xử lý",
        "the report went to the unit that must act",
    ),
    (List::Told, "result", "kết quả xử lý", "the result"),
    (List::Told, "guidance", "hướng dẫn", "the guidance"),
    (
        List::Told,
        "opinion",
        "ý kiến của lãnh đạo",
        "the leaders' opinion",
    ),
    (List::Told, "dialogue", "buổi đối thoại", "the dialogue"),
    (List::Told, "thanks", "thư cảm ơn", "the letter of thanks"),
    (List::Told, "closed", "vụ việc đã kết thúc", "the case was closed"),
    (
        List::Told,
        "reopened",
        "vụ việc được mở lại",
        "the case was reopened",
    ),
    (List::Told, "progress", "tiến độ xử lý", "the progress"),
    (
        List::Told,
        "partial_result",
        "đã giải quyết một phần, còn tiếp tục",
        "a part is done, the rest goes on",
    ),
    (List::Way, "sms", "tin nhắn", "SMS"),
    (List::Way, "email", "thư điện tử", "e-mail"),
    (List::Way, "tracking_page", "trang tra cứu", "the tracking page"),
    (List::Closing, "guided", "đã hướng dẫn", "guidance given"),
    (
        List::Closing,
        "result_told",
        "đã báo kết quả cho người dân",
        "the citizen was told the result",
    ),
    (List::Closing, "dialogue_held", "đã đối thoại", "dialogue held"),
    (
        List::Closing,
        "thanked",
        "đã gửi thư cảm ơn",
        "letter of thanks sent",
    ),
    (
        List::Closing,
        "with_police",
        "đã chuyển công an",
        "with the police",
    ),
    (
        List::Closing,
        "not_a_report",
        "không phải phản ánh",
        "not a report",
    ),
    (
        List::Closing,
        "opinion_declined",
        "lãnh đạo không đồng ý chuyển",
        "the leaders declined",
    ),
    (List::Reopening, "not_fixed", "chưa được khắc phục", "not fixed"),
    (List::Reopening, "came_back", "tái diễn", "it came back"),
    (List::Reopening, "wrong_unit", "chuyển sai đơn vị", "wrong unit"),
    (
        List::Reopening,
        "citizen_disagrees",
        "người dân không đồng ý",
        "the citizen disagrees",
    ),
    (List::Reopening, "other", "lý do khác", "another reason"),
    (List::Opinion, "agree", "đồng ý chuyển xử lý", "agreed"),
    (List::Opinion, "decline", "không đồng ý", "declined"),
    (List::Purpose, "classify", "phân loại", "to classify"),
    (List::Purpose, "route", "chuyển", "to route"),
    (
        List::Purpose,
        "answer",
        "trả lời người dân",
        "to answer the citizen",
    ),
    (List::Purpose, "handle", "xử lý vụ việc", "to work on the case"),
    (List::Purpose, "review", "xét phân loại", "to review"),
    (List::Purpose, "inspect", "kiểm tra, giám sát", "to inspect"),
    (List::Role, "operator", "trực tổng đài", "operator"),
    (List::Role, "office", "văn phòng", "office"),
    (List::Role, "leader", "lãnh đạo", "leader"),
    (List::Role, "inspector", "kiểm tra", "inspector"),
    (List::Role, "admin", "quản trị", "administrator"),
    (List::Role, "unit", "đơn vị", "unit"),
    (List::Role, "gateway", "cổng tiếp nhận", "gateway"),
    (List::Role, "service", "hệ thống", "system"),
];

/// The words for a code; the code itself where there are none, so that a newer service's code is still shown.
#[must_use]
pub fn say(list: List, code: &str, lang: Lang) -> Cow<'static, str> {
    WORDS
        .iter()
        .find(|(l, c, ..)| *l == list && *c == code)
        .map_or_else(
            || Cow::Owned(code.to_owned()),
            |(_, _, vi, en)| Cow::Borrowed(lang.t(vi, en)),
        )
}

/// The codes of a list, in order, with their words: the options of a select.
#[must_use]
pub fn options(list: List, lang: Lang) -> Vec<(&'static str, &'static str)> {
    WORDS
        .iter()
        .filter(|(l, ..)| *l == list)
        .map(|(_, code, vi, en)| (*code, lang.t(vi, en)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_list_has_a_code_twice_and_an_unknown_code_is_shown_as_it_is() {
        for (i, (list, code, vi, en)) in WORDS.iter().enumerate() {
            assert!(!vi.is_empty() && !en.is_empty());
            assert!(
                !WORDS[..i].iter().any(|(l, c, ..)| l == list && c == code),
                "{list:?} {code}"
            );
        }
        assert_eq!(say(List::Outcome, "postponed", Lang::Vi), "postponed");
        assert_eq!(say(List::Outcome, "done", Lang::En), "done");
    }
}
