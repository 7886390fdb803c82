//! One attempt by mail: over SMTP, or into the sealed outbox where none is configured. It tells facts and a link, never content.

use std::time::Duration;

use anyhow::Context;
use chassis::config::Secret;
use chassis::outbox::{FileTransport, OutboxMessage};
use contracts::wire::CaseNotice;
use kernel::Instant;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use routing_domain::{Notice, UnitCode};
use uuid::Uuid;

use super::Target;
use super::deliver::Outcome;
use super::link::{LIFE, Link};
use super::webhook::Undelivered;

/// How long a mail server may take for each of its answers.
const PATIENCE: Duration = Duration::from_secs(10);
/// And for all of them: less than others leave us alone with a notice.
const WHOLE: Duration = Duration::from_secs(45);

/// By which way.
#[derive(Clone)]
enum Post {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Outbox(FileTransport),
}

/// Writes mails and hands them over.
#[derive(Clone)]
pub(crate) struct Mails {
    post: Post,
    from: Mailbox,
    /// Where the console answers browsers, without a slash at the end.
    console: String,
}

/// One mail, before it is handed over.
pub(crate) struct Letter<'a> {
    /// The event it tells.
    pub(crate) id: Uuid,
    /// The tracking code.
    pub(crate) code: &'a str,
    /// The unit, by its name.
    pub(crate) unit: &'a str,
    pub(crate) notice: &'a CaseNotice,
}

/// Whether mail can be sent to an address.
pub(crate) fn is_address(text: &str) -> bool {
    text.len() <= 254 && text.parse::<Address>().is_ok()
}

impl Mails {
    /// `smtps://user:password@host:465`, or `smtp://host:25?tls=required`.
    pub(crate) fn by_smtp(url: &Secret, from: &str, console: &str) -> anyhow::Result<Self> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.reveal())
            // What lettre says could quote the password.
            .map_err(|_| anyhow::anyhow!("this is no address like smtps://user:password@host:465"))?
            .timeout(Some(PATIENCE))
            .build();
        Self::new(Post::Smtp(transport), from, console)
    }

    pub(crate) fn by_outbox(outbox: FileTransport, from: &str, console: &str) -> anyhow::Result<Self> {
        Self::new(Post::Outbox(outbox), from, console)
    }

    fn new(post: Post, from: &str, console: &str) -> anyhow::Result<Self> {
        Ok(Self {
            post,
            from: from.parse().context("the sender is no mail address")?,
            console: console.trim_end_matches('/').to_owned(),
        })
    }

    /// Sends once.
    pub(crate) async fn send(
        &self,
        target: &Target,
        letter: &Letter<'_>,
        now: Instant,
    ) -> anyhow::Result<Outcome> {
        let (subject, body) = self.words(target, letter)?;
        match &self.post {
            Post::Outbox(outbox) => {
                let message = OutboxMessage {
                    id: letter.id,
                    case: Some(letter.notice.case),
                    channel: "email".to_owned(),
                    what: "dispatched".to_owned(),
                    queued_at: now,
                    to: target.outlet.address.clone(),
                    subject,
                    body,
                };
                outbox.hand_over(&message).await?;
                Ok(Outcome::Delivered)
            }
            Post::Smtp(transport) => {
                let Ok(to) = target.outlet.address.parse::<Address>() else {
                    return Ok(Outcome::Hopeless("unusable_address".to_owned()));
                };
                let domain = self.from.email.domain();
                let message = Message::builder()
                    .from(self.from.clone())
                    .to(Mailbox::new(None, to))
                    // The same however often it is sent.
                    .message_id(Some(format!("<{}@{domain}>", letter.id)))
                    .subject(subject)
                    .header(ContentType::TEXT_PLAIN)
                    .body(body)?;
                Ok(match tokio::time::timeout(WHOLE, transport.send(message)).await {
                    Ok(Ok(_)) => Outcome::Delivered,
                    Ok(Err(error)) => failed(&error),
                    Err(_) => Outcome::Undelivered(Undelivered::failed("timeout")),
                })
            }
        }
    }

    fn words(&self, target: &Target, letter: &Letter<'_>) -> anyhow::Result<(String, String)> {
        let notice = letter.notice;
        let until = notice
            .dispatched_at
            .plus_micros(LIFE)
            .0
            .div_euclid(Instant::SECOND);
        let link = Link {
            case: notice.case,
            notice: Notice {
                unit: UnitCode::parse(notice.unit.as_str())?,
                revision: notice.revision,
            },
            until: u32::try_from(until)?,
        };
        let address = format!("{}/u/{}", self.console, link.token(&target.outlet.secret));
        let (code, unit) = (letter.code, letter.unit);
        let topic = |other| notice.topic.map_or(other, |topic| topic.vi());
        let urgent = notice.urgency.vi();
        let subject = format!("[Hồi Âm] Vụ việc {code} chuyển tới đơn vị / a case for your unit");
        let body = format!(
            "Kính gửi {unit},\n\n\
             {office} chuyển tới đơn vị vụ việc {code}.\n\
             Chủ đề: {topic}. Độ khẩn: {urgent}. Mức trả lời: {level}. Thông báo số {revision}.\n\n\
             Mở đường dẫn dưới đây để đọc phản ánh, nhận việc, trả lại, báo tiến độ hoặc trả lời. Không cần đăng nhập; mỗi lần mở nội dung \
             được ghi vào sổ. Đường dẫn chỉ dùng cho vụ việc này, có hiệu lực 30 ngày, và hết hiệu lực khi đơn vị đã trả lời hoặc vụ việc được rút. \
             Xin không chuyển tiếp thư này ra ngoài đơn vị.\n\n\
             {address}\n\n\
             --\n\n\
             {office_en} has put case {code} before {unit}.\n\
             Topic: {topic_en}. Urgency: {urgent_en}. Level of answer: {level}. Notice {revision}.\n\n\
             Open the link above to read the report, accept it, return it, report progress or answer it. No login is needed; each opening is \
             on record. The link is for this case only, good for 30 days, and void once your unit has answered or the case was taken back. Please do not \
             pass this mail on outside of your unit.\n",
            office = notice.office.vi(),
            office_en = notice.office.en(),
            topic = topic("chưa rõ"),
            topic_en = notice.topic.map_or("not known", |topic| topic.en()),
            urgent_en = notice.urgency.en(),
            level = notice.level,
            revision = notice.revision,
        );
        Ok((subject, body))
    }
}

fn failed(error: &lettre::transport::smtp::Error) -> Outcome {
    let status = error.status().map(|code| format!("smtp_{code}"));
    match status {
        // The server will not take it, however often it is asked.
        Some(status) if error.is_permanent() => Outcome::Hopeless(status),
        Some(status) => Outcome::Undelivered(Undelivered::Failed(status)),
        None if error.is_timeout() => Outcome::Undelivered(Undelivered::failed("timeout")),
        None if error.is_tls() => Outcome::Undelivered(Undelivered::failed("tls")),
        None => Outcome::Undelivered(Undelivered::failed("unreachable")),
    }
}
