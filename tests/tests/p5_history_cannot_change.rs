//! P5, history cannot change unseen: the database refuses, and what is forced past it is found.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use hoiam_tests::system::wait_for;
use hoiam_tests::{Feed, System, programs};
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
    assert_eq!(verdict.code, 1, "the row is not what was signed: {verdict:?}");
    assert!(
        verdict
            .stderr
            .contains("position 10: the row was changed: actor was ")
            && verdict.stderr.contains(", is service:nobody"),
        "and it says where and what: {verdict:?}"
    );
    let found = system.hoiam(&["verify", "--json"]);
    let first: serde_json::Value =
        serde_json::from_str(found.stdout.lines().next().unwrap_or_default()).expect("a JSON line");
    assert_eq!(
        (&first["position"], &first["change"]),
        (&10.into(), &"row_changed".into())
    );
    assert_eq!(
        system.hoiam(&["verify", "--log-only"]).ok().code,
        0,
        "the log itself is as it was signed"
    );
}

/// A witness of its own, in a folder of its own, that ends with the test.
struct Witness(Child);

impl Drop for Witness {
    fn drop(&mut self) {
        // It may have ended by itself; the test has then said so.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a witness and gives its line for a policy.
fn witness(system: &System, log_key: &str) -> (Witness, String) {
    let state = system.scratch().join("witness");
    let state = state.to_str().expect("UTF-8");
    let own = ["--state", state, "--name", "ubkt.example/witness"];
    let key = system.hoiam(&[&["witness", "keygen"], &own[..]].concat()).ok();
    let key = key.stdout.trim().to_owned();
    let out = system.scratch().join("witness.out");
    let child = Command::new(programs::ours("hoiam"))
        .args([
            "witness",
            "run",
            "--json",
            "--listen",
            "127.0.0.1:0",
            "--log",
            log_key,
        ])
        .args(own)
        .stdout(std::fs::File::create(&out).expect("a file"))
        .stderr(Stdio::inherit())
        .spawn()
        .expect("a witness starts");
    let witness = Witness(child);
    let url = wait_for("the witness to listen", || {
        let line: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&out).ok()?).ok()?;
        Some(line["listening"].as_str()?.to_owned())
    });
    (
        witness,
        format!("witness inspection {key} {url}\nquorum inspection\n"),
    )
}

fn flip(path: &Path, at: impl FnOnce(usize) -> usize) {
    let mut bytes = std::fs::read(path).expect("a file of the log");
    let at = at(bytes.len());
    bytes[at] ^= 1;
    std::fs::write(path, bytes).expect("a writable file");
}

#[tokio::test]
async fn what_a_witness_cosigned_is_proven_offline_and_no_file_of_the_log_changes_unseen() {
    let mut system = System::start();
    assert_eq!(system.stop(), 0);
    let log_key =
        std::fs::read_to_string(system.data().join("keys/log.key.vkey")).expect("the log's public key");
    let log_key = log_key.trim();
    let (_witness, lines) = witness(&system, log_key);
    let policy = system.scratch().join("auditor.policy");
    std::fs::write(&policy, format!("log {log_key}\n{lines}")).expect("writable");
    std::fs::copy(&policy, system.data().join("keys/log.policy")).expect("writable");
    system.up(&[]);
    let file = Feed::write(system.scratch(), "feed", 10);
    let _ = system.hoiam(&["feed", file.to_str().expect("UTF-8")]).ok();
    let story = system.settled();
    let receipt = story.of("report.report_received").next().expect("a receipt");
    let position = receipt.position.to_string();
    let proof = system.scratch().join("receipt.tlog-proof");
    let proof = proof.to_str().expect("UTF-8");
    wait_for("a witnessed checkpoint to cover everything", || {
        let doctor = system.hoiam(&["doctor", "--json"]).json();
        let checks = doctor["checks"].as_array()?.clone();
        let log = checks.into_iter().find(|check| check["check"] == "log")?;
        let all = format!("following: {0} of {0} ", doctor["head"]);
        log["says"].as_str()?.starts_with(&all).then_some(())
    });
    let _ = system.hoiam(&["prove", &position, "--out", proof]).ok();
    // The citizen's page gives the same file.
    let code = receipt.data["code"].as_str().expect("a code");
    let run: serde_json::Value =
        serde_json::from_slice(&std::fs::read(system.data().join("run.json")).expect("it runs"))
            .expect("JSON");
    let track = format!("{}/track/{code}", run["console"].as_str().expect("an address"));
    let page = reqwest::get(&track)
        .await
        .expect("the page")
        .text()
        .await
        .expect("text");
    assert!(page.contains(&format!("/track/{code}/proof")), "{page}");
    let given = reqwest::get(format!("{track}/proof")).await.expect("the file");
    assert_eq!(
        given.headers()["content-disposition"],
        format!("attachment; filename=\"{code}.tlog-proof\"")
    );
    let given = given.text().await.expect("text");
    assert!(given.starts_with("c2sp.org/tlog-proof@v1\nextra "), "{given}");

    let policy = policy.to_str().expect("UTF-8");
    let case = receipt.case.clone().expect("a case");
    assert_eq!(
        system
            .hoiam(&["verify", "--case", &case, "--policy", policy])
            .ok()
            .code,
        0
    );
    let whole = system.hoiam(&["verify", "--policy", policy]).ok();
    assert!(whole.stdout.contains("cosigned by 1: inspection"), "{whole:?}");
    assert_eq!(system.stop(), 0);

    // Nothing runs: the file and the policy are enough.
    let shown = system
        .hoiam(&["verify", proof, "--policy", policy, "--json"])
        .ok()
        .json();
    assert_eq!(shown["position"].to_string(), position);
    assert_eq!(shown["witnesses"][0]["name"], "inspection");
    let good = std::fs::read(proof).expect("the proof");
    flip(Path::new(proof), |length| length / 3);
    assert_eq!(system.hoiam(&["verify", proof, "--policy", policy]).code, 1);
    std::fs::write(proof, good).expect("writable");

    let log = system.data().join("tlog");
    let size = story.0.len() as u64;
    let checked = || system.hoiam(&["verify", "--log-only", "--policy", policy]);
    assert_eq!(checked().ok().code, 0);
    believes(&log, log_key, &lines, true);
    let first = |kind: &str| {
        let full = log.join(format!("tile/{kind}/000"));
        if full.exists() {
            full
        } else {
            log.join(format!("tile/{kind}/000.p/{size}"))
        }
    };
    for (file, at, said) in [
        (first("entries"), 40, "entry_changed"),
        (first("0"), 32, "tile_changed"),
        (log.join("checkpoint"), 20, "checkpoint"),
    ] {
        let good = std::fs::read(&file).expect("a file of the log");
        flip(&file, |_| at);
        let verdict = checked();
        assert_eq!(verdict.code, 1, "{file:?}");
        assert!(verdict.stderr.contains(said), "{verdict:?}");
        believes(&log, log_key, &lines, false);
        std::fs::write(&file, good).expect("writable");
    }
    // The witness's line is the last: a cosignature that was touched, and one that was taken away.
    let file = log.join("checkpoint");
    let good = std::fs::read_to_string(&file).expect("the checkpoint");
    flip(&file, |length| length - 20);
    assert!(checked().stderr.contains("[checkpoint]"));
    believes(&log, log_key, &lines, false);
    let without = good.lines().filter(|line| !line.contains("ubkt.example"));
    std::fs::write(&file, without.map(|line| format!("{line}\n")).collect::<String>()).expect("writable");
    assert!(checked().stderr.contains("too few witnesses"));
    believes(&log, log_key, &lines, false);
    std::fs::write(&file, good).expect("writable");
    assert_eq!(checked().ok().code, 0);
}

/// Asks a verifier that is none of ours, where there is a Python for it.
#[expect(
    clippy::print_stdout,
    reason = "who runs the tests must see what was not asked"
)]
fn believes(log: &Path, log_key: &str, witness_line: &str, expected: bool) {
    let Some(python) = programs::log_python() else {
        println!(
            "not asked: aics-tlog needs Python 3.12 or later, and there is none (HOIAM_TEST_LOG_PYTHON names one)"
        );
        return;
    };
    let witness_key = witness_line.split(' ').nth(2).expect("a vkey");
    let asked = Command::new(python)
        .arg(programs::root().join("tests/outsiders/log_auditor.py"))
        .args([log.as_os_str(), log_key.as_ref(), witness_key.as_ref()])
        .output()
        .expect("python starts");
    assert_eq!(asked.status.success(), expected, "{asked:?}");
}
