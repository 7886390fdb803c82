//! A nats-server left behind by a `hoiam up` that was killed: found by its pid file, known by its configuration, stopped.

use std::time::Duration;

use anyhow::bail;
use nix::sys::signal::Signal;

use crate::data::DataFolder;

/// The running nats-server of this folder, if there is one.
#[must_use]
pub fn find(folder: &DataFolder) -> Option<u32> {
    let pid: u32 = std::fs::read_to_string(folder.nats_pid())
        .ok()?
        .trim()
        .parse()
        .ok()?;
    // The number may belong to somebody else by now: only a process that was given our configuration is ours.
    let config = folder.nats_config();
    command_line(pid)
        .is_some_and(|line| line.contains(&*config.to_string_lossy()))
        .then_some(pid)
}

/// Stops it, and waits until it has gone.
pub(super) async fn stop(folder: &DataFolder) -> anyhow::Result<()> {
    let Some(pid) = find(folder) else { return Ok(()) };
    tracing::info!(pid, "stopping the nats-server that an earlier run left behind");
    for (signal, patience) in [(Signal::SIGTERM, 50), (Signal::SIGKILL, 50)] {
        // An error means that it has gone in the meantime.
        let _ = super::signal(pid, signal);
        for _ in 0..patience {
            if find(folder).is_none() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    bail!(
        "a nats-server left behind by an earlier run (process {pid}) does not stop: end it with `kill -9 {pid}`"
    )
}

/// The command line of a process: from `/proc` where there is one, else from `ps`.
fn command_line(pid: u32) -> Option<String> {
    if let Ok(line) = std::fs::read(format!("/proc/{pid}/cmdline")) {
        // A zombie has an empty one.
        return (!line.is_empty()).then(|| String::from_utf8_lossy(&line).replace('\0', " "));
    }
    if std::path::Path::new("/proc/self").exists() {
        return None;
    }
    let output = std::process::Command::new("ps")
        .args(["-o", "command=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
