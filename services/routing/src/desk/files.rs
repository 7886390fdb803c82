//! Files that a unit sends along: small, few, and of a kind that their own first bytes show.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use contracts::sealed::Attachment;

use crate::error::Refusal;

/// Most files of one report.
const MOST_FILES: usize = 4;
/// Most bytes of all of them. Words and files are sealed as one, in base64, and an event seals 256 KiB at most.
const MOST_BYTES: usize = 180_000;

/// What a file of a kind begins with.
const KINDS: [(&[u8], &str); 3] = [
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"%PDF-", "application/pdf"),
];

/// The files, as they are sealed.
pub(super) fn read(sent: &[String]) -> Result<Vec<Attachment>, Refusal> {
    let refused = |why: &str| Refusal::Malformed(format!("attachments: {why}"));
    if sent.len() > MOST_FILES {
        return Err(refused(
            "at most 4 files go with one report: send the others with another",
        ));
    }
    let mut files = Vec::new();
    let mut bytes = 0;
    for data in sent {
        let file = STANDARD
            .decode(data)
            .map_err(|_| refused("a file is not in base64 with its padding: encode it so"))?;
        let kind = KINDS.iter().find(|(start, _)| file.starts_with(start));
        let (_, kind) = kind.ok_or_else(|| refused("a file is neither JPEG, PNG nor PDF: convert it"))?;
        bytes += file.len();
        files.push(Attachment {
            media_type: (*kind).to_owned(),
            data: data.clone(),
        });
    }
    if bytes > MOST_BYTES {
        return Err(refused(
            "the files have more than 180,000 bytes in all: make the photos smaller, or send them with several reports",
        ));
    }
    Ok(files)
}
