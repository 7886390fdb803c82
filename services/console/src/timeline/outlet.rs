//! The words for what became of a notice that went to a unit by its outlet.

use contracts::Recorded;
use contracts::events::outlet::{NoticeDelivered, NoticeUndelivered};

use super::{Told, Tone};
use crate::lang::Lang;

pub(super) fn sentence(event: &Recorded, told: &Told<'_>) -> Option<(Tone, String, String)> {
    let l = told.lang;
    let carrier = |code: &str| match code {
        "webhook" => "webhook".to_owned(),
        "mail" => l.t("thư điện tử", "e-mail").to_owned(),
        other => other.to_owned(),
    };
    if let Ok(Some(e)) = event.decode::<NoticeDelivered>() {
        let (unit, by) = (told.unit(e.unit.as_str()), carrier(e.carrier.as_str()));
        let what = match l {
            Lang::Vi => format!("{unit} đã được báo qua {by} (thông báo số {})", e.revision),
            Lang::En => format!("{unit} was told by {by} (notice {})", e.revision),
        };
        return Some((Tone::House, what, String::new()));
    }
    let e = event.decode::<NoticeUndelivered>().ok()??;
    let (unit, by) = (told.unit(e.unit.as_str()), carrier(e.carrier.as_str()));
    let (what, why) = match l {
        Lang::Vi => (
            format!("Không báo được cho {unit} qua {by} (thông báo số {})", e.revision),
            format!("sau {} lần thử: {}", e.attempts, e.reason),
        ),
        Lang::En => (
            format!("{unit} could not be told by {by} (notice {})", e.revision),
            format!("after {} attempts: {}", e.attempts, e.reason),
        ),
    };
    Some((Tone::Alarm, what, why))
}
