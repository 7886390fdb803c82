//! The trace context (W3C `traceparent`) of the current span, and back.

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use std::collections::HashMap;
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
