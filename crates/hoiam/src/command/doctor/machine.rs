//! What the doctor looks at on the machine: permissions, disk, clock, and whether each service answers.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use chassis::clock::SystemClock;
use chassis::ledger::HeadReply;
use kernel::{Clock, Instant};

use super::report::Report;
use crate::connect::System;
use crate::data::DataFolder;

/// Below this much free space it is time to act: SQLite, WAL and JetStream each want room to finish a write.
const LEAST_FREE: u64 = 1 << 30;
/// How far the last event may lie ahead of the clock: what the ledger itself allows.
const CLOCK: i64 = 5 * Instant::SECOND;

/// Secrets are for their owner's eyes only.
pub(super) fn permissions(folder: &DataFolder, report: &mut Report) {
    let mut open = Vec::new();
    let root = folder.root();
    for path in [
        root.to_owned(),
        root.join("keys"),
        folder.nats(),
        root.join("env"),
        root.join("db"),
        root.join("outbox"),
    ] {
        too_open(&path, &mut open);
    }
    if open.is_empty() {
        report.well("permissions", "secrets are readable by their owner only");
    } else {
        report.wrong(
            "permissions",
            format!("others may read {}", open.join(", ")),
            format!("chmod -R go-rwx {}", root.display()),
        );
    }
}

/// The folder itself and the files in it and below, but not what nats-server keeps encrypted.
fn too_open(path: &Path, open: &mut Vec<String>) {
    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return;
    };
    let inside_closed = metadata.permissions().mode() & 0o077 == 0;
    if !inside_closed {
        open.push(path.display().to_string());
        return;
    }
    // A closed folder closes what is in it; secrets are looked at all the same, since files are copied out of folders.
    let Ok(entries) = std::fs::read_dir(path) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let secret = path
            .extension()
            .is_some_and(|e| ["key", "token", "json", "conf", "env"].iter().any(|s| e == *s))
            || path.ends_with("kek");
        let is_folder = path.is_dir() && path.file_name().is_some_and(|n| n == "tokens");
        if secret || is_folder {
            too_open(&path, open);
        }
    }
}

pub(super) fn disk(folder: &DataFolder, report: &mut Report) {
    match nix::sys::statvfs::statvfs(folder.root()) {
        Ok(found) => {
            #[allow(clippy::useless_conversion, reason = "the width differs between platforms")]
            let free = u64::from(found.blocks_available()) * u64::from(found.fragment_size());
            let says = format!("{:.1} GiB free", free as f64 / f64::from(1 << 30));
            if free >= LEAST_FREE {
                report.well("disk", says);
            } else {
                report.wrong(
                    "disk",
                    says,
                    "make room: nothing is accepted when the disk is full",
                );
            }
        }
        Err(error) => report.wrong(
            "disk",
            format!("{}: {}", folder.root().display(), error.desc()),
            "is the folder there? `hoiam up` makes it",
        ),
    }
}

pub(super) fn clock(head: &HeadReply, report: &mut Report) {
    let (now, last) = (SystemClock.now(), Instant(head.recorded_at));
    if last.0 > now.0 + CLOCK {
        let says = format!("this machine says {now}, but the last event was recorded at {last}");
        report.wrong(
            "clock",
            says,
            "set the machine's clock (NTP); the ledger never goes back",
        );
    } else if !head.clock.is_empty() {
        report.wrong(
            "clock",
            head.clock.clone(),
            "set the machine's clock (NTP), or start the ledger once with HOIAM_LEDGER_ACCEPT_CLOCK=operator:<you> where the clock is right",
        );
    } else {
        report.well("clock", format!("{now}"));
    }
}

/// How long what is on record may wait for a checkpoint that enough witnesses cosigned.
const UNCOVERED: i64 = 60 * Instant::SECOND;

/// Is what is on record signed, and cosigned by as many as the policy asks?
pub(super) fn log(head: &HeadReply, report: &mut Report) {
    let waits = head.position.saturating_sub(head.log_cosigned);
    let since = SystemClock.now().0 - head.recorded_at.max(head.log_cosigned_at);
    let covered = format!(
        "{} of {} events under a published checkpoint",
        head.log_cosigned, head.position
    );
    match head.log_state.as_str() {
        "off" => report.well("log", "off: nothing is signed, nothing can be proven to others"),
        state if state.starts_with("stopped") => report.wrong(
            "log",
            format!("{state}; {covered}"),
            "nothing is signed until this is clear: `hoiam verify` says which position was changed",
        ),
        state if waits > 0 && since > UNCOVERED => report.wrong(
            "log",
            format!("{state}; {covered}"),
            "look whether the witnesses of keys/log.policy run and can be reached; the ledger goes on meanwhile",
        ),
        state => report.well("log", format!("{state}: {covered}")),
    }
}

/// Each service says by HTTP whether it is ready.
pub(super) async fn services(system: &System, report: &mut Report) {
    let client = reqwest::Client::new();
    for (service, address) in &system.run.http {
        let answer = client
            .get(format!("{address}/readyz"))
            .timeout(super::PATIENCE)
            .send()
            .await;
        match answer {
            Ok(answer) if answer.status().is_success() => report.well(service.as_str(), "ready"),
            Ok(answer) => {
                let says = answer.text().await.unwrap_or_default();
                report.wrong(
                    service.as_str(),
                    says.trim(),
                    format!("see {}", system.folder.log().display()),
                );
            }
            Err(_) => report.wrong(
                service.as_str(),
                format!("does not answer at {address}"),
                format!(
                    "start `hoiam up` again; {} says why it stopped",
                    system.folder.log().display()
                ),
            ),
        }
    }
}
