//! Given a history, when a command comes, then these events follow: tests of rules read like the rules.

use std::fmt::Debug;

use crate::Decider;

/// What happened before the command.
pub struct Given<D: Decider>(D::State);

/// What the decision came to.
pub struct Outcome<D: Decider>(Result<Vec<D::Event>, D::Rejection>);

/// Starts from a history.
#[must_use]
pub fn given<D: Decider>(history: &[D::Event]) -> Given<D> {
    Given(D::fold(history))
}

impl<D: Decider> Given<D> {
    /// Decides the command on that history.
    #[must_use]
    pub fn when(&self, command: D::Command) -> Outcome<D> {
        Outcome(D::decide(&self.0, command))
    }
}

impl<D: Decider> Outcome<D>
where
    D::Event: Debug + PartialEq,
    D::Rejection: Debug + PartialEq,
{
    /// Exactly these events.
    ///
    /// # Panics
    /// When the decision came to anything else.
    #[track_caller]
    pub fn then(self, expected: &[D::Event]) {
        match self.0 {
            Ok(events) => assert_eq!(events, expected),
            Err(rejection) => panic!("expected events {expected:?}, but it was rejected: {rejection:?}"),
        }
    }

    /// No events: the effect already holds, or there is nothing to do.
    #[track_caller]
    pub fn then_nothing(self) {
        self.then(&[]);
    }

    /// Exactly this rejection.
    ///
    /// # Panics
    /// When the decision came to anything else.
    #[track_caller]
    pub fn rejected(self, expected: &D::Rejection) {
        match self.0 {
            Ok(events) => panic!("expected the rejection {expected:?}, but these events came: {events:?}"),
            Err(rejection) => assert_eq!(&rejection, expected),
        }
    }
}
