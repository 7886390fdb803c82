//! The closed loop: so many clients, each with one request under way. The peers are driven by this very file.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What the clients got done in the time that counts.
pub(crate) struct Measured {
    /// Requests answered.
    pub(crate) count: usize,
    /// How long was measured.
    pub(crate) seconds: f64,
    /// Half the requests took at most so long.
    pub(crate) p50_us: u64,
    /// All but one in a hundred took at most so long.
    pub(crate) p99_us: u64,
}

/// How long to run.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    /// Not counted.
    pub(crate) warm_up: Duration,
    /// Counted.
    pub(crate) measured: Duration,
}

/// Connections for so many clients: one for each 64 of them.
pub(crate) fn connections(clients: usize) -> usize {
    clients.div_ceil(64)
}

/// Lets each client ask again as soon as it is answered, until the time is up.
///
/// # Errors
/// The first error of any client: a store that refuses is not measured.
pub(crate) async fn run<Client, Answer, Error>(clients: Vec<Client>, span: Span) -> Result<Measured, Error>
where
    Client: FnMut() -> Answer + Send + 'static,
    Answer: Future<Output = Result<(), Error>> + Send,
    Error: Send + 'static,
{
    let stop = Arc::new(AtomicBool::new(false));
    let from = Instant::now() + span.warm_up;
    let to = from + span.measured;
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            let stop = Arc::clone(&stop);
            tokio::spawn(async move {
                let mut took = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let asked = Instant::now();
                    if asked >= to {
                        break;
                    }
                    if let Err(error) = client().await {
                        stop.store(true, Ordering::Relaxed);
                        return Err(error);
                    }
                    let answered = Instant::now();
                    if answered >= from && answered < to {
                        took.push(u64::try_from((answered - asked).as_micros()).unwrap_or(u64::MAX));
                    }
                }
                Ok(took)
            })
        })
        .collect();
    let mut took = Vec::new();
    for task in tasks {
        match task.await {
            Ok(of_one) => took.append(&mut of_one?),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
    took.sort_unstable();
    Ok(Measured {
        count: took.len(),
        seconds: span.measured.as_secs_f64(),
        p50_us: percentile(&took, 50),
        p99_us: percentile(&took, 99),
    })
}

/// By nearest rank, of sorted figures; 0 of none.
pub(crate) fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Span = Span {
        warm_up: Duration::from_millis(20),
        measured: Duration::from_millis(50),
    };

    #[tokio::test]
    async fn every_answer_in_the_time_that_counts_is_counted_and_none_before() {
        let client = || async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            Ok::<_, ()>(())
        };
        // Answers come at about 30 and 60 ms, and at 90 ms, which is too late.
        let measured = run(vec![client, client], SHORT).await.unwrap();
        assert!(measured.count >= 2 && measured.count <= 4, "{}", measured.count);
        assert!(measured.p50_us >= 30_000);
    }

    #[tokio::test]
    async fn a_refusal_ends_the_run() {
        let refused = run(vec![|| async { Err::<(), _>("no") }], SHORT).await;
        assert_eq!(refused.err(), Some("no"));
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let sorted: Vec<u64> = (1..=200).collect();
        assert_eq!((percentile(&sorted, 50), percentile(&sorted, 99)), (100, 198));
        assert_eq!(percentile(&[], 50), 0);
    }
}
