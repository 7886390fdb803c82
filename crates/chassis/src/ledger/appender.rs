//! Appends of all clones travel on one stream, many at a time; each is repeated until it is answered.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use contracts::grpc::ledger as wire;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::switch::Switch;
use super::{ATTEMPT, Inner, LedgerError, PATIENCE};
use crate::backoff::Backoff;

/// Most requests under way; beyond, callers wait. The request channel has room for all of them, so it never blocks the reading of answers.
const UNDER_WAY: usize = 4_096;

type Answer = Result<wire::Appended, LedgerError>;

struct Job {
    request: wire::AppendRequest,
    answer: oneshot::Sender<Answer>,
}

#[derive(Clone, Debug)]
pub(super) struct Appender {
    jobs: mpsc::Sender<Job>,
}

impl Appender {
    pub(super) fn start(grpc: Inner, switch: Switch) -> Self {
        let (jobs, receiver) = mpsc::channel(UNDER_WAY);
        tokio::spawn(run(grpc, switch, receiver));
        Self { jobs }
    }

    pub(super) async fn append(&self, request: wire::AppendRequest) -> Answer {
        let deadline = Instant::now() + PATIENCE;
        let mut backoff = Backoff::between_services();
        loop {
            match self.attempt(request.clone()).await {
                Err(error) if error.is_transient() && Instant::now() < deadline => backoff.pause().await,
                answer => return answer,
            }
        }
    }

    async fn attempt(&self, request: wire::AppendRequest) -> Answer {
        let (answer, answered) = oneshot::channel();
        if self.jobs.send(Job { request, answer }).await.is_err() {
            return Err(unavailable("the client is closed"));
        }
        match timeout(ATTEMPT, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(unavailable("the connection was lost before the answer")),
            Err(_) => Err(unavailable("no answer within 10 s")),
        }
    }
}

fn unavailable(why: impl Into<String>) -> LedgerError {
    LedgerError::Unavailable { why: why.into() }
}

/// Opens the stream when there is something to send, and again after it broke. Ends when the last client is dropped.
async fn run(grpc: Inner, switch: Switch, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.recv().await {
        let (requests, receiver) = mpsc::channel(UNDER_WAY + 1);
        let used = switch.used();
        let opened = timeout(
            Duration::from_secs(5),
            grpc.clone().append_stream(ReceiverStream::new(receiver)),
        )
        .await;
        match opened {
            Ok(Ok(answers)) => {
                pipeline(&grpc, &mut jobs, first, &requests, answers.into_inner()).await;
                // It ends while there are clients only because the instance is gone, or does not write.
                switch.turn_from(used);
            }
            Ok(Err(status)) => fail(first, &LedgerError::of_status(&status)),
            Err(_) => {
                switch.turn_from(used);
                fail(first, &unavailable("no connection within 5 s"));
            }
        }
    }
}

fn fail(job: Job, error: &LedgerError) {
    // The caller may have gone; then nobody waits for the answer.
    let _ = job.answer.send(Err(error.clone()));
}

async fn pipeline(
    grpc: &Inner,
    jobs: &mut mpsc::Receiver<Job>,
    first: Job,
    requests: &mpsc::Sender<wire::AppendRequest>,
    mut answers: Streaming<wire::AppendResult>,
) {
    let mut under_way: HashMap<Bytes, oneshot::Sender<Answer>> = HashMap::new();
    let mut next = Some(first);
    let error = loop {
        if let Some(Job { request, answer }) = next.take() {
            if under_way.contains_key(&request.request_id) {
                // Answers are matched by id: the same one a second time goes by a call of its own.
                tokio::spawn(unary(grpc.clone(), request, answer));
            } else {
                let id = request.request_id.clone();
                if requests.try_send(request).is_err() {
                    let _ = answer.send(Err(unavailable("the connection was lost")));
                    break unavailable("the connection was lost");
                }
                under_way.insert(id, answer);
            }
        }
        tokio::select! {
            answer = answers.message() => match answer {
                Ok(Some(result)) => {
                    let elsewhere = writes_elsewhere(&result);
                    settle(&mut under_way, result);
                    if elsewhere {
                        break unavailable("another instance of the ledger writes now");
                    }
                }
                Ok(None) => break unavailable("the ledger closed the stream"),
                Err(status) => break LedgerError::of_status(&status),
            },
            job = jobs.recv(), if under_way.len() < UNDER_WAY => match job {
                Some(job) => next = Some(job),
                None if under_way.is_empty() => return,
                // No client is left, but somebody may still wait for an answer.
                None => return drain(under_way, answers).await,
            },
        }
    };
    for (_, answer) in under_way {
        let _ = answer.send(Err(error.clone()));
    }
}

async fn drain(
    mut under_way: HashMap<Bytes, oneshot::Sender<Answer>>,
    mut answers: Streaming<wire::AppendResult>,
) {
    while !under_way.is_empty() {
        let Ok(Some(result)) = answers.message().await else {
            return;
        };
        settle(&mut under_way, result);
    }
}

/// Whether the instance says that it is not the one that writes.
fn writes_elsewhere(result: &wire::AppendResult) -> bool {
    use wire::append_result::Result as Outcome;
    use wire::refusal::Reason;
    matches!(&result.result, Some(Outcome::Refused(refusal)) if matches!(refusal.reason, Some(Reason::NotLeader(_))))
}

fn settle(under_way: &mut HashMap<Bytes, oneshot::Sender<Answer>>, result: wire::AppendResult) {
    use wire::append_result::Result as Outcome;
    let Some(answer) = under_way.remove(&result.request_id) else {
        return;
    };
    let outcome = match result.result {
        Some(Outcome::Appended(appended)) => Ok(appended),
        Some(Outcome::Refused(refusal)) => Err(LedgerError::of_refusal(refusal)),
        None => Err(LedgerError::Answer {
            what: "an answer without a result".to_owned(),
        }),
    };
    let _ = answer.send(outcome);
}

async fn unary(mut grpc: Inner, request: wire::AppendRequest, answer: oneshot::Sender<Answer>) {
    let outcome = match timeout(ATTEMPT, grpc.append(request)).await {
        Ok(Ok(reply)) => Ok(reply.into_inner()),
        Ok(Err(status)) => Err(LedgerError::of_status(&status)),
        Err(_) => Err(unavailable("no answer within 10 s")),
    };
    let _ = answer.send(outcome);
}
