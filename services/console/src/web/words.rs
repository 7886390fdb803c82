//! What people typed, opened for a stated purpose. The ledger records the opening before it gives a word.

use std::collections::BTreeMap;

use chassis::ledger::{Opened, Purpose};
use contracts::sealed::{Attachment, Note, ReportContent};
use contracts::{Payload, Recorded};
use kernel::Position;

use super::App;
use super::guard::Signed;
use crate::case::CaseRow;
use crate::error::Problem;
use crate::lang::Lang;
use crate::roles::{Role, sees_reporter};
use crate::timeline::{Told, who};
use crate::words::{List, say};

/// Opened content, to be shown.
pub(super) struct Words {
    pub(super) reader: String,
    pub(super) purpose: String,
    pub(super) parts: Vec<Part>,
}

/// The words that go with one event.
pub(super) struct Part {
    pub(super) title: String,
    pub(super) pairs: Vec<(&'static str, String)>,
    pub(super) text: String,
    pub(super) files: Vec<File>,
    pub(super) note: String,
}

/// A photo or document that came with it.
pub(super) struct File {
    pub(super) address: String,
    pub(super) photo: bool,
    pub(super) name: String,
}

impl File {
    /// Shown within the page it was opened for, so that each look is on record. What is no file of ours has no address.
    fn of(number: usize, file: &Attachment) -> Option<Self> {
        let (photo, ending) = match file.media_type.as_str() {
            "image/jpeg" => (true, "jpg"),
            "image/png" => (true, "png"),
            "application/pdf" => (false, "pdf"),
            _ => return None,
        };
        let base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/=".contains(&b);
        file.data.bytes().all(base64).then(|| Self {
            address: format!("data:{};base64,{}", file.media_type, file.data),
            photo,
            name: format!("{number}.{ending}"),
        })
    }
}

/// Opens what may be read in this case: the report, and the words that went with decisions. Messages to the citizen stay closed: they
/// hold an address, and say what the decisions said.
pub(super) async fn open(
    app: &App,
    signed: &Signed,
    row: &CaseRow,
    purpose: Purpose,
    units: &BTreeMap<String, String>,
) -> Result<Words, Problem> {
    let lang = signed.lang();
    let actor = signed.actor()?;
    let told = Told::new(lang, units);
    let events: Vec<Recorded> = app
        .ledger
        .read_case(row.case)
        .await?
        .into_iter()
        .filter(|e| e.has_sealed && !matches!(e.stream.category.as_str(), "message" | "access"))
        .filter(|e| purpose != Purpose::Review || e.stream.category == "report")
        .collect();
    let positions: Vec<Position> = events.iter().map(|e| e.position).collect();
    let role = signed.session.role;
    let mut opened = app
        .ledger
        .open(purpose, &positions, Some((actor.clone(), role.code())))
        .await?;
    let parts = events
        .iter()
        .filter_map(|event| Some(part(event, opened.remove(&event.position)?, row, role, &told)))
        .collect();
    let purpose = match purpose {
        Purpose::Review => "review",
        Purpose::Inspect => "inspect",
        _ => "handle",
    };
    Ok(Words {
        reader: who(&actor, &told),
        purpose: say(List::Purpose, purpose, lang).into_owned(),
        parts,
    })
}

/// What a role opens content for on the page of a case.
pub(super) fn purpose_of(role: Role) -> Purpose {
    if role == Role::Inspector {
        Purpose::Inspect
    } else {
        Purpose::Handle
    }
}

fn part(event: &Recorded, opened: Opened, row: &CaseRow, role: Role, told: &Told<'_>) -> Part {
    let lang = told.lang;
    let report = event.is::<contracts::events::report::ReportReceived>();
    let title = if report {
        lang.t("Người dân phản ánh", "What the citizen reported")
            .to_owned()
    } else {
        format!("{} · {}", heading(event, lang), who(&event.actor, told))
    };
    let mut part = Part {
        title,
        pairs: Vec::new(),
        text: String::new(),
        files: Vec::new(),
        note: String::new(),
    };
    match opened {
        Opened::Plain(plain) if report => match serde_json::from_slice::<ReportContent>(&plain) {
            Ok(content) => tell_report(&mut part, content, sees_reporter(role, row), lang),
            Err(_) => part.note = unreadable(lang),
        },
        Opened::Plain(plain) => match serde_json::from_slice::<Note>(&plain) {
            Ok(note) => {
                part.text = note.text;
                part.files = (1..)
                    .zip(&note.attachments)
                    .filter_map(|(number, file)| File::of(number, file))
                    .collect();
            }
            Err(_) => part.note = unreadable(lang),
        },
        Opened::Erased => {
            part.note = lang
                .t(
                    "Nội dung đã được xóa theo luật.",
                    "The content was lawfully erased.",
                )
                .to_owned();
        }
        Opened::NothingSealed => part.note = lang.t("Không có nội dung.", "There is no content.").to_owned(),
        Opened::Refused(_) => {
            part.note = lang
                .t(
                    "Không được mở cho mục đích này.",
                    "It may not be opened for this.",
                )
                .to_owned();
        }
    }
    part
}

fn unreadable(lang: Lang) -> String {
    lang.t(
        "Nội dung không đọc được ở phiên bản này.",
        "This version cannot read the content.",
    )
    .to_owned()
}

fn tell_report(part: &mut Part, content: ReportContent, reporter: bool, lang: Lang) {
    let mut pair = |name, value: Option<String>| {
        if let Some(value) = value.filter(|v| !v.trim().is_empty()) {
            part.pairs.push((name, value));
        }
    };
    pair(lang.t("Nơi", "Place"), content.place.address);
    if let (Some(latitude), Some(longitude)) = (content.place.latitude, content.place.longitude) {
        pair(
            lang.t("Tọa độ", "Coordinates"),
            Some(format!("{latitude:.5}, {longitude:.5}")),
        );
    }
    let from = content.from;
    if reporter {
        pair(lang.t("Người gửi", "From"), from.name);
        pair(lang.t("Điện thoại", "Phone"), from.phone);
        pair(lang.t("Thư điện tử", "E-mail"), from.email);
    } else if from.name.is_some() || from.phone.is_some() || from.email.is_some() {
        part.note = lang
            .t(
                "Danh tính người gửi được giữ kín với vai trò của bạn ở vụ việc này.",
                "Who reported is kept from your role in this case.",
            )
            .to_owned();
    }
    part.text = content.text;
}

fn heading(event: &Recorded, lang: Lang) -> &'static str {
    use contracts::events::{classification, feedback, routing};
    match event.kind.as_str() {
        classification::ReviewDecided::TYPE => lang.t("Lý do khi xét", "Why it was decided so"),
        routing::CaseReturned::TYPE => lang.t("Lý do trả lại", "Why it was given back"),
        routing::UnitJoined::TYPE => lang.t("Việc nhờ phối hợp", "What the other unit is to do"),
        routing::QuestionAsked::TYPE => lang.t("Câu hỏi cho người dân", "Question to the citizen"),
        routing::QuestionAnswered::TYPE => lang.t("Trả lời của người dân", "The citizen's answer"),
        routing::ProgressReported::TYPE => lang.t("Tiến độ", "Progress"),
        routing::ResultReported::TYPE => lang.t("Kết quả", "Result"),
        feedback::GuidanceGiven::TYPE => lang.t("Hướng dẫn", "Guidance"),
        feedback::OpinionGiven::TYPE => lang.t("Ý kiến lãnh đạo", "Leaders' opinion"),
        feedback::DialogueHeld::TYPE => lang.t("Biên bản đối thoại", "Minutes of the dialogue"),
        feedback::LetterSent::TYPE => lang.t("Thư cảm ơn", "Letter of thanks"),
        feedback::CaseReopened::TYPE => lang.t("Lý do mở lại", "Why it was reopened"),
        _ => lang.t("Lời kèm theo", "Words"),
    }
}
