//! The seam between the ledger and a stream that is trimmed while several write, connections break and the broker restarts: whoever
//! follows sees each position once, in order.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::jetstream::stream;
use async_trait::async_trait;
use chassis::clock::SystemClock;
use chassis::consumer::{
    Delivered, Failure, Projection, ProjectionError, Reaction, run_projector, run_reactor,
};
use chassis::ledger::{Append, Expected, Filter, LedgerClient, NewEvent, Range, StreamWrite};
use chassis::nats::Nats;
use contracts::events::routing::{CaseAccepted, ProgressReported};
use contracts::{Recorded, subjects};
use futures::TryStreamExt as _;
use kernel::{Actor, CaseId, Clock as _, Position, Reached};
use testkit::chance::{Chance, rounds};
use testkit::proxy::{Loss, Proxy};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::world::{self, World, accepted, cases};

/// Everything at once takes longer.
const PATIENCE: Duration = Duration::from_secs(3 * world::PATIENCE.as_secs());
/// How many write at once, each in two cases of its own.
const WRITERS: u128 = 4;
/// Events of one request.
const TOGETHER: u32 = 12;
/// What is written while a consumer stands still: more than it has pulled already, so that a trim takes what it was never sent.
const BEHIND: u64 = 700;

/// Of so many acceptances the reaction answers one.
const ANSWERED: u32 = 6;

/// Takes every event it is given, as a projection and as a reaction; stands still when told to.
struct Everything {
    client: LedgerClient,
    seen: Mutex<Vec<Seen>>,
    /// How far the projection is.
    at: watch::Sender<u64>,
    stands: watch::Sender<bool>,
}

type Seen = (Position, Option<CaseId>);

impl Everything {
    fn new(world: &World) -> Arc<Self> {
        Arc::new(Self {
            client: world.client.clone(),
            seen: Mutex::default(),
            at: watch::Sender::new(0),
            stands: watch::Sender::new(false),
        })
    }

    async fn take(&self, events: &[Recorded]) {
        let _ = self.stands.subscribe().wait_for(|stands| !*stands).await;
        let mut seen = self.seen.lock().unwrap();
        seen.extend(events.iter().map(|event| (event.position, event.case)));
        self.at.send_replace(seen.last().unwrap().0.0);
    }
}

#[async_trait]
impl Projection for Everything {
    fn name(&self) -> &'static str {
        "everything"
    }

    fn wants(&self) -> &[&'static str] {
        &[]
    }

    async fn position(&self) -> Result<Reached, ProjectionError> {
        Ok(Position(*self.at.borrow()).into())
    }

    async fn apply(&self, batch: &[Recorded]) -> Result<(), ProjectionError> {
        self.take(batch).await;
        Ok(())
    }

    async fn reset(&self) -> Result<(), ProjectionError> {
        unreachable!("nobody resets it")
    }
}

#[async_trait]
impl Reaction for Everything {
    fn consumer(&self) -> &'static str {
        "reaction"
    }

    fn wants(&self) -> &[&'static str] {
        &["routing.case_accepted"]
    }

    async fn react(&self, delivered: &Delivered) -> Result<(), Failure> {
        let event = &delivered.event;
        self.take(std::slice::from_ref(event)).await;
        let accepted: CaseAccepted = event.decode()?.expect("only what is wanted arrives");
        if !accepted.revision.is_multiple_of(ANSWERED) {
            return Ok(());
        }
        let answer = ProgressReported {
            unit: accepted.unit,
            revision: accepted.revision,
            committed_date: None,
            attachments: 0,
        };
        let answer = NewEvent::of(&answer, Actor::service("routing"), SystemClock.now());
        let stream = StreamWrite::new(event.stream.clone(), Expected::Any, vec![answer]);
        let append = Append::reaction(event, Reaction::consumer(self), vec![stream]);
        self.client.append(append).await?;
        Ok(())
    }
}

/// What happened to the stream.
#[derive(Debug, Default)]
struct Done {
    /// Trims that took what the projection had not seen.
    overtaken: u64,
    cuts: u64,
    restarts: u64,
}

/// Acceptances of two cases in turn, as long as the head is below the goal; until the goal is given up.
async fn write(client: LedgerClient, cases: [CaseId; 2], mut goal: watch::Receiver<u64>) {
    let mut head = 0;
    for revision in (0..).step_by(TOGETHER as usize) {
        if goal.wait_for(|goal| *goal > head).await.is_err() {
            return;
        }
        // One request is of one case.
        let case = cases[(revision / TOGETHER) as usize % 2];
        let mut append = accepted(case, revision);
        append.streams = (revision..revision + TOGETHER)
            .flat_map(|r| accepted(case, r).streams)
            .collect();
        head = client.append(append).await.unwrap().position.0;
    }
}

/// The head, when it is there.
async fn reaches(client: &LedgerClient, position: u64) -> u64 {
    let wait = async {
        loop {
            let head = client.head(Position(position)).await.unwrap().position;
            if head >= position {
                return head;
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("others write")
}

async fn everything_on_record(client: &LedgerClient) -> Vec<Recorded> {
    let all = client.read_all(Range::default(), Filter::default());
    all.try_collect().await.unwrap()
}

/// Waits until the stream is so far.
async fn relayed(client: &LedgerClient, position: u64) {
    let wait = async {
        while client.head(Position(0)).await.unwrap().relayed < position {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, wait).await.is_err() {
        panic!(
            "the relay does not come to {position}: {:?}",
            client.head(Position(0)).await
        );
    }
}

/// The stream as the relay makes it, but one that a test may trim when it likes to, not by age.
async fn purgeable(nats: &Nats) {
    let _ = nats.jetstream().delete_stream(subjects::EVENTS).await; // if the relay came to make it
    let config = stream::Config {
        name: subjects::EVENTS.to_owned(),
        subjects: vec![subjects::EVENTS_SUBJECTS.to_owned()],
        first_sequence: Some(1),
        allow_atomic_publish: true,
        allow_direct: true,
        ..Default::default()
    };
    nats.jetstream().create_stream(config).await.unwrap();
}

/// Takes all before `first` from the stream; whether the projection had still to see some of it.
async fn trim(nats: &Nats, first: u64, projection: &Everything) -> bool {
    let stream = nats.jetstream().get_stream(subjects::EVENTS).await.unwrap();
    let at = *projection.at.borrow();
    let purged = stream.purge().sequence(first).await.unwrap();
    purged.purged > 0 && at + 1 < first
}

#[tokio::test(flavor = "multi_thread")]
async fn each_position_is_seen_once_and_in_order_while_the_stream_is_trimmed_and_connections_break() {
    let mut world = World::start().await;
    // The relay loses acknowledgements and its connection with them; the consumers' connection is cut.
    let lossy = Proxy::start(world.nats.address(), Loss::StreamAckWithConnection)
        .await
        .unwrap();
    let proxy = Proxy::start(world.nats.address(), Loss::StreamAck).await.unwrap();
    world.ledger.stop().await.unwrap();
    let nats = world.nats.connect().await.unwrap();
    purgeable(&nats).await;
    world
        .ledger
        .restart_through(&format!("nats://{}", lossy.address()))
        .await
        .unwrap();
    lossy.lose_one_in(12);
    let url = format!("nats://{}", proxy.address());
    let (projection, reaction) = (Everything::new(&world), Everything::new(&world));
    let shutdown = CancellationToken::new();
    let deps = World::of(&url, &world.ledger.url()).await;
    let (_, projector) = run_projector(Arc::clone(&projection) as _, deps, shutdown.clone());
    let projector = tokio::spawn(projector);
    let deps = World::of(&url, &world.ledger.url()).await;
    let reactor = tokio::spawn(run_reactor(Arc::clone(&reaction) as _, deps, shutdown.clone()));

    let goal = watch::Sender::new(0);
    let mut writers = JoinSet::new();
    for pair in cases(2 * WRITERS).chunks(2) {
        writers.spawn(write(world.client.clone(), [pair[0], pair[1]], goal.subscribe()));
    }
    let (mut chance, mut done, mut head) = (Chance::seeded(), Done::default(), 0);
    for round in 0..rounds(4) {
        // Some rounds trim what everybody has had for long, or is just being sent.
        let behind = round % 4 != 3;
        projection.stands.send_replace(behind);
        reaction.stands.send_replace(behind && chance.one_in(2));
        let more = if behind { BEHIND } else { BEHIND / 4 };
        // They go on while the stream is trimmed.
        goal.send_replace(head + more + BEHIND / 2);
        head = reaches(&world.client, head + more).await;
        if round % 4 == 2 {
            world.nats.kill9();
            head = reaches(&world.client, head + 1).await;
            world.nats.restart().await.unwrap();
            nats.connected().await;
            done.restarts += 1;
        }
        relayed(&world.client, head).await;
        let first = head + 1 - chance.below(100);
        if round % 4 == 1 {
            // Whoever opens the stream again does it while it is trimmed.
            proxy.cut();
            done.cuts += 1;
        }
        done.overtaken += u64::from(trim(&nats, first, &projection).await);
        projection.stands.send_replace(false);
        reaction.stands.send_replace(false);
        if round % 4 == 0 {
            proxy.cut();
            done.cuts += 1;
        }
    }
    drop(goal);
    writers.join_all().await;
    lossy.lose_one_in(0);

    world.caught_up("reaction").await;
    let head = world.client.head(Position(0)).await.unwrap().position;
    let mut at = projection.at.subscribe();
    let all_seen = tokio::time::timeout(PATIENCE, at.wait_for(|at| *at >= head)).await;
    assert!(
        all_seen.is_ok(),
        "{:?} of {head} are seen: {done:?}",
        projection.at.borrow()
    );
    shutdown.cancel();
    projector.await.unwrap().unwrap();
    reactor.await.unwrap();

    let seen = std::mem::take(&mut *projection.seen.lock().unwrap());
    for (seen, due) in seen.iter().zip(1..) {
        assert_eq!(seen.0, Position(due), "seen in place of {due}: {done:?}");
    }
    assert_eq!(seen.len() as u64, head);
    // A reaction that has lost the stream begins again at its cursor, so that it may see some once more. But it sees none before all of its
    // case before that, and what it did about each is on record once.
    let mut due: HashMap<Option<CaseId>, Vec<Position>> = HashMap::new();
    let (mut accepted, mut expected) = (0, Vec::new());
    let all: Vec<Recorded> = everything_on_record(&world.client).await;
    for event in &all {
        let Some(acceptance) = event.decode::<CaseAccepted>().unwrap() else {
            continue;
        };
        accepted += 1;
        due.entry(event.case).or_default().push(event.position);
        if acceptance.revision.is_multiple_of(ANSWERED) {
            expected.push(Some(event.id));
        }
    }
    let mut next: HashMap<Option<CaseId>, (usize, usize)> = HashMap::new();
    for (position, case) in reaction.seen.lock().unwrap().iter() {
        let due = &due[case];
        let place = due.binary_search(position).expect("of this case");
        let (follows, furthest) = next.entry(*case).or_default();
        assert!(place <= *follows, "{position} before {}: {done:?}", due[*follows]);
        (*follows, *furthest) = (place + 1, (*furthest).max(place + 1));
    }
    let reacted: usize = next.values().map(|(_, furthest)| furthest).sum();
    assert_eq!(reacted, accepted, "each is reacted to: {done:?}");
    let answers = all.iter().filter(|event| event.is::<ProgressReported>());
    let mut causes: Vec<_> = answers.map(|answer| answer.causation).collect();
    causes.sort();
    expected.sort();
    assert!(causes == expected, "each is answered once: {done:?}");
    assert!(
        done.overtaken > 0 && done.cuts > 0 && done.restarts > 0 && lossy.lost() > 0,
        "the seam was not where it hurts: {done:?}"
    );
}
