//! The highest position with nothing undone before it.

use std::collections::BTreeSet;

use kernel::Position;

/// What is under way, and how far everything is done.
#[derive(Debug)]
pub(super) struct Cursor {
    undone: BTreeSet<u64>,
    passed: u64,
}

impl Cursor {
    pub(super) fn at(position: Position) -> Self {
        Self {
            undone: BTreeSet::new(),
            passed: position.0,
        }
    }

    /// An event was taken on. Events are taken on in order.
    pub(super) fn begin(&mut self, position: Position) {
        debug_assert!(position.0 > self.passed, "events are taken on in order and once");
        self.passed = self.passed.max(position.0);
        self.undone.insert(position.0);
    }

    /// Its effect is on record.
    pub(super) fn done(&mut self, position: Position) {
        self.undone.remove(&position.0);
    }

    /// There is nothing to do up to here but what was taken on.
    pub(super) fn pass(&mut self, position: Position) {
        self.passed = self.passed.max(position.0);
    }

    /// How far everything was taken on, or known not to be for us.
    pub(super) fn passed(&self) -> Position {
        Position(self.passed)
    }

    pub(super) fn position(&self) -> Position {
        Position(self.undone.first().map_or(self.passed, |first| first - 1))
    }

    pub(super) fn under_way(&self) -> usize {
        self.undone.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_never_passes_what_is_undone() {
        let mut cursor = Cursor::at(Position(10));
        for position in [12, 13, 20] {
            cursor.begin(Position(position));
        }
        assert_eq!(cursor.position(), Position(11));
        cursor.done(Position(13));
        assert_eq!(cursor.position(), Position(11));
        cursor.done(Position(12));
        assert_eq!(cursor.position(), Position(19));
        cursor.pass(Position(25));
        assert_eq!(cursor.position(), Position(19));
        cursor.done(Position(20));
        assert_eq!(cursor.position(), Position(25));
        assert_eq!(cursor.under_way(), 0);
    }
}
