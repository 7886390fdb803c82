//! How a deadline was computed, in words: escalation writes each step as a code, people read it and can repeat it by hand.

use crate::lang::Lang;

/// One step: `8_working_hours`, `skip=2026-09-02/national`, `count=2026-11-24/07:30-11:30/240` … A code it does not know is shown as it is.
pub(super) fn step(code: &str, lang: Lang) -> String {
    told(code, lang).unwrap_or_else(|| code.replace('_', " "))
}

fn told(code: &str, lang: Lang) -> Option<String> {
    let Some((what, rest)) = code.split_once('=') else {
        return amount(code, lang);
    };
    let parts: Vec<&str> = rest.split('/').collect();
    Some(match (what, parts.as_slice()) {
        ("from" | "stopped" | "was_due", [at]) => {
            let at: jiff::Timestamp = at.parse().ok()?;
            let at = super::local(at.into()).strftime("%H:%M %d/%m").to_string();
            let name = match what {
                "from" => lang.t("tính từ", "from"),
                "stopped" => lang.t("đã dừng lúc", "stopped at"),
                _ => lang.t("hạn cũ", "was due"),
            };
            format!("{name} {at}")
        }
        ("count", [date, hours, minutes, worked @ ..]) => {
            let swapped = if worked.is_empty() {
                ""
            } else {
                lang.t(", làm bù", ", a worked Saturday")
            };
            format!(
                "{} {}: {minutes} {}{swapped}",
                day(date)?,
                hours.replace('-', "–"),
                lang.t("phút", "minutes")
            )
        }
        ("day", [number, date, worked @ ..]) => {
            let swapped = if worked.is_empty() {
                ""
            } else {
                lang.t(", làm bù", ", a worked Saturday")
            };
            format!("{} {number}: {}{swapped}", lang.t("ngày", "day"), day(date)?)
        }
        ("skip", [date, why]) => {
            format!(
                "{} {} ({})",
                lang.t("nghỉ", "off"),
                day(date)?,
                holiday(why, lang)?
            )
        }
        ("received", [date]) => format!(
            "{} {}",
            lang.t("coi như nhận ngày", "as if received on"),
            day(date)?
        ),
        ("ends", [date]) => format!("{} {}", lang.t("hết ngày", "to the end of"), day(date)?),
        ("and", [more]) => match lang {
            Lang::Vi => format!("và {more} bước nữa"),
            Lang::En => format!("and {more} more steps"),
        },
        _ => return None,
    })
}

fn amount(code: &str, lang: Lang) -> Option<String> {
    let (n, unit) = code.split_once('_')?;
    n.parse::<u32>().ok()?;
    let unit = match unit {
        "minutes" => lang.t("phút", "minutes"),
        "clock_hours" => lang.t("giờ", "hours"),
        "working_minutes" => lang.t("phút làm việc", "working minutes"),
        "working_hours" => lang.t("giờ làm việc", "working hours"),
        "calendar_days" => lang.t("ngày", "days"),
        "working_days" => lang.t("ngày làm việc", "working days"),
        _ => return None,
    };
    Some(format!("{n} {unit}"))
}

/// `2026-09-02` as `02/09`.
fn day(date: &str) -> Option<String> {
    let date: jiff::civil::Date = date.parse().ok()?;
    Some(date.strftime("%d/%m").to_string())
}

fn holiday(code: &str, lang: Lang) -> Option<&'static str> {
    Some(match code {
        "weekend" => lang.t("cuối tuần", "weekend"),
        "swapped_out" => lang.t("hoán đổi", "swapped"),
        "made_up" => lang.t("nghỉ bù", "in lieu"),
        "new_year" => lang.t("Tết Dương lịch", "New Year"),
        "tet" => lang.t("Tết", "Tết"),
        "hung_kings" => lang.t("Giỗ Tổ Hùng Vương", "Hùng Kings"),
        "reunification" => lang.t("30 tháng 4", "Reunification Day"),
        "labour" => lang.t("Quốc tế Lao động", "Labour Day"),
        "national" => lang.t("Quốc khánh", "National Day"),
        "culture" => lang.t("Ngày Văn hóa", "Culture Day"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_told_in_words_and_an_unknown_one_as_it_is() {
        for (code, vi, en) in [
            (
                "from=2026-11-24T13:32:02.222832+07:00",
                "tính từ 13:32 24/11",
                "from 13:32 24/11",
            ),
            ("8_working_hours", "8 giờ làm việc", "8 working hours"),
            (
                "count=2026-08-22/07:30-11:30/240/swapped_in",
                "22/08 07:30–11:30: 240 phút, làm bù",
                "22/08 07:30–11:30: 240 minutes, a worked Saturday",
            ),
            ("day=1/2026-11-26", "ngày 1: 26/11", "day 1: 26/11"),
            (
                "skip=2026-09-02/national",
                "nghỉ 02/09 (Quốc khánh)",
                "off 02/09 (National Day)",
            ),
            ("ends=2026-11-26", "hết ngày 26/11", "to the end of 26/11"),
            ("rounded_up=3", "rounded up=3", "rounded up=3"),
        ] {
            assert_eq!(step(code, Lang::Vi), vi);
            assert_eq!(step(code, Lang::En), en);
        }
    }
}
