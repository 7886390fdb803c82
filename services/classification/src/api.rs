//! Classification over gRPC: the review queue, duplicates, a person's decision, and an explanation that records nothing.

mod duplicates;

use std::str::FromStr;
use std::sync::Arc;

use chassis::callers::{Caller, CallerKind, Callers};
use chassis::consumer::Waiter;
use chassis::telemetry::trace;
use classification_domain::{Finding, classify};
use contracts::grpc::classification::classification_server::{Classification, ClassificationServer};
use contracts::grpc::classification::{
    DecideReviewReply, DecideReviewRequest, Evidence, ExplainReply, ExplainRequest, ListReviewsReply,
    ListReviewsRequest, ListSuspicionsReply, ListSuspicionsRequest, MergeReply, MergeRequest, PartRequest,
    Review, Suggestion,
};
use kernel::taxonomy::{Field, Kind, Level, Topic, Urgency};
use kernel::{Actor, CaseId, Position, RequestId};
use tonic::{Request, Response, Status};

use crate::duplicates::Matters;
use crate::error::Refusal;
use crate::handle::{Decision, Handler};
use crate::store::{Store, Waiting};

/// Most rows of one list.
const MOST_ROWS: u32 = 1_000;
/// Rows of a list that asks for no number.
const SOME_ROWS: u32 = 100;
/// Most characters of a text or a reason, as of a report.
const MOST_CHARACTERS: usize = 65_536;

struct Api {
    handler: Arc<Handler>,
    store: Store,
    reviews: Waiter,
    matters: Arc<Matters>,
    /// None where nobody looks for duplicates.
    sketched: Option<Waiter>,
    callers: Callers,
}

/// The service, to be served.
pub(crate) fn service(
    handler: Arc<Handler>,
    store: Store,
    reviews: Waiter,
    matters: Arc<Matters>,
    sketched: Option<Waiter>,
    callers: Callers,
) -> ClassificationServer<impl Classification> {
    ClassificationServer::new(Api {
        handler,
        store,
        reviews,
        matters,
        sketched,
        callers,
    })
}

#[tonic::async_trait]
impl Classification for Api {
    async fn list_reviews(
        &self,
        request: Request<ListReviewsRequest>,
    ) -> Result<Response<ListReviewsReply>, Status> {
        let caller = self.callers.authenticate(request.metadata())?;
        acts_for_people(&caller)?;
        let request = request.into_inner();
        // Not there after a second: the answer says how far it is, and the page that it is still being processed.
        self.reviews.reached(Position(request.at_least)).await;
        let position = self.reviews.position().0;
        let limit = if request.limit == 0 {
            SOME_ROWS
        } else {
            request.limit.min(MOST_ROWS)
        };
        let waiting = self
            .store
            .waiting(limit)
            .await
            .map_err(|error| Refusal::Unavailable(error.into()))?;
        Ok(Response::new(ListReviewsReply {
            reviews: waiting.into_iter().map(review).collect(),
            position,
        }))
    }

    async fn decide_review(
        &self,
        request: Request<DecideReviewRequest>,
    ) -> Result<Response<DecideReviewReply>, Status> {
        let (metadata, _, request) = request.into_parts();
        let caller = self.callers.authenticate(&metadata)?;
        acts_for_people(&caller)?;
        let decided = Decided::read(&request)?;
        let by = Actor::parse(&request.actor).map_err(|error| malformed("actor", &error))?;
        let case = CaseId::from_slice(&request.case_id)
            .ok_or_else(|| Status::invalid_argument("case_id must have 16 bytes"))?;
        if !(1..=128).contains(&request.request_id.chars().count()) {
            return Err(Status::invalid_argument(
                "request_id must have 1 to 128 characters: your own id of this decision",
            ));
        }
        if request.reason.chars().count() > MOST_CHARACTERS {
            return Err(Status::invalid_argument(
                "reason has more than 65,536 characters: shorten it",
            ));
        }
        let decision = Decision {
            request: RequestId::client(
                &format!("classification/{}/decide", caller.name),
                &request.request_id,
            ),
            sent: sent(case, &by, &request),
            by,
            case,
            words: (!request.reason.trim().is_empty()).then_some(request.reason),
        };
        let deciding = self
            .handler
            .decide(&decision, |suggestion| decided.over(suggestion));
        let span = tracing::info_span!("classification.review", otel.kind = "server");
        let position = trace::serving(&metadata, span, deciding).await?;
        Ok(Response::new(DecideReviewReply { position: position.0 }))
    }

    async fn list_suspicions(
        &self,
        request: Request<ListSuspicionsRequest>,
    ) -> Result<Response<ListSuspicionsReply>, Status> {
        self.suspicions(request).await
    }

    async fn merge(&self, request: Request<MergeRequest>) -> Result<Response<MergeReply>, Status> {
        self.merge_cases(request).await
    }

    async fn part(&self, request: Request<PartRequest>) -> Result<Response<MergeReply>, Status> {
        self.part_case(request).await
    }

    async fn explain(&self, request: Request<ExplainRequest>) -> Result<Response<ExplainReply>, Status> {
        self.callers.authenticate(request.metadata())?;
        let text = request.into_inner().text;
        if text.chars().count() > MOST_CHARACTERS {
            return Err(Status::invalid_argument(
                "text has more than 65,536 characters: shorten it",
            ));
        }
        let rules = self.handler.rules().await?;
        let found = classify(&rules.policy, &text);
        let characters: Vec<char> = text.chars().collect();
        let words = |start: u32, end: u32| -> String {
            characters
                .get(start as usize..end as usize)
                .map(|part| part.iter().collect())
                .unwrap_or_default()
        };
        let place: Vec<String> = found
            .finding
            .place
            .iter()
            .map(|seen| words(seen.start, seen.end))
            .collect();
        let evidence = found.evidence.iter().map(|seen| Evidence {
            rule: seen.rule.clone(),
            start: seen.start,
            end: seen.end,
            words: words(seen.start, seen.end),
        });
        Ok(Response::new(ExplainReply {
            suggestion: Some(suggestion(&found.finding, found.confidence)),
            evidence: evidence.collect(),
            review: found.needs_review(),
            reasons: found
                .reasons
                .iter()
                .map(|reason| reason.code().to_owned())
                .collect(),
            policy_version: rules.version.as_str().to_owned(),
            place: place.join(", "),
        }))
    }
}

/// The codes a person decided on, valid each and fitting together.
struct Decided {
    field: Option<Field>,
    topic: Option<Topic>,
    kind: Kind,
    urgency: Urgency,
    level: Level,
}

impl Decided {
    fn read(request: &DecideReviewRequest) -> Result<Self, Status> {
        let topic: Option<Topic> = optional("topic", &request.topic)?;
        let field: Option<Field> = optional("field", &request.field)?;
        let level = u8::try_from(request.level).unwrap_or(u8::MAX);
        Ok(Self {
            // A topic has its field; where one is named it has to be that one, which the rules check.
            field: field.or(topic.map(Topic::field)),
            topic,
            kind: required("kind", &request.kind)?,
            urgency: required("urgency", &request.urgency)?,
            level: Level::try_from(level).map_err(|error| malformed("level", &error))?,
        })
    }

    /// What the person says, and of the rules' suggestion what nobody asked them.
    fn over(&self, suggestion: &Finding) -> Finding {
        Finding {
            field: self.field,
            topic: self.topic,
            also: suggestion
                .also
                .iter()
                .copied()
                .filter(|topic| Some(*topic) != self.topic)
                .collect(),
            kind: self.kind,
            urgency: self.urgency,
            level: self.level,
            ..suggestion.clone()
        }
    }
}

fn optional<T: FromStr<Err: std::fmt::Display>>(name: &str, code: &str) -> Result<Option<T>, Status> {
    if code.is_empty() {
        Ok(None)
    } else {
        required(name, code).map(Some)
    }
}

fn required<T: FromStr<Err: std::fmt::Display>>(name: &str, code: &str) -> Result<T, Status> {
    code.parse().map_err(|error: T::Err| malformed(name, &error))
}

fn malformed(name: &str, error: &dyn std::fmt::Display) -> Status {
    Status::invalid_argument(format!("{name}: {error}"))
}

/// The one form of what was sent.
fn sent(case: CaseId, by: &Actor, r: &DecideReviewRequest) -> Vec<u8> {
    let parts = [&r.field, &r.topic, &r.kind, &r.urgency, &r.reason];
    let mut sent = format!("{case} {by} {}", r.level).into_bytes();
    for part in parts {
        sent.extend_from_slice(format!(" {}:{part}", part.len()).as_bytes());
    }
    sent
}

/// The review queue is for people, who come by the console or an administrator's command.
fn acts_for_people(caller: &Caller) -> Result<(), Status> {
    if caller.acts_for_people || caller.kind == CallerKind::Admin {
        Ok(())
    } else {
        Err(Status::permission_denied(
            "reviews are read and decided by people: use the console or an administrator's token",
        ))
    }
}

fn review(waiting: Waiting) -> Review {
    Review {
        case_id: waiting.case.to_vec().into(),
        position: waiting.position.0,
        requested_at: waiting.requested_at.0,
        reasons: waiting.reasons,
        suggestion: Some(Suggestion {
            field: waiting.field,
            topic: waiting.topic,
            kind: waiting.kind,
            urgency: waiting.urgency,
            level: u32::from(waiting.level),
            confidence: f64::from(waiting.confidence) / 1000.0,
        }),
    }
}

fn suggestion(finding: &Finding, confidence: u16) -> Suggestion {
    Suggestion {
        field: finding.field.map(|x| x.code().to_owned()).unwrap_or_default(),
        topic: finding.topic.map(|x| x.code().to_owned()).unwrap_or_default(),
        kind: finding.kind.code().to_owned(),
        urgency: finding.urgency.code().to_owned(),
        level: u32::from(finding.level.get()),
        confidence: f64::from(confidence) / 1000.0,
    }
}
