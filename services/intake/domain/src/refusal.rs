//! Why something cannot be a report: a code for programs, and one sentence for people, in both languages.

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $vi:literal, $en:literal;)+) => {
        kernel::words!(
            /// Why. The sentences say what was wrong and what to do, and never quote what was sent. The code stands in
            /// `report_refused` and in a refusal on RECEIPTS.
            Reason, "reason" { $($(#[$doc])* $variant = $code;)+ }
        );

        impl Reason {
            /// The sentence in Vietnamese.
            #[must_use]
            pub const fn vi(self) -> &'static str {
                match self { $(Self::$variant => $vi,)+ }
            }

            /// The sentence in English.
            #[must_use]
            pub const fn en(self) -> &'static str {
                match self { $(Self::$variant => $en,)+ }
            }
        }
    };
}

reasons!(
    /// The bytes are not UTF-8.
    InvalidUtf8 = "invalid_utf8",
        "Nội dung không phải UTF-8; xin gửi lại bằng mã UTF-8.",
        "The body is not UTF-8; send it again encoded as UTF-8.";
    /// The bytes are not JSON.
    NotJson = "not_json",
        "Nội dung không phải JSON hợp lệ; xin gửi một đối tượng JSON có `id` và `text`.",
        "The body is not valid JSON; send one JSON object with `id` and `text`.";
    /// A field holds another type than it should.
    WrongType = "wrong_type",
        "Một trường có kiểu dữ liệu sai; xin xem lại kiểu của từng trường trong tài liệu.",
        "A field has the wrong type; check each field against the published schema.";
    /// More bytes or characters than a report may have.
    TooLarge = "too_large",
        "Nội dung quá dài; một phản ánh có tối đa 65.536 ký tự và 256 KiB.",
        "It is too large; a report has at most 65,536 characters and 256 KiB.";
    /// No id.
    NoId = "no_id",
        "Thiếu `id`; xin gửi kèm mã riêng của tin này để gửi lại không bị trùng.",
        "There is no `id`; send your own id of this message, so that sending it again is safe.";
    /// An id too long, or with control characters.
    BadId = "bad_id",
        "`id` dài quá 128 ký tự hoặc có ký tự điều khiển; xin dùng mã ngắn, chỉ gồm ký tự in được.",
        "The `id` is longer than 128 characters or holds control characters; use a short printable one.";
    /// No text, or only blanks.
    NoText = "no_text",
        "Chưa có nội dung phản ánh; xin cho biết điều cần phản ánh.",
        "There is no text; say what is to be reported.";
    /// A NUL character.
    Nul = "nul",
        "Nội dung có ký tự NUL; xin bỏ ký tự này rồi gửi lại.",
        "It holds a NUL character; remove it and send it again.";
    /// A channel that is none of ours.
    UnknownChannel = "unknown_channel",
        "Kênh không có trong danh sách; xin dùng phone, sms, email hoặc web.",
        "The channel is unknown; use phone, sms, email or web.";
    /// A line that is none of the city's.
    UnknownLine = "unknown_line",
        "Số tiếp nhận không có trong danh sách; xin dùng 0888247247, 1022 hoặc để trống.",
        "The line is unknown; use 0888247247, 1022, or leave it out.";
    /// `occurred_at` cannot be read.
    BadTime = "bad_time",
        "Thời điểm không đọc được; xin ghi theo RFC 3339, ví dụ 2026-03-24T08:00:00+07:00.",
        "The time cannot be read; write it as RFC 3339, such as 2026-03-24T08:00:00+07:00.";
    /// `occurred_at` lies in the future.
    Future = "future",
        "Thời điểm nằm ở tương lai; xin kiểm tra đồng hồ và múi giờ của hệ thống gửi.",
        "The time lies in the future; check the sender's clock and time zone.";
    /// `occurred_at` lies before any hotline.
    TooOld = "too_old",
        "Thời điểm trước năm 2000; xin kiểm tra đồng hồ của hệ thống gửi.",
        "The time lies before the year 2000; check the sender's clock.";
    /// Coordinates that are no place on earth, or only one of them.
    BadCoordinates = "bad_coordinates",
        "Tọa độ không hợp lệ; xin gửi cả vĩ độ (-90 đến 90) và kinh độ (-180 đến 180), hoặc bỏ cả hai.",
        "The coordinates are not valid; send both latitude (-90 to 90) and longitude (-180 to 180), or neither.";
    /// Name, phone, e-mail or address longer than any real one.
    FieldTooLong = "field_too_long",
        "Tên, điện thoại, thư điện tử hoặc địa chỉ quá dài (tối đa 256, 64, 254 và 1.024 ký tự).",
        "A name, phone, e-mail or address is too long (at most 256, 64, 254 and 1,024 characters).";
    /// The same id came before with another content.
    ReusedId = "reused_id",
        "`id` này đã dùng cho một nội dung khác; xin dùng mã mới cho nội dung mới.",
        "This `id` was used before for another content; give a new message a new id.";
    /// Handling it failed; a person looks at it.
    Unhandled = "unhandled",
        "Không xử lý được tin này; tin đã được giữ lại để người phụ trách xem.",
        "It could not be handled; it is kept for a person to look at.";
);

/// What came cannot be a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", reason.en())]
pub struct Refused {
    /// Why.
    pub reason: Reason,
    /// Which field, by its path in the contract (`from.phone`), where one is to blame.
    pub field: Option<&'static str>,
}

impl Refused {
    /// For this reason, because of this field.
    #[must_use]
    pub const fn because(reason: Reason, field: &'static str) -> Self {
        Self {
            reason,
            field: Some(field),
        }
    }

    /// One sentence in English, with the field named.
    #[must_use]
    pub fn detail(&self) -> String {
        match self.field {
            Some(field) if !self.reason.en().contains(&format!("`{field}`")) => {
                format!("`{field}`: {}", self.reason.en())
            }
            _ => self.reason.en().to_owned(),
        }
    }
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self { reason, field: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_code_of_its_own_and_a_sentence_in_both_languages() {
        let mut codes: Vec<_> = Reason::ALL.iter().map(|r| r.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert!(
                reason.vi().ends_with('.') && reason.en().ends_with('.'),
                "{reason} has no full sentence"
            );
            assert!(
                reason.code().len() <= 64
                    && reason
                        .code()
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit())
            );
        }
    }

    #[test]
    fn the_sentence_names_the_field_once() {
        assert!(
            Refused::because(Reason::WrongType, "from.phone")
                .detail()
                .starts_with("`from.phone`: ")
        );
        assert_eq!(Refused::because(Reason::NoId, "id").detail(), Reason::NoId.en());
    }
}
