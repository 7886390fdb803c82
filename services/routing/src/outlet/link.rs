//! The signed link in a unit's mail: for one case, one dispatch and a month, and worth nothing when that is over.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chassis::ledger::LedgerClient;
use hmac::{Hmac, KeyInit, Mac};
use kernel::{CaseId, Instant};
use routing_domain::{Notice, UnitCode};
use sha2::Sha256;

use super::{Carrier, Record};
use crate::error::Refusal;

/// How long a link is good for.
pub(crate) const LIFE: i64 = 30 * 24 * 3_600 * Instant::SECOND;

/// What it is a link to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Link {
    pub(crate) case: CaseId,
    pub(crate) notice: Notice,
    /// The last second it is good for, since 1970.
    pub(crate) until: u32,
}

/// Case, revision, last second.
const FACTS: usize = 16 + 4 + 4;

impl Link {
    /// `<unit>.<base64url of the facts and their HMAC-SHA256 under the secret>`.
    pub(crate) fn token(&self, secret: &str) -> String {
        let mut bytes = self.facts();
        bytes.extend(self.mac(secret).finalize().into_bytes());
        format!("{}.{}", self.notice.unit, URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads a link that we made: anything else is none, and nothing is told about why.
    pub(crate) async fn read(ledger: &LedgerClient, token: &str, now: Instant) -> Result<Self, Refusal> {
        let (link, mac) = Self::parse(token).ok_or(Refusal::NoLink)?;
        let record = Record::read(ledger, link.notice.unit.as_str()).await?;
        let target = record
            .target(ledger, Carrier::Mail)
            .await?
            .ok_or(Refusal::NoLink)?;
        if target
            .secrets(now)
            .any(|secret| link.mac(secret).verify_slice(&mac).is_ok())
        {
            Ok(link)
        } else {
            Err(Refusal::NoLink)
        }
    }

    /// Whether its time has passed.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        now.0.div_euclid(Instant::SECOND) > i64::from(self.until)
    }

    fn parse(token: &str) -> Option<(Self, Vec<u8>)> {
        let (unit, rest) = token.split_once('.')?;
        let bytes = URL_SAFE_NO_PAD.decode(rest).ok()?;
        let (facts, mac) = bytes.split_at_checked(FACTS)?;
        let number = |at: usize| Some(u32::from_be_bytes(facts.get(at..at + 4)?.try_into().ok()?));
        let link = Self {
            case: CaseId::from_slice(facts.get(..16)?)?,
            notice: Notice {
                unit: UnitCode::parse(unit).ok()?,
                revision: number(16)?,
            },
            until: number(20)?,
        };
        Some((link, mac.to_vec()))
    }

    fn facts(&self) -> Vec<u8> {
        let mut facts = self.case.to_vec();
        facts.extend(self.notice.revision.to_be_bytes());
        facts.extend(self.until.to_be_bytes());
        facts
    }

    fn mac(&self, secret: &str) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key");
        mac.update(b"hoiam unit link\0");
        mac.update(self.notice.unit.as_str().as_bytes());
        mac.update(b"\0");
        mac.update(&self.facts());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stands_for_its_unit_case_and_revision_and_for_no_other() {
        let link = Link {
            case: CaseId(uuid::Uuid::from_u128(7)),
            notice: Notice {
                unit: UnitCode::parse("so_xd").unwrap(),
                revision: 3,
            },
            until: 1_800_000_000,
        };
        let token = link.token("whsec_x");
        let (read, mac) = Link::parse(&token).unwrap();
        assert_eq!(read, link);
        assert!(read.mac("whsec_x").verify_slice(&mac).is_ok());
        assert!(read.mac("whsec_y").verify_slice(&mac).is_err());
        let (_, rest) = token.split_once('.').unwrap();
        let (other, mac) = Link::parse(&format!("sawaco.{rest}")).unwrap();
        assert!(other.mac("whsec_x").verify_slice(&mac).is_err());
        let later = Link {
            until: link.until + 1,
            ..link.clone()
        };
        assert!(later.mac("whsec_x").verify_slice(&mac).is_err());
        for none in [
            "",
            "so_xd",
            "so_xd.",
            "so_xd.AAAA",
            "so_xd.%%%",
            &token[..token.len() - 60],
        ] {
            assert!(
                Link::parse(none).is_none_or(|(read, mac)| read.mac("whsec_x").verify_slice(&mac).is_err()),
                "{none}"
            );
        }
        assert!(!link.is_over(Instant(1_800_000_000 * Instant::SECOND)));
        assert!(link.is_over(Instant(1_800_000_001 * Instant::SECOND)));
    }
}
