//! Whether this instance writes, for those parts of it that may only work while it does: the relay, and whoever signs.

use tokio::sync::watch;

/// Follows the writer: the fence it holds while it leads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Leadership(watch::Receiver<Option<u64>>);

/// The writer's end.
pub(crate) type LeadershipSender = watch::Sender<Option<u64>>;

impl Leadership {
    pub(crate) fn new() -> (LeadershipSender, Self) {
        let (sender, receiver) = watch::channel(None);
        (sender, Self(receiver))
    }

    /// Waits until this instance leads, and gives its fence; never ends when the writer has ended.
    pub async fn taken(&mut self) -> u64 {
        let fence = match self.0.wait_for(Option::is_some).await {
            Ok(fence) => *fence,
            Err(_) => None,
        };
        match fence {
            Some(fence) => fence,
            None => std::future::pending().await,
        }
    }

    /// Waits until `fence` is not held any more. What is seen here may be a moment old: whoever must be sure compares with the
    /// fence in the head row.
    pub async fn lost(&mut self, fence: u64) {
        // An error means that the writer has ended, and with it the leadership.
        let _ = self.0.wait_for(|held| *held != Some(fence)).await;
    }

    /// The fence held now.
    #[must_use]
    pub fn fence(&self) -> Option<u64> {
        *self.0.borrow()
    }
}
