//! The stream made anew: on demand, and by the relay itself when it finds that messages were lost.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use chassis::callers::BearerToken;
use chassis::config::Secret;
use chassis::nats::{Headers, Nats, StreamState};
use contracts::grpc::ledger as wire;
use contracts::grpc::ledger::ledger_client::LedgerClient;
use contracts::subjects;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use crate::world::{World, audited};

type Client = LedgerClient<InterceptedService<Channel, BearerToken>>;

fn grpc(world: &World, caller: &str) -> Client {
    let channel = Endpoint::from_shared(world.ledger.url()).unwrap().connect_lazy();
    let token = BearerToken::new(Secret::new(testkit::ledger::token(caller)));
    LedgerClient::with_interceptor(channel, token)
}

async fn rebuild(
    world: &World,
    caller: &str,
    from: u64,
    discard_foreign: bool,
) -> Result<wire::RebuildStreamReply, Status> {
    let request = wire::RebuildStreamRequest {
        from,
        discard_foreign,
    };
    let answer = grpc(world, caller).rebuild_stream(request).await;
    answer.map(tonic::Response::into_inner)
}

/// Events as large as may be, many in one request.
async fn append_large(world: &World, count: u32) {
    let bytes = |id: u128| bytes::Bytes::copy_from_slice(uuid::Uuid::from_u128(id).as_bytes());
    let event = |_| wire::NewEvent {
        r#type: "routing.case_accepted.v1".to_owned(),
        occurred_at: 0,
        actor: "unit:so_xd".to_owned(),
        data: format!("{{\"fill\":\"{}\"}}", "a".repeat(60_000)).into(),
        sealed: None,
    };
    for request in 0..count.div_ceil(50) {
        let request = wire::AppendRequest {
            request_id: bytes(1_000_000 + u128::from(request)),
            origin: Some(wire::append_request::Origin::Client(wire::Client {
                sent_sha256: vec![7; 32].into(),
            })),
            streams: vec![wire::StreamAppend {
                category: "routing".to_owned(),
                stream_id: bytes(7),
                expected: Some(wire::stream_append::Expected::Any(true)),
                events: (0..50).map(event).collect(),
            }],
            ..Default::default()
        };
        grpc(world, "test").append(request).await.unwrap();
    }
}

async fn state(nats: &Nats) -> StreamState {
    nats.stream_state(subjects::EVENTS).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn on_demand_the_stream_begins_where_it_is_told_while_appends_go_on_and_other_streams_are_left_alone() {
    let world = World::start().await;
    world.append(0..1_500).await;
    world.the_stream_is_the_ledger().await;
    let nats = world.nats.connect().await.unwrap();
    let durable = pull::Config {
        durable_name: Some("unit-so_xd".to_owned()),
        ..Default::default()
    };
    let jetstream = nats.jetstream();
    jetstream
        .create_consumer_on_stream(durable, subjects::CASES)
        .await
        .unwrap();

    let (made, ()) = tokio::join!(rebuild(&world, "test", 0, false), world.append(1_500..2_500));
    assert_eq!(
        made.unwrap().from,
        1,
        "nothing is older than what retention keeps"
    );
    world.the_stream_is_the_ledger().await;
    assert_eq!(
        (state(&nats).await.first, state(&nats).await.messages),
        (1, 2_500)
    );

    let made = rebuild(&world, "test", 1_001, false).await.unwrap();
    assert_eq!((made.from, made.to), (1_001, 2_500));
    world.ledger.relayed().await.unwrap();
    let now = state(&nats).await;
    assert_eq!((now.first, now.last, now.missing()), (1_001, 2_500, 0));
    let (missing, different) = audited(&world.client, &nats).await;
    assert_eq!((missing, different), ((1..=1_000).collect(), vec![]));

    // Begun beyond the last event, it waits for the next.
    rebuild(&world, "test", 2_501, false).await.unwrap();
    world.append(2_500..2_501).await;
    world.ledger.relayed().await.unwrap();
    assert_eq!(
        (state(&nats).await.first, state(&nats).await.last),
        (2_501, 2_501)
    );
    let cases = jetstream.get_stream(subjects::CASES).await.unwrap();
    assert!(
        cases.consumer_info("unit-so_xd").await.is_ok(),
        "the durable of a unit went"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_administrator_may_have_it_made_anew_and_only_from_what_is_on_record() {
    let world = World::start().await;
    world.append(0..3).await;
    world.the_stream_is_the_ledger().await;
    let refused = rebuild(&world, "routing", 0, false).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
    let refused = rebuild(&world, "test", 5, false).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    world.the_stream_is_the_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_ledger_does_not_have_is_lost_only_when_somebody_says_so() {
    let world = World::start().await;
    world.append(0..3).await;
    world.the_stream_is_the_ledger().await;
    let nats = world.nats.connect().await.unwrap();
    let subject = "evt.0.routing.case_accepted.x";
    nats.publish_stored(subject, None, &Headers::new(), "{}".into())
        .await
        .unwrap();
    world.state_becomes("stopped: ").await;
    let refused = rebuild(&world, "test", 0, false).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("--discard-foreign"), "{refused:?}");
    assert_eq!(state(&nats).await.last, 4);
    rebuild(&world, "test", 0, true).await.unwrap();
    world.the_stream_is_the_ledger().await;
    world.state_becomes("following").await;
}

/// The files that JetStream keeps the messages of EVENTS in, oldest first.
fn blocks(store: &Path) -> Vec<PathBuf> {
    let folder = store.join("jetstream/$G/streams/EVENTS/msgs");
    let mut blocks: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "blk"))
        .collect();
    blocks.sort_by_key(|p| p.file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap());
    blocks
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_a_file_of_the_stream_is_found_and_the_relay_makes_the_stream_anew() {
    let mut world = World::start().await;
    // Files are of 8 MiB; 250 events of 60 kB fill one and begin the next.
    append_large(&world, 250).await;
    world.ledger.relayed().await.unwrap();
    world.ledger.stop().await.unwrap();
    world.nats.kill9();
    let blocks = blocks(&world.nats.store());
    assert!(
        blocks.len() > 1,
        "one file: its end would be a lost tail, which heals by publishing on"
    );
    let mut bytes = std::fs::read(&blocks[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&blocks[0], bytes).unwrap();
    world.nats.restart().await.unwrap();

    // Without the relay: the server has dropped the rest of the file and says nothing of it.
    let nats = world.nats.connect().await.unwrap();
    let lost = state(&nats).await.missing();
    assert!(lost > 50, "{lost} lost");
    world.ledger.restart().await.unwrap();
    world.state_becomes("following").await;
    world.ledger.relayed().await.unwrap();
    assert_eq!(audited(&world.client, &nats).await, (vec![], vec![]));
    assert_eq!(state(&nats).await.missing(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_names_each_position_where_the_stream_says_something_else() {
    let mut world = World::start().await;
    world.append(0..20).await;
    world.ledger.relayed().await.unwrap();
    let nats = world.nats.connect().await.unwrap();
    let mut held = crate::world::held(&nats).await;
    world.ledger.stop().await.unwrap();

    // Somebody writes the stream again, with the broker's own means; the last message is right.
    held[4].payload = "{\"unit\":\"cong_an\"}".into();
    held[9].headers.insert("ce-actor", "citizen");
    held[14].headers.insert("ce-extra", "1");
    let jetstream = nats.jetstream();
    let mut config = jetstream
        .get_stream(subjects::EVENTS)
        .await
        .unwrap()
        .cached_info()
        .config
        .clone();
    config.first_sequence = Some(1);
    jetstream.delete_stream(subjects::EVENTS).await.unwrap();
    jetstream.create_stream(config).await.unwrap();
    for message in held {
        let ours = message
            .headers
            .iter()
            .filter(|(name, _)| !AsRef::<str>::as_ref(name).starts_with("Nats-"));
        let headers = ours.fold(Headers::new(), |all, (name, values)| {
            all.with(name.as_ref(), values[0].as_str())
        });
        nats.publish_stored(&message.subject, None, &headers, message.payload)
            .await
            .unwrap();
    }
    world.ledger.restart().await.unwrap();
    let (missing, different) = audited(&world.client, &nats).await;
    assert_eq!(missing, Vec::<u64>::new());
    let told: Vec<_> = different
        .iter()
        .map(|(position, d)| (*position, d.differs.join(" "), d.record_fits, d.stream_fits))
        .collect();
    assert_eq!(
        told,
        [
            (5, "data".to_owned(), true, false),
            (10, "ce-actor leaf".to_owned(), true, true),
            (15, "ce-extra".to_owned(), true, true),
        ]
    );
    // It leads again only in a moment.
    world.ledger.relayed().await.unwrap();
    rebuild(&world, "test", 0, false).await.unwrap();
    tokio::time::timeout(Duration::from_secs(30), world.the_stream_is_the_ledger())
        .await
        .unwrap();
    assert_eq!(audited(&world.client, &nats).await, (vec![], vec![]));
}
