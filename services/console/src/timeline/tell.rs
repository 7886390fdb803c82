//! The words for each event type, in both languages; every type of the catalogue that a case can have is here.

use contracts::{Code, Payload, Recorded};
use kernel::taxonomy::{Destination, ErasureBasis, Office};

use super::{
    List, Told, Tone, access, classification, feedback, message, obligation, report, routing, say, when,
};
use crate::lang::Lang;

mod dispute;

type Sentence = (Tone, String, String);

/// Tone, sentence and reason; `None` for a type without words, or data that does not fit its type.
pub(super) fn sentence(event: &Recorded, told: &mut Told<'_>) -> Option<Sentence> {
    of_report(event, told)
        .or_else(|| of_classification(event, told))
        .or_else(|| of_routing(event, told))
        .or_else(|| of_obligation(event, told))
        .or_else(|| of_feedback(event, told))
        .or_else(|| of_message(event, told))
        .or_else(|| super::outlet::sentence(event, told))
}

fn read<P: Payload>(event: &Recorded) -> Option<P> {
    event.decode::<P>().ok().flatten()
}

fn of_report(event: &Recorded, told: &Told<'_>) -> Option<Sentence> {
    let l = told.lang;
    if let Some(e) = read::<report::ReportReceived>(event) {
        let channel = l.t(e.channel.vi(), e.channel.en());
        let mut what = match l {
            Lang::Vi => format!("Tiếp nhận phản ánh qua {channel}, {} ký tự", e.text_length),
            Lang::En => format!("A report came in by {channel}, {} characters", e.text_length),
        };
        if !e.complete {
            what.push_str(l.t("; cuộc gọi bị ngắt giữa chừng", "; the call dropped"));
        }
        let line = if e.line.is_empty() {
            String::new()
        } else {
            format!("{} {}", l.t("đường dây", "line"), e.line)
        };
        // The gateway that stands before the sentence is not named again.
        let gateway = if event.actor.id() == e.gateway.as_str() {
            String::new()
        } else {
            format!("{} {}", l.t("cổng", "gateway"), e.gateway)
        };
        return Some((Tone::Citizen, what, join(&[line, gateway])));
    }
    if let Some(e) = read::<report::EmergencySuspected>(event) {
        let what = match l {
            Lang::Vi => format!("Có dấu hiệu nguy hiểm tính mạng: gọi ngay {}", e.number),
            Lang::En => format!("Words of danger to life: call {} at once", e.number),
        };
        return Some((
            Tone::Alarm,
            what,
            rules(l, e.evidence.iter().map(|x| x.rule.as_str())),
        ));
    }
    let e = read::<report::ReportRefused>(event)?;
    Some((
        Tone::Alarm,
        l.t(
            "Từ chối nội dung không thể là phản ánh",
            "Refused what cannot be a report",
        )
        .to_owned(),
        e.reason.to_string(),
    ))
}

fn finding(l: Lang, f: &classification::Finding) -> String {
    let mut parts = vec![format!("{} {}", l.t("mức", "level"), f.level)];
    parts.extend(f.field.map(|x| l.t(x.vi(), x.en()).to_owned()));
    parts.extend(f.topic.map(|x| l.t(x.vi(), x.en()).to_owned()));
    parts.push(l.t(f.kind.vi(), f.kind.en()).to_owned());
    parts.push(l.t(f.urgency.vi(), f.urgency.en()).to_lowercase());
    if !f.complete {
        parts.push(
            l.t(
                "còn thiếu thông tin",
                "incomplete: nobody can act on it without asking back",
            )
            .to_owned(),
        );
    }
    parts.join(" · ")
}

fn rules<'a>(l: Lang, ids: impl Iterator<Item = &'a str>) -> String {
    let mut ids: Vec<&str> = ids.collect();
    ids.dedup();
    let more = ids.len().saturating_sub(6);
    ids.truncate(6);
    if ids.is_empty() {
        return String::new();
    }
    let tail = if more > 0 {
        format!(" +{more}")
    } else {
        String::new()
    };
    format!("{} {}{tail}", l.t("quy tắc", "rules"), ids.join(", "))
}

fn sure(l: Lang, confidence: u16, policy: &contracts::Code) -> String {
    let percent = (confidence + 5) / 10;
    format!(
        "{} {percent} % · {} {policy}",
        l.t("độ chắc chắn", "confidence"),
        l.t("chính sách", "policy")
    )
}

fn join(parts: &[String]) -> String {
    parts
        .iter()
        .filter(|p| !p.is_empty())
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" · ")
}

fn of_classification(event: &Recorded, told: &Told<'_>) -> Option<Sentence> {
    let l = told.lang;
    if let Some(e) = read::<classification::ReportClassified>(event) {
        let what = format!("{}: {}", l.t("Phân loại", "Classified"), finding(l, &e.finding));
        let why = rules(l, e.evidence.iter().map(|x| x.rule.as_str()));
        return Some((Tone::House, what, join(&[why, sure(l, e.confidence, &e.policy)])));
    }
    if let Some(e) = read::<classification::ReviewRequested>(event) {
        let reasons: Vec<_> = e
            .reasons
            .iter()
            .map(|r| say(List::ReviewReason, r.as_str(), l))
            .collect();
        let what = format!(
            "{}: {}",
            l.t("Chờ người xét", "A person must look"),
            reasons.join(", ")
        );
        let suggestion = format!("{}: {}", l.t("gợi ý", "suggestion"), finding(l, &e.suggestion));
        return Some((
            Tone::House,
            what,
            join(&[suggestion, sure(l, e.confidence, &e.policy)]),
        ));
    }
    let e = read::<classification::ReviewDecided>(event)?;
    let how = if e.changed {
        l.t("khác với gợi ý", "differs from the suggestion")
    } else {
        l.t("đúng như gợi ý", "as suggested")
    };
    let what = format!("{}: {}", l.t("Đã xét", "Reviewed"), finding(l, &e.finding));
    Some((
        Tone::House,
        what,
        format!(
            "{how} · {} {}",
            l.t("theo yêu cầu số", "answers number"),
            e.review
        ),
    ))
}

fn office(l: Lang, office: Office) -> &'static str {
    l.t(office.vi(), office.en())
}

fn of_routing(event: &Recorded, told: &Told<'_>) -> Option<Sentence> {
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
    if let Some(e) = read::<routing::ProgressReported>(event) {
        let what = by_unit(event, told, &e.unit, l.t("báo tiến độ", "reported progress"));
        let why = e
            .committed_date
            .map(|d| format!("{} {}", l.t("hẹn ngày", "promised for"), date(d.as_str())))
            .unwrap_or_default();
        return Some((Tone::Unit, what, why));
    }
    if let Some(line) = dispute::of(event, l) {
        return Some(line);
    }
    let e = read::<routing::ResultReported>(event)?;
    let what = by_unit(event, told, &e.unit, l.t("báo kết quả", "reported a result"));
    Some((
        Tone::Unit,
        format!("{what}: {}", say(List::Outcome, e.outcome.as_str(), l)),
        String::new(),
    ))
}

/// What a unit did. Where it did so itself it stands before the sentence already, and is not named again.
fn by_unit(event: &Recorded, told: &Told<'_>, unit: &Code, did: &str) -> String {
    if event.actor.role() == "unit" && event.actor.id() == unit.as_str() {
        capital(did)
    } else {
        format!("{} {did}", told.unit(unit.as_str()))
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `2026-11-30` as `30/11/2026`; what is no date, as it is.
fn date(text: &str) -> String {
    text.parse::<jiff::civil::Date>()
        .map_or_else(|_| text.to_owned(), |d| d.strftime("%d/%m/%Y").to_string())
}

fn of_obligation(event: &Recorded, told: &mut Told<'_>) -> Option<Sentence> {
    let l = told.lang;
    if let Some(e) = read::<obligation::ObligationOpened>(event) {
        told.owed.insert(e.obligation, e.what.to_string());
        let what = format!(
            "{} {}: {}",
            l.t("Hạn", "Deadline for"),
            say(List::Obligation, e.what.as_str(), l),
            when(e.due)
        );
        let owner = match e.owner.as_str().split_once(':') {
            Some(("unit", code)) => told.unit(code),
            Some(("office", code)) => code
                .parse::<Office>()
                .map_or_else(|_| code.to_owned(), |o| office(l, o).to_owned()),
            _ if e.owner.as_str() == "desk" => l.t("bàn trực", "the desk").to_owned(),
            _ if e.owner.as_str() == "leaders" => l.t("lãnh đạo thành phố", "the city's leaders").to_owned(),
            _ if e.owner.as_str() == "review" => l.t("người xét", "the reviewers").to_owned(),
            _ => e.owner.to_string(),
        };
        let steps = e
            .arithmetic
            .iter()
            .map(|s| super::arithmetic::step(s.as_str(), l))
            .collect::<Vec<_>>()
            .join(", ");
        let rule = format!("{} {}", l.t("quy tắc", "rule"), e.rule);
        return Some((Tone::Clock, what, join(&[owner, rule, steps])));
    }
    if let Some(e) = read::<obligation::ObligationMet>(event) {
        let owed = told.owed(&e.obligation);
        let (tone, how) = if e.late {
            (Tone::Alarm, l.t("nhưng trễ hạn", "but late"))
        } else {
            (Tone::Clock, l.t("đúng hạn", "in time"))
        };
        let what = match l {
            Lang::Vi => format!("Đã hoàn thành nghĩa vụ: {owed}, {how}"),
            Lang::En => format!("Done, {how}: {owed}"),
        };
        return Some((tone, what, String::new()));
    }
    if let Some(e) = read::<obligation::ObligationMissed>(event) {
        let what = format!(
            "{}: {}",
            l.t("Quá hạn", "Deadline missed"),
            told.owed(&e.obligation)
        );
        return Some((
            Tone::Alarm,
            what,
            format!("{} {}", l.t("hạn là", "it was due"), when(e.due)),
        ));
    }
    let e = read::<obligation::ObligationOvertaken>(event)?;
    let what = match l {
        Lang::Vi => format!("Không còn nghĩa vụ: {}", told.owed(&e.obligation)),
        Lang::En => format!("No longer owed: {}", told.owed(&e.obligation)),
    };
    Some((
        Tone::Clock,
        what,
        say(List::Overtaking, e.by.as_str(), l).into_owned(),
    ))
}

fn of_feedback(event: &Recorded, told: &Told<'_>) -> Option<Sentence> {
    let l = told.lang;
    let plain = |tone, vi: &str, en: &str| Some((tone, l.t(vi, en).to_owned(), String::new()));
    if let Some(e) = read::<feedback::CitizenTold>(event) {
        let what = format!(
            "{}: {}",
            l.t("Báo cho người dân", "The citizen was told"),
            say(List::Told, e.what.as_str(), l)
        );
        return Some((Tone::Citizen, what, told_by(l, e.channel.as_str())));
    }
    if read::<feedback::GuidanceGiven>(event).is_some() {
        return plain(
            Tone::Done,
            "Hướng dẫn người dân tại bàn trực",
            "The operator guided the citizen",
        );
    }
    if read::<feedback::SubmissionDrafted>(event).is_some() {
        return plain(
            Tone::House,
            "Lập tờ trình xin ý kiến lãnh đạo",
            "A submission asks for the leaders' opinion",
        );
    }
    if let Some(e) = read::<feedback::OpinionGiven>(event) {
        let what = format!(
            "{}: {}",
            l.t("Ý kiến lãnh đạo", "The leaders' opinion"),
            say(List::Opinion, e.opinion.as_str(), l)
        );
        return Some((Tone::House, what, String::new()));
    }
    if read::<feedback::DialogueHeld>(event).is_some() {
        return plain(
            Tone::Done,
            "Đã đối thoại, biên bản được xác nhận",
            "The dialogue was held, its minutes confirmed",
        );
    }
    if read::<feedback::LetterSent>(event).is_some() {
        return plain(Tone::Done, "Đã gửi thư cảm ơn", "The letter of thanks was sent");
    }
    if let Some(e) = read::<feedback::CaseClosed>(event) {
        return Some((
            Tone::Done,
            l.t("Kết thúc vụ việc", "The case was closed").to_owned(),
            say(List::Closing, e.reason.as_str(), l).into_owned(),
        ));
    }
    let e = read::<feedback::CaseReopened>(event)?;
    Some((
        Tone::House,
        l.t("Mở lại vụ việc", "The case was reopened").to_owned(),
        say(List::Reopening, e.reason.as_str(), l).into_owned(),
    ))
}

fn told_by(l: Lang, channel: &str) -> String {
    format!("{} {}", l.t("qua", "by"), say(List::Way, channel, l))
}

fn of_message(event: &Recorded, told: &Told<'_>) -> Option<Sentence> {
    let l = told.lang;
    if let Some(e) = read::<message::MessageQueued>(event) {
        let what = format!(
            "{}: {}",
            l.t("Soạn lời nhắn cho người dân", "A message to the citizen was made"),
            say(List::Told, e.what.as_str(), l)
        );
        let why = format!(
            "{} · {} {}",
            told_by(l, e.channel.as_str()),
            l.t("mẫu", "template"),
            e.template
        );
        return Some((Tone::Citizen, what, why));
    }
    if let Some(e) = read::<message::MessageHandedOver>(event) {
        let what = l.t(
            "Đã giao lời nhắn cho đường gửi",
            "The message was handed to its carrier",
        );
        return Some((Tone::Citizen, what.to_owned(), e.transport.to_string()));
    }
    if let Some(e) = read::<message::MessageFailed>(event) {
        let what = l.t("Không gửi được lời nhắn", "The message could not be sent");
        return Some((
            Tone::Alarm,
            what.to_owned(),
            format!("{} · {}", e.transport, e.reason),
        ));
    }
    if let Some(e) = read::<access::ContentErased>(event) {
        let what = l.t(
            "Nội dung đã được xóa vĩnh viễn",
            "The content was erased for ever",
        );
        let why = format!(
            "{}: {} · {}",
            l.t("căn cứ", "basis"),
            basis(&e.basis, l),
            e.ordered_by
        );
        return Some((Tone::Access, what.to_owned(), why));
    }
    let e = read::<access::ContentOpened>(event)?;
    let reader = contracts_actor(&e.reader, told);
    let did = l.t("đã xem nội dung", "opened the content");
    let what = if event.actor.to_string() == e.reader.as_str() {
        capital(did)
    } else {
        format!("{reader} {did}")
    };
    let why = format!(
        "{}: {}",
        l.t("mục đích", "purpose"),
        say(List::Purpose, e.purpose.as_str(), l)
    );
    Some((Tone::Access, what, why))
}

/// The legal basis of an erasure in words.
fn basis(code: &contracts::Code, l: Lang) -> String {
    // A basis that this version does not know is shown as it is.
    let known = code.as_str().parse::<ErasureBasis>();
    known.map_or_else(
        |_| code.to_string(),
        |basis| l.t(basis.vi(), basis.en()).to_owned(),
    )
}

fn contracts_actor(code: &contracts::Code, told: &Told<'_>) -> String {
    kernel::Actor::parse(code.as_str()).map_or_else(|_| code.to_string(), |a| super::who(&a, told))
}
