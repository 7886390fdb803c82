//! Which events a read gives: every kind of bound, from either end, against a model that filters what everybody may see.

use contracts::grpc::ledger as wire;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use tonic::Code;
use uuid::Uuid;
use wire::refusal::Reason;

use crate::world::{
    Client, START, World, collect, event, everything, id, reason, request, simple, to_stream,
};

const CASES: u128 = 3;
const ACTORS: [&str; 3] = ["service:routing", "unit:so_xd", "citizen"];
const TYPES: [(&str, &str); 3] = [
    ("routing", "case_routed"),
    ("routing", "case_accepted"),
    ("routing-policy", "published"),
];

/// 600 events, more than two chunks, of three cases and five streams; the clock moves by 10 between requests and what happened
/// lies up to 50 before.
async fn history(world: &World) -> Vec<wire::Event> {
    let mut client = world.client("routing").await;
    for n in 0..200_usize {
        world.clock.set(kernel::Instant(START + 10 * n as i64));
        let case = Uuid::from_u128(n as u128 % CASES);
        let (category, name) = TYPES[n % 7 % 3];
        let events = (0..3).map(|k| wire::NewEvent {
            r#type: format!("{category}.{name}.v1"),
            actor: ACTORS[(n + k) % 5 % 3].to_owned(),
            occurred_at: START + 10 * n as i64 - 25 * (k as i64 % 3),
            ..event("{}")
        });
        let stream = wire::StreamAppend {
            category: category.to_owned(),
            ..to_stream(Uuid::from_u128(n as u128 % 4), events.collect())
        };
        let mut request = request(Uuid::new_v4(), case, vec![stream]);
        request.case_id = (n % 11 != 0).then(|| id(case));
        client.append(request).await.unwrap();
    }
    everything(&mut client).await
}

#[derive(Clone, Debug)]
struct Asked {
    from: u64,
    to: u64,
    limit: u64,
    backwards: bool,
    filter: wire::Filter,
}

fn asked() -> impl Strategy<Value = Asked> {
    let instant = || prop::option::of((-60_i64..2_100).prop_map(|n| START + n));
    let some_of =
        |all: Vec<String>| prop_oneof![2 => Just(vec![]), 1 => prop::sample::subsequence(all, 1..3)];
    let types = TYPES.iter().map(|(c, n)| format!("{c}.{n}")).collect();
    let categories = ["routing", "routing-policy", "report"]
        .map(str::to_owned)
        .to_vec();
    let case = prop_oneof![
        3 => Just(None),
        1 => (0..CASES).prop_map(|n| Some(id(Uuid::from_u128(n))))
    ];
    let actor =
        prop_oneof![3 => Just(None), 1 => prop::sample::select(&ACTORS[..]).prop_map(|a| Some(a.to_owned()))];
    let filter = (
        some_of(types),
        some_of(categories),
        case,
        actor,
        instant(),
        instant(),
        instant(),
        instant(),
    )
        .prop_map(
            |(types, categories, case_id, actor, a, b, occurred_from, occurred_until)| wire::Filter {
                categories,
                types,
                case_id,
                actor,
                recorded_from: a,
                recorded_until: b,
                occurred_from,
                occurred_until,
            },
        );
    let to = prop_oneof![Just(0_u64), 1_u64..700, Just(u64::MAX)];
    let limit = prop_oneof![Just(0_u64), 1_u64..300, Just(u64::MAX)];
    (0_u64..620, to, limit, any::<bool>(), filter).prop_map(|(from, to, limit, backwards, filter)| Asked {
        from,
        to,
        limit,
        backwards,
        filter,
    })
}

fn fits(event: &wire::Event, filter: &wire::Filter) -> bool {
    let name = event.r#type.rsplit_once(".v").unwrap().0;
    let after = |bound: Option<i64>, at: i64| bound.is_none_or(|bound| at >= bound);
    let before = |bound: Option<i64>, at: i64| bound.is_none_or(|bound| at <= bound);
    (filter.categories.is_empty() || filter.categories.contains(&event.category))
        && (filter.types.is_empty() || filter.types.iter().any(|it| it == name))
        && filter
            .case_id
            .as_ref()
            .is_none_or(|case| event.case_id.as_ref() == Some(case))
        && filter.actor.as_ref().is_none_or(|actor| *actor == event.actor)
        && after(filter.recorded_from, event.recorded_at)
        && before(filter.recorded_until, event.recorded_at)
        && after(filter.occurred_from, event.occurred_at)
        && before(filter.occurred_until, event.occurred_at)
}

fn model<'a>(
    events: impl Iterator<Item = &'a wire::Event>,
    backwards: bool,
    limit: u64,
) -> Vec<&'a wire::Event> {
    let mut events: Vec<_> = events.collect();
    if backwards {
        events.reverse();
    }
    events.truncate(match limit {
        0 => usize::MAX,
        limit => usize::try_from(limit).unwrap(),
    });
    events
}

pub(crate) async fn every_read_gives_what_a_filter_over_everything_gives(world: World) {
    let all = history(&world).await;
    assert_eq!(all.len(), 600);
    let mut client = world.client("routing").await;
    // The same questions each time.
    let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), seed);
    let (strategy, mut found) = (asked(), 0);
    for _ in 0..40 {
        let asked = strategy.new_tree(&mut runner).unwrap().current();
        let (to, filter) = (
            if asked.to == 0 { u64::MAX } else { asked.to },
            asked.filter.clone(),
        );
        let within = |it: &&wire::Event| (asked.from..=to).contains(&it.position) && fits(it, &filter);
        let expected = model(all.iter().filter(within), asked.backwards, asked.limit);
        let read = wire::ReadAllRequest {
            from: asked.from,
            to: asked.to,
            limit: asked.limit,
            filter: Some(asked.filter.clone()),
            backwards: asked.backwards,
        };
        let events = collect(client.read_all(read.clone()).await.unwrap().into_inner()).await;
        assert_eq!(events.iter().collect::<Vec<_>>(), expected, "{asked:?}");
        found += events.len();
        of_a_case_and_a_stream(&mut client, &all, &asked).await;
        // What can end is followed to the same end.
        if !asked.backwards && asked.to > 0 && asked.to <= 600 {
            let events = collect(client.follow(read).await.unwrap().into_inner()).await;
            assert_eq!(events.iter().collect::<Vec<_>>(), expected, "{asked:?}");
        }
    }
    assert!(found > 1_000, "the questions find something: {found}");
}

async fn of_a_case_and_a_stream(client: &mut Client, all: &[wire::Event], asked: &Asked) {
    let Asked {
        from,
        limit,
        backwards,
        filter,
        ..
    } = asked;
    let begun = |number: u64| match (*backwards, *from) {
        (true, 0) => true,
        (true, from) => number <= from,
        (false, from) => number >= from,
    };
    let times = wire::Filter {
        recorded_until: filter.recorded_until,
        occurred_until: filter.occurred_until,
        ..Default::default()
    };
    let case = id(Uuid::from_u128(1));
    let read = wire::ReadCaseRequest {
        case_id: case.clone(),
        from: *from,
        limit: *limit,
        recorded_until: filter.recorded_until,
        occurred_until: filter.occurred_until,
        backwards: *backwards,
    };
    let events = collect(client.read_case(read).await.unwrap().into_inner()).await;
    let of_case =
        |it: &&wire::Event| it.case_id.as_ref() == Some(&case) && begun(it.position) && fits(it, &times);
    assert_eq!(
        events.iter().collect::<Vec<_>>(),
        model(all.iter().filter(of_case), *backwards, *limit),
        "{asked:?}"
    );
    let stream = id(Uuid::from_u128(2));
    let read = wire::ReadStreamRequest {
        category: "routing".to_owned(),
        stream_id: stream.clone(),
        from_version: from / 4,
        limit: *limit,
        recorded_until: filter.recorded_until,
        occurred_until: filter.occurred_until,
        backwards: *backwards,
    };
    let events = collect(client.read_stream(read).await.unwrap().into_inner()).await;
    let begun = |version: u64| match (*backwards, from / 4) {
        (true, 0) => true,
        (true, from) => version <= from,
        (false, from) => version >= from,
    };
    let of_stream = |it: &&wire::Event| {
        it.category == "routing" && it.stream_id == stream && begun(it.version) && fits(it, &times)
    };
    assert_eq!(
        events.iter().collect::<Vec<_>>(),
        model(all.iter().filter(of_stream), *backwards, *limit),
        "{asked:?}"
    );
}

pub(crate) async fn a_follower_between_two_times_waits_for_the_one_and_ends_at_the_other(world: World) {
    let mut client = world.client("routing").await;
    client.append(simple(Uuid::new_v4())).await.unwrap(); // 1, too early
    let filter = wire::Filter {
        recorded_from: Some(START + 10),
        recorded_until: Some(START + 20),
        ..Default::default()
    };
    let follow = wire::ReadAllRequest {
        filter: Some(filter),
        ..Default::default()
    };
    let mut followed = client.follow(follow).await.unwrap().into_inner();
    for (micros, within) in [(5, false), (10, true), (20, true), (21, false)] {
        world.clock.set(kernel::Instant(START + micros));
        let appended = client.append(simple(Uuid::new_v4())).await.unwrap().into_inner();
        if within {
            assert_eq!(followed.message().await.unwrap().unwrap().position, appended.head);
        }
    }
    assert_eq!(followed.message().await.unwrap(), None);
}

pub(crate) async fn a_read_that_cannot_be_meant_is_refused_by_the_name_of_its_field(world: World) {
    let mut client = world.client("routing").await;
    type Spoil = fn(&mut wire::Filter);
    let spoilt: [(&str, Spoil); 8] = [
        ("filter.categories", |it| {
            it.categories = vec!["rout\0ing".to_owned()]
        }),
        ("filter.categories", |it| it.categories = vec![String::new()]),
        ("filter.types", |it| {
            it.types = vec!["routing.case_routed.v1".to_owned()]
        }),
        ("filter.types", |it| it.types = vec!["routing".to_owned()]),
        ("filter.types", |it| it.types = vec!["routing.\0".to_owned()]),
        ("filter.actor", |it| it.actor = Some("unit:\0".to_owned())),
        ("filter.actor", |it| it.actor = Some("Nguyễn Văn A".to_owned())),
        ("filter.case_id", |it| it.case_id = Some(vec![1; 17].into())),
    ];
    let named = |status: &tonic::Status, field: &str| {
        assert_eq!(status.code(), Code::InvalidArgument, "{field}: {status:?}");
        let field = field.to_owned();
        assert_eq!(reason(status), Reason::Invalid(wire::Invalid { field }));
    };
    for (field, spoil) in spoilt {
        let mut read = wire::ReadAllRequest {
            filter: Some(Default::default()),
            ..Default::default()
        };
        spoil(read.filter.as_mut().unwrap());
        named(&client.read_all(read.clone()).await.unwrap_err(), field);
        named(&client.follow(read).await.unwrap_err(), field);
    }
    let too_many = wire::Filter {
        types: vec!["routing.case_routed".to_owned(); 1_001],
        ..Default::default()
    };
    let read = wire::ReadAllRequest {
        filter: Some(too_many),
        ..Default::default()
    };
    let refused = client.read_all(read).await.unwrap_err();
    assert!(matches!(reason(&refused), Reason::TooLarge(it) if it.limit == 1_000));
    let backwards = wire::ReadAllRequest {
        backwards: true,
        ..Default::default()
    };
    named(&client.follow(backwards).await.unwrap_err(), "backwards");
    let stream = wire::ReadStreamRequest {
        category: "a\0".to_owned(),
        stream_id: id(Uuid::nil()),
        ..Default::default()
    };
    named(&client.read_stream(stream.clone()).await.unwrap_err(), "category");
    let no_id = wire::ReadStreamRequest {
        category: "routing".to_owned(),
        stream_id: Default::default(),
        ..stream
    };
    named(&client.read_stream(no_id).await.unwrap_err(), "stream_id");
    let no_case = wire::ReadCaseRequest::default();
    named(&client.read_case(no_case).await.unwrap_err(), "case_id");
    // The far ends of every number are only empty.
    for from in [u64::MAX, 1 << 63] {
        let read = wire::ReadAllRequest {
            from,
            to: u64::MAX,
            ..Default::default()
        };
        assert_eq!(
            collect(client.read_all(read).await.unwrap().into_inner()).await,
            []
        );
        let read = wire::ReadStreamRequest {
            category: "routing".to_owned(),
            stream_id: id(Uuid::nil()),
            from_version: from,
            backwards: true,
            recorded_until: Some(i64::MAX),
            ..Default::default()
        };
        assert_eq!(
            collect(client.read_stream(read).await.unwrap().into_inner()).await,
            []
        );
    }
}
