//! What citizens are written, in Vietnamese, and in English when they wrote in English. All templates are here.

use contracts::sealed::Message;
use feedback_domain::{Reach, Way, What};

use crate::units::Unit;

/// Version of the templates; named in `message_queued`. Raise it with every change of wording.
const VERSION: u32 = 1;

/// What a message is about.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    /// Tracking code.
    pub(crate) code: &'a str,
    /// The unit concerned, if one is.
    pub(crate) unit: Option<Unit>,
    /// How the unit calls its result, or empty.
    pub(crate) outcome: &'a str,
    /// A person's words: guidance, result, opinion, letter; or empty.
    pub(crate) words: &'a str,
}

/// The message, and the name of the template it was made from (`received.vi.1`).
pub(crate) fn compose(what: What, reach: &Reach, english: bool, about: &About<'_>) -> (String, Message) {
    let language = if english { "en" } else { "vi" };
    let (subject, text) = if english {
        in_english(what, about)
    } else {
        in_vietnamese(what, about)
    };
    let message = match reach.way {
        Way::Email => Message {
            to: reach.to.clone(),
            subject,
            body: letter(&text, about.code, english),
        },
        Way::Sms | Way::TrackingPage => Message {
            to: reach.to.clone(),
            subject: String::new(),
            body: format!("[Hồi Âm] {text}"),
        },
    };
    (format!("{what}.{language}.{VERSION}"), message)
}

fn in_vietnamese(what: What, about: &About<'_>) -> (String, String) {
    let About { code, words, .. } = *about;
    let unit = about.unit.map_or("cơ quan có thẩm quyền", |unit| unit.vi);
    match what {
        What::Received => (
            format!("Đã ghi nhận phản ánh {code}"),
            format!(
                "Phản ánh của Quý vị đã được ghi nhận. Mã theo dõi: {code}. Nếu đang nguy hiểm, xin gọi ngay 113, 114 hoặc 115."
            ),
        ),
        What::Forwarded => (
            format!("Phản ánh {code} đã được chuyển giải quyết"),
            format!(
                "Phản ánh {code} đã được chuyển đến {unit}. Khi có kết quả, chúng tôi sẽ báo ngay đến Quý vị."
            ),
        ),
        What::Result => (
            format!("Kết quả giải quyết phản ánh {code}"),
            sentence(&[
                &format!("{} trả lời phản ánh {code}", capital(unit)),
                &bracketed(outcome_vi(about.outcome)),
                &quoted(words),
                " Nếu chưa thỏa đáng, Quý vị có thể đề nghị mở lại hồ sơ theo mã này.",
            ]),
        ),
        What::Guidance => (
            format!("Hướng dẫn về phản ánh {code}"),
            sentence(&[&format!("Hướng dẫn về phản ánh {code}"), &quoted(words)]),
        ),
        What::Opinion => (
            format!("Về phản ánh {code}"),
            sentence(&[
                &format!("Lãnh đạo Thành phố đã xem xét phản ánh {code} và không chỉ đạo chuyển giải quyết"),
                &quoted(words),
                " Nếu chưa đồng ý, Quý vị có thể đề nghị mở lại hồ sơ theo mã này.",
            ]),
        ),
        What::Dialogue => (
            format!("Về buổi đối thoại, phản ánh {code}"),
            format!(
                "Buổi đối thoại về phản ánh {code} đã được lập biên bản. Kết quả giải quyết và từng cam kết sẽ được theo dõi theo mã này."
            ),
        ),
        What::Thanks => (
            format!("Thư cảm ơn, hiến kế {code}"),
            sentence(&[
                &format!("Thành phố trân trọng cảm ơn đóng góp của Quý vị ({code})"),
                &quoted(words),
            ]),
        ),
    }
}

fn in_english(what: What, about: &About<'_>) -> (String, String) {
    let About { code, words, .. } = *about;
    let unit = about.unit.map_or_else(
        || "the competent body".to_owned(),
        |unit| format!("the {}", unit.en),
    );
    match what {
        What::Received => (
            format!("Your report {code} is on record"),
            format!(
                "Your report is on record. Tracking code: {code}. If somebody is in danger, call 113, 114 or 115 now."
            ),
        ),
        What::Forwarded => (
            format!("Your report {code} was forwarded"),
            format!(
                "Your report {code} was put before {unit}. You will hear from us again as soon as there is a result."
            ),
        ),
        What::Result => (
            format!("The result of your report {code}"),
            sentence(&[
                &format!("{} answers your report {code}", capital(&unit)),
                &bracketed(outcome_en(about.outcome)),
                &quoted(words),
                " If this does not settle it, you can ask for the case to be reopened under this code.",
            ]),
        ),
        What::Guidance => (
            format!("Guidance on your report {code}"),
            sentence(&[&format!("Guidance on your report {code}"), &quoted(words)]),
        ),
        What::Opinion => (
            format!("About your report {code}"),
            sentence(&[
                &format!("The city's leaders considered your report {code} and decided not to send it on"),
                &quoted(words),
                " If you disagree, you can ask for the case to be reopened under this code.",
            ]),
        ),
        What::Dialogue => (
            format!("The dialogue on your report {code}"),
            format!(
                "The dialogue on your report {code} is on record. The result and each commitment can be followed under this code."
            ),
        ),
        What::Thanks => (
            format!("A letter of thanks for {code}"),
            sentence(&[
                &format!("The city thanks you for your contribution ({code})"),
                &quoted(words),
            ]),
        ),
    }
}

fn letter(text: &str, code: &str, english: bool) -> String {
    if english {
        format!(
            "Dear citizen,\n\n{text}\n\nTracking code: {code}\nHotline 0888 247 247, centre 1022, 24 hours a day.\nHồi Âm"
        )
    } else {
        format!(
            "Kính gửi Quý vị,\n\n{text}\n\nMã theo dõi: {code}\nĐường dây nóng 0888 247 247, tổng đài 1022, 24 giờ mỗi ngày.\nHồi Âm"
        )
    }
}

/// Joins the parts; a full stop ends the first sentence where no words do.
fn sentence(parts: &[&str]) -> String {
    let (tail, head) = match parts.split_last() {
        Some((last, rest)) if last.starts_with(' ') => (*last, rest.concat()),
        _ => ("", parts.concat()),
    };
    let stop = if head.trim_end().ends_with(['.', '!', '?', '…']) {
        ""
    } else {
        "."
    };
    format!("{}{stop}{tail}", head.trim_end())
}

fn quoted(words: &str) -> String {
    if words.trim().is_empty() {
        String::new()
    } else {
        format!(": {}", words.trim())
    }
}

fn bracketed(outcome: &str) -> String {
    if outcome.is_empty() {
        String::new()
    } else {
        format!(" ({outcome})")
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn outcome_vi(code: &str) -> &'static str {
    match code {
        "done" => "đã giải quyết",
        "partly_done" => "đã giải quyết một phần",
        "not_possible" => "chưa thể giải quyết",
        "no_grounds" => "không có cơ sở",
        _ => "",
    }
}

fn outcome_en(code: &str) -> &'static str {
    match code {
        "done" => "done",
        "partly_done" => "partly done",
        "not_possible" => "not possible for now",
        "no_grounds" => "no grounds were found",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: About<'_> = About {
        code: "HA-7K3MX-9QP4T-C",
        unit: Some(Unit {
            vi: "Sở Xây dựng",
            en: "Department of Construction",
        }),
        outcome: "done",
        words: "Đã vá ổ gà ngày 24/3.",
    };

    fn sms() -> Reach {
        Reach {
            way: Way::Sms,
            to: "+84900000011".into(),
        }
    }

    #[test]
    fn a_result_names_the_unit_the_outcome_and_its_words() {
        let (template, message) = compose(What::Result, &sms(), false, &ABOUT);
        assert_eq!(template, "result.vi.1");
        assert_eq!(
            message.body,
            "[Hồi Âm] Sở Xây dựng trả lời phản ánh HA-7K3MX-9QP4T-C (đã giải quyết): Đã vá ổ gà ngày 24/3. Nếu chưa thỏa đáng, Quý vị có thể \
             đề nghị mở lại hồ sơ theo mã này."
        );
        let (template, message) = compose(What::Result, &sms(), true, &About { words: "", ..ABOUT });
        assert_eq!(template, "result.en.1");
        assert!(
            message.body.starts_with(
                "[Hồi Âm] The Department of Construction answers your report HA-7K3MX-9QP4T-C (done). If"
            ),
            "{}",
            message.body
        );
    }

    #[test]
    fn a_unit_without_a_known_name_is_the_competent_body() {
        let (_, message) = compose(What::Forwarded, &sms(), false, &About { unit: None, ..ABOUT });
        assert!(message.body.contains("đã được chuyển đến cơ quan có thẩm quyền."));
    }

    #[test]
    fn every_message_holds_the_code_and_an_email_has_a_subject_without_line_ends() {
        let email = Reach {
            way: Way::Email,
            to: "lan@example.vn".into(),
        };
        for what in What::ALL {
            for english in [false, true] {
                let (_, message) = compose(*what, &email, english, &ABOUT);
                assert!(
                    message.body.contains(ABOUT.code) && message.subject.contains(ABOUT.code),
                    "{what}"
                );
                assert!(
                    !message.subject.contains(['\r', '\n']) && !message.subject.contains(ABOUT.words),
                    "{what}"
                );
                let (_, message) = compose(*what, &sms(), english, &ABOUT);
                assert!(
                    message.body.contains(ABOUT.code) && message.subject.is_empty(),
                    "{what}"
                );
            }
        }
    }
}
