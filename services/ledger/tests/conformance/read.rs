//! Reading and following: in order, without gap or repetition, and only by who may.

use std::time::Duration;

use contracts::grpc::ledger as wire;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::world::{Client, World, collect, event, everything, id, request, simple, to_stream};

const WRITERS: u64 = 16;
const EACH: u64 = 40;
const ALL: u64 = WRITERS * EACH;

/// Follows from a position until the last; what it saw.
fn follow(mut client: Client, from: u64) -> JoinHandle<Vec<u64>> {
    tokio::spawn(async move {
        let request = wire::ReadAllRequest {
            from,
            ..Default::default()
        };
        let mut events = client.follow(request).await.unwrap().into_inner();
        let mut seen = Vec::new();
        while seen.last() != Some(&ALL) {
            seen.push(events.message().await.unwrap().unwrap().position);
        }
        seen
    })
}

pub(crate) async fn followers_see_every_position_once_while_sixteen_write(world: World) {
    let mut client = world.client("routing").await;
    let mut followers = vec![(1, follow(client.clone(), 0)), (1, follow(client.clone(), 1))];
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        let mut client = world.client("routing").await;
        writers.push(tokio::spawn(async move {
            for _ in 0..EACH {
                client.append(simple(Uuid::new_v4())).await.unwrap();
            }
        }));
    }
    // Two more come while the others write: one from the middle, one from what is not there yet.
    while client
        .head(wire::HeadRequest { at_least: ALL / 4 })
        .await
        .unwrap()
        .into_inner()
        .position
        < ALL / 4
    {}
    followers.push((ALL / 8, follow(client.clone(), ALL / 8)));
    followers.push((ALL - 3, follow(client.clone(), ALL - 3)));
    for writer in writers {
        writer.await.unwrap();
    }
    for (from, follower) in followers {
        assert_eq!(follower.await.unwrap(), (from..=ALL).collect::<Vec<_>>());
    }
}

pub(crate) async fn many_cases_are_read_in_one_answer_as_each_by_itself(world: World) {
    let mut client = world.client("routing").await;
    let cases: Vec<Uuid> = (0..5).map(|_| Uuid::new_v4()).collect();
    for case in cases.iter().chain(&cases[1..]).chain(&cases[3..]) {
        client.append(simple(*case)).await.unwrap();
    }
    let ask = |cases: &[Uuid]| wire::ReadCasesRequest {
        case_ids: cases.iter().map(|case| id(*case)).collect(),
    };
    let reply = client.read_cases(ask(&cases[1..])).await.unwrap().into_inner();
    assert!(reply.whole);
    assert_eq!(
        reply.events.iter().map(|it| it.position).collect::<Vec<_>>(),
        (2..=11).collect::<Vec<_>>()
    );
    let nobodys = client
        .read_cases(ask(&[Uuid::new_v4()]))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((nobodys.events.len(), nobodys.whole), (0, true));
    // Through the client that services use, all at once, one of them many times and one of nobody.
    let chassis = world.chassis("routing").await;
    let asked = cases.iter().chain(&cases).copied().chain([Uuid::nil()]);
    let reads = asked.map(|case| chassis.read_case(kernel::CaseId(case)));
    let read: Vec<usize> = futures::future::try_join_all(reads)
        .await
        .unwrap()
        .iter()
        .map(Vec::len)
        .collect();
    assert_eq!(read, [1, 2, 2, 3, 3, 1, 2, 2, 3, 3, 0]);
    // A long history among them: there is no answer of many, and each is read all the same.
    client
        .append(request(
            Uuid::new_v4(),
            cases[0],
            vec![to_stream(cases[0], vec![event("{}"); 900])],
        ))
        .await
        .unwrap();
    let reply = client.read_cases(ask(&cases)).await.unwrap().into_inner();
    assert_eq!((reply.events.len(), reply.whole), (0, false));
    let reads = cases.iter().map(|case| chassis.read_case(kernel::CaseId(*case)));
    let read: Vec<usize> = futures::future::try_join_all(reads)
        .await
        .unwrap()
        .iter()
        .map(Vec::len)
        .collect();
    assert_eq!(read, [901, 2, 2, 3, 3]);
    let refused = client.read_cases(ask(&vec![cases[0]; 65])).await.unwrap_err();
    assert!(
        refused.message().contains("number of cases"),
        "{}",
        refused.message()
    );
}

pub(crate) async fn a_stream_a_case_and_a_filtered_range_are_read_in_order(world: World) {
    let mut client = world.client("routing").await;
    let (case, stream) = (Uuid::new_v4(), Uuid::new_v4());
    let mut by_unit = event("{}");
    by_unit.actor = "unit:so_xd".to_owned();
    by_unit.r#type = "routing.case_accepted.v2".to_owned();
    client
        .append(request(
            Uuid::new_v4(),
            case,
            vec![to_stream(case, vec![event("{}")])],
        ))
        .await
        .unwrap(); // 1
    client.append(simple(Uuid::new_v4())).await.unwrap(); // 2
    client
        .append(request(
            Uuid::new_v4(),
            case,
            vec![to_stream(stream, vec![by_unit, event("{}")])],
        ))
        .await
        .unwrap(); // 3, 4
    // More than one chunk of a case.
    client
        .append(request(
            Uuid::new_v4(),
            case,
            vec![to_stream(stream, vec![event("{}"); 700])],
        ))
        .await
        .unwrap(); // 5 to 704

    let read = wire::ReadStreamRequest {
        category: "routing".to_owned(),
        stream_id: id(stream),
        from_version: 2,
        limit: 600,
        ..Default::default()
    };
    let events = collect(client.read_stream(read).await.unwrap().into_inner()).await;
    assert_eq!(
        events.iter().map(|it| it.version).collect::<Vec<_>>(),
        (2..=601).collect::<Vec<_>>()
    );

    let events = collect(
        client
            .read_case(wire::ReadCaseRequest {
                case_id: id(case),
                ..Default::default()
            })
            .await
            .unwrap()
            .into_inner(),
    )
    .await;
    let expected: Vec<u64> = [1].into_iter().chain(3..=704).collect();
    assert_eq!(events.iter().map(|it| it.position).collect::<Vec<_>>(), expected);

    let mut range = async |from, to, limit, filter| {
        let request = wire::ReadAllRequest {
            from,
            to,
            limit,
            filter: Some(filter),
            ..Default::default()
        };
        let events = collect(client.read_all(request).await.unwrap().into_inner()).await;
        events.iter().map(|it| it.position).collect::<Vec<_>>()
    };
    let all = wire::Filter::default;
    assert_eq!(range(0, 0, 0, all()).await.len(), 704);
    assert_eq!(range(2, 3, 0, all()).await, [2, 3]);
    assert_eq!(range(700, 9_999, 2, all()).await, [700, 701]);
    assert_eq!(
        range(
            0,
            0,
            0,
            wire::Filter {
                types: vec!["routing.case_accepted".to_owned()],
                ..all()
            }
        )
        .await,
        [3]
    );
    assert_eq!(
        range(
            0,
            0,
            0,
            wire::Filter {
                actor: Some("unit:so_xd".to_owned()),
                ..all()
            }
        )
        .await,
        [3]
    );
    assert_eq!(
        range(
            0,
            4,
            0,
            wire::Filter {
                case_id: Some(id(case)),
                ..all()
            }
        )
        .await,
        [1, 3, 4]
    );
    assert_eq!(
        range(
            0,
            0,
            0,
            wire::Filter {
                categories: vec!["report".to_owned()],
                ..all()
            }
        )
        .await,
        [0; 0]
    );
}

pub(crate) async fn the_head_waits_for_a_position_that_is_about_to_come(world: World) {
    let (mut client, mut writer) = (world.client("routing").await, world.client("routing").await);
    let (head, _) = tokio::join!(
        client.head(wire::HeadRequest { at_least: 1 }),
        writer.append(simple(Uuid::new_v4()))
    );
    assert_eq!(head.unwrap().into_inner().position, 1);
    // What does not come is not waited for longer than a second.
    let patience = Duration::from_secs(10);
    let head = tokio::time::timeout(patience, client.head(wire::HeadRequest { at_least: 2 }))
        .await
        .unwrap();
    assert_eq!(head.unwrap().into_inner().position, 1);
}

pub(crate) async fn the_merkle_root_is_what_anybody_recomputes_from_the_events(world: World) {
    let mut client = world.client("routing").await;
    for n in 0..13 {
        let mut request = simple(Uuid::new_v4());
        request.streams[0].events = vec![event(&format!("{{\"n\":{n}}}")); 1 + n % 3];
        request.streams[0].events[0].sealed = (n % 2 == 0).then(|| "kín".into());
        client.append(request).await.unwrap();
    }
    let events = everything(&mut client).await;
    let leaves: Vec<[u8; 32]> = events.iter().map(leaf).collect();
    let head = client
        .head(wire::HeadRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(head.position, events.len() as u64);
    assert_eq!(head.merkle_root, root(&leaves).to_vec());
}

pub(crate) async fn only_who_may_read_reads(world: World) {
    let mut client = world.client("gateway").await;
    let refused = client
        .read_all(wire::ReadAllRequest::default())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    let refused = client.follow(wire::ReadAllRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
}

/// The leaf hash from what the wire says, written again from the documentation and not with the ledger's code.
fn leaf(event: &wire::Event) -> [u8; 32] {
    fn part(out: &mut Vec<u8>, bytes: &[u8]) {
        out.extend((bytes.len() as u32).to_be_bytes());
        out.extend(bytes);
    }
    let data_hash: [u8; 32] = Sha256::digest([event.salt.as_ref(), event.data.as_ref()].concat()).into();
    assert_eq!(event.data_hash, data_hash.to_vec());
    let mut out = vec![0];
    part(&mut out, b"hoiam-event-v1");
    out.extend(event.position.to_be_bytes());
    part(&mut out, &event.id);
    part(&mut out, event.category.as_bytes());
    part(&mut out, &event.stream_id);
    out.extend(event.version.to_be_bytes());
    part(&mut out, event.r#type.as_bytes());
    out.extend(event.occurred_at.to_be_bytes());
    out.extend(event.recorded_at.to_be_bytes());
    part(&mut out, event.actor.as_bytes());
    part(&mut out, event.case_id.as_deref().unwrap_or_default());
    part(&mut out, &data_hash);
    part(&mut out, &event.sealed_hash);
    Sha256::digest(out).into()
}

fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    if let [one] = leaves {
        return *one;
    }
    let mut split = 1;
    while split * 2 < leaves.len() {
        split *= 2;
    }
    let (left, right) = leaves.split_at(split);
    Sha256::digest([&[1][..], &root(left), &root(right)].concat()).into()
}
