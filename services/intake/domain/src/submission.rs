//! From what a channel delivered to what may go on record: every check that needs no IO.

use std::fmt;

use kernel::Instant;
use kernel::taxonomy::Channel;
use vietnam::phone::Phone;
use vietnam::text::Folded;

use crate::refusal::{Reason, Refused};

/// Most characters of a text.
pub const MAX_TEXT: usize = 65_536;
/// Most characters of the sender's id.
pub const MAX_ID: usize = 128;
/// How far ahead of our clock a sender's may be: 5 minutes.
pub const AHEAD: i64 = 5 * 60 * Instant::SECOND;
/// 2000-01-01T00:00:00Z: no report was made before it (the hotline is from 2016).
pub const EARLIEST: Instant = Instant(946_684_800 * Instant::SECOND);
/// The city's lines.
pub const LINES: [&str; 2] = ["0888247247", "1022"];

/// A report as a channel delivered it, before any check. May hold personal data.
#[derive(Clone, Default, PartialEq)]
pub struct Submission {
    /// Channel, as its code.
    pub channel: String,
    /// The sender's own id of the message.
    pub id: String,
    /// What was said.
    pub text: String,
    /// When, RFC 3339; none: now.
    pub occurred_at: Option<String>,
    /// Which line was called.
    pub line: Option<String>,
    /// Name of who reports.
    pub name: Option<String>,
    /// Their phone number, as given.
    pub phone: Option<String>,
    /// Their e-mail address, as given.
    pub email: Option<String>,
    /// Where, in words.
    pub address: Option<String>,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
    /// The call dropped before all was said.
    pub incomplete: bool,
}

impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Submission(may hold personal data)")
    }
}

/// Where an answer can go. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// A phone number, E.164.
    Phone(String),
    /// An e-mail address, its domain in lower case.
    Email(String),
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Phone(_) => "Phone(hidden)",
            Self::Email(_) => "Email(hidden)",
        })
    }
}

impl Address {
    /// The number or address itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Phone(text) | Self::Email(text) => text,
        }
    }
}

/// A submission that may go on record.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// What came, as it came: an NFD text stays NFD.
    pub submission: Submission,
    /// The channel.
    pub channel: Channel,
    /// The line, or empty.
    pub line: &'static str,
    /// When it was said; our clock's time when the sender gave none.
    pub occurred_at: Instant,
    /// Where an answer can go, the channel's own way first.
    pub address: Option<Address>,
    /// Length of the text in characters.
    pub text_length: u32,
    /// `vi`, `en` or `other`.
    pub language: &'static str,
    /// Whether a place came with it apart from the text.
    pub located: bool,
}

impl Submission {
    /// Checks everything. `now` is our clock's time.
    ///
    /// # Errors
    /// The first thing that is wrong, in the order in which a sender would fix them.
    pub fn accept(mut self, now: Instant) -> Result<Accepted, Refused> {
        self.drop_empty_parts();
        self.check_id()?;
        let text_length = self.check_text()?;
        self.check_parts()?;
        let channel = self
            .channel
            .parse()
            .map_err(|_| Refused::because(Reason::UnknownChannel, "channel"))?;
        let line = match self.line.as_deref() {
            None => "",
            Some(line) => known_line(line).ok_or(Refused::because(Reason::UnknownLine, "line"))?,
        };
        let occurred_at = match self.said_at()? {
            None => now,
            Some(at) if at > now.plus_micros(AHEAD) => {
                return Err(Refused::because(Reason::Future, "occurred_at"));
            }
            Some(at) if at < EARLIEST => return Err(Refused::because(Reason::TooOld, "occurred_at")),
            Some(at) => at,
        };
        Ok(Accepted {
            channel,
            line,
            occurred_at,
            address: self.address_for(channel),
            text_length,
            language: Folded::new(&self.text).language().code(),
            located: self.address.is_some() || self.latitude.is_some(),
            submission: self,
        })
    }

    /// What the sender sent, in one form whatever the order of fields, white space or escapes it came in: what a second message with
    /// the same id is compared by. The lane is no part of it; a time that was not given is not either.
    ///
    /// # Errors
    /// When the time cannot be read.
    pub fn canonical(&self) -> Result<Vec<u8>, Refused> {
        let mut whole = self.clone();
        whole.drop_empty_parts();
        let time = whole.said_at()?.map(|at| at.0.to_string());
        let degrees = |d: Option<f64>| d.map(|d| d.to_bits().to_string());
        let (latitude, longitude) = (degrees(whole.latitude), degrees(whole.longitude));
        let mut bytes = Vec::with_capacity(whole.text.len() + 256);
        let parts: [Option<&str>; 12] = [
            Some(&whole.channel),
            Some(&whole.id),
            Some(&whole.text),
            time.as_deref(),
            whole.line.as_deref(),
            whole.name.as_deref(),
            whole.phone.as_deref(),
            whole.email.as_deref(),
            whole.address.as_deref(),
            latitude.as_deref(),
            longitude.as_deref(),
            whole.incomplete.then_some("incomplete"),
        ];
        for part in parts {
            match part {
                None => bytes.push(0),
                Some(part) => {
                    bytes.push(1);
                    bytes.extend((part.len() as u64).to_be_bytes()); // so that no two submissions meet
                    bytes.extend(part.as_bytes());
                }
            }
        }
        Ok(bytes)
    }

    /// An empty or blank part is an absent one, as forms and gateways send them.
    fn drop_empty_parts(&mut self) {
        for part in [
            &mut self.occurred_at,
            &mut self.line,
            &mut self.name,
            &mut self.phone,
            &mut self.email,
            &mut self.address,
        ] {
            if part.as_deref().is_some_and(|text| text.trim().is_empty()) {
                *part = None;
            }
        }
    }

    fn said_at(&self) -> Result<Option<Instant>, Refused> {
        let read = |text: &String| {
            Instant::parse(text.trim()).map_err(|_| Refused::because(Reason::BadTime, "occurred_at"))
        };
        self.occurred_at.as_ref().map(read).transpose()
    }

    fn check_id(&self) -> Result<(), Refused> {
        if self.id.trim().is_empty() {
            return Err(Refused::because(Reason::NoId, "id"));
        }
        if self.id.contains('\0') {
            return Err(Refused::because(Reason::Nul, "id"));
        }
        if self.id.chars().count() > MAX_ID || self.id.chars().any(char::is_control) {
            return Err(Refused::because(Reason::BadId, "id"));
        }
        Ok(())
    }

    fn check_text(&self) -> Result<u32, Refused> {
        if self.text.contains('\0') {
            return Err(Refused::because(Reason::Nul, "text"));
        }
        if is_blank(&self.text) {
            return Err(Refused::because(Reason::NoText, "text"));
        }
        match u32::try_from(self.text.chars().count()) {
            Ok(length) if length as usize <= MAX_TEXT => Ok(length),
            _ => Err(Refused::because(Reason::TooLarge, "text")),
        }
    }

    fn check_parts(&self) -> Result<(), Refused> {
        let parts = [
            ("from.name", &self.name, 256),
            ("from.phone", &self.phone, 64),
            ("from.email", &self.email, 254), // RFC 5321: 254 is the longest path
            ("place.address", &self.address, 1_024),
        ];
        for (field, part, most) in parts {
            let Some(part) = part else { continue };
            if part.contains('\0') {
                return Err(Refused::because(Reason::Nul, field));
            }
            if part.chars().count() > most {
                return Err(Refused::because(Reason::FieldTooLong, field));
            }
        }
        match (self.latitude, self.longitude) {
            (None, None) => Ok(()),
            // NaN is in no range.
            (Some(north), Some(east))
                if (-90.0..=90.0).contains(&north) && (-180.0..=180.0).contains(&east) =>
            {
                Ok(())
            }
            _ => Err(Refused::because(Reason::BadCoordinates, "place")),
        }
    }

    /// The way the citizen came by is the way back; on the web, whichever was given, the e-mail first (it costs nothing and holds a text
    /// of any length). What cannot be an address is kept as it came and not used.
    fn address_for(&self, channel: Channel) -> Option<Address> {
        let phone = || {
            self.phone
                .as_deref()
                .and_then(|p| Phone::parse(p).ok())
                .map(|p| Address::Phone(p.e164().to_owned()))
        };
        let email = || {
            self.email
                .as_deref()
                .and_then(vietnam::email::plain_address)
                .map(Address::Email)
        };
        match channel {
            Channel::Phone | Channel::Sms => phone().or_else(email),
            Channel::Email | Channel::Web => email().or_else(phone),
        }
    }
}

/// Nothing but white space and characters that show nothing.
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
    })
}

/// `0888.247.247` and `0888 247 247` are the same line.
fn known_line(text: &str) -> Option<&'static str> {
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '.' | '-')).collect();
    LINES.into_iter().find(|line| *line == digits)
}
