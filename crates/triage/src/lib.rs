//! The few words that mean danger: recall first, microseconds, before the append.
