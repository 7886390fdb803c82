//! The trace context (W3C `traceparent`) of the current span, and back.

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

tokio::task_local! {
    /// What the work at hand was caused by; carried on where no subscriber makes spans.
    static INCOMING: String;
}

/// Runs a future as caused by `traceparent`.
pub async fn caused_by<F: Future>(traceparent: String, future: F) -> F::Output {
    INCOMING.scope(traceparent, future).await
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

/// The `traceparent` a gRPC caller sent; empty when none.
#[must_use]
pub fn of_call(metadata: &tonic::metadata::MetadataMap) -> String {
    metadata
        .get("traceparent")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
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
    use tracing::Instrument;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    const CAUSE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[tokio::test]
    async fn what_we_were_caused_by_travels_on_where_no_subscriber_makes_spans() {
        assert_eq!(current(), "");
        assert_eq!(caused_by(CAUSE.to_owned(), async { current() }).await, CAUSE);
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
