//! How long to wait before the next attempt: doubling, capped, with jitter so that many do not return at once.

use std::time::Duration;

use rand::RngExt;

/// Grows with each failure; starts anew after a success.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// Waits about `first` after the first failure and never more than `most`.
    #[must_use]
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self {
            first,
            most,
            failures: 0,
        }
    }

    /// For calls between our own services: 20 ms to 2 s.
    #[must_use]
    pub const fn between_services() -> Self {
        Self::new(Duration::from_millis(20), Duration::from_secs(2))
    }

    /// For the handling of one event: 50 ms to 15 s.
    #[must_use]
    pub const fn of_a_handler() -> Self {
        Self::new(Duration::from_millis(50), Duration::from_secs(15))
    }

    /// The next pause: between half and the whole of first · 2^failures, capped.
    pub fn next_pause(&mut self) -> Duration {
        let whole = self
            .first
            .saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX))
            .min(self.most);
        self.failures = (self.failures + 1).min(31);
        whole.mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    /// Sleeps the next pause.
    pub async fn pause(&mut self) {
        tokio::time::sleep(self.next_pause()).await;
    }

    /// It worked: start anew.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// How often it failed in a row.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_the_cap_and_start_anew_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(100));
        for whole in [10, 20, 40, 80, 100, 100] {
            let pause = backoff.next_pause();
            assert!(
                pause >= Duration::from_millis(whole) / 2 && pause <= Duration::from_millis(whole),
                "{pause:?}"
            );
        }
        for _ in 0..100 {
            assert!(backoff.next_pause() <= Duration::from_millis(100));
        }
        backoff.reset();
        assert!(backoff.next_pause() <= Duration::from_millis(10));
    }
}
