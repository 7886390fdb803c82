//! Every service as a process of its own, and nats-server beside them: the same journey as in one process.

use std::process::{Child, Command, Stdio};

use hoiam_tests::system::{free_port, wait_for};
use hoiam_tests::{Feed, Story, System, programs};

struct Processes(Vec<Child>);

impl Drop for Processes {
    fn drop(&mut self) {
        for child in self.0.iter_mut().rev() {
            let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a pid fits"));
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        }
        for child in &mut self.0 {
            let _ = child.wait();
        }
    }
}

/// `NAME='value'` lines of an environment file that `hoiam init` wrote.
fn environment(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()))
        .collect()
}

/// The first of a block of ports that is free now: seven services side by side, HTTP a hundred above.
fn free_block() -> u16 {
    wait_for("a free block of ports", || {
        let first = free_port();
        let all = (0..7).flat_map(|i| [first.checked_add(i), first.checked_add(100 + i)]);
        all.into_iter()
            .all(|port| port.is_some_and(|p| std::net::TcpListener::bind(("127.0.0.1", p)).is_ok()))
            .then_some(first)
    })
}

#[test]
fn the_journey_is_the_same_with_every_service_as_a_process_of_its_own() {
    let system = System::prepared(None);
    let (nats, first, console) = (free_port(), free_block(), free_port());
    let ports = [
        "init",
        "--nats-port",
        &nats.to_string(),
        "--first-port",
        &first.to_string(),
        "--port",
        &console.to_string(),
    ];
    let _ = system.hoiam(&ports).ok();

    let mut running = Processes(Vec::new());
    let log =
        |name: &str| std::fs::File::create(system.scratch().join(format!("{name}.log"))).expect("a log file");
    let nats_server = hoiam::broker::find().expect("nats-server: run deploy/nats-server");
    running.0.push(
        Command::new(nats_server)
            .arg("--config")
            .arg(system.data().join("nats/nats-server.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log("nats-server"))
            .spawn()
            .expect("nats-server starts"),
    );
    for service in [
        "ledger",
        "intake",
        "classification",
        "routing",
        "escalation",
        "feedback",
        "console",
    ] {
        let file = std::fs::read_to_string(system.data().join(format!("env/{service}.env")))
            .expect("hoiam init wrote it");
        running.0.push(
            Command::new(programs::ours(&format!("hoiam-{service}")))
                .arg("run")
                .envs(environment(&file))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log(service))
                .spawn()
                .unwrap_or_else(|e| panic!("hoiam-{service}: {e}")),
        );
    }
    wait_for(
        "the gateway's credential to work and all services to be well",
        || {
            let _ = system.hoiam(&["gateway", "add", "demo"]);
            (system.hoiam(&["doctor"]).code == 0).then_some(())
        },
    );

    let file = Feed::write(system.scratch(), "feed", 120);
    let summary = system
        .hoiam(&["feed", "--json", file.to_str().expect("UTF-8")])
        .ok()
        .json();
    assert_eq!(summary["receipted"], 120, "{summary}");
    let story: Story = system.settled();
    story.assert_dense();
    assert_eq!(story.count("report.report_received"), 120);
    let totals = system.totals();
    let sum: u64 = ["desk", "office", "unit", "review", "police", "none"]
        .iter()
        .map(|d| totals[*d].as_u64().expect("a number"))
        .sum();
    assert_eq!(sum, 120, "the totals reconcile: {totals}");

    let unit = story
        .of("routing.case_dispatched")
        .next()
        .expect("some unit got a case")
        .data["unit"]
        .as_str()
        .expect("a unit")
        .to_owned();
    let _ = system.hoiam(&["unit", "add", &unit]).ok();
    let credential = system.credential(&format!("unit-{unit}"));
    let done = system.outsider(
        "unit.py",
        &[
            "--credential",
            credential.to_str().expect("UTF-8"),
            "--unit",
            &unit,
        ],
        "",
    );
    assert!(done["answered"].as_u64().is_some_and(|n| n > 0), "{done}");
    assert_eq!(done["refused"], serde_json::json!([]), "{done}");
    wait_for("an answered case to close", || {
        let story = system.replay();
        (story
            .of("feedback.case_closed")
            .any(|e| e.data["reason"] == "result_told"))
        .then_some(())
    });
}
