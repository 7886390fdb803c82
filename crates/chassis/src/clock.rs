//! The only reader of the machine's time, and a clock that tests and simulations set by hand.

use std::sync::atomic::{AtomicI64, Ordering};

use kernel::{Clock, Instant};
use nix::time::{ClockId, clock_gettime};

/// The machine's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the machine's time"
    )]
    fn now(&self) -> Instant {
        jiff::Timestamp::now().into()
    }

    /// Since the machine started, its sleep counted in.
    fn ticks(&self) -> Option<i64> {
        #[cfg(target_os = "linux")]
        let id = ClockId::CLOCK_BOOTTIME;
        #[cfg(not(target_os = "linux"))]
        let id = ClockId::CLOCK_MONOTONIC;
        let time = clock_gettime(id).ok()?;
        time.tv_sec()
            .checked_mul(Instant::SECOND)?
            .checked_add(time.tv_nsec() / 1_000)
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Stands at `start`.
    #[must_use]
    pub fn new(start: Instant) -> Self {
        Self(AtomicI64::new(start.0))
    }

    /// Moves to an instant, earlier or later.
    pub fn set(&self, to: Instant) {
        self.0.store(to.0, Ordering::SeqCst);
    }

    /// Moves on by so many microseconds.
    pub fn advance(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        Instant(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::new(Instant(5));
        assert_eq!(clock.now(), Instant(5));
        clock.advance(3);
        assert_eq!(clock.now(), Instant(8));
        clock.set(Instant(1));
        assert_eq!(clock.now(), Instant(1));
    }

    #[test]
    fn the_machine_counts_on_and_a_clock_by_hand_is_beyond_doubt() {
        let before = SystemClock.ticks().unwrap();
        assert!(before > 0 && SystemClock.ticks().unwrap() >= before);
        assert_eq!(ManualClock::new(Instant(5)).ticks(), None);
    }

    #[test]
    fn the_system_clock_is_in_this_century() {
        assert!(SystemClock.now() > Instant::parse("2024-01-01T00:00:00Z").unwrap());
    }
}
