//! The words for a dispute between the two offices.

use contracts::Recorded;

use super::{List, Sentence, Tone, office, read, routing, say};
use crate::lang::Lang;

pub(super) fn of(event: &Recorded, l: Lang) -> Option<Sentence> {
    if let Some(e) = read::<routing::DisputeOpened>(event) {
        let (from, to) = (office(l, e.from), office(l, e.to));
        let what = match l {
            Lang::Vi => format!("{from} cho rằng vụ việc thuộc {to}"),
            Lang::En => format!("The {from} says that the case is the {to}'s"),
        };
        let mut why = say(List::DisputeReason, e.reason.as_str(), l).into_owned();
        if e.before.as_str() == "leaders" {
            why.push_str(l.t(
                " · đã tranh chấp trước đây: lãnh đạo quyết định",
                " · disputed before: the leaders decide",
            ));
        }
        return Some((Tone::House, what, why));
    }
    if let Some(e) = read::<routing::DisputeRefused>(event) {
        let by = office(l, e.office);
        let what = match l {
            Lang::Vi => format!("{by} không nhận: lãnh đạo quyết định thẩm quyền"),
            Lang::En => format!("The {by} does not take it: the leaders decide whose it is"),
        };
        return Some((Tone::House, what, String::new()));
    }
    let e = read::<routing::DisputeDecided>(event)?;
    let whose = office(l, e.office);
    let what = match (l, e.moved) {
        (Lang::Vi, true) => format!("Xác định thẩm quyền: chuyển về {whose}"),
        (Lang::Vi, false) => format!("Xác định thẩm quyền: vẫn thuộc {whose}"),
        (Lang::En, true) => format!("The dispute is decided: the case moves to the {whose}"),
        (Lang::En, false) => format!("The dispute is decided: the case stays with the {whose}"),
    };
    let why = if e.by.as_str() == "leaders" {
        let reason = say(List::DisputeReason, e.basis.as_str(), l);
        format!("{}: {reason}", l.t("lãnh đạo quyết định", "the leaders decided"))
    } else {
        l.t("văn phòng kia nhận", "the other office agreed").to_owned()
    };
    Some((Tone::House, what, why))
}
