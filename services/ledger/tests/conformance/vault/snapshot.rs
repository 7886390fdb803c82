//! An erasure under the eyes of a reader who began before it.

use sqlx::{Connection as _, Executor as _};
use uuid::Uuid;

use super::{erase, files_with, sealed, wrapped};
use crate::world::World;

/// What another session's snapshot may still see is no reason to keep it on disk.
pub(crate) async fn a_reader_from_before_an_erasure_keeps_no_key_in_the_files(world: World) {
    let Some(_) = &world.postgres else { return };
    let case = Uuid::from_u128(0x200);
    let mut client = world.client("routing").await;
    client.append(sealed(case, "hứa")).await.unwrap();
    let key = wrapped(&world, case).await.unwrap();
    let mut before = sqlx::PgConnection::connect(&world.url).await.unwrap();
    before
        .execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT position FROM head")
        .await
        .unwrap();
    let mut admin = world.client("admin").await;
    admin.erase_content(erase(case, "court_order")).await.unwrap();
    world.sql("CHECKPOINT").await.unwrap();
    assert_eq!(files_with(&world, &key), [""; 0]);
    before.execute("COMMIT").await.unwrap();
}
