//! The other services, over gRPC, in the name of the person signed in.

use std::collections::BTreeMap;
use std::time::Duration;

use chassis::callers::BearerToken;
use chassis::config::Secret;
use chassis::telemetry::trace;
use contracts::grpc::classification::classification_client::ClassificationClient;
use contracts::grpc::feedback::feedback_client::FeedbackClient;
use contracts::grpc::intake::intake_client::IntakeClient;
use contracts::grpc::routing::ListUnitsRequest;
use contracts::grpc::routing::routing_client::RoutingClient;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::config::Config;

type Bearer = InterceptedService<Channel, OurCall>;

/// What every call carries: our token, and the trace of the page that asks.
#[derive(Clone, Debug)]
pub struct OurCall(BearerToken);

impl Interceptor for OurCall {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let mut request = self.0.call(request)?;
        if let Ok(traceparent) = trace::current().parse() {
            request.metadata_mut().insert("traceparent", traceparent);
        }
        Ok(request)
    }
}

/// Clients of the services the console speaks for people to. Connections are made when first needed and heal by themselves.
#[derive(Clone, Debug)]
pub struct Clients {
    intake: IntakeClient<Bearer>,
    classification: ClassificationClient<Bearer>,
    routing: RoutingClient<Bearer>,
    feedback: FeedbackClient<Bearer>,
}

impl Clients {
    /// Prepares the clients; every call carries `token`.
    ///
    /// # Errors
    /// An address that is none.
    pub fn new(config: &Config, token: &Secret) -> anyhow::Result<Self> {
        let bearer = || OurCall(BearerToken::new(token.clone()));
        let channel = |url: &str| -> anyhow::Result<Channel> {
            Ok(Endpoint::from_shared(url.to_owned())?
                .connect_timeout(Duration::from_secs(3))
                .timeout(Duration::from_secs(10))
                .tcp_nodelay(true)
                .connect_lazy())
        };
        Ok(Self {
            intake: IntakeClient::with_interceptor(channel(&config.intake_url)?, bearer()),
            classification: ClassificationClient::with_interceptor(
                channel(&config.classification_url)?,
                bearer(),
            ),
            routing: RoutingClient::with_interceptor(channel(&config.routing_url)?, bearer()),
            feedback: FeedbackClient::with_interceptor(channel(&config.feedback_url)?, bearer()),
        })
    }

    /// Intake.
    #[must_use]
    pub fn intake(&self) -> IntakeClient<Bearer> {
        self.intake.clone()
    }

    /// Classification.
    #[must_use]
    pub fn classification(&self) -> ClassificationClient<Bearer> {
        self.classification.clone()
    }

    /// Routing.
    #[must_use]
    pub fn routing(&self) -> RoutingClient<Bearer> {
        self.routing.clone()
    }

    /// Feedback.
    #[must_use]
    pub fn feedback(&self) -> FeedbackClient<Bearer> {
        self.feedback.clone()
    }

    /// Names of units by code.
    ///
    /// # Errors
    /// When routing does not answer within a second: a page does not wait longer for names.
    pub async fn units(&self) -> Result<BTreeMap<String, String>, Status> {
        let mut routing = self.routing();
        let asked = routing.list_units(ListUnitsRequest {});
        let reply = tokio::time::timeout(Duration::from_secs(1), asked)
            .await
            .map_err(|_| Status::deadline_exceeded("routing does not answer"))??;
        Ok(reply
            .into_inner()
            .units
            .into_iter()
            .map(|u| (u.code, u.name))
            .collect())
    }
}
