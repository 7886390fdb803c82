//! Merging and parting over gRPC, and what waits for a person to be looked at.

use classification_domain::Parting;
use contracts::grpc::classification::{
    ListSuspicionsReply, ListSuspicionsRequest, MergeReply, MergeRequest, PartRequest, Suspicion,
};
use kernel::{Actor, CaseId, Position, RequestId};
use tonic::{Request, Response, Status};

use super::{Api, MOST_CHARACTERS, MOST_ROWS, SOME_ROWS, acts_for_people, malformed, required};
use crate::duplicates::{Asked, Wanted};
use crate::error::Refusal;

/// What both commands say.
struct Said<'a> {
    verb: &'static str,
    caller: &'a str,
    request_id: &'a str,
    actor: &'a str,
    case_id: &'a [u8],
    words: String,
}

impl Api {
    pub(super) async fn suspicions(
        &self,
        request: Request<ListSuspicionsRequest>,
    ) -> Result<Response<ListSuspicionsReply>, Status> {
        let caller = self.callers.authenticate(request.metadata())?;
        acts_for_people(&caller)?;
        let request = request.into_inner();
        let mut position = 0;
        if let Some(sketched) = &self.sketched {
            sketched.reached(Position(request.at_least)).await;
            position = sketched.position().0;
        }
        let limit = if request.limit == 0 {
            SOME_ROWS
        } else {
            request.limit.min(MOST_ROWS)
        };
        let found = self.store.suspicions(limit).await;
        let found = found.map_err(|error| Refusal::Unavailable(error.into()))?;
        let suspicions = found.into_iter().map(|s| Suspicion {
            case_id: s.case.to_vec().into(),
            of: s.of.to_vec().into(),
            score: u32::from(s.score),
            parts: s.parts,
            suspected_at: s.at.0,
        });
        Ok(Response::new(ListSuspicionsReply {
            suspicions: suspicions.collect(),
            position,
        }))
    }

    pub(super) async fn merge_cases(
        &self,
        request: Request<MergeRequest>,
    ) -> Result<Response<MergeReply>, Status> {
        let caller = self.callers.authenticate(request.metadata())?;
        acts_for_people(&caller)?;
        let r = request.into_inner();
        let into = case_of("into", &r.into)?;
        let said = Said {
            verb: "merge",
            caller: &caller.name,
            request_id: &r.request_id,
            actor: &r.actor,
            case_id: &r.case_id,
            words: String::new(),
        };
        self.command(said, Wanted::Merge(into), &into.to_string()).await
    }

    pub(super) async fn part_case(
        &self,
        request: Request<PartRequest>,
    ) -> Result<Response<MergeReply>, Status> {
        let caller = self.callers.authenticate(request.metadata())?;
        acts_for_people(&caller)?;
        let r = request.into_inner();
        let reason: Parting = required("reason_code", &r.reason_code)?;
        let said = Said {
            verb: "part",
            caller: &caller.name,
            request_id: &r.request_id,
            actor: &r.actor,
            case_id: &r.case_id,
            words: r.reason,
        };
        self.command(said, Wanted::Part(reason), reason.code()).await
    }

    async fn command(&self, said: Said<'_>, what: Wanted, of: &str) -> Result<Response<MergeReply>, Status> {
        let case = case_of("case_id", said.case_id)?;
        let by = Actor::parse(said.actor).map_err(|error| malformed("actor", &error))?;
        if !matches!(by.role(), "operator" | "office") {
            return Err(Refusal::NotForThem(by.to_string()).into());
        }
        if !(1..=128).contains(&said.request_id.chars().count()) {
            return Err(Status::invalid_argument(
                "request_id must have 1 to 128 characters: your own id of this command",
            ));
        }
        if said.words.chars().count() > MOST_CHARACTERS {
            return Err(Status::invalid_argument(
                "reason has more than 65,536 characters: shorten it",
            ));
        }
        let asked = Asked {
            request: RequestId::client(
                &format!("classification/{}/{}", said.caller, said.verb),
                said.request_id,
            ),
            sent: format!("{case} {by} {of} {}", said.words).into_bytes(),
            by,
            case,
            what,
            words: (!said.words.trim().is_empty()).then_some(said.words),
        };
        let position = self.matters.command(&asked).await?;
        Ok(Response::new(MergeReply { position: position.0 }))
    }
}

fn case_of(name: &str, bytes: &[u8]) -> Result<CaseId, Status> {
    CaseId::from_slice(bytes).ok_or_else(|| Status::invalid_argument(format!("{name} must have 16 bytes")))
}
