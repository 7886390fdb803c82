//! The words for what duplicates come to: suspected, merged, parted. Cases are named on the page itself, not here.

use contracts::events::classification;
use contracts::{Code, Recorded};

use super::tell::{Sentence, read};
use super::{List, Told, Tone, say};
use crate::lang::Lang;

pub(super) fn sentence(event: &Recorded, told: &Told<'_>) -> Option<Sentence> {
    let l = told.lang;
    let house = |vi: &str, en: &str, why: String| Some((Tone::House, l.t(vi, en).to_owned(), why));
    if let Some(e) = read::<classification::DuplicateSuspected>(event) {
        let what = match l {
            Lang::Vi => format!("Có thể trùng với một vụ việc khác ({})", percent(e.score)),
            Lang::En => format!("It may be the same as another case ({})", percent(e.score)),
        };
        return Some((Tone::House, what, points(&e.parts)));
    }
    if let Some(e) = read::<classification::CaseMerged>(event) {
        let (vi, en) = match e.basis.as_str() {
            "policy" => (
                "Gộp vào vụ việc khác cùng nội dung, theo chính sách",
                "Merged into another case of the same matter, by the policy",
            ),
            "root_merged" => (
                "Chuyển theo vụ việc chính sang vụ việc nó được gộp vào",
                "Follows the case it was merged into into another",
            ),
            _ => (
                "Gộp vào vụ việc khác cùng nội dung",
                "Merged into another case of the same matter",
            ),
        };
        return house(vi, en, points(&e.parts));
    }
    if let Some(e) = read::<classification::CaseParted>(event) {
        let why = say(List::Parting, e.reason.as_str(), l).into_owned();
        return house(
            "Tách ra thành vụ việc riêng",
            "Parted: it is a case of its own again",
            why,
        );
    }
    if event.is::<classification::DuplicateJoined>() {
        return house(
            "Giải quyết chung cho một phản ánh khác nữa",
            "It stands for another report too",
            String::new(),
        );
    }
    event.is::<classification::DuplicateLeft>().then(|| {
        let what = l.t(
            "Không còn giải quyết chung cho một phản ánh đã tách ra",
            "It no longer stands for a report that was parted",
        );
        (Tone::House, what.to_owned(), String::new())
    })
}

fn percent(score: u16) -> String {
    format!("{} %", (score + 5) / 10)
}

/// What a score is the sum of: `topic 250 + place.street 300`.
pub(crate) fn points(parts: &[Code]) -> String {
    let parts: Vec<String> = parts.iter().map(|part| part.as_str().replace('=', " ")).collect();
    parts.join(" + ")
}
