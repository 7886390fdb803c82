//! The shape of every rule: fold what happened into a state, and decide from it what happens next.

/// A pure decision: no IO, no clock, no randomness. Time and ids come in with the command.
pub trait Decider {
    /// What the past amounts to.
    type State: Default + Clone;
    /// What somebody wants done; imperative.
    type Command;
    /// What happened; past tense.
    type Event;
    /// The fact that blocks the command, named for it (`AlreadyClosed`).
    type Rejection;

    /// Decides. An effect that already holds gives no events.
    ///
    /// # Errors
    /// The fact that blocks the command.
    fn decide(state: &Self::State, command: Self::Command) -> Result<Vec<Self::Event>, Self::Rejection>;

    /// Folds one event; total, with no catch-all arm.
    #[must_use]
    fn evolve(state: Self::State, event: &Self::Event) -> Self::State;

    /// Folds a history from nothing.
    #[must_use]
    fn fold<'a>(history: impl IntoIterator<Item = &'a Self::Event>) -> Self::State
    where
        Self::Event: 'a,
    {
        history.into_iter().fold(Self::State::default(), Self::evolve)
    }
}
