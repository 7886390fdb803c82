//! A ledger elsewhere: copied to the other engine, backed up while it runs, restored; and what its database's role may do.

use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chassis::config::Secret;
use contracts::grpc::ledger as wire;
use kernel::Instant;
use ledger::store::backup::{Manifest, Restore, backup, restore};
use ledger::store::copy::{MoveError, copy};
use sqlx::{Connection as _, Executor as _};
use testkit::postgres::Postgres;
use uuid::Uuid;
use wire::content::Outcome;

use crate::world::{START, World, connect, event, everything, request, run, simple, to_stream};

const TYPED: &str = "Nguyễn Thị Chuyển 0901234567";

fn sealed() -> wire::AppendRequest {
    let mut request = simple(Uuid::new_v4());
    request.streams[0].events[0].sealed = Some(TYPED.into());
    request
}

/// A place on the engine that the world is not on.
struct Elsewhere {
    url: String,
    folder: tempfile::TempDir,
    _server: Option<Postgres>,
}

impl Elsewhere {
    async fn of(world: &World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if world.postgres.is_some() {
            let url = format!("sqlite:{}", folder.path().join("ledger.db").display());
            return Self {
                url,
                folder,
                _server: None,
            };
        }
        let server = Postgres::start().await.unwrap();
        Self {
            url: server.url(),
            folder,
            _server: Some(server),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Some history: streams of one request, a case with several events, sealed content, a cursor.
async fn history(world: &World) -> (wire::AppendRequest, wire::Appended) {
    let mut client = world.client("routing").await;
    let case = Uuid::new_v4();
    let streams = vec![
        to_stream(Uuid::new_v4(), vec![event(r#"{"a":1}"#), event("{}")]),
        to_stream(Uuid::new_v4(), vec![event("{}")]),
    ];
    client
        .append(request(Uuid::new_v4(), case, streams))
        .await
        .unwrap();
    for _ in 0..20 {
        client.append(sealed()).await.unwrap();
    }
    let lease = wire::TakeLeaseRequest {
        consumer: "routing".to_owned(),
        shard: 0,
        holder: "here".to_owned(),
        ttl_ms: 1_000,
    };
    let lease = client.take_lease(lease).await.unwrap().into_inner();
    let save = wire::SaveCursorRequest {
        consumer: "routing".to_owned(),
        shard: 0,
        holder: "here".to_owned(),
        fence: lease.fence,
        position: 7,
        ttl_ms: 1_000,
    };
    client.save_cursor(save).await.unwrap();
    let last = sealed();
    let appended = client.append(last.clone()).await.unwrap().into_inner();
    (last, appended)
}

/// Runs a ledger on a URL and finds there what was on record: the same events and root, the same answer to a request, the cursor, what was
/// sealed; and that it goes on counting.
async fn goes_on(
    world: &World,
    url: &str,
    before: &[wire::Event],
    root: &[u8],
    sent: &(wire::AppendRequest, wire::Appended),
) {
    let mut config = world.config.clone();
    config.database = Secret::new(url.to_owned());
    let (address, (shutdown, task)) = run(config, world.clock.clone()).await;
    let mut client = connect(&address, "routing").await;
    assert_eq!(everything(&mut client).await, before);
    let head = client
        .head(wire::HeadRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (head.position, &head.merkle_root[..]),
        (before.len() as u64, root)
    );
    let cursors = client
        .list_cursors(wire::ListCursorsRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(cursors.cursors[0].position, 7);
    let positions = vec![before.len() as u64];
    let open = wire::OpenContentRequest {
        purpose: wire::Purpose::Route.into(),
        positions,
        ..Default::default()
    };
    let opened = client.open_content(open).await.unwrap().into_inner();
    assert_eq!(opened.contents[0].outcome, Some(Outcome::Plaintext(TYPED.into())));
    let (request, appended) = sent;
    let again = loop {
        // It is not the writer at the first moment.
        match client.append(request.clone()).await {
            Ok(again) => break again.into_inner(),
            Err(status) => assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}"),
        }
    };
    assert_eq!(
        again,
        wire::Appended {
            already: true,
            ..appended.clone()
        }
    );
    let more = client.append(sealed()).await.unwrap().into_inner();
    assert_eq!(more.head, before.len() as u64 + 1);
    shutdown.cancel();
    task.await.unwrap().unwrap();
}

async fn record(world: &World) -> (Vec<wire::Event>, Vec<u8>) {
    let mut client = world.client("routing").await;
    let head = client
        .head(wire::HeadRequest::default())
        .await
        .unwrap()
        .into_inner();
    (everything(&mut client).await, head.merkle_root.to_vec())
}

pub(crate) async fn a_ledger_is_copied_to_the_other_engine_with_all_that_it_promised(mut world: World) {
    let sent = history(&world).await;
    let (before, root) = record(&world).await;
    world.stop().await;
    let elsewhere = Elsewhere::of(&world).await;
    let mut seen = 0;
    let copied = copy(&world.url, &elsewhere.url, |_| seen += 1).await.unwrap();
    assert_eq!(
        (copied.ledger.position, copied.ledger.root.to_vec()),
        (before.len() as u64, root.clone())
    );
    let rows = |name: &str| {
        copied
            .tables
            .iter()
            .find(|table| table.name == name)
            .unwrap()
            .rows
    };
    assert_eq!(
        (rows("events"), rows("bodies"), rows("cursors")),
        (before.len() as u64, before.len() as u64, 1)
    );
    assert!(rows("keys.data_keys") >= 21 && rows("requests") == 22 && seen > 0);
    goes_on(&world, &elsewhere.url, &before, &root, &sent).await;
    // And back again, with what was added there.
    let back = format!("sqlite:{}", elsewhere.path("back.db").display());
    let there = copy(&elsewhere.url, &back, |_| {}).await.unwrap();
    assert_eq!(there.ledger.position, before.len() as u64 + 1);
}

pub(crate) async fn a_copy_is_refused_while_a_ledger_runs_and_where_something_is(mut world: World) {
    history(&world).await;
    let elsewhere = Elsewhere::of(&world).await;
    let running = copy(&world.url, &elsewhere.url, |_| {}).await;
    assert!(matches!(running, Err(MoveError::Running)), "{running:?}");
    world.stop().await;
    copy(&world.url, &elsewhere.url, |_| {}).await.unwrap();
    let full = copy(&world.url, &elsewhere.url, |_| {}).await;
    assert!(matches!(full, Err(MoveError::NotEmpty(_))), "{full:?}");
    // A record that was changed is not carried on. (The triggers are gone with the one who changes it.)
    let tampering = if world.postgres.is_some() {
        "ALTER TABLE events DISABLE TRIGGER ALL; UPDATE events SET actor = 'service:nobody' WHERE position = 3"
    } else {
        "DROP TRIGGER events_refuse_update; UPDATE events SET actor = 'service:nobody' WHERE position = 3"
    };
    world.sql(tampering).await.unwrap();
    let fresh = elsewhere.path("fresh.db");
    let changed = copy(&world.url, &format!("sqlite:{}", fresh.display()), |_| {}).await;
    assert!(
        matches!(changed, Err(MoveError::Changed { position: 3, .. })),
        "{changed:?}"
    );
    let left: Vec<_> = std::fs::read_dir(elsewhere.folder.path())
        .unwrap()
        .map(|it| it.unwrap().file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().contains("partial"))
            && !fresh.exists(),
        "nothing is left: {left:?}"
    );
}

/// Takes a backup into two folders of the place.
async fn backed_up(world: &World, place: &Path, name: &str, signed: Option<&Path>) -> (Manifest, Restore) {
    let (from, keys) = (place.join(name), place.join(format!("{name}-keys")));
    let manifest = backup(&world.url, &from, Some(&keys), signed, Instant(START), |_| {})
        .await
        .unwrap();
    let restore = Restore {
        from,
        keys_from: Some(keys),
        ..Restore::default()
    };
    (manifest, restore)
}

pub(crate) async fn a_backup_of_a_running_ledger_restores_to_one_moment_of_it(world: World) {
    let sent = history(&world).await;
    let elsewhere = Elsewhere::of(&world).await;
    let (before, root) = record(&world).await;
    let (manifest, asked) = backed_up(&world, elsewhere.folder.path(), "still", None).await;
    assert_eq!(
        (manifest.position, manifest.root),
        (before.len() as u64, hex::encode(&root))
    );
    // While four write, whatever moment it caught is whole.
    let stop = tokio_util::sync::CancellationToken::new();
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (mut client, stop) = (world.client("routing").await, stop.clone());
        writers.spawn(async move {
            while !stop.is_cancelled() {
                client.append(sealed()).await.unwrap();
            }
        });
    }
    for round in 0..3 {
        let (moving, _) = backed_up(&world, elsewhere.folder.path(), &format!("moving-{round}"), None).await;
        assert!(moving.position >= manifest.position);
    }
    stop.cancel();
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    let restored = restore(&asked, &elsewhere.url, |_| {}).await.unwrap();
    assert_eq!(
        (restored.ledger.position, restored.lost_up_to),
        (before.len() as u64, None)
    );
    goes_on(&world, &elsewhere.url, &before, &root, &sent).await;
}

/// A checkpoint as a log signs it; whether the signature is good is not the restore's business.
fn checkpoint(folder: &Path, size: u64, root: &[u8]) -> PathBuf {
    let path = folder.join(format!("checkpoint-{size}"));
    let root = BASE64_STANDARD.encode(root);
    std::fs::write(
        &path,
        format!("hoiam.example/log\n{size}\n{root}\n\n— hoiam.example/log AAAA\n"),
    )
    .unwrap();
    path
}

pub(crate) async fn a_backup_that_would_lose_what_was_signed_is_refused(world: World) {
    let sent = history(&world).await;
    let elsewhere = Elsewhere::of(&world).await;
    let place = elsewhere.folder.path();
    let (before, root) = record(&world).await;
    let position = before.len() as u64;
    let signed = checkpoint(place, position, &root);
    let (_, mut asked) = backed_up(&world, place, "old", Some(&signed)).await;
    assert!(
        asked.from.join("checkpoint").exists(),
        "the checkpoint lies beside it"
    );
    let mut client = world.client("routing").await;
    client.append(sealed()).await.unwrap();
    let (_, root_after) = record(&world).await;
    let newer = checkpoint(place, position + 1, &root_after);

    asked.signed = vec![signed.clone(), newer.clone()];
    let refused = restore(&asked, &elsewhere.url, |_| {}).await;
    assert!(
        matches!(&refused, Err(MoveError::TooOld { position: p, signed, .. }) if (*p, *signed) == (position, position + 1)),
        "{refused:?}"
    );
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains(&format!("--lose-events-after {position}"))
    );
    asked.lose_events_after = Some(position - 1);
    let other = restore(&asked, &elsewhere.url, |_| {}).await;
    assert!(matches!(other, Err(MoveError::OtherLoss(_))), "{other:?}");
    // Another history than the one signed is never restored, whatever is said.
    asked.lose_events_after = Some(position);
    asked.signed = vec![checkpoint(place, 3, &[7; 32])];
    let forked = restore(&asked, &elsewhere.url, |_| {}).await;
    assert!(
        matches!(forked, Err(MoveError::Forked { size: 3, .. })),
        "{forked:?}"
    );
    let backup = backup(
        &world.url,
        &place.join("forked"),
        None,
        Some(&asked.signed[0]),
        Instant(START),
        |_| {},
    )
    .await;
    assert!(matches!(backup, Err(MoveError::Forked { .. })), "{backup:?}");
    asked.signed = vec![newer];
    let restored = restore(&asked, &elsewhere.url, |_| {}).await.unwrap();
    assert_eq!(restored.lost_up_to, Some(position + 1));
    goes_on(&world, &elsewhere.url, &before, &root, &sent).await;
}

pub(crate) async fn a_backup_that_was_changed_is_refused(world: World) {
    history(&world).await;
    let elsewhere = Elsewhere::of(&world).await;
    let (_, asked) = backed_up(&world, elsewhere.folder.path(), "kept", None).await;
    for (folder, name) in [
        (&asked.from, "ledger.db"),
        (asked.keys_from.as_ref().unwrap(), "keys.db"),
    ] {
        let file = folder.join(name);
        let good = std::fs::read(&file).unwrap();
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 1;
        std::fs::write(&file, bad).unwrap();
        let refused = restore(&asked, &elsewhere.url, |_| {}).await;
        assert!(matches!(refused, Err(MoveError::Backup(..))), "{refused:?}");
        std::fs::write(&file, good).unwrap();
    }
    // One that tells the truth of a file that was exchanged: the tree is another.
    let manifest = asked.from.join("manifest.json");
    let good = std::fs::read_to_string(&manifest).unwrap();
    let root: Manifest = serde_json::from_str(&good).unwrap();
    std::fs::write(&manifest, good.replace(&root.root, &"0".repeat(64))).unwrap();
    let refused = restore(&asked, &elsewhere.url, |_| {}).await;
    assert!(matches!(refused, Err(MoveError::Backup(..))), "{refused:?}");
    std::fs::remove_file(&manifest).unwrap();
    let unfinished = restore(&asked, &elsewhere.url, |_| {}).await;
    assert!(matches!(unfinished, Err(MoveError::Backup(..))), "{unfinished:?}");
    std::fs::write(&manifest, good).unwrap();
    let without_keys = Restore {
        keys_from: None,
        ..asked.clone()
    };
    if world.postgres.is_some() {
        let refused = restore(&without_keys, &elsewhere.url, |_| {}).await;
        assert!(matches!(refused, Err(MoveError::NoKeys(_))), "{refused:?}");
    }
    restore(&asked, &elsewhere.url, |_| {}).await.unwrap();
}

pub(crate) async fn the_applications_role_adds_and_takes_nothing_away(world: World) {
    history(&world).await;
    let Some(postgres) = &world.postgres else {
        let error = ledger::store::roles::grant(&world.url, "ledger")
            .await
            .unwrap_err();
        assert!(error.to_string().contains("no roles"), "{error}");
        return;
    };
    // The ledger itself runs as this role.
    let mut conn = sqlx::PgConnection::connect(world.config.database.reveal())
        .await
        .unwrap();
    for statement in [
        "UPDATE events SET actor = 'service:nobody'",
        "DELETE FROM events",
        "TRUNCATE events",
        "ALTER TABLE events DISABLE TRIGGER ALL",
        "DROP TABLE events",
        "DELETE FROM bodies",
        "TRUNCATE bodies",
        "UPDATE requests SET count = 2",
        "DELETE FROM head",
        "UPDATE schema_version SET version = 0",
        "CREATE TABLE public.mine (a int)",
        "SET session_replication_role = replica",
    ] {
        let error = conn.execute(statement).await.expect_err(statement).to_string();
        assert!(
            error.contains("permission denied") || error.contains("must be owner"),
            "{statement}: {error}"
        );
    }
    // Who could change events all the same is not made the application's role.
    let owner = postgres.url();
    let refused = ledger::store::roles::grant(&owner, "hoiam").await.unwrap_err();
    assert!(refused.to_string().contains("could still change"), "{refused}");
    let mut conn = sqlx::PgConnection::connect(&owner).await.unwrap();
    conn.execute("CREATE ROLE member LOGIN IN ROLE hoiam")
        .await
        .unwrap();
    let refused = ledger::store::roles::grant(&owner, "member").await.unwrap_err();
    assert!(refused.to_string().contains("could still change"), "{refused}");
    let refused = ledger::store::roles::grant(&owner, "nobody_there")
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("no role"), "{refused}");
    // On an old schema the application says who must migrate.
    conn.execute("DELETE FROM schema_version").await.unwrap();
    let refused = ledger::run_migrations(world.config.database.reveal())
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("hoiam ledger migrate"), "{refused}");
}
