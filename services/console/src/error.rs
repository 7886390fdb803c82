//! What a person sees when something could not be done: a status, one clear sentence in both languages, and what the owning
//! service said. The one table from a gRPC status or a ledger error to a page.

use std::borrow::Cow;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chassis::ledger::LedgerError;
use tonic::{Code, Status};

use crate::lang::Lang;

/// Something could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    vi: Cow<'static, str>,
    en: Cow<'static, str>,
    /// What the owning service said; nothing personal.
    pub detail: String,
}

impl Problem {
    /// A problem with its sentence in both languages.
    #[must_use]
    pub fn new(status: StatusCode, vi: &'static str, en: &'static str) -> Self {
        Self {
            status,
            vi: vi.into(),
            en: en.into(),
            detail: String::new(),
        }
    }

    /// The sentence.
    #[must_use]
    pub fn sentence(&self, lang: Lang) -> &str {
        lang.t(&self.vi, &self.en)
    }

    /// The sentence, with what the service said.
    #[must_use]
    pub fn whole(&self, lang: Lang) -> String {
        if self.detail.is_empty() {
            return self.sentence(lang).to_owned();
        }
        format!("{} ({})", self.sentence(lang), self.detail)
    }

    /// The heading of its page.
    #[must_use]
    pub fn title(&self, lang: Lang) -> &'static str {
        match self.status {
            StatusCode::NOT_FOUND => lang.t("Không tìm thấy", "Not found"),
            StatusCode::UNAUTHORIZED => lang.t("Cần đăng nhập", "Please sign in"),
            StatusCode::FORBIDDEN => lang.t("Không có quyền", "Not allowed"),
            StatusCode::SERVICE_UNAVAILABLE => lang.t("Tạm thời chưa làm được", "Not just now"),
            StatusCode::INTERNAL_SERVER_ERROR => lang.t("Hệ thống gặp lỗi", "Something broke"),
            _ => lang.t("Không thực hiện được", "This cannot be done"),
        }
    }

    /// No such page or case.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "Không có trang hoặc vụ việc này. Xin kiểm tra lại địa chỉ hoặc mã.",
            "There is no such page or case. Please check the address or the code.",
        )
    }

    /// Nobody is signed in.
    #[must_use]
    pub fn sign_in_first() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Phiên làm việc đã hết hoặc chưa đăng nhập. Xin đăng nhập.",
            "Your session ended or you are not signed in. Please sign in.",
        )
    }

    /// The role may not.
    #[must_use]
    pub fn not_your_role() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Vai trò của bạn không được làm việc này.",
            "Your role may not do this.",
        )
    }

    /// The form did not come from one of our pages, or its page is too old.
    #[must_use]
    pub fn stale_form() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Biểu mẫu đã cũ. Xin tải lại trang rồi gửi lại.",
            "The form is out of date. Please reload the page and send it again.",
        )
    }

    /// Our own database or code failed; the cause is in the log.
    #[must_use]
    pub fn broken() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Hệ thống gặp lỗi; điều đã ghi vào sổ không mất. Xin thử lại.",
            "Something broke; what is on record is not lost. Please try again.",
        )
    }

    fn because(mut self, detail: &str) -> Self {
        detail.clone_into(&mut self.detail);
        self
    }
}

impl From<Status> for Problem {
    fn from(status: Status) -> Self {
        let problem = match status.code() {
            Code::NotFound => Self::not_found(),
            Code::FailedPrecondition | Code::Aborted => Self::new(
                StatusCode::CONFLICT,
                "Vụ việc không còn ở bước này; không có gì thay đổi.",
                "The case does not stand at this step; nothing was changed.",
            ),
            Code::InvalidArgument | Code::OutOfRange => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "Nội dung gửi lên chưa hợp lệ; chưa ghi gì.",
                "What was sent is not valid; nothing was recorded.",
            ),
            Code::AlreadyExists => Self::new(
                StatusCode::CONFLICT,
                "Biểu mẫu này đã được gửi với nội dung khác. Xin tải lại trang.",
                "This form was sent before with another content. Please reload the page.",
            ),
            Code::PermissionDenied | Code::Unauthenticated => Self::new(
                StatusCode::FORBIDDEN,
                "Dịch vụ phụ trách không cho phép việc này.",
                "The owning service does not allow this.",
            ),
            _ => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "Dịch vụ phụ trách chưa trả lời; chưa rõ đã ghi hay chưa. Gửi lại không tạo bản thứ hai.",
                "The owning service does not answer; it may or may not be on record. Sending again makes no second one.",
            ),
        };
        if problem.status == StatusCode::SERVICE_UNAVAILABLE {
            tracing::warn!(code = ?status.code(), "a service could not be asked");
            return problem;
        }
        problem.because(status.message())
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        error.to_status().into()
    }
}

impl From<crate::store::StoreError> for Problem {
    fn from(error: crate::store::StoreError) -> Self {
        tracing::error!(error = %chassis::telemetry::chain(&error), "the console's database failed");
        Self::broken()
    }
}

impl From<askama::Error> for Problem {
    fn from(error: askama::Error) -> Self {
        tracing::error!(error = %chassis::telemetry::chain(&error), "a page could not be written");
        Self::broken()
    }
}

impl IntoResponse for Problem {
    /// Carries the problem to the outermost layer, which knows the visitor's language and writes the page.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
