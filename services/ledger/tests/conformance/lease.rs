//! Reactors' cursors, under fenced leases.

use contracts::grpc::ledger as wire;
use uuid::Uuid;
use wire::refusal::Reason;

use crate::world::{World, reason, simple};

fn take(holder: &str) -> wire::TakeLeaseRequest {
    wire::TakeLeaseRequest {
        consumer: "routing".to_owned(),
        shard: 3,
        holder: holder.to_owned(),
        ttl_ms: 5_000,
    }
}

fn save(holder: &str, fence: u64, position: u64) -> wire::SaveCursorRequest {
    let (consumer, holder) = ("routing".to_owned(), holder.to_owned());
    wire::SaveCursorRequest {
        consumer,
        shard: 3,
        holder,
        fence,
        position,
        ttl_ms: 5_000,
    }
}

pub(crate) async fn a_lease_is_held_by_one_and_its_fence_guards_the_cursor(mut world: World) {
    let mut client = world.client("routing").await;
    for _ in 0..3 {
        client.append(simple(Uuid::new_v4())).await.unwrap();
    }
    let lease = client.take_lease(take("a")).await.unwrap().into_inner();
    assert_eq!((lease.held, lease.fence, lease.position), (true, 1, 0));
    let lease = client.take_lease(take("b")).await.unwrap().into_inner();
    assert_eq!((lease.held, lease.holder.as_str()), (false, "a"));
    assert_eq!(
        client
            .save_cursor(save("a", 1, 2))
            .await
            .unwrap()
            .into_inner()
            .position,
        2
    );
    assert_eq!(
        client
            .save_cursor(save("a", 1, 1))
            .await
            .unwrap()
            .into_inner()
            .position,
        2
    );
    let refused = client.save_cursor(save("a", 1, 4)).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        Reason::Invalid(wire::Invalid {
            field: "position".to_owned()
        })
    );

    // It runs out; the other takes it and goes on from there; the first is fenced off.
    world.clock.advance(5_000_000);
    let lease = client.take_lease(take("b")).await.unwrap().into_inner();
    assert_eq!((lease.held, lease.fence, lease.position), (true, 2, 2));
    let refused = reason(&client.save_cursor(save("a", 1, 3)).await.unwrap_err());
    assert_eq!(refused, Reason::LeaseLost(wire::LeaseLost { fence: 2 }));
    assert_eq!(
        client
            .save_cursor(save("b", 2, 3))
            .await
            .unwrap()
            .into_inner()
            .position,
        3
    );

    // A restart forgets nothing, and a released lease is free at once.
    world.stop().await;
    world.wake().await;
    let mut client = world.client("routing").await;
    assert!(!client.take_lease(take("a")).await.unwrap().into_inner().held);
    assert!(
        !client
            .release_lease(save("b", 2, 3))
            .await
            .unwrap()
            .into_inner()
            .held
    );
    let lease = client.take_lease(take("a")).await.unwrap().into_inner();
    assert_eq!((lease.held, lease.fence, lease.position), (true, 3, 3));
    let listed = client
        .list_cursors(wire::ListCursorsRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.head, 3);
    let cursors: Vec<_> = listed
        .cursors
        .iter()
        .map(|it| (it.consumer.as_str(), it.shard, it.position))
        .collect();
    assert_eq!(cursors, [("routing", 3, 3)]);
}
