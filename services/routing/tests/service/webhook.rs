//! Units that are told by webhook: signed, in order, again and again for a day, and never inward.

use std::time::Duration;

use axum::response::{IntoResponse, Redirect};
use contracts::events::outlet::{NoticeDelivered, NoticeUndelivered, OutletDisabled, OutletSet};
use contracts::grpc::routing::{
    Delivery, DispatchRequest, ListDeliveriesRequest, ListOutletsRequest, OutletRequest,
    ReplayDeliveriesRequest, SetOutletRequest,
};
use contracts::wire::CaseWebhook;
use kernel::{Instant, StreamId};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tonic::Code as Status;

use crate::receiver::Receiver;
use crate::world::World;

const HOUR: i64 = 3_600 * Instant::SECOND;

fn on(unit: &str, id: &str) -> Option<OutletRequest> {
    Some(OutletRequest {
        request_id: id.to_owned(),
        actor: "office:an".to_owned(),
        unit: unit.to_owned(),
        carrier: "webhook".to_owned(),
    })
}

async fn set(world: &World, unit: &str, url: &str, rotate: bool) -> String {
    let request = SetOutletRequest {
        on: on(unit, &uuid::Uuid::new_v4().to_string()),
        address: url.to_owned(),
        rotate,
    };
    let reply = world
        .client("console")
        .await
        .set_outlet(request)
        .await
        .unwrap()
        .into_inner();
    // In the table before the next report, so that its notice finds it.
    loop {
        let mut client = world.client("console").await;
        let outlets = client.list_outlets(ListOutletsRequest {
            unit: unit.to_owned(),
        });
        let outlets = outlets.await.unwrap().into_inner().outlets;
        if outlets
            .iter()
            .any(|outlet| outlet.address == url && outlet.state == "active")
        {
            return reply.secret;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What waits for a unit or was given up, as soon as it is as is expected.
async fn deliveries(
    world: &World,
    unit: &str,
    dead: bool,
    expected: impl Fn(&[Delivery]) -> bool,
) -> Vec<Delivery> {
    let wait = async {
        loop {
            let request = ListDeliveriesRequest {
                unit: unit.to_owned(),
                carrier: "webhook".to_owned(),
                dead,
                limit: 0,
            };
            let found = world
                .client("console")
                .await
                .list_deliveries(request)
                .await
                .unwrap()
                .into_inner()
                .deliveries;
            if expected(&found) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(40), wait).await.unwrap()
}

async fn replay(world: &World, notice: u64, since: i64) {
    let request = ReplayDeliveriesRequest {
        on: on("so_xd", &uuid::Uuid::new_v4().to_string()),
        notice,
        since,
    };
    world
        .client("console")
        .await
        .replay_deliveries(request)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_receiver_verifies_what_it_is_sent_and_refuses_what_it_is_not() {
    let mut world = World::start().await;
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/webhook_receiver.py");
    let secret_file = tempfile::NamedTempFile::new().unwrap();
    let mut python = tokio::process::Command::new("python3")
        .args([example, "--port", "0", "--secret-file"])
        .arg(secret_file.path())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(python.stdout.take().unwrap()).lines();
    let url = lines.next_line().await.unwrap().unwrap();
    let secret = set(&world, "so_xd", &url, false).await;
    std::fs::write(secret_file.path(), &secret).unwrap();
    let (case, _) = world.before_so_xd("1").await;
    let told: CaseWebhook = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    assert_eq!(
        (told.kind.as_str(), told.data.case, told.data.revision),
        ("case.dispatched", case, 1)
    );
    let delivered = world.wait_for::<NoticeDelivered>(case).await;
    assert_eq!(delivered.actor.as_str(), "service:routing");
    // With another secret than ours it takes nothing, and says so with 401: to be tried again.
    std::fs::write(secret_file.path(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    world.before_so_xd("2").await;
    deliveries(&world, "so_xd", false, |found| {
        found.iter().any(|d| d.reason == "status_401")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_sent_again_under_the_same_id_and_then_on_record() {
    let mut world = World::start().await;
    let mut receiver = Receiver::statuses(&[500, 200]).await;
    set(&world, "so_xd", &receiver.url, false).await;
    let (case, _) = world.before_so_xd("1").await;
    let first = receiver.next().await;
    deliveries(&world, "so_xd", false, |found| {
        found.iter().any(|d| d.reason == "status_500" && d.attempts == 1)
    })
    .await;
    world.clock.advance(6 * Instant::SECOND);
    let second = receiver.next().await;
    assert_eq!(first.id, second.id);
    assert_eq!(first.what(), ("case.dispatched", case, 1));
    let delivered = world
        .wait_for::<NoticeDelivered>(case)
        .await
        .decode::<NoticeDelivered>()
        .unwrap()
        .unwrap();
    assert_eq!(
        (delivered.unit.as_str(), delivered.revision, delivered.attempts),
        ("so_xd", 1, 2)
    );
    // A person has it sent again: the same id, so that the receiver knows it.
    replay(&world, delivered.notice, 0).await;
    assert_eq!(receiver.next().await.id, first.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_day_a_notice_is_given_up_on_record_and_a_person_has_it_sent_again() {
    let mut world = World::start().await;
    let mut receiver = Receiver::statuses(&[503; 9].into_iter().chain([204]).collect::<Vec<_>>()).await;
    set(&world, "so_xd", &receiver.url, false).await;
    let (case, _) = world.before_so_xd("1").await;
    for attempt in 1..=8 {
        receiver.next().await;
        deliveries(&world, "so_xd", false, |found| {
            found.iter().any(|d| d.attempts == attempt)
        })
        .await;
        world.clock.advance(11 * HOUR);
    }
    receiver.next().await;
    let dead = world
        .wait_for::<NoticeUndelivered>(case)
        .await
        .decode::<NoticeUndelivered>()
        .unwrap()
        .unwrap();
    assert_eq!((dead.attempts, dead.reason.as_str()), (9, "status_503"));
    let listed = deliveries(&world, "so_xd", true, |found| !found.is_empty()).await;
    assert_eq!(
        (listed[0].notice, listed[0].reason.as_str(), listed[0].attempts),
        (dead.notice, "status_503", 9)
    );
    replay(&world, 0, 0).await;
    assert_eq!(receiver.next().await.what(), ("case.dispatched", case, 1));
    world.wait_for::<NoticeDelivered>(case).await;
    deliveries(&world, "so_xd", true, <[_]>::is_empty).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_delays_no_other_and_one_that_never_stops_talking_is_not_listened_to() {
    let mut world = World::start().await;
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    set(
        &world,
        "so_xd",
        &format!("http://{}/", hanging.local_addr().unwrap()),
        false,
    )
    .await;
    let talking = TcpListener::bind("127.0.0.1:0").await.unwrap();
    set(
        &world,
        "sawaco",
        &format!("http://{}/", talking.local_addr().unwrap()),
        false,
    )
    .await;
    let (hung, _) = world.before_so_xd("1").await;
    let (connection, _) = hanging.accept().await.unwrap();
    let (case, _) = world.before_so_xd("2").await;
    let order = DispatchRequest {
        request_id: "o".to_owned(),
        actor: "office:an".to_owned(),
        case_id: case.to_vec().into(),
        unit: "sawaco".to_owned(),
    };
    world.client("console").await.dispatch(order).await.unwrap();
    let (mut endless, _) = talking.accept().await.unwrap();
    // An answer before the request would be none.
    assert!(endless.read(&mut [0; 1_024]).await.unwrap() > 0);
    endless
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n")
        .await
        .unwrap();
    let talk = async { while endless.write_all(&[b'x'; 65_536]).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(30), talk)
        .await
        .expect("we hang up after the status");
    let delivered = world
        .wait_for::<NoticeDelivered>(case)
        .await
        .decode::<NoticeDelivered>()
        .unwrap()
        .unwrap();
    assert_eq!(delivered.unit.as_str(), "sawaco");
    let waiting = deliveries(&world, "so_xd", false, |found| {
        found.iter().any(|d| d.reason == "timeout")
    })
    .await;
    assert!(waiting.iter().any(|d| d.case_id == hung.to_vec()));
    drop(connection);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed_wherever_it_leads() {
    let mut world = World::start().await;
    let mut inward = Receiver::statuses(&[200]).await;
    let mut receiver = Receiver::start(vec![Redirect::temporary(&inward.url).into_response()]).await;
    set(&world, "so_xd", &receiver.url, false).await;
    let (case, _) = world.before_so_xd("1").await;
    receiver.next().await;
    let waiting = deliveries(&world, "so_xd", false, |found| {
        found.iter().any(|d| d.attempts == 1)
    })
    .await;
    assert_eq!(
        (waiting[0].reason.as_str(), &waiting[0].case_id[..]),
        ("redirected", &case.to_vec()[..])
    );
    assert!(inward.heard.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_sent_no_more_until_a_person_sets_it_again() {
    let mut world = World::start().await;
    let mut gone = Receiver::statuses(&[410]).await;
    set(&world, "so_xd", &gone.url, false).await;
    let (case, _) = world.before_so_xd("1").await;
    gone.next().await;
    let outlet = StreamId::named("routing-outlet", "so_xd");
    let disabled = async {
        while !world
            .ledger
            .read_stream(&outlet)
            .await
            .unwrap()
            .iter()
            .any(|e| e.is::<OutletDisabled>())
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), disabled)
        .await
        .unwrap();
    let (later, _) = world.before_so_xd("2").await;
    let mut back = Receiver::statuses(&[200]).await;
    set(&world, "so_xd", &back.url, false).await;
    let heard = [back.next().await, back.next().await].map(|heard| heard.what().1);
    assert!(
        heard.contains(&case) && heard.contains(&later),
        "what waited is not lost"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_that_was_taken_back_before_its_unit_could_be_told_is_told_as_recalled_only() {
    let mut world = World::start().await;
    let mut receiver = Receiver::statuses(&[500, 200]).await;
    set(&world, "so_xd", &receiver.url, false).await;
    let (case, _) = world.before_so_xd("1").await;
    receiver.next().await;
    let order = DispatchRequest {
        request_id: "o".to_owned(),
        actor: "office:an".to_owned(),
        case_id: case.to_vec().into(),
        unit: "sawaco".to_owned(),
    };
    world.client("console").await.dispatch(order).await.unwrap();
    assert_eq!(receiver.next().await.what(), ("case.recalled", case, 2));
    deliveries(&world, "so_xd", false, <[_]>::is_empty).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_secret_is_rotated_both_sign_and_neither_is_in_any_event() {
    let mut world = World::start().await;
    let mut receiver = Receiver::statuses(&[200]).await;
    let first = set(&world, "so_xd", &receiver.url, false).await;
    assert_eq!(
        set(&world, "so_xd", &receiver.url, false).await,
        first,
        "the secret stays unless it is rotated"
    );
    let second = set(&world, "so_xd", &receiver.url, true).await;
    assert!(first != second && second.starts_with("whsec_"));
    world.before_so_xd("1").await;
    assert_eq!(receiver.next().await.signatures.len(), 2);
    world.clock.advance(25 * HOUR);
    world.before_so_xd("2").await;
    assert_eq!(receiver.next().await.signatures.len(), 1);
    let events = world
        .ledger
        .read_stream(&StreamId::named("routing-outlet", "so_xd"))
        .await
        .unwrap();
    assert_eq!(events.iter().filter(|event| event.is::<OutletSet>()).count(), 3);
    for event in &events {
        let data = String::from_utf8_lossy(&event.data).into_owned();
        assert!(!data.contains("whsec_") && !data.contains("127.0.0.1"), "{data}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_was_lost_is_built_anew_and_nothing_is_delivered_twice_or_never() {
    let mut world = World::start().await;
    let mut receiver = Receiver::statuses(&[200, 500, 200]).await;
    set(&world, "so_xd", &receiver.url, false).await;
    let (told, _) = world.before_so_xd("1").await;
    receiver.next().await;
    world.wait_for::<NoticeDelivered>(told).await;
    let (untold, _) = world.before_so_xd("2").await;
    let before = receiver.next().await;
    deliveries(&world, "so_xd", false, |found| {
        found.iter().any(|d| d.attempts == 1)
    })
    .await;
    world.lose_read_model().await;
    let after = receiver.next().await;
    assert_eq!((after.what().1, &after.id), (untold, &before.id));
    world.wait_for::<NoticeDelivered>(untold).await;
    assert!(
        receiver.heard.try_recv().is_err(),
        "what was delivered is not sent again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_set_later_is_told_on_request_what_is_before_its_unit_still() {
    let mut world = World::start().await;
    let (case, notice) = world.before_so_xd("1").await;
    let mut receiver = Receiver::statuses(&[200]).await;
    set(&world, "so_xd", &receiver.url, false).await;
    replay(&world, 0, notice.dispatched_at.0).await;
    assert_eq!(receiver.next().await.what(), ("case.dispatched", case, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_person_with_the_right_sets_a_webhook_and_only_where_it_may_lead() {
    let world = World::start().await;
    let request = |unit: &str, actor: &str, address: &str| SetOutletRequest {
        on: Some(OutletRequest {
            actor: actor.to_owned(),
            ..on(unit, "1").unwrap()
        }),
        address: address.to_owned(),
        rotate: false,
    };
    let refused = async |caller: &str, request| {
        let status = world.client(caller).await.set_outlet(request).await.unwrap_err();
        assert!(!status.message().is_empty());
        status.code()
    };
    let good = "https://unit.example/hoiam";
    assert_eq!(
        refused("so_xd", request("so_xd", "office:an", good)).await,
        Status::PermissionDenied
    );
    assert_eq!(
        refused("console", request("so_xd", "operator:lan", good)).await,
        Status::PermissionDenied
    );
    assert_eq!(
        refused("console", request("nobody", "office:an", good)).await,
        Status::InvalidArgument
    );
    for inward in [
        "http://unit.example/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://a:b@unit.example/",
        "x",
    ] {
        assert_eq!(
            refused("console", request("so_xd", "office:an", inward)).await,
            Status::InvalidArgument,
            "{inward}"
        );
    }
    let nothing = ReplayDeliveriesRequest {
        on: on("so_xd", "2"),
        notice: 0,
        since: 0,
    };
    let status = world
        .client("console")
        .await
        .replay_deliveries(nothing)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Status::FailedPrecondition);
    let (one, again) = (
        world
            .client("console")
            .await
            .set_outlet(request("so_xd", "office:an", good))
            .await
            .unwrap()
            .into_inner(),
        world
            .client("console")
            .await
            .set_outlet(request("so_xd", "office:an", good))
            .await
            .unwrap()
            .into_inner(),
    );
    assert_eq!(
        (one.position, &one.secret),
        (again.position, &again.secret),
        "the same request, the same answer"
    );
}
