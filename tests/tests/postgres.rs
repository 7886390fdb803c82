//! `hoiam up --database postgres://…`: the same journey with the record in PostgreSQL, through a stop and a start.

use hoiam_tests::{Feed, System};
use testkit::postgres::Postgres;

#[test]
fn with_the_record_in_postgresql_a_feed_reconciles_and_a_restart_goes_on_where_it_was() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(Postgres::start()).expect("PostgreSQL starts");
    let url = server.url();
    let url = url.as_str();
    const REPORTS: usize = 120;
    let mut system = System::start_with(&[], &[("HOIAM_DATABASE", url)]);
    assert_eq!(system.addresses()["engine"], "postgres");
    assert!(
        !system.data().join("db/ledger.db").exists(),
        "the record is in PostgreSQL alone"
    );
    let file = Feed::write(system.scratch(), "feed", REPORTS);
    let summary = system
        .hoiam(&["feed", "--json", file.to_str().expect("UTF-8")])
        .ok()
        .json();
    assert_eq!(
        (&summary["sent"], &summary["receipted"]),
        (&REPORTS.into(), &REPORTS.into())
    );
    let before = system.settled();
    before.assert_dense();
    assert_eq!(before.count("report.report_received"), REPORTS);
    reconciles(&system, REPORTS);

    assert_eq!(system.stop(), 0, "a clean stop");
    system.up(&[("HOIAM_DATABASE", url)]);
    let after = system.settled();
    assert_eq!(after.0.len(), before.0.len(), "a restart appends nothing");
    let answer = system
        .hoiam(&["submit", "Cây ngã chắn đường Pasteur, phường Sài Gòn", "--json"])
        .ok()
        .json();
    assert!(
        answer["position"]
            .as_u64()
            .is_some_and(|p| p > before.0.len() as u64),
        "{answer}"
    );
    system.settled().assert_dense();
    reconciles(&system, REPORTS + 1);

    let verified = system.hoiam(&["verify"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    let doctor = system.hoiam(&["doctor"]);
    assert_eq!(doctor.code, 0, "{doctor:?}");
    assert!(
        doctor.stdout.contains("postgres"),
        "it says which engine: {}",
        doctor.stdout
    );
    assert_eq!(system.stop(), 0);
}

/// Every report rests in exactly one place.
fn reconciles(system: &System, reports: usize) {
    let totals = system.totals();
    assert_eq!(totals["reports"], reports, "{totals}");
    let resting: u64 = ["desk", "office", "unit", "review", "police", "none"]
        .iter()
        .filter_map(|place| totals[*place].as_u64())
        .sum();
    assert_eq!(
        (resting, &totals["pending"]),
        (reports as u64, &0.into()),
        "{totals}"
    );
}

#[test]
fn a_database_that_is_out_of_reach_is_one_clear_line_without_its_password_and_nothing_stays_behind() {
    let port = hoiam_tests::system::free_port();
    let system = System::prepared(None);
    let url = format!("postgres://hoiam:geheim@127.0.0.1:{port}/hoiam");
    let output = system.hoiam(&["up", "--port", "0", "--nats-port", "0", "--database", &url]);
    assert_ne!(output.code, 0);
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(!said.contains("geheim") && said.contains("database"), "{said}");
    assert!(system.left_behind().is_empty(), "nats-server was stopped too");
}
