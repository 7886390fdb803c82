//! The rules of feedback: state, command, event, decide and evolve, with no IO.
