//! Searching sealed content through the blind index: by right and purpose, and on record before the answer when a person searches.

use chassis::callers::Caller;
use contracts::Code;
use contracts::events::access::ContentSearched;
use contracts::grpc::ledger as wire;
use tonic::Status;
use uuid::Uuid;

use super::Api;
use super::open::{Reader, purpose};
use crate::error::Refused;
use crate::request::{Request, StreamAppend};
use crate::store::tokens::Token;
use crate::vault::terms::{self, Kind, Term};

/// Terms of one search.
const MAX_TERMS: usize = 16;
/// Of what is typed for one term.
const MAX_TEXT: usize = 256;
const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 500;
/// Positions shown of one case.
const POSITIONS: u32 = 50;

impl Api {
    pub(super) async fn find(
        &self,
        caller: &Caller,
        request: wire::SearchRequest,
        traceparent: String,
    ) -> Result<wire::SearchReply, Status> {
        super::may(caller, "search")?;
        let purpose = match purpose(request.purpose())? {
            it @ ("handle" | "answer" | "review" | "inspect") => it,
            _ => {
                return Err(
                    Refused::invalid("purpose", "it must be handle, answer, review or inspect").into(),
                );
            }
        };
        let reader = Reader::check(caller, &request.reader, &request.role)?;
        let (kinds, terms) = terms_of(&request.terms)?;
        let index = self.vault.index();
        let mut tokens: Vec<Token> = terms.iter().map(|term| index.token(term)).collect();
        tokens.sort_unstable();
        tokens.dedup();
        let limit = match request.limit {
            0 => DEFAULT_LIMIT,
            limit => limit.min(MAX_LIMIT),
        };
        let before = if request.before == 0 {
            u64::MAX
        } else {
            request.before
        };
        let indexed = index.store.progress().await?;
        let owners = index.store.owners(&tokens, before, limit).await?;
        // A full page may be followed by another; the last one's newest match is where it goes on.
        let next = owners
            .last()
            .filter(|_| owners.len() == limit as usize)
            .map_or(0, |(_, newest)| *newest);
        let mut found = Vec::with_capacity(owners.len());
        for (owner, _) in owners {
            // Its tokens go with the key; until they are gone nobody is shown them.
            if self.vault.is_erased(&owner) || self.store.erasure(owner).await?.is_some() {
                continue;
            }
            found.push(wire::Found {
                case_id: crate::event::bytes(owner),
                positions: index.store.positions(&tokens, owner, POSITIONS).await?,
            });
        }
        let position = match reader {
            Some(reader) => {
                let fact = ContentSearched {
                    reader: reader.actor,
                    role: reader.role,
                    purpose: Code::lossy(purpose),
                    kinds: kinds.iter().map(|kind| Code::lossy(kind.code())).collect(),
                    found: u32::try_from(found.len()).unwrap_or(u32::MAX),
                };
                self.record_search(fact, traceparent).await?
            }
            None => 0,
        };
        Ok(wire::SearchReply {
            found,
            next,
            indexed,
            position,
        })
    }

    async fn record_search(&self, fact: ContentSearched, traceparent: String) -> Result<u64, Status> {
        let reader = fact.reader.as_str();
        // One stream for each who searches.
        let stream = Uuid::new_v5(&Uuid::NAMESPACE_OID, reader.as_bytes());
        let said = StreamAppend::fact(&fact, stream, None, reader, self.clock.now().0)?;
        let request = Request::ours(Uuid::new_v4(), vec![said], traceparent);
        Ok(self.writer.append(request).await?.head)
    }
}

/// The kinds as they were asked, and the terms they come to.
fn terms_of(asked: &[wire::Term]) -> Result<(Vec<Kind>, Vec<Term>), Refused> {
    Refused::over("the number of terms", MAX_TERMS, asked.len())?;
    let (mut kinds, mut terms) = (Vec::new(), Vec::new());
    for term in asked {
        Refused::over("a term", MAX_TEXT, term.text.len())?;
        let text = term.text.as_str();
        let must = |value: Option<String>, why| value.ok_or_else(|| Refused::invalid("terms", why));
        let (kind, found) = match term.kind() {
            wire::TermKind::Unspecified => {
                return Err(Refused::invalid("terms", "say what kind each term is"));
            }
            wire::TermKind::Word => (Kind::Word, terms::words(text)),
            wire::TermKind::Phone => (
                Kind::Phone,
                vec![must(
                    terms::phone(text),
                    "a phone term must be a Vietnamese phone number",
                )?],
            ),
            wire::TermKind::Email => (
                Kind::Email,
                vec![must(terms::email(text), "an e-mail term must be an address")?],
            ),
            wire::TermKind::Id => (
                Kind::Id,
                vec![must(terms::id(text), "an ID term must be 9 or 12 digits")?],
            ),
        };
        kinds.push(kind);
        terms.extend(found.into_iter().map(|it| (kind, it)));
    }
    if terms.is_empty() {
        return Err(Refused::invalid(
            "terms",
            "there must be at least one word or number",
        ));
    }
    Ok((kinds, terms))
}
