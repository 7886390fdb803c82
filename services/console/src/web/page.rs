//! What every page has around it, and how a page becomes an answer.

use axum::response::Html;
use kernel::Position;

use super::assets;
use super::guard::{Signed, Visitor};
use crate::error::Problem;
use crate::lang::Lang;
use crate::people::Session;
use crate::roles::{Act, may};
use crate::words::{List, say};

/// The frame of a page.
pub(super) struct Page {
    pub(super) lang: Lang,
    pub(super) person: Option<Session>,
    /// Which entry of the navigation is this page.
    pub(super) here: &'static str,
    /// This page in the other language.
    pub(super) switch: String,
    /// Everything up to here is on the page; an open page asks to be told of what is after it.
    pub(super) seen: Position,
    csrf: String,
}

impl Page {
    /// For anybody.
    pub(super) fn of(visitor: &Visitor, here: &'static str) -> Self {
        Self {
            lang: visitor.lang,
            person: visitor.session.clone(),
            here,
            switch: visitor.switch.clone(),
            seen: visitor.seen,
            csrf: visitor.csrf.clone(),
        }
    }

    /// For somebody signed in.
    pub(super) fn signed(signed: &Signed, here: &'static str) -> Self {
        Self::of(&signed.visitor, here)
    }

    /// With the token of the door's form.
    pub(super) fn with_csrf(mut self, csrf: String) -> Self {
        self.csrf = csrf;
        self
    }

    /// For answers to a POST: the language is switched on the page itself.
    pub(super) fn at(mut self, path: &str) -> Self {
        self.switch = format!("{path}?lang={}", self.lang.other());
        self
    }

    pub(super) fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    /// The hidden field every form carries.
    pub(super) fn hidden(&self) -> String {
        // Hex digits only: nothing to escape.
        format!(r#"<input type="hidden" name="csrf" value="{}">"#, self.csrf)
    }

    pub(super) fn role_name(&self) -> String {
        self.person
            .as_ref()
            .map(|s| say(List::Role, s.role.code(), self.lang).into_owned())
            .unwrap_or_default()
    }

    pub(super) fn may_take(&self) -> bool {
        self.person.as_ref().is_some_and(|s| may(s.role, Act::TakeReport))
    }

    pub(super) fn may_review(&self) -> bool {
        self.person.as_ref().is_some_and(|s| may(s.role, Act::Review))
    }
}

/// A choice of a select.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) text: String,
}

impl Choice {
    pub(super) fn new(value: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            text: text.into(),
        }
    }
}

/// A select.
pub(super) struct Select {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    /// The letter that leads to it.
    pub(super) key: &'static str,
    pub(super) value: String,
    pub(super) options: Vec<Choice>,
}

impl Select {
    pub(super) fn chosen(&self) -> bool {
        !self.value.is_empty()
    }

    pub(super) fn key_lower(&self) -> String {
        self.key.to_lowercase()
    }
}

/// Renders a page.
pub(super) fn html<T: askama::Template>(page: &T) -> Result<Html<String>, Problem> {
    Ok(Html(page.render()?))
}
