//! A unit's own server, as far as a test needs one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use contracts::wire::CaseWebhook;
use kernel::CaseId;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::world::SAID;

/// A unit's own server: answers by a script, the last word of it for ever, and hands on what it was sent.
pub(crate) struct Receiver {
    pub(crate) url: String,
    pub(crate) heard: mpsc::UnboundedReceiver<(HeaderMap, Bytes)>,
    _serving: tokio_util::task::AbortOnDropHandle<()>,
}

impl Receiver {
    pub(crate) async fn start(script: Vec<Response>) -> Self {
        // A response is not `Clone`: its parts are.
        let script: Arc<Vec<_>> = Arc::new(
            script
                .into_iter()
                .map(|r| (r.status(), r.headers().clone()))
                .collect(),
        );
        let (tell, heard) = mpsc::unbounded_channel();
        let count = Arc::new(AtomicUsize::new(0));
        let app = axum::Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
            tell.send((headers, body)).unwrap();
            let nth = count.fetch_add(1, Ordering::SeqCst).min(script.len() - 1);
            let answer = script[nth].clone();
            async move { answer }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hoiam", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            url,
            heard,
            _serving: tokio_util::task::AbortOnDropHandle::new(serving),
        }
    }

    pub(crate) async fn statuses(statuses: &[u16]) -> Self {
        let script = statuses
            .iter()
            .map(|s| StatusCode::from_u16(*s).unwrap().into_response());
        Self::start(script.collect()).await
    }

    pub(crate) async fn next(&mut self) -> Heard {
        let (headers, body) = tokio::time::timeout(Duration::from_secs(30), self.heard.recv())
            .await
            .unwrap()
            .unwrap();
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        assert!(!String::from_utf8_lossy(&body).contains(SAID), "never content");
        Heard {
            id: header("webhook-id"),
            signatures: header("webhook-signature")
                .split(' ')
                .map(str::to_owned)
                .collect(),
            webhook: serde_json::from_slice(&body).unwrap(),
        }
    }
}

pub(crate) struct Heard {
    pub(crate) id: String,
    pub(crate) signatures: Vec<String>,
    pub(crate) webhook: CaseWebhook,
}

impl Heard {
    /// Type, case and revision.
    pub(crate) fn what(&self) -> (&str, CaseId, u32) {
        (
            self.webhook.kind.as_str(),
            self.webhook.data.case,
            self.webhook.data.revision,
        )
    }
}
