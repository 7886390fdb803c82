//! Cases that are asked for at the same time are read together: a hundred handlers at work cost a few calls.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use contracts::Recorded;
use contracts::grpc::ledger as wire;
use kernel::CaseId;
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::read::recorded;
use super::{Direct, Inner, LedgerError};

/// Most cases of one call, by the ledger's contract.
const TOGETHER: usize = 64;
/// Calls under way; what is asked for meanwhile goes with the next.
const CALLS: usize = 2;
/// Most that wait to be asked for; beyond, callers wait.
const WAITING: usize = 1_024;

type Answer = Result<Vec<Recorded>, LedgerError>;
type Askers = HashMap<CaseId, Vec<oneshot::Sender<Answer>>>;

#[derive(Clone, Debug)]
pub(super) struct Cases(mpsc::Sender<(CaseId, oneshot::Sender<Answer>)>);

impl Cases {
    pub(super) fn start(direct: Direct) -> Self {
        let (jobs, receiver) = mpsc::channel(WAITING);
        tokio::spawn(run(direct, receiver));
        Self(jobs)
    }

    pub(super) async fn read(&self, case: CaseId) -> Answer {
        let closed = || LedgerError::Unavailable {
            why: "the client is closed".to_owned(),
        };
        let (answer, answered) = oneshot::channel();
        self.0.send((case, answer)).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }
}

async fn run(direct: Direct, mut jobs: mpsc::Receiver<(CaseId, oneshot::Sender<Answer>)>) {
    let calls = Arc::new(Semaphore::new(CALLS));
    while let Some((case, asker)) = jobs.recv().await {
        let Ok(call) = Arc::clone(&calls).acquire_owned().await else {
            return;
        };
        let mut askers = Askers::from([(case, vec![asker])]);
        while askers.len() < TOGETHER
            && let Ok((case, asker)) = jobs.try_recv()
        {
            askers.entry(case).or_default().push(asker);
        }
        let direct = direct.clone();
        tokio::spawn(async move {
            ask(&direct, askers).await;
            drop(call);
        });
    }
}

async fn ask(direct: &Direct, askers: Askers) {
    if askers.len() > 1 {
        match together(direct, &askers).await {
            Ok(Some(mut events)) => {
                for (case, askers) in askers {
                    answer(askers, Ok(events.remove(&case).unwrap_or_default()));
                }
                return;
            }
            // One of them has a long history.
            Ok(None) => {}
            Err(error) => {
                for (_, askers) in askers {
                    answer(askers, Err(error.clone()));
                }
                return;
            }
        }
    }
    for (case, askers) in askers {
        answer(askers, direct.read_case(case).await);
    }
}

async fn together(
    direct: &Direct,
    askers: &Askers,
) -> Result<Option<HashMap<CaseId, Vec<Recorded>>>, LedgerError> {
    let request = wire::ReadCasesRequest {
        case_ids: askers.keys().map(|case| Bytes::from(case.to_vec())).collect(),
    };
    let reply = direct
        .patiently(|mut grpc: Inner| {
            let request = request.clone();
            async move { grpc.read_cases(request).await.map(tonic::Response::into_inner) }
        })
        .await?;
    if !reply.whole {
        return Ok(None);
    }
    let mut events: HashMap<CaseId, Vec<Recorded>> = HashMap::with_capacity(askers.len());
    for event in reply.events {
        let event = recorded(event)?;
        if let Some(case) = event.case {
            events.entry(case).or_default().push(event);
        }
    }
    Ok(Some(events))
}

fn answer(mut askers: Vec<oneshot::Sender<Answer>>, answer: Answer) {
    let last = askers.pop();
    // Whoever has gone needs none.
    for asker in askers {
        let _ = asker.send(answer.clone());
    }
    if let Some(last) = last {
        let _ = last.send(answer);
    }
}
