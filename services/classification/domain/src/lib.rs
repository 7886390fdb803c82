//! The rules of classification: state, command, event, decide and evolve, with no IO.
