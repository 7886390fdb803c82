//! Who is answerable for an event.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `service:<name>`, `operator:<id>`, `unit:<code>`, `office:<code>`, `leader:<id>`, `inspector:<id>`, `gateway:<name>` or `citizen`.
/// Never a person's name, phone or address: ids only.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(String);

/// What was wrong with the text of an actor.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an actor is `citizen` or `<role>:<id>` with roles service, operator, unit, office, leader, inspector, gateway, admin and an id of 1 to 64 letters, digits, '_', '-' or '.'"
)]
pub struct BadActor;

const ROLES: [&str; 8] = [
    "service",
    "operator",
    "unit",
    "office",
    "leader",
    "inspector",
    "gateway",
    "admin",
];

impl Actor {
    /// The citizen themself; who they are stays sealed.
    #[must_use]
    pub fn citizen() -> Self {
        Self("citizen".to_owned())
    }

    /// One of our services, by its name.
    #[must_use]
    pub fn service(name: &str) -> Self {
        Self(format!("service:{name}"))
    }

    /// `<role>:<id>`.
    ///
    /// # Errors
    /// `BadActor` when the role is unknown or the id holds anything but letters, digits, `_`, `-`, `.`.
    pub fn of(role: &str, id: &str) -> Result<Self, BadActor> {
        Self::parse(&format!("{role}:{id}"))
    }

    /// Reads an actor.
    ///
    /// # Errors
    /// `BadActor` as above.
    pub fn parse(text: &str) -> Result<Self, BadActor> {
        if text == "citizen" {
            return Ok(Self::citizen());
        }
        let (role, id) = text.split_once(':').ok_or(BadActor)?;
        let good = ROLES.contains(&role)
            && (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadActor)
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `unit` of `unit:so_xd`; `citizen` of `citizen`.
    #[must_use]
    pub fn role(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }

    /// `so_xd` of `unit:so_xd`; empty for `citizen`.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, id)| id)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
