//! The console's tables on both engines: the same calls, the same answers.

use chassis::config::Secret;
use console::case::{Awaits, CaseRow, Owed, State};
use console::filter::Filter;
use console::people::{PersonError, Session, SignInError, digest, sign_in};
use console::store::{DirectoryChange, Store};
use console::{Role, ensure_person};
use kernel::taxonomy::{Office, Topic, Urgency};
use kernel::{CaseId, Instant, Position};
use uuid::Uuid;

fn row(n: u64, state: State) -> CaseRow {
    CaseRow {
        case: CaseId(Uuid::from_u128(n.into())),
        code: format!("HA-{n:05}-00000-0"),
        received: Position(n),
        topic: Some(Topic::Flooding),
        level: Some(3),
        state,
        disputed: Some(Awaits::Office(Office::PartyCommittee)),
        owed: vec![Owed {
            obligation: Uuid::nil(),
            what: "result".to_owned(),
            due: Instant(5),
            missed: n == 2,
        }],
        position: Position(n),
        ..CaseRow::default()
    }
}

/// Every function of the store, against one engine.
async fn every_function_keeps_its_word(url: &str) -> anyhow::Result<()> {
    let store = Store::open(url).await?;
    assert_eq!(store.position().await?, Position(0));
    let mut emergency = row(3, State::WithUnit);
    emergency.urgency = Some(Urgency::Emergency);
    let rows = [
        row(1, State::Closed),
        row(2, State::WithOffice),
        emergency.clone(),
    ];
    let granted = DirectoryChange {
        kind: "unit".to_owned(),
        code: "so_xd".to_owned(),
        roles: Some(vec!["unit".to_owned()]),
        at: Instant(9),
    };
    store
        .apply(&rows, std::slice::from_ref(&granted), Position(1), Position(3))
        .await?;
    assert_eq!(store.position().await?, Position(3));
    assert!(
        store.apply(&rows, &[], Position(2), Position(3)).await.is_err(),
        "a batch is applied once"
    );

    assert_eq!(store.by_code("HA-00002-00000-0").await?, Some(rows[1].clone()));
    assert_eq!(store.by_case(&[rows[0].case, rows[2].case]).await?.len(), 2);
    let list = |filter: Filter| {
        let store = store.clone();
        async move {
            let found = store.list(&filter, Role::Leader, 10).await?;
            anyhow::Ok(found.iter().map(|r| r.received.0).collect::<Vec<_>>())
        }
    };
    assert_eq!(list(Filter::default()).await?, [3, 2, 1]);
    assert_eq!(
        list(Filter {
            mine: true,
            ..Filter::default()
        })
        .await?,
        [2]
    );
    assert_eq!(
        list(Filter {
            late: "now".to_owned(),
            ..Filter::default()
        })
        .await?,
        [2]
    );
    assert_eq!(
        list(Filter {
            before: Some(Position(3)),
            ..Filter::default()
        })
        .await?,
        [2, 1]
    );
    assert_eq!(
        list(Filter {
            q: "00003".to_owned(),
            topic: Some(Topic::Flooding),
            ..Filter::default()
        })
        .await?,
        [3]
    );
    assert_eq!(store.dangers(5).await?, [emergency.clone()]);
    let counts = store.counts().await?;
    assert_eq!(
        (counts.open(), counts.of(State::WithUnit), counts.overdue),
        (2, 1, 1)
    );
    emergency.state = State::Accepted;
    store.apply(&[emergency], &[], Position(4), Position(4)).await?;
    assert!(store.dangers(5).await?.is_empty(), "a unit has accepted");

    assert_eq!(store.directory().await?[0].roles, ["unit"]);
    let revoked = DirectoryChange {
        roles: None,
        ..granted
    };
    store.apply(&[], &[revoked], Position(5), Position(5)).await?;
    assert!(store.directory().await?.is_empty());

    let password = Secret::new("mật khẩu thử 1");
    ensure_person(&store, "lan", &password, Role::Operator, None, "Lan").await?;
    let now = Instant(1_000_000_000_000);
    let token = sign_in(&store, "Lan ", password.clone(), now).await?;
    let signed: Option<Session> = store.session(&digest(&token), now).await?;
    assert_eq!(
        signed.map(|s| (s.login, s.role)),
        Some(("lan".to_owned(), Role::Operator))
    );
    let later = now.plus_micros(console::people::SESSION);
    assert_eq!(
        store.session(&digest(&token), later).await?,
        None,
        "a session ends"
    );
    ensure_person(&store, "lan", &password, Role::Operator, None, "Lan").await?;
    assert!(
        store.session(&digest(&token), now).await?.is_some(),
        "nothing changed, so nobody is signed out"
    );
    ensure_person(&store, "lan", &password, Role::Admin, None, "Lan").await?;
    assert!(
        store.session(&digest(&token), now).await?.is_none(),
        "another role counts at once"
    );
    let no_office = ensure_person(
        &store,
        "lan",
        &password,
        Role::Admin,
        Some(Office::PartyCommittee),
        "Lan",
    )
    .await;
    assert!(matches!(no_office, Err(PersonError::OfOffice)));
    ensure_person(
        &store,
        "an",
        &password,
        Role::Office,
        Some(Office::PartyCommittee),
        "An",
    )
    .await?;
    let token = sign_in(&store, "an", password.clone(), now).await?;
    let office = store.session(&digest(&token), now).await?.and_then(|s| s.office);
    assert_eq!(office, Some(Office::PartyCommittee));
    let wrong = sign_in(&store, "lan", Secret::new("not the password"), now).await;
    assert!(matches!(wrong, Err(SignInError::Wrong)));
    assert_eq!(store.failures(&digest("lan"), Instant(0)).await?, 1);

    store.reset().await?;
    assert_eq!(store.position().await?, Position(0));
    assert!(list(Filter::default()).await?.is_empty());
    assert!(store.person("lan").await?.is_some(), "people are kept");
    Ok(())
}

#[tokio::test]
async fn the_tables_keep_their_word_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("console.db").display());
    every_function_keeps_its_word(&url).await.unwrap();
}

#[tokio::test]
async fn the_tables_keep_their_word_on_postgresql() {
    let postgres = testkit::postgres::Postgres::start().await.unwrap();
    every_function_keeps_its_word(&postgres.url()).await.unwrap();
}
