//! Measurements, not tests: `cargo nextest run -p ledger --run-ignored only throughput --no-capture`.

use std::time::Instant;

use contracts::grpc::ledger as wire;
use futures::StreamExt as _;
use uuid::Uuid;

use crate::world::{World, event, request, to_stream};

const EVENTS: usize = 20_000;

async fn measure(world: World) {
    for (clients, sealed) in [(1, false), (16, false), (16, true)] {
        let began = Instant::now();
        let mut pipelines = Vec::new();
        for _ in 0..clients {
            let mut client = world.client("routing").await;
            pipelines.push(tokio::spawn(async move {
                let requests = (0..EVENTS / clients).map(move |_| {
                    let case = Uuid::new_v4();
                    let data = format!("{{\"text\":\"{}\"}}", "x".repeat(300));
                    let sealed = sealed.then(|| "y".repeat(300).into());
                    let event = wire::NewEvent {
                        sealed,
                        ..event(&data)
                    };
                    request(Uuid::new_v4(), case, vec![to_stream(case, vec![event])])
                });
                let answers = client
                    .append_stream(futures::stream::iter(requests))
                    .await
                    .unwrap()
                    .into_inner();
                answers
                    .for_each(|it| async move {
                        assert!(matches!(
                            it.unwrap().result,
                            Some(wire::append_result::Result::Appended(_))
                        ))
                    })
                    .await;
            }));
        }
        for pipeline in pipelines {
            pipeline.await.unwrap();
        }
        let rate = EVENTS as f64 / began.elapsed().as_secs_f64();
        println!("{} pipelines, sealed: {sealed}: {rate:.0} appends/s", clients);
    }
    let mut client = world.client("routing").await;
    let began = Instant::now();
    for _ in 0..500 {
        client.append(crate::world::simple(Uuid::new_v4())).await.unwrap();
    }
    println!(
        "one at a time: {:.0} appends/s",
        500.0 / began.elapsed().as_secs_f64()
    );
    let began = Instant::now();
    let read = crate::world::everything(&mut client).await.len();
    println!(
        "read all: {:.0} events/s",
        read as f64 / began.elapsed().as_secs_f64()
    );
}

/// How long folding a long stream takes: whether it needs snapshots.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn streams_of_ten_a_thousand_and_ten_thousand_events() {
    for world in [World::sqlite().await, World::postgres().await] {
        let mut client = world.client("routing").await;
        let stream = Uuid::new_v4();
        for _ in 0..10 {
            let events = vec![event(&format!("{{\"text\":\"{}\"}}", "x".repeat(300))); 1_000];
            let request = request(Uuid::new_v4(), stream, vec![to_stream(stream, events)]);
            client.append(request).await.unwrap();
        }
        for limit in [10, 1_000, 10_000] {
            let read = wire::ReadStreamRequest {
                category: "routing".to_owned(),
                stream_id: crate::world::id(stream),
                limit,
                ..Default::default()
            };
            let began = Instant::now();
            let events = client.read_stream(read).await.unwrap().into_inner();
            let read = crate::world::collect(events).await.len();
            println!("{read} events of one stream: {:?}", began.elapsed());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn throughput_on_sqlite() {
    measure(World::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn throughput_on_postgres() {
    measure(World::postgres().await).await;
}
