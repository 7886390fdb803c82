//! The rules of escalation: state, command, event, decide and evolve, with no IO.
