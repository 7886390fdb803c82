//! Where an answer goes: the way the citizen came by first, the other one next, the tracking page when there is neither.

use std::fmt;

use kernel::taxonomy::Channel;
use vietnam::phone::{Line, Phone};

use crate::words::Way;

/// A way and the number or address it leads to. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Reach {
    /// By which way.
    pub way: Way,
    /// E.164 or an e-mail address; empty for the tracking page.
    pub to: String,
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reach({})", self.way)
    }
}

impl Reach {
    /// Nobody can be written to.
    #[must_use]
    pub const fn tracking_page() -> Self {
        Self {
            way: Way::TrackingPage,
            to: String::new(),
        }
    }

    /// What the citizen left. A landline takes no text message; what is no number or address is as good as none.
    #[must_use]
    pub fn of(channel: Channel, phone: Option<&str>, email: Option<&str>) -> Self {
        let sms = || {
            let phone = Phone::parse(phone?).ok()?;
            (phone.line() == Line::Mobile).then(|| Self {
                way: Way::Sms,
                to: phone.e164().to_owned(),
            })
        };
        let email = || {
            Some(Self {
                way: Way::Email,
                to: vietnam::email::plain_address(email?)?,
            })
        };
        let found = match channel {
            Channel::Phone | Channel::Sms => sms().or_else(email),
            Channel::Email | Channel::Web => email().or_else(sms),
        };
        found.unwrap_or_else(Self::tracking_page)
    }

    /// Whether a message can still go there; checked again before it is handed over.
    #[must_use]
    pub fn is_usable(way: Way, to: &str) -> bool {
        match way {
            Way::Sms => Phone::parse(to).is_ok_and(|p| p.line() == Line::Mobile),
            Way::Email => vietnam::email::plain_address(to).is_some(),
            Way::TrackingPage => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(channel: Channel, phone: &str, email: &str) -> (Way, String) {
        let reach = Reach::of(channel, Some(phone), Some(email));
        (reach.way, reach.to)
    }

    #[test]
    fn the_answer_goes_back_the_way_the_report_came() {
        let sms = (Way::Sms, "+84900000011".to_owned());
        let email = (Way::Email, "lan@example.vn".to_owned());
        assert_eq!(reach(Channel::Phone, "0900 000 011", "lan@example.vn"), sms);
        assert_eq!(reach(Channel::Sms, "0900 000 011", ""), sms);
        assert_eq!(reach(Channel::Email, "0900 000 011", "lan@example.vn"), email);
        assert_eq!(reach(Channel::Web, "0900 000 011", ""), sms);
        assert_eq!(reach(Channel::Web, "0900 000 011", "lan@Example.vn"), email);
    }

    #[test]
    fn a_landline_takes_no_text_message_and_a_wrong_number_reaches_nobody() {
        let page = (Way::TrackingPage, String::new());
        assert_eq!(reach(Channel::Phone, "(028) 3822 1234", ""), page);
        assert_eq!(
            reach(Channel::Phone, "(028) 3822 1234", "lan@example.vn").0,
            Way::Email
        );
        assert_eq!(reach(Channel::Sms, "09xx xxx 431", "lan"), page);
        assert_eq!(Reach::of(Channel::Sms, None, None), Reach::tracking_page());
        assert!(!Reach::is_usable(Way::Sms, "+842838221234") && Reach::is_usable(Way::Sms, "+84900000011"));
    }
}
