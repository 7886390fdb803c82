//! Read your own writes: wait until a projection has reached a position.

use std::time::Duration;

use kernel::Position;
use tokio::sync::watch;

/// How long a read waits, by `architecture.md`.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where a projection is, to be waited for. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Waiter {
    position: watch::Receiver<Position>,
    asked: watch::Sender<Position>,
}

/// The projector's side.
#[derive(Debug)]
pub(super) struct Progress {
    position: watch::Sender<Position>,
    /// The furthest position that somebody asked for.
    pub(super) asked: watch::Receiver<Position>,
}

pub(super) fn channel() -> (Progress, Waiter) {
    let (sender, position) = watch::channel(Position(0));
    let (asked, asks) = watch::channel(Position(0));
    (
        Progress {
            position: sender,
            asked: asks,
        },
        Waiter { position, asked },
    )
}

impl Progress {
    pub(super) fn reached(&self, position: Position) {
        self.position.send_if_modified(|p| {
            let moved = position > *p;
            *p = position.max(*p);
            moved
        });
    }

    pub(super) fn at(&self) -> Position {
        *self.position.borrow()
    }
}

impl Waiter {
    /// Where the projection is: everything it wants up to here is in its tables.
    #[must_use]
    pub fn position(&self) -> Position {
        *self.position.borrow()
    }

    /// Waits up to a second until the projection has reached `at_least`. `false`: still being processed, and the page says so.
    pub async fn reached(&self, at_least: Position) -> bool {
        if self.position() >= at_least {
            return true;
        }
        self.asked
            .send_if_modified(|asked| at_least > std::mem::replace(asked, at_least.max(*asked)));
        let mut position = self.position.clone();
        tokio::time::timeout(PATIENCE, position.wait_for(|p| *p >= at_least))
            .await
            .is_ok_and(|r| r.is_ok())
    }
}
