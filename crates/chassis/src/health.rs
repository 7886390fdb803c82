//! Is it alive, is it ready, what does it count: gRPC health, `/healthz`, `/readyz`, `/metrics`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

use crate::telemetry;

/// What must hold before the service is ready. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<BTreeMap<String, bool>>>);

impl Health {
    /// States whether a condition holds (`nats`, `ledger`, `listening`).
    pub fn set(&self, condition: &str, holds: bool) {
        self.conditions().insert(condition.to_owned(), holds);
    }

    /// Whether all conditions hold.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.missing().is_empty()
    }

    /// The conditions that do not hold.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        self.conditions()
            .iter()
            .filter(|(_, holds)| !**holds)
            .map(|(name, _)| name.clone())
            .collect()
    }

    fn conditions(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, bool>> {
        #[expect(clippy::expect_used, reason = "nothing panics while the lock is held")]
        self.0.lock().expect("no holder panics")
    }
}

/// `/healthz`, `/readyz` and `/metrics`.
pub fn router(health: Health) -> Router {
    let ready = move || {
        let missing = health.missing();
        async move {
            if missing.is_empty() {
                (StatusCode::OK, "ready\n".to_owned())
            } else {
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    format!("waiting for: {}\n", missing.join(", ")),
                )
            }
        }
    };
    Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(|| async { telemetry::metrics_handle().render() }))
}
