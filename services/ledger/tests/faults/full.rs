//! No room: the disk of the database, of PostgreSQL, of JetStream is full; the ledger says so, loses nothing, and goes on when there is room.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use contracts::grpc::ledger as wire;
use tempfile::TempDir;
use testkit::chance::Chance;
use testkit::nats::NatsServer;
use testkit::postgres::Postgres;
use testkit::process::Process;
use wire::refusal::Reason;

use crate::world::{Client, PATIENCE, Site, any_append, append_surely, reason, relayed};

/// A file system of a few megabytes, in memory; gone when dropped. Whatever uses it must be dropped before.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// `None` where this test may not mount.
    fn of(megabytes: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "hoiam-test"])
            .arg(folder.path())
            .output();
        if mounted.is_ok_and(|it| it.status.success()) {
            return Some(Self { folder });
        }
        eprintln!("NOT TESTED: a small disk needs the right to mount a tmpfs (root)");
        None
    }

    /// A folder on it for one server or ledger, which deletes it.
    fn folder(&self) -> TempDir {
        tempfile::tempdir_in(self.folder.path()).unwrap()
    }

    fn ballast(&self) -> PathBuf {
        self.folder.path().join("ballast")
    }

    /// Leaves `spare` bytes free.
    fn fill_up_to(&self, spare: u64) {
        let free = free(self.folder.path());
        let ballast = vec![0; usize::try_from(free.saturating_sub(spare)).unwrap()];
        std::fs::write(self.ballast(), ballast).unwrap();
    }

    fn make_room(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

fn free(folder: &Path) -> u64 {
    let stat = nix::sys::statvfs::statvfs(folder).unwrap();
    stat.blocks_available() * stat.fragment_size()
}

/// Appends one after the other until the ledger refuses; what was acknowledged, what was refused, and how.
async fn append_until_refused(
    client: &mut Client,
    chance: &mut Chance,
) -> (Vec<wire::Appended>, wire::AppendRequest) {
    let mut acknowledged = Vec::new();
    for _ in 0..100_000 {
        let mut request = any_append(chance);
        for event in request.streams.iter_mut().flat_map(|it| &mut it.events) {
            event.data = format!(r#"{{"facts":"{}"}}"#, "x".repeat(4_000)).into();
        }
        match tokio::time::timeout(PATIENCE, client.append(request.clone()))
            .await
            .unwrap()
        {
            Ok(appended) => acknowledged.push(appended.into_inner()),
            Err(status) => {
                assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}");
                assert!(matches!(reason(&status), Reason::Unavailable(_)), "{status:?}");
                return (acknowledged, request);
            }
        }
    }
    panic!("100,000 appends fit on a disk of some megabytes")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_sqlite_is_told_loses_nothing_and_heals() {
    let Some(disk) = SmallDisk::of(16) else { return };
    let site = Site::sqlite_in(disk.folder());
    let mut process = site.start(&[]).await;
    let (mut client, mut chance) = (site.client(), Chance::seeded());
    let mut acknowledged = vec![append_surely(&mut [site.client()], any_append(&mut chance)).await];
    disk.fill_up_to(1 << 20);
    let (before, refused) = append_until_refused(&mut client, &mut chance).await;
    acknowledged.extend(before);
    process.wait_for_line("a batch failed", PATIENCE).await.unwrap();
    // Reading goes on, and the next is refused as well.
    let head = client
        .head(wire::HeadRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(head.position, acknowledged.last().unwrap().head);
    client.append(refused.clone()).await.unwrap_err();
    disk.make_room();
    acknowledged.push(append_surely(&mut [site.client()], refused).await);
    acknowledged.push(append_surely(&mut [site.client()], any_append(&mut chance)).await);
    process.kill9();
    site.in_order(&acknowledged).await;
    drop(site);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_postgres_is_told_loses_nothing_and_heals() {
    let Some(disk) = SmallDisk::of(160) else { return };
    let mut postgres = Postgres::start_on(disk.folder()).await.unwrap();
    let site = Site::on(postgres.url());
    let mut process: Process = site.start(&[]).await;
    let (mut client, mut chance) = (site.client(), Chance::seeded());
    let mut acknowledged = vec![append_surely(&mut [site.client()], any_append(&mut chance)).await];
    disk.fill_up_to(1 << 20);
    let (before, refused) = append_until_refused(&mut client, &mut chance).await;
    acknowledged.extend(before);
    process.wait_for_line("\"ERROR\"", PATIENCE).await.unwrap();
    disk.make_room();
    // Without room for its log it ends itself: whoever watches over it starts it again.
    if !postgres.is_running() {
        postgres.crash_and_restart().await.unwrap();
    }
    acknowledged.push(append_surely(&mut [site.client()], refused).await);
    acknowledged.push(append_surely(&mut [site.client()], any_append(&mut chance)).await);
    site.in_order(&acknowledged).await;
    drop(postgres);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_the_stream_stops_no_append_and_the_relay_catches_up() {
    let Some(disk) = SmallDisk::of(16) else { return };
    let mut nats = NatsServer::start_on(disk.folder(), "").await.unwrap();
    let site = Site::sqlite().relaying_to(nats.url());
    let _process = site.start(&[]).await;
    let (mut client, mut chance) = (site.client(), Chance::seeded());
    let mut acknowledged = vec![append_surely(&mut [site.client()], any_append(&mut chance)).await];
    relayed(&mut client).await;
    disk.fill_up_to(64 << 10);
    // Far more than fits.
    for _ in 0..200 {
        acknowledged.push(append_surely(&mut [site.client()], any_append(&mut chance)).await);
    }
    let told = async {
        loop {
            let head = client
                .head(wire::HeadRequest::default())
                .await
                .unwrap()
                .into_inner();
            if head.relayed < head.position
                && head.relay_state != "following"
                && head.relay_state != "catching up"
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.unwrap();
    disk.make_room();
    // The server gives JetStream up when it cannot write; it takes a start to have it back.
    nats.restart().await.unwrap();
    relayed(&mut client).await;
    let record = site.in_order(&acknowledged).await;
    record
        .is_the_stream(&nats.connect().await.unwrap())
        .await
        .unwrap();
    drop(nats);
}
