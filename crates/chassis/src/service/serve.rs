//! The two servers of a service: gRPC and HTTP, on injected or configured listeners.

use anyhow::Context;
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::{DRAIN, Life, Running, http};
use crate::config::ListenConfig;
use crate::health::{self, Health};

/// Bytes of one call that may be on their way before they are taken.
const WINDOW: u32 = 1 << 20;

/// Binds, says that it is ready, and serves until the word to stop; then gives running calls `DRAIN` to finish. Adds gRPC health and
/// reflection, and `/healthz`, `/readyz`, `/metrics`.
///
/// # Errors
/// An address that is taken (named), or a server that failed.
pub async fn serve(
    listen: &ListenConfig,
    life: Life,
    health: &Health,
    grpc: Routes,
    http_routes: axum::Router,
) -> anyhow::Result<()> {
    let Life {
        shutdown,
        ready,
        grpc: grpc_given,
        http: http_given,
        ..
    } = life;
    let grpc_listener = match grpc_given {
        Some(listener) => listener,
        None => bind(&listen.grpc_listen).await?,
    };
    let http_listener = match (http_given, &listen.http_listen) {
        (Some(listener), _) => Some(listener),
        (None, Some(address)) => Some(bind(address).await?),
        (None, None) => None,
    };
    let running = Running {
        grpc: grpc_listener.local_addr()?,
        http: http_listener.as_ref().map(TcpListener::local_addr).transpose()?,
    };
    let (reporter, health_service) = tonic_health::server::health_reporter();
    reporter
        .set_service_status("", tonic_health::ServingStatus::Serving)
        .await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(contracts::grpc::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .context("the descriptors for reflection")?;
    let grpc_server = Server::builder()
        .http2_keepalive_interval(Some(std::time::Duration::from_secs(15)))
        // A pipeline of appends fills the protocol's 64 KiB a hundred requests at a time, and waits.
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(2 * WINDOW)
        .add_routes(grpc)
        .add_service(health_service)
        .add_service(reflection)
        .serve_with_incoming_shutdown(
            // On the listener, for the server's own setting does not reach one that it is given: without it an answer waits up to 40 ms
            // for the caller's delayed acknowledgement of the one before.
            TcpIncoming::from(grpc_listener).with_nodelay(Some(true)),
            shutdown.clone().cancelled_owned(),
        );
    let http_app = http_routes.merge(health::router(health.clone()));
    let http_stop = shutdown.clone();
    let http_server = async {
        if let Some(listener) = http_listener {
            http::serve(listener, http_app, listen.http_limits, http_stop).await;
        }
    };
    health.set("listening", true);
    tracing::info!(grpc = %running.grpc, http = ?running.http, "listening");
    if let Some(ready) = ready {
        // Whoever started us may not care.
        let _ = ready.send(running);
    }
    let both = async {
        let (grpc, ()) = tokio::join!(grpc_server, http_server);
        grpc.context("the gRPC server")
    };
    tokio::pin!(both);
    tokio::select! {
        result = &mut both => result,
        () = async { shutdown.cancelled().await; tokio::time::sleep(DRAIN).await } => {
            tracing::warn!(seconds = DRAIN.as_secs(), "calls did not finish in time and are dropped");
            Ok(())
        }
    }
}

async fn bind(address: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: is it taken by another program?"))
}
