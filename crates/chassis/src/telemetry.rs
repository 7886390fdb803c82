//! Logs, traces and metrics: installed once per process.

mod chain;
pub mod names;
pub mod trace;

use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Arc, OnceLock};

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{LogFormat, TelemetryConfig};

pub use chain::chain;

/// Ends telemetry: spans still in memory are sent.
#[must_use]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Sends what is left. Blocks until the collector has it, or a few seconds.
    pub fn shutdown(self) {
        if let Some(provider) = self.provider
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(error = %crate::telemetry::chain(&error), "the last spans could not be sent");
        }
    }
}

/// Installs logs on standard error, traces (always made, so that their context travels; exported when an endpoint is set) and metrics.
/// A second call in one process changes nothing. Must be called inside a Tokio runtime when an endpoint is set.
pub fn init(service: &'static str, config: &TelemetryConfig) -> Telemetry {
    metrics_handle();
    opentelemetry::global::set_text_map_propagator(
        opentelemetry_sdk::propagation::TraceContextPropagator::new(),
    );
    let mut builder =
        SdkTracerProvider::builder().with_resource(Resource::builder().with_service_name(service).build());
    let mut trouble = None;
    if let Some(endpoint) = &config.otlp_endpoint {
        match opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .build()
        {
            Ok(exporter) => {
                builder = builder.with_batch_exporter(exporter);
                trace::export();
            }
            Err(error) => trouble = Some(error),
        }
    }
    let provider = builder.build();
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,async_nats=warn,sqlx=warn,h2=warn"));
    let (writer, no_file) = log_writer(config);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(config.log_file.is_none());
    let lines = match config.log_format {
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .boxed(),
        LogFormat::Text => lines.boxed(),
    };
    // Only what we say of a span ourselves: its source line, thread and busy time cost more than they tell, and are paid for also where
    // nothing is exported.
    let traces = tracing_opentelemetry::layer()
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_context_activation(false)
        .with_tracer(provider.tracer(service))
        .with_filter(EnvFilter::new("info"));
    let installed = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(traces)
        .try_init()
        .is_ok();
    if installed {
        tell_panics_by_their_place();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(keep_metrics_small());
        }
    }
    if let Some(error) = trouble {
        tracing::error!(error = %crate::telemetry::chain(&error), "traces are not exported: the OTLP endpoint cannot be used");
    }
    if let Some(error) = no_file {
        tracing::error!(error = %crate::telemetry::chain(&error), "the log file cannot be opened; logging to standard error");
    }
    Telemetry {
        provider: installed.then_some(provider),
    }
}

/// Where log lines go: to the file if one is named and can be opened, else to standard error.
fn log_writer(config: &TelemetryConfig) -> (BoxMakeWriter, Option<std::io::Error>) {
    let Some(path) = &config.log_file else {
        return (BoxMakeWriter::new(std::io::stderr), None);
    };
    match std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
    {
        Ok(file) => (BoxMakeWriter::new(Arc::new(file)), None),
        Err(error) => (BoxMakeWriter::new(std::io::stderr), Some(error)),
    }
}

/// The process's metrics, as `/metrics` shows them. Installs the recorder at the first call.
pub fn metrics_handle() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        #[expect(clippy::expect_used, reason = "the buckets are constants, not empty")]
        let recorder = with_buckets(PrometheusBuilder::new())
            .expect("there are buckets")
            .build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder was installed before ours; /metrics will be empty");
        }
        handle
    })
}

fn with_buckets(builder: PrometheusBuilder) -> Result<PrometheusBuilder, BuildError> {
    builder
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &names::DURATION_BUCKETS)?
        .set_buckets_for_metric(Matcher::Suffix("_events".to_owned()), &names::COUNT_BUCKETS)
}

/// What a panic says may hold what a person typed; the log gets the place only.
fn tell_panics_by_their_place() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}

/// Folds samples into their buckets, which otherwise only a reader of `/metrics` does: memory stays bounded without one.
async fn keep_metrics_small() {
    loop {
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        metrics_handle().run_upkeep();
    }
}
