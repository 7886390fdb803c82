//! Ports: taken ones are named before anything starts.

use anyhow::{Context, bail};
use tokio::net::TcpListener;

use crate::data::{DataFolder, NatsCredential};

/// A listener for the console's pages.
pub(super) async fn console(port: u16) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(("127.0.0.1", port)).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => bail!(
            "port {port} (for the console) is taken by another program: stop that one, or choose another port with --port (0: any free one)"
        ),
        Err(error) => Err(error).with_context(|| {
            format!("port {port} (for the console) cannot be used: choose another with --port")
        }),
    }
}

/// The port for nats-server: for 0 the one it had last time if that is free, so that units and gateways find it again.
pub(super) fn nats(folder: &DataFolder, port: u16) -> u16 {
    if port != 0 {
        return port;
    }
    let last = NatsCredential::read(&folder.nats_credential("admin"))
        .ok()
        .and_then(|c| c.url?.rsplit(':').next()?.parse::<u16>().ok())
        .unwrap_or(0);
    // Our own orphan may still hold it; that one is stopped before the port is taken.
    if crate::broker::running(folder).is_some() || std::net::TcpListener::bind(("127.0.0.1", last)).is_ok() {
        last
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_named_with_what_to_do() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = console(port).await.unwrap_err().to_string();
        assert!(
            error.contains(&port.to_string()) && error.contains("--port"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn nats_gets_its_last_port_again_unless_somebody_else_has_it() {
        let temp = tempfile::tempdir().unwrap();
        let folder = DataFolder::at(temp.path()).unwrap();
        folder.init().unwrap();
        assert_eq!(nats(&folder, 0), 0);
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = taken.local_addr().unwrap().port();
        folder
            .tell_users_the_address(&format!("nats://127.0.0.1:{port}"))
            .unwrap();
        assert_eq!(nats(&folder, 0), 0);
        drop(taken);
        assert_eq!(nats(&folder, 0), port);
        assert_eq!(nats(&folder, 4222), 4222);
    }
}
