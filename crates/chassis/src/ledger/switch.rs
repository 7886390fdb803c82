//! One connection out of several: to the instance of the ledger that answers. After a takeover the next one is asked.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{Request, Response};
use tonic::transport::{Channel, Error};

/// Connections to all instances, of which one is in use. Clones share which.
#[derive(Clone, Debug)]
pub(super) struct Switch {
    instances: Arc<[Channel]>,
    used: Arc<AtomicUsize>,
}

impl Switch {
    /// `instances` is not empty.
    pub(super) fn new(instances: Vec<Channel>) -> Self {
        Self {
            instances: instances.into(),
            used: Arc::default(),
        }
    }

    /// Which instance is in use.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Turns from the instance `failed` to the next. Of many calls that failed on one instance only the first turns.
    pub(super) fn turn_from(&self, failed: usize) {
        let next = (failed + 1) % self.instances.len();
        let turned = self
            .used
            .compare_exchange(failed, next, Ordering::Relaxed, Ordering::Relaxed);
        if turned.is_ok() && next != failed {
            tracing::info!(instance = next, "turning to another instance of the ledger");
        }
    }
}

impl Service<Request<Body>> for Switch {
    type Response = Response<Body>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // Which instance is asked is known only at the call, and there its readiness is waited for.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let used = self.used();
        let mut channel = self.instances[used].clone();
        let switch = self.clone();
        Box::pin(async move {
            let answer = async {
                std::future::poll_fn(|cx| channel.poll_ready(cx)).await?;
                channel.call(request).await
            }
            .await;
            // A refusal without a body carries its status in the headers.
            let away = match &answer {
                Ok(response) => tonic::Status::from_header_map(response.headers())
                    .is_some_and(|status| status.code() == tonic::Code::Unavailable),
                Err(_) => true,
            };
            if away {
                switch.turn_from(used);
            }
            answer
        })
    }
}
