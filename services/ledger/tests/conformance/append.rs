//! Appending: numbers, identity, versions, guards, limits, rights.

use std::collections::HashSet;

use contracts::grpc::ledger as wire;
use futures::StreamExt as _;
use kernel::RequestId;
use uuid::Uuid;
use wire::refusal::Reason;
use wire::stream_append::Expected;

use crate::world::{START, World, event, everything, id, reason, request, simple, to_stream};

pub(crate) async fn positions_are_dense_and_versions_count_within_a_stream(world: World) {
    let mut client = world.client("routing").await;
    let (case, other) = (Uuid::new_v4(), Uuid::new_v4());
    let first = request(
        Uuid::new_v4(),
        case,
        vec![to_stream(case, vec![event("{}"), event(r#"{"a":1}"#)])],
    );
    let request_id = RequestId::from_slice(&first.request_id).unwrap();
    let appended = client.append(first).await.unwrap().into_inner();
    assert_eq!((appended.head, appended.already), (2, false));
    let ids: Vec<_> = appended.events.iter().map(|event| event.id.to_vec()).collect();
    assert_eq!(
        ids,
        [request_id.event_id(0).to_vec(), request_id.event_id(1).to_vec()]
    );
    client.append(simple(other)).await.unwrap();
    client.append(simple(case)).await.unwrap();
    let seen: Vec<(u64, u64, Vec<u8>)> = everything(&mut client)
        .await
        .into_iter()
        .map(|it| (it.position, it.version, it.stream_id.to_vec()))
        .collect();
    let (case, other) = (case.as_bytes().to_vec(), other.as_bytes().to_vec());
    assert_eq!(
        seen,
        [
            (1, 1, case.clone()),
            (2, 2, case.clone()),
            (3, 1, other),
            (4, 3, case)
        ]
    );
}

pub(crate) async fn a_repeated_reaction_gets_the_first_answer_whatever_it_computed(world: World) {
    let mut client = world.client("routing").await;
    let (request_id, case) = (Uuid::new_v4(), Uuid::new_v4());
    let first = client
        .append(request(
            request_id,
            case,
            vec![to_stream(case, vec![event("{}")])],
        ))
        .await
        .unwrap();
    let mut other = request(
        request_id,
        case,
        vec![to_stream(Uuid::new_v4(), vec![event(r#"{"b":2}"#), event("{}")])],
    );
    other.streams[0].expected = Some(Expected::Version(77));
    let again = client.append(other).await.unwrap().into_inner();
    assert_eq!(
        again,
        wire::Appended {
            already: true,
            ..first.into_inner()
        }
    );
    assert_eq!(everything(&mut client).await.len(), 1);
}

pub(crate) async fn a_client_who_sends_the_same_again_gets_the_same_and_with_other_content_is_refused(
    world: World,
) {
    let mut client = world.client("routing").await;
    let by_client = |sent: u8, request: wire::AppendRequest| {
        let origin = wire::append_request::Origin::Client(wire::Client {
            sent_sha256: vec![sent; 32].into(),
        });
        wire::AppendRequest {
            origin: Some(origin),
            ..request
        }
    };
    let request = simple(Uuid::new_v4());
    let first = client
        .append(by_client(1, request.clone()))
        .await
        .unwrap()
        .into_inner();
    let again = client
        .append(by_client(1, request.clone()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        again,
        wire::Appended {
            already: true,
            ..first
        }
    );
    let refused = client.append(by_client(2, request.clone())).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::AlreadyExists);
    assert!(matches!(reason(&refused), Reason::RequestIdReused(_)));
}

pub(crate) async fn the_same_request_sent_a_hundred_times_at_once_is_stored_once(world: World) {
    let client = world.client("routing").await;
    let request = simple(Uuid::new_v4());
    let sends = (0..100).map(|_| {
        let (mut client, request) = (client.clone(), request.clone());
        async move { client.append(request).await.unwrap().into_inner() }
    });
    let answers = futures::future::join_all(sends).await;
    assert_eq!(answers.iter().filter(|it| !it.already).count(), 1);
    assert!(
        answers
            .iter()
            .all(|it| it.head == 1 && it.events == answers[0].events)
    );
}

pub(crate) async fn a_wrong_expected_version_is_refused_with_the_version_now(world: World) {
    let mut client = world.client("routing").await;
    let case = Uuid::new_v4();
    let expecting = |expected| {
        let stream = wire::StreamAppend {
            expected: Some(expected),
            ..to_stream(case, vec![event("{}")])
        };
        request(Uuid::new_v4(), case, vec![stream])
    };
    client.append(expecting(Expected::None(true))).await.unwrap();
    client.append(expecting(Expected::Version(1))).await.unwrap();
    for expected in [Expected::None(true), Expected::Version(1), Expected::Version(3)] {
        let refused = client.append(expecting(expected)).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::FailedPrecondition);
        let wrong = wire::WrongExpectedVersion {
            category: "routing".to_owned(),
            stream_id: id(case),
            actual: 2,
        };
        assert_eq!(reason(&refused), Reason::WrongExpectedVersion(wrong));
    }
}

pub(crate) async fn a_case_that_moved_refuses_what_was_decided_before(world: World) {
    let mut client = world.client("routing").await;
    let case = Uuid::new_v4();
    client.append(simple(case)).await.unwrap();
    let guarded = |after, categories: &[&str]| {
        let categories = categories.iter().map(|it| (*it).to_owned()).collect();
        let guard = wire::Unless {
            case_id: id(case),
            after,
            categories,
        };
        wire::AppendRequest {
            unless: vec![guard],
            ..simple(case)
        }
    };
    client.append(guarded(0, &["feedback"])).await.unwrap();
    client.append(guarded(2, &[])).await.unwrap();
    for request in [guarded(1, &[]), guarded(0, &["feedback", "routing"])] {
        let after = request.unless[0].after;
        let refused = reason(&client.append(request).await.unwrap_err());
        let moved = wire::CaseMoved {
            position: after + 1,
            r#type: "routing.case_routed.v1".to_owned(),
        };
        assert_eq!(refused, Reason::CaseMoved(moved));
    }
    // Many who decided at the same position: the first one moves the case under the others, in whatever batch they are.
    let decided = (0..20).map(|_| {
        let (mut client, request) = (client.clone(), guarded(3, &[]));
        async move { client.append(request).await.is_ok() }
    });
    let passed = futures::future::join_all(decided).await;
    assert_eq!(passed.iter().filter(|it| **it).count(), 1);
}

pub(crate) async fn streams_of_one_request_are_stored_together_or_not_at_all(world: World) {
    let mut client = world.client("routing").await;
    let (case, a, b) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
    let both = |expected| {
        let second = wire::StreamAppend {
            expected: Some(expected),
            ..to_stream(b, vec![event("{}")])
        };
        request(
            Uuid::new_v4(),
            case,
            vec![to_stream(a, vec![event("{}")]), second],
        )
    };
    client.append(both(Expected::Version(5))).await.unwrap_err();
    assert_eq!(everything(&mut client).await, []);
    let appended = client
        .append(both(Expected::None(true)))
        .await
        .unwrap()
        .into_inner();
    let streams: Vec<_> = appended
        .events
        .iter()
        .map(|it| (it.position, it.stream_id.clone(), it.version))
        .collect();
    assert_eq!(streams, [(1, id(a), 1), (2, id(b), 1)]);
}

pub(crate) async fn a_refused_request_does_not_fail_its_neighbours(world: World) {
    let mut client = world.client("routing").await;
    let case = Uuid::new_v4();
    let requests: Vec<wire::AppendRequest> = (0..300)
        .map(|n| {
            let mut request = simple(case);
            match n % 3 {
                1 => request.streams[0].expected = Some(Expected::Version(1_000)),
                2 => request.streams[0].events[0].data = "no json".into(),
                _ => {}
            }
            request
        })
        .collect();
    let good: HashSet<_> = requests
        .iter()
        .step_by(3)
        .map(|it| it.request_id.clone())
        .collect();
    let answers = client
        .append_stream(futures::stream::iter(requests))
        .await
        .unwrap()
        .into_inner();
    let answers: Vec<wire::AppendResult> = answers.map(Result::unwrap).collect().await;
    assert_eq!(answers.len(), 300);
    let appended =
        |it: &&wire::AppendResult| matches!(it.result, Some(wire::append_result::Result::Appended(_)));
    assert_eq!(
        answers
            .iter()
            .filter(appended)
            .map(|it| it.request_id.clone())
            .collect::<HashSet<_>>(),
        good
    );
    let positions: Vec<u64> = everything(&mut client)
        .await
        .iter()
        .map(|it| it.position)
        .collect();
    assert_eq!(positions, (1..=100).collect::<Vec<_>>());
}

pub(crate) async fn an_append_of_no_events_is_answered_with_the_head_and_leaves_nothing(world: World) {
    let mut client = world.client("routing").await;
    client.append(simple(Uuid::new_v4())).await.unwrap();
    let (request_id, case) = (Uuid::new_v4(), Uuid::new_v4());
    for streams in [vec![], vec![to_stream(case, vec![])]] {
        let nothing = client
            .append(request(request_id, case, streams))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(
            (nothing.head, nothing.events.len(), nothing.already),
            (1, 0, false)
        );
    }
    // The id is still free, and the stream was not begun.
    let mut later = request(request_id, case, vec![to_stream(case, vec![event("{}")])]);
    later.streams[0].expected = Some(Expected::None(true));
    assert!(!client.append(later).await.unwrap().into_inner().already);
}

pub(crate) async fn what_is_over_a_limit_or_malformed_is_refused_by_name(world: World) {
    type Spoil = fn(&mut wire::AppendRequest);
    let too_large: [(&str, Spoil); 5] = [
        ("the data of an event", |it| {
            it.streams[0].events[0].data = format!("{{\"a\":\"{}\"}}", "x".repeat(65_536)).into()
        }),
        ("the sealed part of an event", |it| {
            it.streams[0].events[0].sealed = Some(vec![b'x'; 262_145].into())
        }),
        ("the envelope of an event", |it| {
            it.streams[0].events[0].actor = "x".repeat(16_384)
        }),
        ("the number of events", |it| {
            it.streams[0].events = vec![event("{}"); 1_001]
        }),
        ("correlation", |it| it.correlation = "x".repeat(257)),
    ];
    let invalid: [(&str, Spoil); 13] = [
        ("request_id", |it| it.request_id = vec![1; 15].into()),
        ("origin", |it| it.origin = None),
        ("case_id", |it| it.case_id = Some(vec![].into())),
        ("correlation", |it| it.correlation = "a\r\nb".to_owned()),
        ("traceparent", |it| it.traceparent = "tiếng".to_owned()),
        ("streams[0].category", |it| {
            it.streams[0].category = "routing.>".to_owned()
        }),
        ("streams[0].stream_id", |it| {
            it.streams[0].stream_id = vec![].into()
        }),
        ("streams[0].expected", |it| it.streams[0].expected = None),
        ("streams[0].events[0].type", |it| {
            it.streams[0].events[0].r#type = "feedback.told.v1".to_owned()
        }),
        ("streams[0].events[0].actor", |it| {
            it.streams[0].events[0].actor = "Nguyễn Văn A".to_owned()
        }),
        ("streams[0].events[0].data", |it| {
            it.streams[0].events[0].data = "[]".into()
        }),
        ("streams[0].events[0].data", |it| {
            it.streams[0].events[0].data = vec![b'{', 0xff, b'}'].into()
        }),
        ("streams[0].events[0].occurred_at", |it| {
            it.streams[0].events[0].occurred_at = i64::MAX
        }),
    ];
    let mut client = world.client("routing").await;
    for (what, spoil) in too_large {
        let mut request = simple(Uuid::new_v4());
        spoil(&mut request);
        let Reason::TooLarge(refused) = reason(&client.append(request).await.unwrap_err()) else {
            panic!("{what}")
        };
        assert_eq!(refused.what, what);
        assert!(refused.actual > refused.limit);
    }
    for (field, spoil) in invalid {
        let mut request = simple(Uuid::new_v4());
        spoil(&mut request);
        let refused = client.append(request).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument);
        assert_eq!(
            reason(&refused),
            Reason::Invalid(wire::Invalid {
                field: field.to_owned()
            })
        );
    }
    assert_eq!(everything(&mut client).await, []);
    // What is just within the limits is taken.
    let mut request = simple(Uuid::new_v4());
    request.streams[0].events[0].data = format!("{{\"a\":\"{}\"}}", "x".repeat(65_536 - 8)).into();
    request.streams[0].events[0].sealed = Some(vec![b'x'; 262_144].into());
    client.append(request).await.unwrap();
}

pub(crate) async fn only_the_owner_of_a_category_appends_to_it(world: World) {
    for (caller, category) in [
        ("gateway", "routing"),
        ("routing", "report"),
        ("routing", "access"),
    ] {
        let mut request = simple(Uuid::new_v4());
        request.streams[0].category = category.to_owned();
        request.streams[0].events[0].r#type = format!("{category}.said.v1");
        let refused = world.client(caller).await.append(request).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::PermissionDenied);
        let foreign = wire::ForeignCategory {
            category: category.to_owned(),
            caller: caller.to_owned(),
        };
        assert_eq!(reason(&refused), Reason::ForeignCategory(foreign));
    }
    let unknown = world
        .client("somebody")
        .await
        .append(simple(Uuid::new_v4()))
        .await
        .unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::Unauthenticated);
}

pub(crate) async fn recorded_time_never_goes_back_when_the_clock_does(world: World) {
    let mut client = world.client("routing").await;
    let mut times = Vec::new();
    for now in [START + 5, START + 2, START + 9] {
        world.clock.set(kernel::Instant(now));
        times.push(
            client
                .append(simple(Uuid::new_v4()))
                .await
                .unwrap()
                .into_inner()
                .events[0]
                .recorded_at,
        );
    }
    assert_eq!(times, [START + 5, START + 5, START + 9]);
}
