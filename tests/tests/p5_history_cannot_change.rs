//! P5, history cannot change unseen: the database refuses, and what is forced past it is found.

use hoiam_tests::{Feed, System};
use sqlx::{Connection, Executor};

#[tokio::test]
async fn update_and_delete_are_refused_and_a_change_forced_past_the_trigger_is_found() {
    let mut system = System::start();
    let file = Feed::write(system.scratch(), "feed", 20);
    let _ = system.hoiam(&["feed", file.to_str().expect("UTF-8")]).ok();
    let story = system.settled();
    assert!(story.0.len() > 40);
    assert_eq!(system.hoiam(&["verify"]).ok().code, 0);
    assert_eq!(system.stop(), 0);

    let path = system.data().join("db/ledger.db");
    let url = format!("sqlite:{}", path.display());
    let mut database = sqlx::SqliteConnection::connect(&url)
        .await
        .expect("the ledger's database opens");
    for statement in [
        "UPDATE events SET actor = 'service:nobody' WHERE position = 10",
        "DELETE FROM events WHERE position = 10",
    ] {
        let refused = database
            .execute(sqlx::AssertSqlSafe(statement))
            .await
            .expect_err("the trigger refuses");
        assert!(refused.to_string().contains("append"), "and says why: {refused}");
    }
    // Somebody with the file in their hands can drop the triggers.
    let triggers: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'events'")
            .fetch_all(&mut database)
            .await
            .expect("the schema can be read");
    assert!(
        triggers.len() >= 2,
        "UPDATE and DELETE are both guarded: {triggers:?}"
    );
    for trigger in triggers {
        database
            .execute(sqlx::AssertSqlSafe(format!("DROP TRIGGER {trigger}")))
            .await
            .expect("a trigger can be dropped");
    }
    database
        .execute("UPDATE events SET actor = 'service:nobody' WHERE position = 10")
        .await
        .expect("now nothing stops it");
    database.close().await.expect("closed");

    system.up(&[]);
    let verdict = system.hoiam(&["verify"]);
    assert_ne!(verdict.code, 0, "the tree does not fit any more: {verdict:?}");
    assert!(
        verdict.stderr.contains("10"),
        "and it names the position: {verdict:?}"
    );
}
