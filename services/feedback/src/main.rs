//! Carries the answer to the citizen at the level of the case, closes and reopens.
fn main() {}
