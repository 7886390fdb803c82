//! Opening sealed content: by purpose, on record, under the right key, and never again when the key is gone.

use contracts::grpc::ledger as wire;
use uuid::Uuid;
use wire::content::Outcome;
use wire::refusal::Reason;

use crate::world::{World, event, everything, id, reason, request, simple, to_stream};

fn sealed(case: Uuid, text: &str) -> wire::AppendRequest {
    let mut request = simple(case);
    request.streams[0].events[0].sealed = Some(text.to_owned().into());
    request
}

fn open(purpose: wire::Purpose, positions: &[u64]) -> wire::OpenContentRequest {
    let positions = positions.to_vec();
    wire::OpenContentRequest {
        purpose: purpose.into(),
        positions,
        reader: String::new(),
        role: String::new(),
        run: None,
    }
}

fn outcomes(reply: wire::OpenContentReply) -> Vec<(u64, Outcome)> {
    reply
        .contents
        .into_iter()
        .map(|it| (it.position, it.outcome.unwrap()))
        .collect()
}

pub(crate) async fn content_opens_for_a_purpose_the_caller_has_and_for_no_other(world: World) {
    let mut client = world.client("routing").await;
    client
        .append(sealed(Uuid::new_v4(), "hố ga mất nắp"))
        .await
        .unwrap();
    client.append(simple(Uuid::new_v4())).await.unwrap();
    let reply = client
        .open_content(open(wire::Purpose::Route, &[2, 1, 9]))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(reply.position, 0);
    let outcomes = outcomes(reply);
    assert_eq!(
        outcomes[..2],
        [
            (1, Outcome::Plaintext("hố ga mất nắp".into())),
            (2, Outcome::NothingSealed(true))
        ]
    );
    assert!(matches!(&outcomes[2], (9, Outcome::Refused(_))));
    for (caller, purpose) in [
        ("routing", wire::Purpose::Inspect),
        ("gateway", wire::Purpose::Route),
    ] {
        let refused = world
            .client(caller)
            .await
            .open_content(open(purpose, &[1]))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    }
    let refused = client
        .open_content(open(wire::Purpose::Unspecified, &[1]))
        .await
        .unwrap_err();
    assert!(matches!(reason(&refused), Reason::Invalid(_)));
}

pub(crate) async fn a_person_who_reads_is_on_record_before_they_read(world: World) {
    let mut client = world.client("routing").await;
    let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
    for case in [a, b, a] {
        client.append(sealed(case, "kín")).await.unwrap();
    }
    let mut console = world.client("console").await;
    let handle = open(wire::Purpose::Handle, &[1, 2, 3]);
    let refused = console.open_content(handle.clone()).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        Reason::Invalid(wire::Invalid {
            field: "reader".to_owned()
        })
    );
    let by_lan = wire::OpenContentRequest {
        reader: "operator:lan".to_owned(),
        role: "operator".to_owned(),
        ..handle
    };
    let reply = console.open_content(by_lan.clone()).await.unwrap().into_inner();
    assert_eq!(reply.position, 5);
    assert!(
        outcomes(reply)
            .iter()
            .all(|(_, outcome)| *outcome == Outcome::Plaintext("kín".into()))
    );
    let events = everything(&mut client).await;
    let openings: Vec<_> = events[3..].iter().collect();
    assert_eq!(openings.len(), 2);
    for (opening, (case, positions)) in openings.iter().zip([(a, vec![1, 3]), (b, vec![2])]) {
        assert_eq!(opening.r#type, "access.content_opened.v1");
        assert_eq!(
            (&opening.stream_id, opening.case_id.as_ref()),
            (&id(case), Some(&id(case)))
        );
        assert_eq!(opening.actor, "operator:lan");
        let fact: serde_json::Value = serde_json::from_slice(&opening.data).unwrap();
        let expected = serde_json::json!({
            "reader": "operator:lan", "role": "operator", "purpose": "handle", "positions": positions,
        });
        assert_eq!(fact, expected);
    }
    // A service may not lend its right to a person.
    let lent = wire::OpenContentRequest {
        purpose: wire::Purpose::Route.into(),
        ..by_lan
    };
    assert_eq!(
        client.open_content(lent).await.unwrap_err().code(),
        tonic::Code::PermissionDenied
    );
}

pub(crate) async fn a_persons_run_over_reports_is_one_event_and_opens_nothing_else(world: World) {
    let mut gateway = world.client("gateway").await;
    for case in [1, 2, 3].map(Uuid::from_u128) {
        let report = wire::NewEvent {
            r#type: "report.report_received.v1".to_owned(),
            actor: "gateway:gateway".to_owned(),
            sealed: Some("kín".into()),
            ..event("{}")
        };
        let stream = wire::StreamAppend {
            category: "report".to_owned(),
            ..to_stream(case, vec![report])
        };
        gateway
            .append(request(Uuid::new_v4(), case, vec![stream]))
            .await
            .unwrap();
    }
    let mut routing = world.client("routing").await;
    routing.append(sealed(Uuid::from_u128(1), "lý do")).await.unwrap();
    let mut admin = world.client("admin").await;
    let over = |to: u64, positions: &[u64]| wire::OpenContentRequest {
        reader: "operator:lan".to_owned(),
        role: "operator".to_owned(),
        run: Some(wire::Run {
            id: id(Uuid::from_u128(9)),
            from: 1,
            to,
        }),
        ..open(wire::Purpose::Backtest, positions)
    };
    let field = |status: tonic::Status| match reason(&status) {
        Reason::Invalid(it) => it.field,
        other => panic!("{other:?}"),
    };
    let without = wire::OpenContentRequest {
        run: None,
        ..over(4, &[1])
    };
    assert_eq!(field(admin.open_content(without).await.unwrap_err()), "run");
    let of_nobody = wire::OpenContentRequest {
        purpose: wire::Purpose::Handle.into(),
        ..over(4, &[1])
    };
    let mut console = world.client("console").await;
    assert_eq!(field(console.open_content(of_nobody).await.unwrap_err()), "run");
    assert_eq!(
        everything(&mut admin).await.len(),
        4,
        "who is refused opens nothing"
    );

    // However many calls it takes, it is one event; what is no report, or outside, stays closed.
    for (positions, plain) in [(&[1, 2][..], 2), (&[3, 4], 1), (&[1, 4, 5], 1)] {
        let reply = admin.open_content(over(4, positions)).await.unwrap().into_inner();
        let opened = outcomes(reply);
        let is_plain = |it: &&(u64, Outcome)| matches!(it.1, Outcome::Plaintext(_));
        assert_eq!(opened.iter().filter(is_plain).count(), plain, "{opened:?}");
    }
    let events = everything(&mut admin).await;
    let facts = |events: &[wire::Event]| -> Vec<serde_json::Value> {
        let of_runs = events.iter().filter(|it| it.r#type == "access.reports_opened.v1");
        of_runs
            .map(|it| serde_json::from_slice(&it.data).unwrap())
            .collect()
    };
    assert_eq!(
        facts(&events),
        [serde_json::json!({
            "reader": "operator:lan", "role": "operator", "purpose": "backtest", "from": 1, "to": 4,
        })]
    );
    assert_eq!(events.len(), 5);
    // Another range under the same id is another claim.
    let reply = admin.open_content(over(2, &[2, 3])).await.unwrap().into_inner();
    let opened = outcomes(reply);
    assert!(matches!(
        opened[..],
        [(2, Outcome::Plaintext(_)), (3, Outcome::Refused(_))]
    ));
    assert_eq!(facts(&everything(&mut admin).await).len(), 2);
}

pub(crate) async fn content_without_a_case_opens_under_its_streams_own_key(world: World) {
    let mut client = world.client("routing").await;
    let policy = wire::StreamAppend {
        category: "routing-policy".to_owned(),
        events: vec![wire::NewEvent {
            r#type: "routing-policy.policy_published.v1".to_owned(),
            sealed: Some("quy tắc".into()),
            ..event("{}")
        }],
        ..to_stream(Uuid::new_v4(), vec![])
    };
    let request = wire::AppendRequest {
        case_id: None,
        ..request(Uuid::new_v4(), Uuid::new_v4(), vec![policy])
    };
    client.append(request).await.unwrap();
    let reply = client
        .open_content(open(wire::Purpose::Policy, &[1]))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(outcomes(reply), [(1, Outcome::Plaintext("quy tắc".into()))]);
}

pub(crate) async fn a_destroyed_key_erases_what_it_sealed_and_seals_nothing_more(mut world: World) {
    let (case, other) = (Uuid::from_u128(0x11), Uuid::from_u128(0x22));
    let mut client = world.client("routing").await;
    client.append(sealed(case, "một")).await.unwrap();
    client.append(sealed(other, "hai")).await.unwrap();
    world.stop().await;
    let erase = if world.postgres.is_some() {
        r"UPDATE data_keys SET wrapped = NULL WHERE owner = '\x00000000000000000000000000000011'"
    } else {
        "UPDATE data_keys SET wrapped = NULL WHERE owner = x'00000000000000000000000000000011'"
    };
    world.sql_of_keys(erase).await.unwrap();
    world.wake().await;
    let mut client = world.client("routing").await;
    let reply = client
        .open_content(open(wire::Purpose::Route, &[1, 2]))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        outcomes(reply),
        [(1, Outcome::Erased(true)), (2, Outcome::Plaintext("hai".into()))]
    );
    let refused = client.append(sealed(case, "ba")).await.unwrap_err();
    assert_eq!(
        reason(&refused),
        Reason::Invalid(wire::Invalid {
            field: "sealed".to_owned()
        })
    );
    client.append(simple(case)).await.unwrap();
}

pub(crate) async fn nobody_puts_their_reading_down_to_another(world: World) {
    let mut client = world.client("routing").await;
    client.append(sealed(Uuid::new_v4(), "kín")).await.unwrap();
    let by = |reader: &str, role: &str| wire::OpenContentRequest {
        reader: reader.to_owned(),
        role: role.to_owned(),
        ..open(wire::Purpose::Inspect, &[1])
    };
    let mut auditor = world.client("auditor").await;
    for another in ["unit:so_xd", "service:routing", "operator:lan"] {
        let refused = auditor.open_content(by(another, "r")).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::PermissionDenied, "{another}");
    }
    auditor
        .open_content(by("inspector:auditor", "inspector"))
        .await
        .unwrap();
    // A service opens for the unit that asked it.
    let for_a_unit = wire::OpenContentRequest {
        purpose: wire::Purpose::Route.into(),
        ..by("unit:so_xd", "unit")
    };
    client.open_content(for_a_unit).await.unwrap();
    let events = everything(&mut client).await;
    let readers: Vec<&str> = events[1..].iter().map(|event| event.actor.as_str()).collect();
    assert_eq!(readers, ["inspector:auditor", "unit:so_xd"]);
}

pub(crate) async fn what_is_damaged_is_refused_by_itself_and_never_called_erased(mut world: World) {
    let mut client = world.client("routing").await;
    for (case, text) in [(0x11, "một"), (0x22, "hai"), (0x33, "ba")] {
        client.append(sealed(Uuid::from_u128(case), text)).await.unwrap();
    }
    world.stop().await;
    let (cut, change) = if world.postgres.is_some() {
        (
            r"DELETE FROM data_keys WHERE owner = '\x00000000000000000000000000000011'",
            r"ALTER TABLE bodies DISABLE TRIGGER ALL; UPDATE bodies SET sealed = '\x0102' WHERE position = 2",
        )
    } else {
        (
            "DELETE FROM data_keys WHERE owner = x'00000000000000000000000000000011'",
            "DROP TRIGGER bodies_refuse_update; UPDATE bodies SET sealed = x'0102' WHERE position = 2",
        )
    };
    world.sql_of_keys(cut).await.unwrap();
    world.sql(change).await.unwrap();
    world.wake().await;
    let mut client = world.client("routing").await;
    let reply = client
        .open_content(open(wire::Purpose::Route, &[1, 2, 3]))
        .await
        .unwrap()
        .into_inner();
    let outcomes = outcomes(reply);
    assert!(
        matches!(&outcomes[0], (1, Outcome::Refused(_))),
        "{:?}",
        outcomes[0]
    );
    assert!(
        matches!(&outcomes[1], (2, Outcome::Refused(_))),
        "{:?}",
        outcomes[1]
    );
    assert_eq!(outcomes[2], (3, Outcome::Plaintext("ba".into())));
}
