//! The words for what routing stated and what units did.

use contracts::events::routing;
use contracts::{Code, Recorded};
use kernel::taxonomy::Destination;

use super::{Sentence, capital, join, office, read};
use crate::lang::Lang;
use crate::timeline::{Told, Tone};
use crate::words::{List, say};

/// Tone, sentence and reason of an event of routing.
pub(super) fn sentence(event: &Recorded, told: &Told<'_>) -> Option<Sentence> {
    let l = told.lang;
    if let Some(e) = read::<routing::CaseRouted>(event) {
        let units: Vec<_> = e.units.iter().map(|u| told.unit(u.as_str())).collect();
        let mut what = format!(
            "{}: {}",
            l.t("Văn phòng phụ trách", "Handling office"),
            office(l, e.office)
        );
        if !units.is_empty() {
            what.push_str(&format!("; {} {}", l.t("đề xuất", "proposed"), units.join(", ")));
        }
        let rests = match e.destination {
            Destination::None => l.t("không chuyển", "goes nowhere").to_owned(),
            d => format!(
                "{} {}",
                l.t("đang ở:", "rests at:"),
                l.t(d.vi(), d.en()).to_lowercase()
            ),
        };
        let why = format!(
            "{} {} · {} {}",
            l.t("điều khoản", "clause"),
            e.clause,
            l.t("chính sách", "policy"),
            e.policy
        );
        return Some((Tone::House, format!("{what}; {rests}"), why));
    }
    if let Some(e) = read::<routing::CaseDispatched>(event) {
        let what = match l {
            Lang::Vi => format!(
                "Chuyển tới {} (thông báo số {})",
                told.unit(e.unit.as_str()),
                e.revision
            ),
            Lang::En => format!(
                "Put before {} (notice {})",
                told.unit(e.unit.as_str()),
                e.revision
            ),
        };
        let why = format!(
            "{} · {}",
            say(List::Basis, e.basis.as_str(), l),
            office(l, e.office)
        );
        return Some((Tone::House, what, why));
    }
    if let Some(e) = read::<routing::CaseAccepted>(event) {
        let what = by_unit(
            event,
            told,
            &e.unit,
            l.t("đã tiếp nhận vụ việc", "accepted the case"),
        );
        return Some((Tone::Unit, what, String::new()));
    }
    if let Some(e) = read::<routing::CaseReturned>(event) {
        let what = by_unit(event, told, &e.unit, l.t("trả lại vụ việc", "gave the case back"));
        let mut why = say(List::ReturnReason, e.reason.as_str(), l).into_owned();
        if let Some(better) = &e.better_unit {
            why.push_str(&format!(
                " · {} {}",
                l.t("đơn vị đúng:", "whose it is:"),
                told.unit(better.as_str())
            ));
        }
        return Some((Tone::Alarm, what, why));
    }
    if let Some(e) = read::<routing::CaseRecalled>(event) {
        let what = format!(
            "{} {}",
            l.t("Rút vụ việc khỏi", "Taken back from"),
            told.unit(e.unit.as_str())
        );
        let why = say(List::RecallReason, e.reason.as_str(), l).into_owned();
        return Some((Tone::Unit, what, why));
    }
    if let Some(e) = read::<routing::UnitJoined>(event) {
        let what = match l {
            Lang::Vi => format!(
                "{} cùng tham gia (thông báo số {})",
                told.unit(e.unit.as_str()),
                e.revision
            ),
            Lang::En => format!(
                "{} takes part (notice {})",
                told.unit(e.unit.as_str()),
                e.revision
            ),
        };
        let why = say(List::JoinBasis, e.basis.as_str(), l).into_owned();
        return Some((Tone::Unit, what, why));
    }
    if let Some(e) = read::<routing::QuestionAsked>(event) {
        let did = l.t("hỏi người dân", "asked the citizen");
        let what = by_unit(event, told, &e.unit, did);
        return Some((Tone::Unit, what, numbered(l, e.question)));
    }
    if let Some(e) = read::<routing::QuestionAnswered>(event) {
        let what = match l {
            Lang::Vi => format!("Có câu trả lời của người dân cho {}", told.unit(e.unit.as_str())),
            Lang::En => format!("The citizen's answer for {}", told.unit(e.unit.as_str())),
        };
        return Some((Tone::Citizen, what, numbered(l, e.question)));
    }
    if let Some(e) = read::<routing::ProgressReported>(event) {
        let what = by_unit(event, told, &e.unit, l.t("báo tiến độ", "reported progress"));
        let promised = e
            .committed_date
            .map(|d| format!("{} {}", l.t("hẹn ngày", "promised for"), date(d.as_str())))
            .unwrap_or_default();
        return Some((Tone::Unit, what, join(&[promised, files(l, e.attachments)])));
    }
    let e = read::<routing::ResultReported>(event)?;
    let what = by_unit(event, told, &e.unit, l.t("báo kết quả", "reported a result"));
    Some((
        Tone::Unit,
        format!("{what}: {}", say(List::Outcome, e.outcome.as_str(), l)),
        files(l, e.attachments),
    ))
}

fn numbered(l: Lang, question: u32) -> String {
    format!("{} {question}", l.t("câu hỏi số", "question"))
}

fn files(l: Lang, attachments: u8) -> String {
    match (attachments, l) {
        (0, _) => String::new(),
        (n, Lang::Vi) => format!("kèm {n} tệp"),
        (1, Lang::En) => "1 file".to_owned(),
        (n, Lang::En) => format!("{n} files"),
    }
}

/// What a unit did. Where it did so itself it stands before the sentence already, and is not named again.
fn by_unit(event: &Recorded, told: &Told<'_>, unit: &Code, did: &str) -> String {
    if event.actor.role() == "unit" && event.actor.id() == unit.as_str() {
        capital(did)
    } else {
        format!("{} {did}", told.unit(unit.as_str()))
    }
}

/// `2026-11-30` as `30/11/2026`; what is no date, as it is.
fn date(text: &str) -> String {
    text.parse::<jiff::civil::Date>()
        .map_or_else(|_| text.to_owned(), |d| d.strftime("%d/%m/%Y").to_string())
}
