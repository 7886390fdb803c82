//! Deaths: at each step of the writer, at random moments, and of the database under load.

use contracts::grpc::ledger as wire;
use testkit::chance::{Chance, rounds};
use testkit::postgres::Postgres;

use crate::world::{Load, PATIENCE, Site, any_append, append_surely, both_engines, head_reaches};

/// The steps of a transaction with events, and whether a death there leaves them on record.
const STEPS: [(&str, bool); 5] = [
    ("ledger.before_lock", false),
    ("ledger.after_lock", false),
    ("ledger.after_keys", false),
    ("ledger.before_commit", false),
    ("ledger.after_commit_before_reply", true),
];

/// Appends until the ledger dies at its third; then sends everything again, answered or not: each is there once, with its first answer.
async fn survives(site: &Site, step: &str, stored: bool) {
    let mut process = site.start(&[("HOIAM_FAIL_POINT", &format!("{step}:3"))]).await;
    let mut client = site.client();
    let mut chance = Chance::seeded();
    let requests: Vec<wire::AppendRequest> = (0..4).map(|_| any_append(&mut chance)).collect();
    let mut answered = Vec::new();
    for request in &requests {
        match client.append(request.clone()).await {
            Ok(appended) => answered.push(appended.into_inner()),
            Err(_) => break,
        }
    }
    assert_eq!(answered.len(), 2, "{step}: it dies at the third");
    assert!(!process.wait(PATIENCE).await.unwrap().success(), "{step}");
    let before = site.in_order(&answered).await;
    assert_eq!(before.requests(), if stored { 3 } else { 2 }, "{step}");

    let _process = site.start(&[]).await;
    let mut again = Vec::new();
    for (request, n) in requests.iter().zip(0..) {
        let appended = append_surely(&mut [site.client()], request.clone()).await;
        assert_eq!(appended.already, n < before.requests(), "{step}: request {n}");
        if let Some(first) = answered.get(n) {
            assert_eq!(appended.events, first.events, "{step}: the first answer");
        }
        again.push(appended);
    }
    assert_eq!(site.in_order(&again).await.requests(), 4, "{step}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_at_any_step_of_the_writer_loses_nothing_and_doubles_nothing() {
    let postgres = Postgres::start().await.unwrap();
    let names = [
        "before_lock",
        "after_lock",
        "after_keys",
        "before_commit",
        "after_commit",
    ];
    for ((step, stored), name) in STEPS.into_iter().zip(names) {
        for site in both_engines(&postgres, name).await {
            survives(&site, step, stored).await;
        }
    }
}

/// Kills the ledger as if the power had gone, while clients append, again and again.
async fn killed_at_random_moments(site: &Site, rounds: u64, each: u64) {
    let mut chance = Chance::seeded();
    for _ in 0..rounds {
        let mut process = site.start(&[]).await;
        let mut client = site.client();
        let from = client
            .head(wire::HeadRequest::default())
            .await
            .unwrap()
            .into_inner()
            .position;
        let load = Load::start(&[site], 8, each);
        head_reaches(&mut client, from + 1 + chance.below(8 * each)).await;
        process.kill9();
        let _process = site.start(&[]).await;
        site.in_order(&load.done().await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_eight_write_it_has_all_that_it_acknowledged() {
    killed_at_random_moments(&Site::sqlite(), 1, 40).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: HOIAM_FAULT_ROUNDS deaths on each engine"]
async fn killed_many_times_it_has_all_that_it_acknowledged() {
    let postgres = Postgres::start().await.unwrap();
    for site in both_engines(&postgres, "killed").await {
        killed_at_random_moments(&site, rounds(50), 100).await;
    }
}

/// The server goes away and comes back `times` times while eight write: stopped in an orderly way, or as if the power had gone.
async fn the_database_goes_away(postgres: &mut Postgres, site: &Site, times: u64, orderly: bool) {
    const EACH: u64 = 20;
    let _process = site.start(&[]).await;
    let load = Load::start(&[site], 8, EACH);
    let mut client = site.client();
    for time in 1..=times {
        head_reaches(&mut client, time * 8 * EACH / (times + 1)).await;
        if orderly {
            postgres.stop_and_restart().await.unwrap();
        } else {
            postgres.crash_and_restart().await.unwrap();
        }
    }
    site.in_order(&load.done().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_stopped_and_crashed_under_load_loses_nothing_and_doubles_nothing() {
    let mut postgres = Postgres::start().await.unwrap();
    for (name, orderly) in [("stopped", true), ("crashed", false)] {
        let site = Site::on(postgres.database(name).await.unwrap());
        the_database_goes_away(&mut postgres, &site, 1, orderly).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: HOIAM_FAULT_ROUNDS restarts of each kind"]
async fn postgres_stopped_and_crashed_many_times_under_load() {
    let mut postgres = Postgres::start().await.unwrap();
    for (name, orderly) in [("stopped", true), ("crashed", false)] {
        let site = Site::on(postgres.database(name).await.unwrap());
        the_database_goes_away(&mut postgres, &site, rounds(20), orderly).await;
    }
}
