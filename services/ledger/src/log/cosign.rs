//! Asking the witnesses: submits a checkpoint with the proof that it continues what each of them cosigned last.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::future::join_all;
use reqwest::StatusCode;

use super::checkpoint::{Checkpoint, decimal};
use super::note::{Note, Signature};
use super::policy::{Policy, Witness};
use super::store::TileStore;
use crate::merkle::proof::consistency;

/// How long a witness may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a witness answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It cosigned.
    Cosigned(Signature),
    /// It has cosigned a larger tree than this one.
    Ahead(u64),
    /// It says that the tree does not continue what it cosigned.
    Refused(String),
    /// Nothing that could be used.
    Silent(String),
}

/// The witnesses of a policy that can be asked.
pub(crate) struct Witnesses {
    http: reqwest::Client,
    /// Each with the size of the tree that it is believed to have cosigned last.
    all: Vec<(Witness, u64)>,
}

impl Witnesses {
    pub(crate) fn of(policy: &Policy) -> Result<Self, reqwest::Error> {
        let asked = policy.witnesses.iter().filter(|witness| witness.url.is_some());
        Ok(Self {
            http: reqwest::Client::builder().timeout(PATIENCE).build()?,
            all: asked.map(|witness| (witness.clone(), 0)).collect(),
        })
    }

    /// Submits a checkpoint to all at once; each witness's name with its answer.
    pub(crate) async fn ask(
        &mut self,
        note: &Note,
        checkpoint: &Checkpoint,
        tiles: &TileStore,
    ) -> Vec<(String, Answer)> {
        let http = &self.http;
        let asking = self.all.iter_mut().map(|(witness, size)| async move {
            let answer = submit(http, witness, size, note, checkpoint, tiles).await;
            (witness.name.clone(), answer)
        });
        join_all(asking).await
    }
}

async fn submit(
    http: &reqwest::Client,
    witness: &Witness,
    size: &mut u64,
    note: &Note,
    checkpoint: &Checkpoint,
    tiles: &TileStore,
) -> Answer {
    // Once more when it says that it is elsewhere than believed: after a restart of ours, or another signer's work.
    for _ in 0..2 {
        if *size > checkpoint.size {
            return Answer::Ahead(*size);
        }
        let proof = match tiles.proof(&consistency(*size, checkpoint.size), checkpoint.size) {
            Ok(proof) => proof,
            Err(error) => return Answer::Silent(format!("no proof for it: {error}")),
        };
        let proof: String = proof
            .iter()
            .map(|hash| format!("{}\n", BASE64.encode(hash)))
            .collect();
        let url = format!("{}/add-checkpoint", witness.url.as_deref().unwrap_or_default());
        let reply = http
            .post(url)
            .body(format!("old {size}\n{proof}\n{note}"))
            .send()
            .await;
        let (status, body) = match reply {
            Ok(reply) => (reply.status(), reply.text().await.unwrap_or_default()),
            Err(error) => return Answer::Silent(format!("cannot be reached ({})", error.without_url())),
        };
        match status {
            StatusCode::OK => {
                let ours = body
                    .lines()
                    .filter_map(|line| line.parse::<Signature>().ok())
                    .find(|signature| {
                        let note = Note {
                            text: note.text.clone(),
                            signatures: vec![signature.clone()],
                        };
                        matches!(witness.key.signed(&note), Ok(Some(_)))
                    });
                return match ours {
                    Some(signature) => {
                        *size = checkpoint.size;
                        Answer::Cosigned(signature)
                    }
                    None => {
                        Answer::Silent("answers without a cosignature of the key in the policy".to_owned())
                    }
                };
            }
            StatusCode::CONFLICT => match decimal(body.trim_end_matches('\n')) {
                Some(theirs) if theirs == *size => {
                    return Answer::Refused(format!("has cosigned another tree of {theirs} leaves"));
                }
                Some(theirs) => *size = theirs,
                None => return Answer::Silent("answers a conflict without a size".to_owned()),
            },
            StatusCode::UNPROCESSABLE_ENTITY => {
                return Answer::Refused(format!(
                    "says that the tree of {} leaves does not continue the one of {size} that it cosigned",
                    checkpoint.size
                ));
            }
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => {
                return Answer::Silent(format!(
                    "does not know this log's key (status {status}): give it the log's vkey"
                ));
            }
            other => return Answer::Silent(format!("answers with status {other}")),
        }
    }
    if *size > checkpoint.size {
        return Answer::Ahead(*size);
    }
    Answer::Silent("answers a conflict again and again".to_owned())
}
