//! The rules of routing: state, command, event, decide and evolve, with no IO.
