//! The trace context (W3C `traceparent`) of the current span, and back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

tokio::task_local! {
    /// What the work at hand was caused by; carried on where no subscriber makes spans.
    static INCOMING: String;
}

static EXPORTED: AtomicBool = AtomicBool::new(false);

/// Says that spans go somewhere.
pub(super) fn export() {
    EXPORTED.store(true, Ordering::Relaxed);
}

/// Whether spans go somewhere. Where they do not, the hottest paths make none.
#[must_use]
pub fn exported() -> bool {
    EXPORTED.load(Ordering::Relaxed)
}

/// Runs a future as caused by `traceparent`; what is none is left out, whoever sent it.
pub async fn caused_by<F: Future>(traceparent: String, future: F) -> F::Output {
    let traceparent = if is_valid(&traceparent) {
        traceparent
    } else {
        String::new()
    };
    INCOMING.scope(traceparent, future).await
}

/// Whether it is a `traceparent` of W3C Trace Context, version 00: `00-<32 hex>-<16 hex>-<2 hex>`, lower case, no id all zeros.
fn is_valid(traceparent: &str) -> bool {
    let hex = |part: &str, length: usize| {
        part.len() == length
            && part
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let not_zero = |part: &str| part.bytes().any(|b| b != b'0');
    let parts: Vec<&str> = traceparent.split('-').collect();
    match parts.as_slice() {
        ["00", trace, span, flags] => {
            hex(trace, 32) && hex(span, 16) && hex(flags, 2) && not_zero(trace) && not_zero(span)
        }
        _ => false,
    }
}

/// The `traceparent` to send on: of the current span, or else of what we were caused by; empty when there is neither.
#[must_use]
pub fn current() -> String {
    let context = Span::current().context();
    if context.span().span_context().is_valid() {
        let mut carrier = HashMap::new();
        TraceContextPropagator::new().inject_context(&context, &mut carrier);
        if let Some(traceparent) = carrier.remove("traceparent") {
            return traceparent;
        }
    }
    INCOMING.try_with(Clone::clone).unwrap_or_default()
}

/// The `traceparent` a gRPC caller sent; empty when there is none, or what is none.
#[must_use]
pub fn of_call(metadata: &tonic::metadata::MetadataMap) -> String {
    metadata
        .get("traceparent")
        .and_then(|value| value.to_str().ok())
        .filter(|value| is_valid(value))
        .unwrap_or_default()
        .to_owned()
}

/// Serves a gRPC call within `span`, as caused by whoever made the call.
pub async fn serving<F: Future>(metadata: &tonic::metadata::MetadataMap, span: Span, work: F) -> F::Output {
    let traceparent = of_call(metadata);
    set_parent(&span, &traceparent);
    caused_by(traceparent, work.instrument(span)).await
}

/// A gRPC call that carries the trace on.
pub(crate) fn call<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    let traceparent = current();
    if !traceparent.is_empty()
        && let Ok(value) = traceparent.parse()
    {
        request.metadata_mut().insert("traceparent", value);
    }
    request
}

/// Makes `traceparent` the parent of a span; an empty or wrong one is no parent.
pub fn set_parent(span: &Span, traceparent: &str) {
    if traceparent.is_empty() {
        return;
    }
    let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract(&carrier);
    if context.span().span_context().is_valid() {
        // Fails only where no OpenTelemetry layer is installed; then there is nothing to link.
        let _ = span.set_parent(context);
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    const CAUSE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[tokio::test]
    async fn what_we_were_caused_by_travels_on_where_no_subscriber_makes_spans() {
        assert_eq!(current(), "");
        assert_eq!(caused_by(CAUSE.to_owned(), async { current() }).await, CAUSE);
    }

    #[tokio::test]
    async fn what_is_no_trace_context_goes_no_further() {
        for bad in [
            "",
            "0912 345 678",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        ] {
            assert_eq!(caused_by(bad.to_owned(), async { current() }).await, "", "{bad}");
        }
    }

    #[tokio::test]
    async fn a_span_continues_the_trace_of_its_parent_under_an_id_of_its_own() {
        use opentelemetry::trace::TracerProvider as _;
        let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
        let subscriber = tracing_subscriber::registry()
            .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("test")));
        let _guard = tracing::subscriber::set_default(subscriber);
        let span = tracing::info_span!("handle");
        set_parent(&span, CAUSE);
        let sent_on = async { current() }.instrument(span).await;
        assert_eq!(sent_on[..36], CAUSE[..36], "the same trace");
        assert_ne!(sent_on, CAUSE, "another span");
        let fresh = async { current() }.instrument(tracing::info_span!("first")).await;
        assert_eq!(fresh.len(), CAUSE.len(), "a span without a parent starts a trace");
    }
}
