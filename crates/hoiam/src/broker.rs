//! nats-server as a child of ours: found, configured with the least permissions, watched, and stopped.

mod child;
mod config;
mod find;
mod orphan;
mod permissions;

pub use child::Broker;
pub use config::write_config;
pub use find::find;
pub use orphan::find as running;

/// Asks a running nats-server to read its configuration again (users added, permissions changed).
///
/// # Errors
/// When there is no such process.
pub fn reload(pid: u32) -> anyhow::Result<()> {
    signal(pid, nix::sys::signal::Signal::SIGHUP)
}

fn signal(pid: u32, signal: nix::sys::signal::Signal) -> anyhow::Result<()> {
    let pid = i32::try_from(pid).map_err(|_| anyhow::anyhow!("{pid} is no process id"))?;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal)
        .map_err(|e| anyhow::anyhow!("nats-server (process {pid}) cannot be signalled: {}", e.desc()))
}
