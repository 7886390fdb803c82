//! What citizens are written, in Vietnamese, and in English when they wrote in English. All templates are here.

use contracts::sealed::Message;
use feedback_domain::{Reach, Way, What};
use jiff::civil::Date;

use crate::units::Unit;

/// Version of the templates; named in `message_queued`. Raise it with every change of wording.
const VERSION: u32 = 2;

/// What a message is about.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    /// Tracking code.
    pub(crate) code: &'a str,
    /// The unit concerned, if one is.
    pub(crate) unit: Option<Unit>,
    /// How the unit calls its result, or empty.
    pub(crate) outcome: &'a str,
    /// A person's words: guidance, result, progress, opinion, letter; or empty.
    pub(crate) words: &'a str,
    /// The date the unit promised.
    pub(crate) committed: Option<Date>,
    /// The police have it: their result comes by the law's own way.
    pub(crate) police: bool,
    /// Nobody can act on it without asking back.
    pub(crate) incomplete: bool,
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
        What::Merged => (
            format!("Phản ánh {code} được giải quyết chung"),
            format!(
                "Phản ánh {code} cùng nội dung với phản ánh đã được ghi nhận trước nên được giải quyết chung. Khi có kết quả, chúng tôi sẽ báo ngay đến Quý vị theo mã này."
            ),
        ),
        What::Forwarded => (
            format!("Phản ánh {code} đã được chuyển giải quyết"),
            format!(
                "Phản ánh {code} đã được chuyển đến {unit}{}{}",
                if about.police {
                    " để giải quyết theo quy định của pháp luật."
                } else {
                    ". Khi có kết quả, chúng tôi sẽ báo ngay đến Quý vị."
                },
                if about.incomplete {
                    " Nội dung còn thiếu, chẳng hạn địa điểm cụ thể: xin Quý vị gọi 1022 và nêu mã này để bổ sung."
                } else {
                    ""
                },
            ),
        ),
        What::Progress => (
            format!("Tiến độ giải quyết phản ánh {code}"),
            sentence(&[
                &format!("{} báo tiến độ giải quyết phản ánh {code}", capital(unit)),
                &quoted(words),
                &about.committed.map_or_else(String::new, |day| {
                    format!(" Dự kiến hoàn thành ngày {}.", day.strftime("%d/%m/%Y"))
                }),
            ]),
        ),
        What::Question => (
            format!("Câu hỏi về phản ánh {code}"),
            sentence(&[
                &format!("{} cần hỏi thêm về phản ánh {code}", capital(unit)),
                &quoted(words),
                " Xin Quý vị trả lời ở trang tra cứu theo mã này, hoặc gọi 1022 và nêu mã.",
            ]),
        ),
        What::PartialResult => (
            format!("Kết quả bước đầu của phản ánh {code}"),
            sentence(&[
                &format!("{} trả lời phản ánh {code}", capital(unit)),
                &bracketed(outcome_vi(about.outcome)),
                &quoted(words),
                " Hồ sơ vẫn được tiếp tục giải quyết; khi có kết quả cuối cùng, chúng tôi sẽ báo ngay đến Quý vị.",
            ]),
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
                &format!("Lãnh đạo Thành phố đã xem xét phản ánh {code} và chưa đồng ý chuyển giải quyết"),
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
        What::Merged => (
            format!("Your report {code} is handled together with others"),
            format!(
                "Your report {code} tells of the same matter as one already on record and is handled together with it. You will hear of the result under this code."
            ),
        ),
        What::Forwarded => (
            format!("Your report {code} was forwarded"),
            format!(
                "Your report {code} was put before {unit}{}{}",
                if about.police {
                    ", who act on it as the law provides."
                } else {
                    ". You will hear from us again as soon as there is a result."
                },
                if about.incomplete {
                    " Something is missing, such as the exact place: please call 1022, give this code and add it."
                } else {
                    ""
                },
            ),
        ),
        What::Progress => (
            format!("Progress on your report {code}"),
            sentence(&[
                &format!("{} reports progress on your report {code}", capital(&unit)),
                &quoted(words),
                &about.committed.map_or_else(String::new, |day| {
                    format!(" The result is promised for {}.", day.strftime("%-d %B %Y"))
                }),
            ]),
        ),
        What::Question => (
            format!("A question about your report {code}"),
            sentence(&[
                &format!("{} has a question about your report {code}", capital(&unit)),
                &quoted(words),
                " Please answer on the tracking page of this code, or call 1022 and give it.",
            ]),
        ),
        What::PartialResult => (
            format!("A first result of your report {code}"),
            sentence(&[
                &format!("{} answers your report {code}", capital(&unit)),
                &bracketed(outcome_en(about.outcome)),
                &quoted(words),
                " The work goes on; you will hear from us again with the final result.",
            ]),
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

/// Joins the parts; a full stop ends the first sentence where no words do. A last part that begins with a space is a sentence of its own.
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
        "no_grounds" => "đã xem xét, chưa có cơ sở giải quyết",
        _ => "",
    }
}

fn outcome_en(code: &str) -> &'static str {
    match code {
        "done" => "done",
        "partly_done" => "partly done",
        "not_possible" => "not possible for now",
        "no_grounds" => "looked into, no grounds were found",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: About<'_> = About {
        code: "HA-7K3MX-9QP4T-5",
        unit: Some(Unit {
            vi: "Sở Xây dựng",
            en: "Department of Construction",
        }),
        outcome: "done",
        words: "Đã vá ổ gà ngày 24/3.",
        committed: None,
        police: false,
        incomplete: false,
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
        assert_eq!(template, "result.vi.2");
        assert_eq!(
            message.body,
            "[Hồi Âm] Sở Xây dựng trả lời phản ánh HA-7K3MX-9QP4T-5 (đã giải quyết): Đã vá ổ gà ngày 24/3. Nếu chưa thỏa đáng, Quý vị có thể \
             đề nghị mở lại hồ sơ theo mã này."
        );
        let (template, message) = compose(What::Result, &sms(), true, &About { words: "", ..ABOUT });
        assert_eq!(template, "result.en.2");
        assert!(
            message.body.starts_with(
                "[Hồi Âm] The Department of Construction answers your report HA-7K3MX-9QP4T-5 (done). If"
            ),
            "{}",
            message.body
        );
    }

    #[test]
    fn progress_gives_the_date_promised_and_a_part_done_says_that_the_work_goes_on() {
        let promised = About {
            words: "Đang chờ vật tư",
            committed: Some(jiff::civil::date(2026, 12, 5)),
            ..ABOUT
        };
        let body = |what, english, about: &About<'_>| compose(what, &sms(), english, about).1.body;
        assert_eq!(
            body(What::Progress, false, &promised),
            "[Hồi Âm] Sở Xây dựng báo tiến độ giải quyết phản ánh HA-7K3MX-9QP4T-5: Đang chờ vật tư. Dự kiến hoàn thành ngày 05/12/2026."
        );
        assert!(
            body(What::Progress, true, &promised).ends_with("The result is promised for 5 December 2026.")
        );
        let no_date = About {
            committed: None,
            ..promised
        };
        assert!(body(What::Progress, false, &no_date).ends_with("Đang chờ vật tư."));
        let part = About {
            outcome: "partly_done",
            ..ABOUT
        };
        let told = body(What::PartialResult, false, &part);
        assert!(
            told.contains("(đã giải quyết một phần)") && told.contains("vẫn được tiếp tục giải quyết"),
            "{told}"
        );
    }

    #[test]
    fn who_said_too_little_is_asked_for_it_and_the_police_promise_no_answer_of_ours() {
        let body = |english, about: &About<'_>| compose(What::Forwarded, &sms(), english, about).1.body;
        let incomplete = About {
            incomplete: true,
            ..ABOUT
        };
        assert!(body(false, &incomplete).contains("xin Quý vị gọi 1022 và nêu mã này"));
        assert!(body(true, &incomplete).contains("please call 1022"));
        assert!(!body(false, &ABOUT).contains("1022"));
        let police = About {
            police: true,
            ..ABOUT
        };
        assert!(body(false, &police).ends_with("theo quy định của pháp luật."));
        assert!(!body(true, &police).contains("hear from us again"));
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
