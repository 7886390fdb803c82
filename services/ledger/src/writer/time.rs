//! Whose time counts: the wall's, as long as it agrees with what else is known; never a wall clock that somebody moved.

use std::fmt;
use std::sync::{Arc, Mutex};

use kernel::{Clock, Instant};

/// How far two clocks may be apart and still agree.
const AGREE: i64 = 5 * Instant::SECOND;
/// A wall clock further ahead of the last event needs an operator's word: so long nothing at all was recorded, or it is wrong.
const FAR: i64 = 60 * 24 * 3_600 * Instant::SECOND;

/// Why the wall clock is not taken for the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// It moved against the clock that only counts on.
    Jumped(i64),
    /// The database's clock shows another time.
    Database(i64),
    /// At the start it was behind the last event on record.
    Behind(i64),
    /// At the start it was far ahead of the last event on record.
    FarAhead(i64),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |micros: &i64| micros.unsigned_abs() / 1_000_000;
        match self {
            Self::Jumped(by) => write!(
                f,
                "the wall clock moved by {} s against the monotonic clock, which counts on alone: set the clock right, or restart the ledger if it is right now",
                seconds(by)
            ),
            Self::Database(by) => write!(
                f,
                "the wall clock and the database's are {} s apart, and the monotonic clock counts on alone: set both right (NTP)",
                seconds(by)
            ),
            Self::Behind(by) => write!(
                f,
                "the wall clock is {} s behind the last event on record: set it right, or start with --accept-clock",
                seconds(by)
            ),
            Self::FarAhead(by) => write!(
                f,
                "the wall clock is {} days ahead of the last event on record: set it right, or start with --accept-clock",
                seconds(by) / 86_400
            ),
        }
    }
}

/// Whether the ledger may begin to write by this wall clock, the last event being of `last`.
pub(crate) fn at_start(wall: i64, last: i64) -> Result<(), Doubt> {
    match wall.saturating_sub(last) {
        ahead if ahead < -AGREE => Err(Doubt::Behind(ahead)),
        ahead if ahead > FAR => Err(Doubt::FarAhead(ahead)),
        _ => Ok(()),
    }
}

/// What is known of the time, and the decision on it. Pure.
#[derive(Debug, Default)]
struct Judge {
    /// The time last given, and the monotonic clock then.
    last: Option<(i64, i64)>,
    /// The database's clock against the wall's, when they were last compared.
    database: i64,
    doubt: Option<Doubt>,
    /// Whether the operators were told of a doubt.
    told: bool,
}

impl Judge {
    /// The time, when the wall clock shows `wall` and the monotonic clock `ticks`.
    fn time(&mut self, wall: i64, ticks: i64) -> i64 {
        let (last, then) = *self.last.get_or_insert((wall, ticks));
        let counted = last.saturating_add(ticks.saturating_sub(then));
        let jumped = wall.saturating_sub(counted);
        self.doubt = if jumped.saturating_abs() > AGREE {
            Some(Doubt::Jumped(jumped))
        } else if self.database.saturating_abs() > AGREE {
            Some(Doubt::Database(self.database))
        } else {
            None
        };
        let time = if self.doubt.is_none() { wall } else { counted };
        self.last = Some((time, ticks));
        time
    }
}

/// The writer's time. A clock without a monotonic one beside it was handed in by a test or a simulation: it is the time.
pub(crate) struct Timekeeper {
    clock: Arc<dyn Clock>,
    judge: Mutex<Judge>,
}

impl Timekeeper {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            judge: Mutex::default(),
        }
    }

    /// Whether it is the machine's, which may be wrong.
    pub(crate) fn may_be_wrong(&self) -> bool {
        self.clock.ticks().is_some()
    }

    pub(crate) fn wall(&self) -> i64 {
        self.clock.now().0
    }

    /// The time to record by.
    pub(crate) fn now(&self) -> i64 {
        match self.clock.ticks() {
            Some(ticks) => self.judge().time(self.wall(), ticks),
            None => self.wall(),
        }
    }

    /// Takes note of what the database's clock shows.
    pub(crate) fn compare(&self, database: i64) {
        let wall = self.wall();
        self.judge().database = database.saturating_sub(wall);
    }

    /// Why the wall clock is not taken for the time, if it is not.
    pub(crate) fn doubt(&self) -> Option<Doubt> {
        self.judge().doubt
    }

    /// What the start found.
    pub(crate) fn doubt_start(&self, doubt: Doubt) {
        self.judge().doubt = Some(doubt);
    }

    /// The doubt, or that there is none any more, when nobody was told yet.
    pub(crate) fn untold(&self) -> Option<Option<Doubt>> {
        let mut judge = self.judge();
        let doubted = judge.doubt.is_some();
        (std::mem::replace(&mut judge.told, doubted) != doubted).then_some(judge.doubt)
    }

    fn judge(&self) -> std::sync::MutexGuard<'_, Judge> {
        #[expect(clippy::expect_used, reason = "nothing panics while the lock is held")]
        self.judge.lock().expect("no holder panics")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const S: i64 = Instant::SECOND;
    const DAY: i64 = 86_400 * S;

    #[test]
    fn a_start_needs_no_word_unless_the_clock_is_behind_the_record_or_far_ahead_of_it() {
        let now = 1_000 * DAY;
        for fine in [0, 1, -5 * S, 60 * DAY] {
            assert_eq!(at_start(now + fine, now), Ok(()));
        }
        assert_eq!(at_start(now - 5 * S - 1, now), Err(Doubt::Behind(-5 * S - 1)));
        assert_eq!(
            at_start(now + 60 * DAY + 1, now),
            Err(Doubt::FarAhead(60 * DAY + 1))
        );
        assert!(at_start(i64::MIN, i64::MAX).is_err() && at_start(i64::MAX, i64::MIN).is_err());
    }

    #[test]
    fn a_wall_clock_that_jumps_is_left_alone_until_it_comes_back() {
        let mut judge = Judge::default();
        assert_eq!(judge.time(100 * S, 0), 100 * S);
        // Somebody sets it an hour ahead: the monotonic clock counts on, and stays in charge however long that lasts.
        assert_eq!(judge.time(100 * S + 3_600 * S, S), 101 * S);
        assert_eq!(judge.doubt, Some(Doubt::Jumped(3_599 * S)));
        assert_eq!(judge.time(3_710 * S, 10 * S), 110 * S);
        // Set right again, or nearly: the wall counts.
        assert_eq!(judge.time(122 * S, 20 * S), 122 * S);
        assert_eq!(judge.doubt, None);
        // Backwards the same.
        assert_eq!(judge.time(10 * S, 21 * S), 123 * S);
        assert_eq!(judge.doubt, Some(Doubt::Jumped(-113 * S)));
    }

    #[test]
    fn a_wall_clock_that_the_database_contradicts_is_not_followed() {
        let mut judge = Judge::default();
        judge.time(100 * S, 0);
        judge.database = 6 * S;
        assert_eq!(judge.time(101 * S + 5, S), 101 * S);
        assert_eq!(judge.doubt, Some(Doubt::Database(6 * S)));
        judge.database = 5 * S;
        assert_eq!(judge.time(102 * S + 5, 2 * S), 102 * S + 5);
        assert_eq!(judge.doubt, None);
    }

    proptest! {
        /// Whatever the wall clock does, the time never departs by more than 5 s at a step from what the monotonic clock counted.
        #[test]
        fn no_wall_clock_moves_the_time_by_more_than_the_monotonic_clock_and_five_seconds(
            steps in prop::collection::vec((any::<i64>(), 0_i64..1_000 * S), 1..50),
        ) {
            let mut judge = Judge::default();
            let (mut ticks, mut before) = (0, judge.time(0, 0));
            for (wall, step) in steps {
                ticks += step;
                let time = judge.time(wall, ticks);
                prop_assert!((time - before - step).abs() <= AGREE);
                before = time;
            }
        }
    }
}
