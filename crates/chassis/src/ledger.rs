//! The ledger's client: appends are pipelined over one stream and repeated with the same id until they are answered.

mod append;
mod appender;
mod cases;
mod error;
mod open;
mod prove;
mod read;
mod switch;

use std::collections::HashMap;
use std::time::Duration;

use contracts::grpc::ledger as wire;
use contracts::grpc::ledger::ledger_client::LedgerClient as Grpc;
use kernel::{Actor, Position};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;

pub use append::{Append, Appended, AppendedEvent, Expected, Guard, NewEvent, Origin, StreamWrite};
pub use contracts::grpc::ledger::{Cursor, Filter, HeadReply, Lease, Purpose};
pub use error::{LedgerError, Remedy};
pub use open::{Opened, Opening, Run};
pub use prove::Proof;
pub use read::Range;

use crate::backoff::Backoff;
use crate::callers::BearerToken;
use crate::config::{LedgerAccess, Secret};
use appender::Appender;
use cases::Cases;
use switch::Switch;

type Inner = Grpc<InterceptedService<Switch, BearerToken>>;

/// 1,000 contents of 256 KiB each, and some for the envelope.
const LARGEST_REPLY: usize = 300 << 20;
/// How long a call is repeated while the ledger cannot be reached.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one attempt of a short call may take.
const ATTEMPT: Duration = Duration::from_secs(10);

/// A client of the ledger. Cheap to clone; all clones share one connection.
#[derive(Clone, Debug)]
pub struct LedgerClient {
    direct: Direct,
    appender: Appender,
    cases: Cases,
}

/// One call for each question.
#[derive(Clone, Debug)]
struct Direct {
    grpc: Inner,
    switch: Switch,
}

/// A reactor's claim to a shard, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseKey {
    /// `classification`.
    pub consumer: String,
    /// From 0.
    pub shard: u32,
    /// Which replica; unique in the installation.
    pub holder: String,
}

impl LedgerClient {
    /// Prepares a client and waits, up to 30 s, until the ledger answers. Later losses of the connection heal by themselves.
    ///
    /// # Errors
    /// `Invalid` for an address that is none, `Denied` for a wrong token, `Unavailable` when nobody answers.
    pub async fn connect(url: &str, token: &str) -> Result<Self, LedgerError> {
        let client = Self::lazy(url, token)?;
        client.head(Position(0)).await?;
        Ok(client)
    }

    /// The same with the settings of a service.
    ///
    /// # Errors
    /// As `connect`.
    pub async fn of(access: &LedgerAccess) -> Result<Self, LedgerError> {
        let token = access
            .token()
            .map_err(|p| LedgerError::Invalid { what: p.to_string() })?;
        Self::connect(&access.ledger_url, token.reveal()).await
    }

    /// Prepares a client without waiting for the ledger. Several instances' addresses are separated by commas; the one that answers
    /// is used.
    ///
    /// # Errors
    /// `Invalid` for an address that is none.
    pub fn lazy(url: &str, token: &str) -> Result<Self, LedgerError> {
        let instances = url.split(',').map(|url| {
            let endpoint =
                Endpoint::from_shared(url.trim().to_owned()).map_err(|_| LedgerError::Invalid {
                    what: format!("`{url}` is not an address like http://127.0.0.1:7401"),
                })?;
            Ok(endpoint
                .connect_timeout(Duration::from_secs(3))
                .tcp_nodelay(true)
                .http2_keep_alive_interval(Duration::from_secs(10))
                .keep_alive_timeout(Duration::from_secs(5))
                .keep_alive_while_idle(true)
                .initial_stream_window_size(8 << 20)
                .initial_connection_window_size(16 << 20)
                .connect_lazy())
        });
        let switch = Switch::new(instances.collect::<Result<_, LedgerError>>()?);
        let grpc = Grpc::with_interceptor(switch.clone(), BearerToken::new(Secret::new(token)))
            .max_decoding_message_size(LARGEST_REPLY)
            .max_encoding_message_size(LARGEST_REPLY);
        let appender = Appender::start(grpc.clone(), switch.clone());
        let direct = Direct { grpc, switch };
        let cases = Cases::start(direct.clone());
        Ok(Self {
            direct,
            appender,
            cases,
        })
    }

    /// Appends the events of one request, all or none. Repeats it with the same id while the ledger cannot be reached, up to 30 s.
    ///
    /// # Errors
    /// The refusal; or `Unavailable`, and then it may or may not be stored: repeat it with the same id.
    pub async fn append(&self, request: Append) -> Result<Appended, LedgerError> {
        append::append(self, request).await
    }

    /// Where the ledger is; waits up to a second until it has reached `at_least`.
    ///
    /// # Errors
    /// `Unavailable`, `Denied`.
    pub async fn head(&self, at_least: Position) -> Result<HeadReply, LedgerError> {
        let request = wire::HeadRequest { at_least: at_least.0 };
        self.direct
            .patiently(
                |mut grpc: Inner| async move { grpc.head(request).await.map(tonic::Response::into_inner) },
            )
            .await
    }

    /// Opens sealed content for a purpose. When a person or an outside body reads, name them and their role: the opening becomes an event.
    /// A position that has nothing to say is answered too: `Erased`, `NothingSealed` or `Refused`.
    ///
    /// # Errors
    /// `Denied` when the caller may not open for this purpose; `Unavailable`.
    pub async fn open(
        &self,
        purpose: Purpose,
        positions: &[Position],
        reader: Option<(Actor, &str)>,
    ) -> Result<HashMap<Position, Opened>, LedgerError> {
        Ok(open::open(self, purpose, positions, reader, None).await?.contents)
    }

    /// The same for a person or an outside body, with the position at which their reading is on record.
    ///
    /// # Errors
    /// As `open`.
    pub async fn open_on_record(
        &self,
        purpose: Purpose,
        positions: &[Position],
        reader: Actor,
        role: &str,
    ) -> Result<Opening, LedgerError> {
        open::open(self, purpose, positions, Some((reader, role)), None).await
    }

    /// Opens reports in a person's run (`learn`, `backtest`), which is one event however many calls it takes.
    ///
    /// # Errors
    /// As `open`.
    pub async fn open_in_run(
        &self,
        purpose: Purpose,
        positions: &[Position],
        run: &Run,
    ) -> Result<HashMap<Position, Opened>, LedgerError> {
        let reader = Some(run.reader());
        Ok(open::open(self, purpose, positions, reader, Some(run))
            .await?
            .contents)
    }

    /// Erases what was sealed for a case, for ever. Repeated with the same request id it is answered with what was done.
    ///
    /// # Errors
    /// `MustBeKept` when the law keeps it; `CaseMoved`; `Denied` without the right `erase`; `Unavailable`.
    pub async fn erase(
        &self,
        request: wire::EraseContentRequest,
    ) -> Result<wire::EraseContentReply, LedgerError> {
        self.direct
            .patiently(|mut grpc: Inner| {
                let request = request.clone();
                async move { grpc.erase_content(request).await.map(tonic::Response::into_inner) }
            })
            .await
    }

    /// Finds cases by what was sealed for them. A person's search is on record before the answer.
    ///
    /// # Errors
    /// `Invalid` for a term that is none; `Denied` without the right `search`; `Unavailable`.
    pub async fn search(&self, request: wire::SearchRequest) -> Result<wire::SearchReply, LedgerError> {
        self.direct
            .patiently(|mut grpc: Inner| {
                let request = request.clone();
                async move { grpc.search(request).await.map(tonic::Response::into_inner) }
            })
            .await
    }

    /// Takes (or renews) the lease of a shard for `ttl`. `held: false` says that another has it.
    ///
    /// # Errors
    /// `Unavailable`, `Denied`.
    pub async fn take_lease(&self, key: &LeaseKey, ttl: Duration) -> Result<Lease, LedgerError> {
        let request = wire::TakeLeaseRequest {
            consumer: key.consumer.clone(),
            shard: key.shard,
            holder: key.holder.clone(),
            ttl_ms: millis(ttl),
        };
        self.direct
            .patiently(|mut grpc: Inner| {
                let request = request.clone();
                async move { grpc.take_lease(request).await.map(tonic::Response::into_inner) }
            })
            .await
    }

    /// Saves the cursor and renews the lease.
    ///
    /// # Errors
    /// `LeaseLost` when another took it; `Unavailable`.
    pub async fn save_cursor(
        &self,
        key: &LeaseKey,
        fence: u64,
        position: Position,
        ttl: Duration,
    ) -> Result<Lease, LedgerError> {
        let request = cursor_request(key, fence, position, ttl);
        self.direct
            .patiently(|mut grpc: Inner| {
                let request = request.clone();
                async move { grpc.save_cursor(request).await.map(tonic::Response::into_inner) }
            })
            .await
    }

    /// Saves the cursor and gives the lease up.
    ///
    /// # Errors
    /// `LeaseLost` when another took it; `Unavailable`.
    pub async fn release_lease(
        &self,
        key: &LeaseKey,
        fence: u64,
        position: Position,
    ) -> Result<Lease, LedgerError> {
        let request = cursor_request(key, fence, position, Duration::ZERO);
        self.direct
            .patiently(|mut grpc: Inner| {
                let request = request.clone();
                async move { grpc.release_lease(request).await.map(tonic::Response::into_inner) }
            })
            .await
    }

    /// All reactors' cursors, and the head.
    ///
    /// # Errors
    /// `Unavailable`, `Denied`.
    pub async fn list_cursors(&self) -> Result<(Vec<Cursor>, Position), LedgerError> {
        let reply = self
            .direct
            .patiently(|mut grpc: Inner| async move {
                grpc.list_cursors(wire::ListCursorsRequest {})
                    .await
                    .map(tonic::Response::into_inner)
            })
            .await?;
        Ok((reply.cursors, Position(reply.head)))
    }
}

impl Direct {
    /// Repeats a call while the ledger cannot be reached, up to `PATIENCE`.
    async fn patiently<T, F: Future<Output = Result<T, tonic::Status>> + Send>(
        &self,
        call: impl Fn(Inner) -> F,
    ) -> Result<T, LedgerError> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut backoff = Backoff::between_services();
        loop {
            let used = self.switch.used();
            let error = match tokio::time::timeout(ATTEMPT, call(self.grpc.clone())).await {
                Ok(Ok(reply)) => return Ok(reply),
                Ok(Err(status)) => LedgerError::of_status(&status),
                Err(_) => {
                    self.switch.turn_from(used);
                    LedgerError::Unavailable {
                        why: "no answer within 10 s".to_owned(),
                    }
                }
            };
            if !error.is_transient() || tokio::time::Instant::now() >= deadline {
                return Err(error);
            }
            backoff.pause().await;
        }
    }
}

fn cursor_request(key: &LeaseKey, fence: u64, position: Position, ttl: Duration) -> wire::SaveCursorRequest {
    wire::SaveCursorRequest {
        consumer: key.consumer.clone(),
        shard: key.shard,
        holder: key.holder.clone(),
        fence,
        position: position.0,
        ttl_ms: millis(ttl),
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
