//! The far corners of the contract of appending: each has an outcome of its own, and none of them harms a neighbour.

use contracts::grpc::ledger as wire;
use futures::StreamExt as _;
use tonic::Code;
use uuid::Uuid;
use wire::append_result::Result as Outcome;
use wire::refusal::Reason;
use wire::stream_append::Expected;

use crate::world::{World, event, everything, id, reason, request, simple, to_stream};

const YEAR_1: i64 = -62_135_596_800_000_000;
const YEAR_9999: i64 = 253_402_300_799_999_999;

pub(crate) async fn each_extreme_has_an_outcome_of_its_own(world: World) {
    type Change = fn(&mut wire::AppendRequest);
    let mut client = world.client("routing").await;
    let taken: [(&str, Change); 7] = [
        ("the first and the last instant", |it| {
            it.streams[0].events = vec![event("{}"), event("{}")];
            it.streams[0].events[0].occurred_at = YEAR_1;
            it.streams[0].events[1].occurred_at = YEAR_9999;
        }),
        ("a NUL that JSON escapes, and one that is sealed", |it| {
            it.streams[0].events[0].data = r#"{"a":"\u0000"}"#.into();
            it.streams[0].events[0].sealed = Some(vec![0].into());
        }),
        ("nothing sealed at all, which is something", |it| {
            it.streams[0].events[0].sealed = Some(vec![].into())
        }),
        ("as many events as there may be", |it| {
            it.streams[0].events = vec![event("{}"); 1_000]
        }),
        ("a stream twice, the second part upon the first", |it| {
            let mut second = it.streams[0].clone();
            second.expected = Some(Expected::Version(1));
            it.streams[0].expected = Some(Expected::None(true));
            it.streams.push(second);
        }),
        (
            "a guard on a category that nobody has, and one from the end of all positions",
            |it| {
                let guard = |after, category: &str| wire::Unless {
                    case_id: it.case_id.clone().unwrap(),
                    after,
                    categories: vec![category.to_owned()],
                };
                it.unless = vec![guard(0, "nobody"), guard(u64::MAX, "routing")];
            },
        ),
        ("a type of the highest version", |it| {
            it.streams[0].events[0].r#type = "routing.case_routed.v4294967295".to_owned()
        }),
    ];
    let mut count = 0;
    for (what, change) in taken {
        let mut request = simple(Uuid::new_v4());
        change(&mut request);
        let events = request
            .streams
            .iter()
            .flat_map(|it| it.events.clone())
            .collect::<Vec<_>>();
        let appended = client
            .append(request)
            .await
            .unwrap_or_else(|status| panic!("{what}: {status:?}"))
            .into_inner();
        let read = wire::ReadAllRequest {
            from: count + 1,
            ..Default::default()
        };
        let read = crate::world::collect(client.read_all(read).await.unwrap().into_inner()).await;
        count += events.len() as u64;
        assert_eq!((appended.head, read.len()), (count, events.len()), "{what}");
        for (read, sent) in read.into_iter().zip(events) {
            assert_eq!(
                (read.r#type, read.occurred_at, read.data),
                (sent.r#type, sent.occurred_at, sent.data)
            );
            assert_eq!(read.has_sealed, sent.sealed.is_some(), "{what}");
        }
    }
    for version in [1 << 63, u64::MAX, i64::MAX as u64] {
        let mut request = simple(Uuid::new_v4());
        request.streams[0].expected = Some(Expected::Version(version));
        let Reason::WrongExpectedVersion(wrong) = reason(&client.append(request).await.unwrap_err()) else {
            panic!("{version}")
        };
        assert_eq!(wrong.actual, 0);
    }
    let refused: [(&str, Change); 9] = [
        ("streams[0].events[0].occurred_at", |it| {
            it.streams[0].events[0].occurred_at = YEAR_1 - 1
        }),
        ("streams[0].events[0].occurred_at", |it| {
            it.streams[0].events[0].occurred_at = YEAR_9999 + 1
        }),
        ("streams[0].events[0].data", |it| {
            it.streams[0].events[0].data = "{\"a\":\"\0\"}".into()
        }),
        ("streams[0].events[0].actor", |it| {
            it.streams[0].events[0].actor = "unit:a\0".to_owned()
        }),
        ("streams[0].events[0].type", |it| {
            it.streams[0].events[0].r#type = "routing.case_routed.v4294967296".to_owned()
        }),
        ("streams[0].expected", |it| {
            it.streams[0].expected = Some(Expected::Any(false))
        }),
        ("unless.categories", |it| {
            it.unless = vec![wire::Unless {
                case_id: id(Uuid::nil()),
                after: 0,
                categories: vec!["Feedback".to_owned()],
            }]
        }),
        ("unless.case_id", |it| it.unless = vec![wire::Unless::default()]),
        ("lane", |it| it.lane = 7),
    ];
    for (field, change) in refused {
        let mut request = simple(Uuid::new_v4());
        change(&mut request);
        let status = client.append(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{field}");
        let field = field.to_owned();
        assert_eq!(reason(&status), Reason::Invalid(wire::Invalid { field }));
    }
    assert_eq!(everything(&mut client).await.len() as u64, count);
}

pub(crate) async fn nobody_puts_an_event_down_to_another_than_they_act_for(world: World) {
    let cases = [
        ("routing", "routing", "service:routing", true),
        // Who called it is the service's to say, and it alone knows.
        ("routing", "routing", "unit:so_xd", true),
        ("routing", "routing", "citizen", true),
        ("routing", "routing", "service:feedback", false),
        ("console", "directory", "admin:lan", true),
        ("console", "directory", "service:console", true),
        ("console", "directory", "service:routing", false),
        ("gateway", "report", "gateway:gateway", true),
        ("gateway", "report", "gateway:other", false),
        ("gateway", "report", "citizen", false),
        ("gateway", "report", "operator:lan", false),
        ("gateway", "report", "service:gateway", false),
    ];
    for (caller, category, actor, may) in cases {
        let mut request = simple(Uuid::new_v4());
        request.streams[0].category = category.to_owned();
        request.streams[0].events = vec![event("{}"); 2];
        for event in &mut request.streams[0].events {
            event.r#type = format!("{category}.said.v1");
            event.actor = format!(
                "{}:{caller}",
                if caller == "gateway" { caller } else { "service" }
            );
        }
        // The forged one hides behind an honest one.
        request.streams[0].events[1].actor = actor.to_owned();
        let answer = world.client(caller).await.append(request).await;
        assert_eq!(answer.is_ok(), may, "{caller} as {actor}: {answer:?}");
        if let Err(status) = answer {
            assert_eq!(status.code(), Code::PermissionDenied);
            let foreign = wire::ForeignActor {
                actor: actor.to_owned(),
                caller: caller.to_owned(),
            };
            assert_eq!(reason(&status), Reason::ForeignActor(foreign));
        }
    }
    // What the ledger states itself is nobody's to state.
    for own in ["access", "ledger"] {
        let mut request = simple(Uuid::new_v4());
        request.streams[0].category = own.to_owned();
        request.streams[0].events[0].r#type = format!("{own}.said.v1");
        let status = world.client("routing").await.append(request).await.unwrap_err();
        assert!(matches!(reason(&status), Reason::ForeignCategory(_)));
    }
}

/// More than 16 MiB in events of 60 KB.
fn heavy(events: usize) -> wire::AppendRequest {
    let big = event(&format!("{{\"a\":\"{}\"}}", "x".repeat(60_000)));
    request(
        Uuid::new_v4(),
        Uuid::new_v4(),
        vec![to_stream(Uuid::new_v4(), vec![big; events])],
    )
}

pub(crate) async fn a_request_over_every_limit_ends_its_pipeline_and_what_came_before_is_answered(
    world: World,
) {
    let mut client = world.client("routing").await;
    let refused = client.append(heavy(300)).await.unwrap_err();
    let Reason::TooLarge(too_large) = reason(&refused) else {
        panic!("{refused:?}")
    };
    assert_eq!(
        (too_large.what.as_str(), too_large.limit),
        ("the request", 16 << 20)
    );
    // Over twice the limit it is not even read; the limit is named all the same.
    let unread = client.append(heavy(600)).await.unwrap_err();
    assert_eq!(unread.code(), Code::OutOfRange);
    assert!(unread.message().contains("33554432"), "{}", unread.message());

    let mut requests: Vec<_> = (0..50).map(|_| simple(Uuid::new_v4())).collect();
    requests.insert(25, heavy(300));
    requests.push(heavy(600));
    requests.push(simple(Uuid::new_v4()));
    let mut answers = client
        .append_stream(futures::stream::iter(requests))
        .await
        .unwrap()
        .into_inner();
    let (mut appended, mut too_large) = (0, 0);
    let end = loop {
        match answers.message().await {
            Ok(Some(answer)) => match answer.result.unwrap() {
                Outcome::Appended(_) => appended += 1,
                Outcome::Refused(refusal) => {
                    assert!(matches!(refusal.reason, Some(Reason::TooLarge(_))));
                    too_large += 1;
                }
            },
            Ok(None) => panic!("the pipeline ended as if all had been said"),
            Err(status) => break status,
        }
    };
    assert_eq!((appended, too_large, end.code()), (50, 1, Code::OutOfRange));
    assert_eq!(everything(&mut client).await.len(), 50);
}

pub(crate) async fn a_pipeline_that_is_dropped_half_way_leaves_whole_requests_in_the_order_they_came(
    world: World,
) {
    let mut client = world.client("routing").await;
    let requests: Vec<_> = (0..2_000)
        .map(|_| {
            let mut request = simple(Uuid::new_v4());
            request.streams[0].events = vec![event("{}"); 3];
            request
        })
        .collect();
    let ids: Vec<_> = requests.iter().map(|it| it.request_id.clone()).collect();
    let answers = client
        .append_stream(futures::stream::iter(requests.clone()))
        .await
        .unwrap()
        .into_inner();
    let answered: Vec<_> = answers.take(10).map(|it| it.unwrap().request_id).collect().await;
    // What follows comes after all that was still on its way.
    client.append(simple(Uuid::new_v4())).await.unwrap();
    let events = everything(&mut client).await;
    let positions: Vec<u64> = events.iter().map(|it| it.position).collect();
    assert_eq!(positions, (1..=events.len() as u64).collect::<Vec<_>>());
    let stored: Vec<_> = events
        .iter()
        .map(|it| it.request_id.clone())
        .filter(|it| ids.contains(it))
        .collect();
    let (whole, rest) = stored.as_chunks::<3>();
    assert!(
        rest.is_empty() && whole.iter().all(|[a, b, c]| a == b && b == c),
        "a request is whole"
    );
    let stored: Vec<_> = whole.iter().map(|[first, ..]| first.clone()).collect();
    assert!(
        stored[..] == ids[..stored.len()],
        "none is left out between others"
    );
    assert!(answered.iter().all(|it| stored.contains(it)));
    // All of it again: each is stored once.
    let answers = client
        .append_stream(futures::stream::iter(requests))
        .await
        .unwrap()
        .into_inner();
    let already = answers
        .filter(|it| {
            let result = it.as_ref().unwrap().result.clone();
            futures::future::ready(matches!(result, Some(Outcome::Appended(it)) if it.already))
        })
        .count()
        .await;
    assert!(already >= stored.len());
    assert_eq!(everything(&mut client).await.len(), 6_001);
}
