//! Turns events into obligations with deadlines and records what was missed.
