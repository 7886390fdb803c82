//! Erasing, searching, and keys that are rotated or live in a token.

mod snapshot;
mod token;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use contracts::grpc::ledger as wire;
use kernel::Clock as _;
use sqlx::Connection as _;
use testkit::process::Process;
use uuid::Uuid;
use wire::content::Outcome;
use wire::refusal::Reason;

use crate::world::{Client, World, connect, everything, id, reason, simple};

pub(crate) use snapshot::a_reader_from_before_an_erasure_keeps_no_key_in_the_files;

const PATIENCE: Duration = Duration::from_secs(60);

fn sealed(case: Uuid, text: &str) -> wire::AppendRequest {
    let mut request = simple(case);
    let content = serde_json::json!({ "text": text }).to_string();
    request.streams[0].events[0].sealed = Some(content.into());
    request
}

fn erase(case: Uuid, basis: &str) -> wire::EraseContentRequest {
    wire::EraseContentRequest {
        request_id: id(Uuid::new_v4()),
        case_id: id(case),
        basis: basis.to_owned(),
        ordered_by: "QD-1/2026".to_owned(),
        unless: Vec::new(),
    }
}

fn term(kind: wire::TermKind, text: &str) -> wire::Term {
    wire::Term {
        kind: kind.into(),
        text: text.to_owned(),
    }
}

fn words(text: &str) -> wire::SearchRequest {
    wire::SearchRequest {
        terms: vec![term(wire::TermKind::Word, text)],
        purpose: wire::Purpose::Inspect.into(),
        reader: "inspector:minh".to_owned(),
        role: "inspector".to_owned(),
        limit: 0,
        before: 0,
    }
}

/// The cases found, once the index has seen everything up to a position.
async fn found(client: &mut Client, at_least: u64, request: wire::SearchRequest) -> Vec<Uuid> {
    loop {
        let reply = client.search(request.clone()).await.unwrap().into_inner();
        if reply.indexed >= at_least {
            return reply
                .found
                .iter()
                .map(|it| Uuid::from_slice(&it.case_id).unwrap())
                .collect();
        }
    }
}

async fn outcome(client: &mut Client, position: u64) -> Outcome {
    let open = wire::OpenContentRequest {
        purpose: wire::Purpose::Route.into(),
        positions: vec![position],
        ..Default::default()
    };
    let mut reply = client.open_content(open).await.unwrap().into_inner();
    reply.contents.remove(0).outcome.unwrap()
}

/// The wrapped key of a case as the key store has it; `None` when it is destroyed.
async fn wrapped(world: &World, case: Uuid) -> Option<Vec<u8>> {
    let owner = case.as_bytes().to_vec();
    if world.postgres.is_some() {
        let mut conn = sqlx::PgConnection::connect(&world.url).await.unwrap();
        let sql = "SELECT wrapped FROM keys.data_keys WHERE owner = $1";
        sqlx::query_scalar(sql)
            .bind(owner)
            .fetch_one(&mut conn)
            .await
            .unwrap()
    } else {
        let url = format!("sqlite:{}", world.folder.path().join("ledger-keys.db").display());
        let mut conn = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let sql = "SELECT wrapped FROM data_keys WHERE owner = $1";
        sqlx::query_scalar(sql)
            .bind(owner)
            .fetch_one(&mut conn)
            .await
            .unwrap()
    }
}

/// In which files these bytes stand. PostgreSQL's own log is left out: it goes with the key-encryption key (see `KeyStore::purge`).
fn files_with(world: &World, wanted: &[u8]) -> Vec<String> {
    fn walk(folder: &Path, wanted: &[u8], found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("pg_wal") {
                walk(&path, wanted, found);
            } else if path.is_file() {
                // A file of the server's own may vanish while we look.
                let bytes = std::fs::read(&path).unwrap_or_default();
                if bytes.windows(wanted.len()).any(|it| it == wanted) {
                    found.push(path.display().to_string());
                }
            }
        }
    }
    let mut found = Vec::new();
    world
        .data_folders()
        .iter()
        .for_each(|folder| walk(folder, wanted, &mut found));
    found
}

pub(crate) async fn what_is_erased_opens_nowhere_and_its_key_is_in_no_file_while_every_hash_stays(
    mut world: World,
) {
    let (case, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let mut client = world.client("routing").await;
    let mut admin = world.client("admin").await;
    for n in 0..40 {
        client
            .append(sealed(Uuid::new_v4(), &format!("trước {n}")))
            .await
            .unwrap();
    }
    let first = client
        .append(sealed(case, "một"))
        .await
        .unwrap()
        .into_inner()
        .head;
    client.append(sealed(other, "hai")).await.unwrap();
    let last = client.append(sealed(case, "ba")).await.unwrap().into_inner().head;
    let before = everything(&mut client).await;
    let key = wrapped(&world, case).await.unwrap();
    if world.postgres.is_some() {
        world.sql("CHECKPOINT").await.unwrap();
    }
    assert!(
        !files_with(&world, &key).is_empty(),
        "the search finds what is there"
    );
    let reply = admin
        .erase_content(erase(case, "subject_request"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((reply.position, reply.already), (last + 1, false));
    if world.postgres.is_some() {
        world.sql("CHECKPOINT").await.unwrap();
    }
    assert_eq!(files_with(&world, &key), [""; 0]);
    assert_eq!(wrapped(&world, case).await, None);
    for position in [first, last] {
        assert_eq!(outcome(&mut client, position).await, Outcome::Erased(true));
    }
    assert!(matches!(
        outcome(&mut client, first + 1).await,
        Outcome::Plaintext(_)
    ));
    let after = everything(&mut client).await;
    assert_eq!(after[..before.len()], before, "facts, salts and hashes stay");
    let erased = after.last().unwrap();
    assert_eq!(erased.r#type, "access.content_erased.v1");
    assert_eq!(
        (&erased.case_id, erased.actor.as_str()),
        (&Some(id(case)), "admin:admin")
    );
    let refused = client.append(sealed(case, "bốn")).await.unwrap_err();
    assert!(matches!(reason(&refused), Reason::Invalid(it) if it.field == "sealed"));
    client.append(simple(case)).await.unwrap();
    // Asked again, whoever asks: it was done.
    let again = admin
        .erase_content(erase(case, "court_order"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((again.position, again.already), (reply.position, true));
    world.stop().await;
    world.wake().await;
    let mut client = world.client("routing").await;
    assert_eq!(outcome(&mut client, first).await, Outcome::Erased(true));
    let refused = client.append(sealed(case, "năm")).await.unwrap_err();
    assert!(matches!(reason(&refused), Reason::Invalid(it) if it.field == "sealed"));
}

pub(crate) async fn the_law_that_keeps_refuses_the_wish_and_yields_to_the_court(world: World) {
    let case = Uuid::from_u128(3);
    let mut gateway = world.client("gateway").await;
    let mut report = sealed(case, "còn đang giải quyết");
    report.streams[0].category = "report".to_owned();
    report.streams[0].events[0].r#type = "report.report_received.v1".to_owned();
    report.streams[0].events[0].actor = "gateway:gateway".to_owned();
    gateway.append(report).await.unwrap();
    let mut admin = world.client("admin").await;
    let refused = admin
        .erase_content(erase(case, "subject_request"))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), tonic::Code::FailedPrecondition);
    assert_eq!(
        reason(&refused),
        Reason::MustBeKept(wire::MustBeKept {
            duty: "open_case".to_owned()
        })
    );
    // Nobody else may, and nonsense is named.
    for stranger in ["routing", "console", "auditor", "gateway"] {
        let mut stranger = world.client(stranger).await;
        let refused = stranger
            .erase_content(erase(case, "court_order"))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    }
    for (request, field) in [
        (erase(case, "because"), "basis"),
        (erase(Uuid::from_u128(99), "court_order"), "case_id"),
        (
            wire::EraseContentRequest {
                ordered_by: "ông Bảy".to_owned(),
                ..erase(case, "court_order")
            },
            "ordered_by",
        ),
    ] {
        let refused = admin.erase_content(request).await.unwrap_err();
        assert!(
            matches!(reason(&refused), Reason::Invalid(it) if it.field == field),
            "{field}"
        );
    }
    // A guard that found the case moved.
    let guarded = wire::EraseContentRequest {
        unless: vec![wire::Unless {
            case_id: id(case),
            after: 0,
            categories: Vec::new(),
        }],
        ..erase(case, "court_order")
    };
    let refused = admin.erase_content(guarded).await.unwrap_err();
    assert!(matches!(reason(&refused), Reason::CaseMoved(_)));
    let done = admin.erase_content(erase(case, "court_order")).await.unwrap();
    assert!(!done.into_inner().already);
}

pub(crate) async fn a_search_finds_words_and_numbers_in_any_spelling_and_is_on_record_without_them(
    world: World,
) {
    let (a, b, c) = (Uuid::from_u128(0xa), Uuid::from_u128(0xb), Uuid::from_u128(0xc));
    let mut client = world.client("routing").await;
    client
        .append(sealed(a, "Ổ gà lớn ở đường Lê Lợi, gọi +84 912 774 365"))
        .await
        .unwrap();
    client
        .append(sealed(b, "Cây ngã đường Lê Lợi, lan.le@example.vn"))
        .await
        .unwrap();
    client
        .append(sealed(c, "ngập nước, CCCD 079203001234"))
        .await
        .unwrap();
    let head = client.append(sealed(a, "hố ga")).await.unwrap().into_inner().head;
    let mut admin = world.client("admin").await;
    for (text, cases) in [
        ("Lê Lợi", vec![b, a]),
        ("duong le loi", vec![b, a]),
        ("ĐƯỜNG lê lợi ổ gà", vec![a]),
        ("hố gà", vec![a]), // one word in each of two events of the case
        ("ngap", vec![c]),
        ("lê ngập", vec![]),
    ] {
        assert_eq!(found(&mut admin, head, words(text)).await, cases, "{text}");
    }
    for (kind, text, case) in [
        (wire::TermKind::Phone, "0912.774.365", a),
        (wire::TermKind::Email, "Lan.Le@EXAMPLE.vn", b),
        (wire::TermKind::Id, "079 203 001 234", c),
    ] {
        let request = wire::SearchRequest {
            terms: vec![term(kind, text)],
            ..words("")
        };
        assert_eq!(found(&mut admin, head, request).await, [case], "{text}");
    }
    // A page at a time, newest first.
    let page = wire::SearchRequest {
        limit: 1,
        ..words("duong")
    };
    let first = admin.search(page.clone()).await.unwrap().into_inner();
    assert_eq!(
        (first.found[0].case_id.clone(), first.found[0].positions.clone()),
        (id(b), vec![2])
    );
    let page = wire::SearchRequest {
        before: first.next,
        ..page
    };
    let second = admin.search(page).await.unwrap().into_inner();
    assert_eq!(second.found[0].case_id, id(a));
    // On record: who, how many, never what for.
    let events = everything(&mut client).await;
    let last = events.last().unwrap();
    assert_eq!(
        (last.position, last.r#type.as_str()),
        (second.position, "access.content_searched.v1")
    );
    let fact: serde_json::Value = serde_json::from_slice(&last.data).unwrap();
    assert_eq!(
        fact,
        serde_json::json!({"reader": "inspector:minh", "role": "inspector", "purpose": "inspect", "kinds": ["word"], "found": 1})
    );
    // Refusals: no right, another's name, no purpose, no term.
    let mut auditor = world.client("auditor").await;
    let refused = auditor.search(words("duong")).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    for (request, field) in [
        (
            wire::SearchRequest {
                reader: String::new(),
                ..words("x")
            },
            "reader",
        ),
        (
            wire::SearchRequest {
                purpose: wire::Purpose::Classify.into(),
                ..words("x")
            },
            "purpose",
        ),
        (
            wire::SearchRequest {
                terms: Vec::new(),
                ..words("")
            },
            "terms",
        ),
        (
            wire::SearchRequest {
                terms: vec![term(wire::TermKind::Phone, "113")],
                ..words("")
            },
            "terms",
        ),
    ] {
        let refused = admin.search(request).await.unwrap_err();
        assert!(
            matches!(reason(&refused), Reason::Invalid(it) if it.field == field),
            "{field}"
        );
    }
    // Erased, it is found no more.
    admin.erase_content(erase(a, "court_order")).await.unwrap();
    assert_eq!(found(&mut admin, head, words("Lê Lợi")).await, [b]);
}

pub(crate) async fn a_rotated_key_opens_everything_and_the_old_one_nothing(mut world: World) {
    let case = Uuid::from_u128(4);
    let mut client = world.client("routing").await;
    client.append(sealed(case, "kín")).await.unwrap();
    let old_wrapped = wrapped(&world, case).await.unwrap();
    let new = world.folder.path().join("new-kek");
    ledger::vault::create_kek_file(&new).unwrap();
    let old = world.config.kek.clone();
    let running = rotate(&world, &old, &new).await.unwrap_err().to_string();
    assert!(running.contains("another instance"), "{running}");
    world.stop().await;
    // From a key that is not the one in force: nothing happens.
    let foreign = world.folder.path().join("foreign-kek");
    ledger::vault::create_kek_file(&foreign).unwrap();
    assert!(rotate(&world, &foreign, &new).await.is_err());
    let rotation = rotate(&world, &old, &new).await.unwrap();
    assert_eq!(rotation.keys, 1);
    assert_eq!(files_with(&world, &old_wrapped), [""; 0]);
    assert_eq!(rotate(&world, &old, &new).await.unwrap().keys, 0, "it is done");
    let (life, _ready) = chassis::service::Life::under(&Default::default());
    let error = ledger::run(world.config.clone(), life).await.unwrap_err();
    assert!(
        format!("{error:#}").contains(&rotation.to.to_string()),
        "{error:#}"
    );
    world.config.kek = new;
    for _ in 0..2 {
        world.wake().await;
        let mut client = world.client("routing").await;
        assert!(matches!(outcome(&mut client, 1).await, Outcome::Plaintext(_)));
        while everything(&mut client).await.len() < 2 {}
        let events = everything(&mut client).await;
        assert_eq!(events.len(), 2, "on record once");
        let fact: serde_json::Value = serde_json::from_slice(&events[1].data).unwrap();
        assert_eq!(events[1].r#type, "access.key_rotated.v1");
        assert_eq!(
            (&fact["to"], &fact["keys"]),
            (&rotation.to.to_string().into(), &1.into())
        );
        world.stop().await;
    }
}

async fn rotate(
    world: &World,
    old: &Path,
    new: &Path,
) -> Result<ledger::vault::Rotation, ledger::error::StoreError> {
    assert!(world.clock.now().0 > 0);
    ledger::vault::rotate(&world.url, old, new, "QD-2/2026", world.clock.as_ref(), |_| {}).await
}

/// The ledger as a process of its own, with these variables besides.
async fn process(world: &World, kek: &str, variables: &[(&str, &str)]) -> (Process, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hoiam-ledger"));
    command
        .env("HOIAM_LEDGER_DATABASE", &world.url)
        .env("HOIAM_LEDGER_KEK", kek)
        .env("HOIAM_LEDGER_NO_RELAY", "true")
        .env("HOIAM_CALLERS", world.config.listen.callers.as_ref().unwrap())
        .env("HOIAM_GRPC_LISTEN", "127.0.0.1:0")
        .env("RUST_LOG", "info")
        .envs(variables.iter().copied());
    let mut process = Process::spawn(&mut command).unwrap();
    let line = process.wait_for_line("\"grpc\"", PATIENCE).await.unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let grpc = [&line["grpc"], &line["fields"]["grpc"]]
        .into_iter()
        .find_map(|it| it.as_str())
        .unwrap()
        .to_owned();
    (process, format!("http://{grpc}"))
}

pub(crate) async fn a_death_anywhere_in_an_erasure_keeps_what_was_promised(mut world: World) {
    let kek = world.config.kek.display().to_string();
    for (n, (point, committed)) in [
        ("ledger.before_commit:2", false),
        ("ledger.after_commit_before_reply:2", true),
        ("ledger.erased_before_key", true),
        ("ledger.key_destroyed_before_purge", true),
    ]
    .into_iter()
    .enumerate()
    {
        world.stop().await;
        let case = Uuid::from_u128(0x100 + n as u128);
        let (mut process, address) = process(&world, &kek, &[("HOIAM_FAIL_POINT", point)]).await;
        let mut client = connect(&address, "routing").await;
        let position = client
            .append(sealed(case, "hứa"))
            .await
            .unwrap()
            .into_inner()
            .head;
        let key = wrapped(&world, case).await.unwrap();
        let mut admin = connect(&address, "admin").await;
        let request = erase(case, "court_order");
        assert!(admin.erase_content(request.clone()).await.is_err());
        assert!(!process.wait(PATIENCE).await.unwrap().success());
        world.wake().await;
        let mut client = world.client("routing").await;
        let opened = outcome(&mut client, position).await;
        if committed {
            assert_eq!(opened, Outcome::Erased(true), "{point}");
            assert_eq!(wrapped(&world, case).await, None, "{point}");
        } else {
            assert!(matches!(opened, Outcome::Plaintext(_)), "{point}");
        }
        let mut admin = world.client("admin").await;
        let reply = admin.erase_content(request).await.unwrap().into_inner();
        assert_eq!(
            (reply.already, reply.position),
            (committed, position + 1),
            "{point}"
        );
        if world.postgres.is_some() {
            world.sql("CHECKPOINT").await.unwrap();
        }
        assert_eq!(files_with(&world, &key), [""; 0], "{point}");
    }
}
