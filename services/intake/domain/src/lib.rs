//! The rules of intake: state, command, event, decide and evolve, with no IO.
