//! The ledger's time: wall clocks that lie, and what is forgotten when enough of it has passed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chassis::clock::SystemClock;
use contracts::grpc::ledger as wire;
use kernel::{Clock, Instant};
use tonic::Code;
use uuid::Uuid;
use wire::refusal::Reason;

use crate::world::{Client, START, World, connect, everything, reason, run, simple};

const DAY: i64 = 86_400 * Instant::SECOND;

/// A machine's clock whose wall and whose counter are set by hand.
struct Machine {
    wall: AtomicI64,
    ticks: AtomicI64,
}

impl Machine {
    /// Begins at the present, as the database's clock does.
    fn at(wall: i64) -> Arc<Self> {
        Arc::new(Self {
            wall: AtomicI64::new(wall),
            ticks: AtomicI64::new(0),
        })
    }

    fn set(&self, wall: i64, ticks: i64) {
        self.wall.store(wall, Ordering::SeqCst);
        self.ticks.store(ticks, Ordering::SeqCst);
    }
}

impl Clock for Machine {
    fn now(&self) -> Instant {
        Instant(self.wall.load(Ordering::SeqCst))
    }

    fn ticks(&self) -> Option<i64> {
        Some(self.ticks.load(Ordering::SeqCst))
    }
}

async fn recorded(client: &mut Client) -> i64 {
    let appended = client.append(simple(Uuid::new_v4())).await.unwrap().into_inner();
    appended.events[0].recorded_at
}

async fn doubt(client: &mut Client) -> String {
    client
        .head(wire::HeadRequest::default())
        .await
        .unwrap()
        .into_inner()
        .clock
}

pub(crate) async fn a_wall_clock_that_is_set_ahead_moves_no_recorded_time_and_everybody_is_told(
    mut world: World,
) {
    const S: i64 = Instant::SECOND;
    world.stop().await;
    let start = SystemClock.now().0;
    let machine = Machine::at(start);
    let (address, (shutdown, task)) = run(world.config.clone(), machine.clone()).await;
    let mut client = connect(&address, "routing").await;
    assert_eq!(recorded(&mut client).await, start);
    assert_eq!(doubt(&mut client).await, "");
    machine.set(start + 3_600 * S, S);
    assert_eq!(recorded(&mut client).await, start + S);
    machine.set(start - 3_600 * S, 2 * S);
    assert_eq!(recorded(&mut client).await, start + 2 * S);
    let told = doubt(&mut client).await;
    assert!(told.contains("3602 s against the monotonic clock"), "{told}");
    // Set right again it counts again; the database is asked anew within seconds.
    machine.set(SystemClock.now().0, SystemClock.now().0 - start);
    let counts_again = async {
        while !doubt(&mut client).await.is_empty() {
            recorded(&mut client).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), counts_again)
        .await
        .unwrap();
    shutdown.cancel();
    task.await.unwrap().unwrap();
}

pub(crate) async fn a_start_far_from_the_record_needs_an_operators_word_which_is_an_event(mut world: World) {
    world.stop().await;
    let now = SystemClock.now().0;
    let mut last = now;
    for (n, (wall, why)) in [
        (now, ""),
        (now - DAY, "86400 s behind the last event"),
        (now + 61 * DAY, "61 days ahead of the last event"),
    ]
    .into_iter()
    .enumerate()
    {
        let (address, (shutdown, task)) = run(world.config.clone(), Machine::at(wall)).await;
        let mut client = connect(&address, "routing").await;
        let answer = client.append(simple(Uuid::new_v4())).await;
        if why.is_empty() {
            answer.unwrap();
        } else {
            assert_eq!(answer.unwrap_err().code(), Code::Unavailable);
            assert!(doubt(&mut client).await.contains(why));
            // What is on record is read all the same.
            assert_eq!(everything(&mut client).await.len(), 2 * n - 1);
        }
        shutdown.cancel();
        task.await.unwrap().unwrap();
        if why.is_empty() {
            continue;
        }
        let mut config = world.config.clone();
        config.accept_clock = Some("operator:lan".to_owned());
        let (address, (shutdown, task)) = run(config, Machine::at(wall)).await;
        let mut client = connect(&address, "routing").await;
        client.append(simple(Uuid::new_v4())).await.unwrap();
        let events = everything(&mut client).await;
        assert_eq!(events.len(), 2 * n + 1);
        let word = &events[2 * n - 1];
        assert_eq!(
            (word.r#type.as_str(), word.actor.as_str()),
            ("ledger.clock_accepted.v1", "operator:lan")
        );
        let said: serde_json::Value = serde_json::from_slice(&word.data).unwrap();
        assert_eq!(
            said,
            serde_json::json!({ "wall_at": wall, "last_recorded_at": last })
        );
        // Recorded time never goes back, whatever is accepted.
        last = last.max(wall);
        assert_eq!(events[2 * n].recorded_at, last);
        shutdown.cancel();
        task.await.unwrap().unwrap();
    }
}

pub(crate) async fn a_clients_request_id_is_forgotten_after_400_days_and_a_reactions_never(world: World) {
    let mut client = world.client("routing").await;
    let by_client = |sent: u8, request: &wire::AppendRequest| wire::AppendRequest {
        origin: Some(wire::append_request::Origin::Client(wire::Client {
            sent_sha256: vec![sent; 32].into(),
        })),
        ..request.clone()
    };
    let (old, young, reaction) = (
        simple(Uuid::new_v4()),
        simple(Uuid::new_v4()),
        simple(Uuid::new_v4()),
    );
    client.append(by_client(1, &old)).await.unwrap();
    client.append(reaction.clone()).await.unwrap();
    world.clock.set(Instant(START + DAY));
    client.append(by_client(1, &young)).await.unwrap();
    for statement in [
        "DELETE FROM requests",
        "DELETE FROM requests WHERE digest IS NOT NULL",
        "DELETE FROM requests WHERE digest IS NULL",
    ] {
        assert!(
            world.sql(statement).await.is_err(),
            "nobody may do it sooner: {statement}"
        );
    }
    world.clock.set(Instant(START + 400 * DAY + 1));
    client.append(simple(Uuid::new_v4())).await.unwrap();
    // As long as it is known, other content under the same id is refused.
    let forgotten = async {
        while let Err(status) = client.append(by_client(2, &old)).await {
            assert!(matches!(reason(&status), Reason::RequestIdReused(_)));
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), forgotten)
        .await
        .unwrap();
    let refused = client.append(by_client(2, &young)).await.unwrap_err();
    assert!(matches!(reason(&refused), Reason::RequestIdReused(_)));
    assert!(client.append(reaction).await.unwrap().into_inner().already);
}
