//! A measurement, not a test: `cargo nextest run -p ledger --run-ignored only folding --no-capture`.

use std::time::Instant;

use contracts::grpc::ledger as wire;
use uuid::Uuid;

use crate::world::{World, event, request, to_stream};

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
