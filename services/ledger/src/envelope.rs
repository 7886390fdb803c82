//! The canonical bytes of an event: the leaf that the Merkle tree stands on, and the associated data that a seal is bound to.
//!
//! An integer is 8 bytes big-endian (times as two's complement); a byte string is preceded by its length as 4 bytes
//! big-endian; an id is a byte string of 16 bytes, of 0 when absent; a text is the byte string of its UTF-8.

use uuid::Uuid;

use crate::event::StoredEvent;

/// The leaf of an event:
///
/// `"hoiam-event-v1"` · position · id · category · stream id · version · type (`routing.case_routed.v1`) · occurred_at ·
/// recorded_at · actor · case id · SHA-256(salt ‖ data) · SHA-256(nonce ‖ ciphertext ‖ tag) (empty when nothing is sealed)
///
/// Its RFC 6962 leaf hash is leaf number `position - 1` of the tree.
#[must_use]
pub fn leaf(event: &StoredEvent) -> Vec<u8> {
    let mut out = Canonical::new(b"hoiam-event-v1");
    out.number(event.position.to_be_bytes());
    out.bytes(event.id.as_bytes());
    out.bytes(event.category.as_bytes());
    out.bytes(event.stream_id.as_bytes());
    out.number(event.version.to_be_bytes());
    out.bytes(event.type_().as_bytes());
    out.number(event.occurred_at.to_be_bytes());
    out.number(event.recorded_at.to_be_bytes());
    out.bytes(event.actor.as_bytes());
    out.id(event.case_id);
    out.bytes(&event.data_hash);
    out.bytes(&event.sealed_hash);
    out.0
}

/// What a seal is bound to, so that ciphertext moved to another event does not open. Only what is fixed before the
/// encryption stands in it:
///
/// `"hoiam-sealed-v1"` · id · category · stream id · version · type · occurred_at · actor · case id
#[must_use]
pub fn associated_data(event: &StoredEvent) -> Vec<u8> {
    let mut out = Canonical::new(b"hoiam-sealed-v1");
    out.bytes(event.id.as_bytes());
    out.bytes(event.category.as_bytes());
    out.bytes(event.stream_id.as_bytes());
    out.number(event.version.to_be_bytes());
    out.bytes(event.type_().as_bytes());
    out.number(event.occurred_at.to_be_bytes());
    out.bytes(event.actor.as_bytes());
    out.id(event.case_id);
    out.0
}

/// What a leaf says: the fields of `leaf`, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The one number.
    pub position: u64,
    /// Of the event.
    pub id: Uuid,
    /// The stream is `<category>/<stream_id>`.
    pub category: String,
    /// See `category`.
    pub stream_id: Uuid,
    /// Within the stream, from 1.
    pub version: u64,
    /// With its revision: `routing.case_routed.v1`.
    pub type_: String,
    /// Microseconds since the epoch, UTC.
    pub occurred_at: i64,
    /// Microseconds since the epoch, UTC.
    pub recorded_at: i64,
    /// Who is answerable.
    pub actor: String,
    /// If it belongs to a case.
    pub case_id: Option<Uuid>,
    /// SHA-256(salt ‖ data).
    pub data_hash: Vec<u8>,
    /// SHA-256(nonce ‖ ciphertext ‖ tag); empty when nothing is sealed.
    pub sealed_hash: Vec<u8>,
}

impl Facts {
    /// Reads a leaf; `None` when it is none, also when anything follows it.
    #[must_use]
    pub fn read(leaf: &[u8]) -> Option<Self> {
        let mut rest = Reader(leaf);
        if rest.bytes()? != b"hoiam-event-v1" {
            return None;
        }
        let facts = Self {
            position: u64::from_be_bytes(rest.number()?),
            id: rest.id()??,
            category: rest.text()?,
            stream_id: rest.id()??,
            version: u64::from_be_bytes(rest.number()?),
            type_: rest.text()?,
            occurred_at: i64::from_be_bytes(rest.number()?),
            recorded_at: i64::from_be_bytes(rest.number()?),
            actor: rest.text()?,
            case_id: rest.id()?,
            data_hash: rest.bytes()?.to_vec(),
            sealed_hash: rest.bytes()?.to_vec(),
        };
        rest.0.is_empty().then_some(facts)
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<[u8; 8]> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*number)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk()?;
        let (bytes, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    fn id(&mut self) -> Option<Option<Uuid>> {
        match self.bytes()? {
            [] => Some(None),
            id => Some(Some(Uuid::from_slice(id).ok()?)),
        }
    }
}

struct Canonical(Vec<u8>);

impl Canonical {
    fn new(tag: &[u8]) -> Self {
        let mut out = Self(Vec::with_capacity(320));
        out.bytes(tag);
        out
    }

    fn number(&mut self, big_endian: [u8; 8]) {
        self.0.extend_from_slice(&big_endian);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        // Every field is bounded by the limits on a request (16 KiB), so its length fits.
        self.0
            .extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn id(&mut self, id: Option<Uuid>) {
        self.bytes(id.as_ref().map_or(&[], |id| id.as_bytes().as_slice()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> StoredEvent {
        StoredEvent {
            position: 1,
            id: Uuid::from_u128(1),
            category: "routing".to_owned(),
            stream_id: Uuid::from_u128(2),
            version: 3,
            case_id: None,
            name: "routing.case_routed".to_owned(),
            revision: 1,
            occurred_at: -1,
            recorded_at: 5,
            actor: "service:routing".to_owned(),
            correlation: String::new(),
            causation: None,
            traceparent: String::new(),
            request_id: Uuid::from_u128(6),
            data: b"{}".to_vec(),
            salt: vec![7; 16],
            data_hash: vec![8; 32],
            sealed_hash: Vec::new(),
            leaf: Vec::new(),
        }
    }

    #[test]
    fn the_leaf_is_these_very_bytes_because_proofs_of_years_ago_stand_on_them() {
        let expected = [
            "0000000e686f69616d2d6576656e742d7631",                 // hoiam-event-v1
            "0000000000000001",                                     // position
            "0000001000000000000000000000000000000001",             // id
            "00000007726f7574696e67",                               // routing
            "0000001000000000000000000000000000000002",             // stream id
            "0000000000000003",                                     // version
            "00000016726f7574696e672e636173655f726f757465642e7631", // routing.case_routed.v1
            "ffffffffffffffff",                                     // occurred_at
            "0000000000000005",                                     // recorded_at
            "0000000f736572766963653a726f7574696e67",               // service:routing
            "00000000",                                             // no case
            "00000020",                                             // hash of the data
            "0808080808080808080808080808080808080808080808080808080808080808",
            "00000000", // nothing sealed
        ];
        assert_eq!(hex::encode(leaf(&event())), expected.concat());
    }

    #[test]
    fn a_leaf_is_read_back_as_it_was_written_and_nothing_shorter_or_longer_is_one() {
        let event = StoredEvent {
            case_id: Some(Uuid::from_u128(9)),
            ..event()
        };
        let mut bytes = leaf(&event);
        let facts = Facts::read(&bytes).unwrap();
        assert_eq!((facts.position, facts.version, facts.occurred_at), (1, 3, -1));
        assert_eq!((facts.id, facts.case_id), (event.id, event.case_id));
        assert_eq!((facts.type_, facts.actor), (event.type_(), event.actor));
        assert_eq!(
            (facts.data_hash, facts.sealed_hash),
            (event.data_hash, event.sealed_hash)
        );
        assert!((0..bytes.len()).all(|n| Facts::read(&bytes[..n]).is_none()));
        bytes.push(0);
        assert!(Facts::read(&bytes).is_none());
    }

    #[test]
    fn a_case_and_no_case_bind_a_seal_differently() {
        let with_case = StoredEvent {
            case_id: Some(Uuid::nil()),
            ..event()
        };
        assert_ne!(associated_data(&event()), associated_data(&with_case));
    }
}
