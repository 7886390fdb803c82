//! The record outlives its machine: a backup of the running system is restored where the files were lost, and moved to PostgreSQL.

use hoiam_tests::{Feed, System};
use testkit::postgres::Postgres;

#[test]
fn a_lost_record_comes_back_from_its_backup_and_moves_to_postgresql_and_the_city_works_on() {
    const REPORTS: usize = 40;
    let mut system = System::start();
    let scratch = |name: &str| system.scratch().join(name).to_string_lossy().into_owned();
    let (record, keys) = (scratch("record"), scratch("keys"));
    let file = Feed::write(system.scratch(), "feed", REPORTS);
    let fed = system
        .hoiam(&["feed", "--json", file.to_str().expect("UTF-8")])
        .ok()
        .json();
    assert_eq!(fed["receipted"], REPORTS);
    let before = system.settled();
    before.assert_dense();

    let ledger = system.data().join("db/ledger.db");
    let source = format!("sqlite:{}", ledger.display());
    let inside = format!("{record}/keys");
    let together = system.hoiam(&["ledger", "backup", &record, "--keys", &inside]);
    assert!(
        together.code == 1 && together.stderr.contains("apart"),
        "{together:?}"
    );
    let manifest = system
        .hoiam(&["ledger", "backup", &record, "--keys", &keys, "--json"])
        .ok()
        .json();
    assert_eq!(manifest["position"], before.0.len());
    let again = system.hoiam(&["ledger", "backup", &record]);
    assert!(again.code == 1 && again.stderr.contains("not empty"), "{again:?}");
    let moved = format!("sqlite:{}", scratch("moved.db"));
    let running = system.hoiam(&["ledger", "copy", &source, &moved]);
    assert!(
        running.code == 1 && running.stderr.contains("running"),
        "{running:?}"
    );
    let over = system.hoiam(&["ledger", "restore", &record, "--keys", &keys]);
    assert!(over.code == 1 && over.stderr.contains("not empty"), "{over:?}");

    // The disk with the record is gone.
    assert_eq!(system.stop(), 0);
    for name in ["ledger.db", "ledger-keys.db"] {
        std::fs::remove_file(system.data().join("db").join(name)).expect("it was there");
    }
    let restored = system
        .hoiam(&["ledger", "restore", &record, "--keys", &keys, "--json"])
        .ok()
        .json();
    assert_eq!(
        (&restored["position"], &restored["root"]),
        (&manifest["position"], &manifest["root"])
    );
    system.up(&[]);
    assert_eq!(
        system.settled().0.len(),
        before.0.len(),
        "nothing was decided twice"
    );
    works(&system);

    // The city grows.
    let grown = system.settled();
    assert_eq!(system.stop(), 0);
    // Now the backup is older than what was signed for: nobody has to name the log for that to be seen.
    let old = system.hoiam(&["ledger", "restore", &record, "--keys", &keys]);
    assert!(old.code == 1 && old.stderr.contains("was signed for"), "{old:?}");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(Postgres::start()).expect("PostgreSQL starts");
    let url = server.url();
    let copied = system
        .hoiam(&["ledger", "copy", &source, &url, "--json"])
        .ok()
        .json();
    assert_eq!(copied["position"], grown.0.len());
    system.up(&[("HOIAM_DATABASE", &url)]);
    assert_eq!(system.addresses()["engine"], "postgres");
    assert_eq!(
        system.settled().0.len(),
        grown.0.len(),
        "nothing was decided twice"
    );
    works(&system);
    assert_eq!(system.stop(), 0);
}

/// Reports are taken and come to rest, the tree fits, and nobody complains.
fn works(system: &System) {
    let before = system.replay().0.len();
    let report = ["submit", "Cây ngã chắn đường Pasteur, phường Sài Gòn", "--json"];
    let answer = system.hoiam(&report).ok().json();
    assert_eq!(answer["position"], before + 1, "{answer}");
    system.settled().assert_dense();
    let verified = system.hoiam(&["verify"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    let doctor = system.hoiam(&["doctor"]);
    assert_eq!(doctor.code, 0, "{doctor:?}");
}
