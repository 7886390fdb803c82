//! `hoiam desk`: what people do in the console, from the command line: guidance, opinion, order, dialogue, letter, reopening, review,
//! dispute.

mod dispute;
mod review;

use std::path::Path;

use contracts::grpc::feedback::feedback_client::FeedbackClient;
use contracts::grpc::feedback::{AnswerRequest, OpinionRequest, ReopenRequest};
use contracts::grpc::routing::DispatchRequest;
use contracts::grpc::routing::routing_client::RoutingClient;

use crate::connect::{Authorised, System, actor, refusal};
use crate::output;

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  hoiam desk review list\n  hoiam desk order HA-7K3MX-9QP4T-5 so_xd")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Who is answerable, as `<role>:<id>`; by default somebody of the right role who is named after this command.
    #[arg(long = "as", global = true, value_name = "ACTOR")]
    actor: Option<String>,
    /// The id of this command; giving it again changes nothing. A random one by default.
    #[arg(long = "request", global = true, value_name = "ID")]
    id: Option<String>,
    /// Print one JSON object.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Level 1: the operator's guidance to the citizen.
    #[command(
        after_help = "Example:\n  hoiam desk answer HA-7K3MX-9QP4T-5 \"Mời ông bà đến công an phường nơi ở\""
    )]
    Answer { case: String, text: String },
    /// Level 3: the leaders' opinion on the submission.
    #[command(after_help = "Example:\n  hoiam desk opinion HA-7K3MX-9QP4T-5 agree")]
    Opinion {
        case: String,
        #[arg(value_parser = ["agree", "decline"])]
        opinion: String,
        /// Words that go with it.
        #[arg(long, default_value = "")]
        text: String,
    },
    /// Levels 4 and 5, and a case that came back: the office's order to put it before a unit.
    #[command(after_help = "Example:\n  hoiam desk order HA-7K3MX-9QP4T-5 so_xd")]
    Order { case: String, unit: String },
    /// Level 4: the dialogue was held; the words are its minutes.
    #[command(after_help = "Example:\n  hoiam desk dialogue HA-7K3MX-9QP4T-5 \"Đã đối thoại ngày 20/11 …\"")]
    Dialogue { case: String, text: String },
    /// Level 5: the letter of thanks.
    #[command(after_help = "Example:\n  hoiam desk letter HA-7K3MX-9QP4T-5 \"Thành phố cảm ơn ông bà …\"")]
    Letter { case: String, text: String },
    /// A closed case goes on.
    #[command(
        after_help = "Example:\n  hoiam desk reopen HA-7K3MX-9QP4T-5 not_fixed --text \"Vẫn còn ngập\""
    )]
    Reopen {
        case: String,
        #[arg(value_parser = ["not_fixed", "came_back", "wrong_unit", "citizen_disagrees", "other"])]
        reason: String,
        /// The reason in words.
        #[arg(long, default_value = "")]
        text: String,
    },
    /// What a person must confirm before it leaves the house.
    Review(review::Arguments),
    /// The two offices dispute whose a case is.
    Dispute(dispute::Arguments),
}

impl Command {
    /// The role that this belongs to.
    const fn role(&self) -> &'static str {
        match self {
            Self::Answer { .. } | Self::Reopen { .. } | Self::Review(_) => "operator",
            Self::Opinion { .. } => "leader",
            Self::Dispute(arguments) => arguments.role(),
            Self::Order { .. } | Self::Dialogue { .. } | Self::Letter { .. } => "office",
        }
    }
}

/// What every command needs.
struct Desk {
    system: System,
    actor: String,
    request_id: String,
    json: bool,
}

pub(crate) async fn run(data: &Path, arguments: Arguments) -> anyhow::Result<()> {
    let Arguments {
        command,
        actor: named,
        id,
        json,
    } = arguments;
    let by_default = format!("{}:hoiam", command.role());
    let desk = Desk {
        system: System::of(data)?,
        actor: actor(named.as_deref().unwrap_or(&by_default))?,
        request_id: id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
        json,
    };
    match command {
        Command::Review(arguments) => review::run(&desk, arguments).await,
        Command::Dispute(arguments) => dispute::run(&desk, arguments).await,
        Command::Order { case, unit } => desk.order(&case, unit).await,
        Command::Answer { case, text } => {
            let request = desk.words(&case, text).await?;
            desk.done(desk.feedback().await?.answer_at_desk(request).await)
        }
        Command::Dialogue { case, text } => {
            let request = desk.words(&case, text).await?;
            desk.done(desk.feedback().await?.record_dialogue(request).await)
        }
        Command::Letter { case, text } => {
            let request = desk.words(&case, text).await?;
            desk.done(desk.feedback().await?.send_letter(request).await)
        }
        Command::Opinion { case, opinion, text } => {
            let AnswerRequest {
                request_id,
                actor,
                case_id,
                text,
            } = desk.words(&case, text).await?;
            desk.done(
                desk.feedback()
                    .await?
                    .give_opinion(OpinionRequest {
                        request_id,
                        actor,
                        case_id,
                        opinion,
                        text,
                    })
                    .await,
            )
        }
        Command::Reopen {
            case,
            reason: reason_code,
            text,
        } => {
            let AnswerRequest {
                request_id,
                actor,
                case_id,
                text: reason,
            } = desk.words(&case, text).await?;
            desk.done(
                desk.feedback()
                    .await?
                    .reopen(ReopenRequest {
                        request_id,
                        actor,
                        case_id,
                        reason_code,
                        reason,
                    })
                    .await,
            )
        }
    }
}

impl Desk {
    async fn feedback(&self) -> anyhow::Result<FeedbackClient<Authorised>> {
        Ok(FeedbackClient::new(self.system.service("feedback").await?))
    }

    /// The bytes of the case's id, as on the wire.
    async fn case(&self, named: &str) -> anyhow::Result<Vec<u8>> {
        Ok(self
            .system
            .case(&self.system.ledger().await?, named)
            .await?
            .to_vec())
    }

    async fn words(&self, case: &str, text: String) -> anyhow::Result<AnswerRequest> {
        let case_id = self.case(case).await?.into();
        Ok(AnswerRequest {
            request_id: self.request_id.clone(),
            actor: self.actor.clone(),
            case_id,
            text,
        })
    }

    async fn order(&self, case: &str, unit: String) -> anyhow::Result<()> {
        let case_id = self.case(case).await?.into();
        let request = DispatchRequest {
            request_id: self.request_id.clone(),
            actor: self.actor.clone(),
            case_id,
            unit,
        };
        self.routed(self.routing().await?.dispatch(request).await)
    }

    async fn routing(&self) -> anyhow::Result<RoutingClient<Authorised>> {
        Ok(RoutingClient::new(self.system.service("routing").await?))
    }

    fn routed(
        &self,
        reply: Result<tonic::Response<contracts::grpc::routing::Done>, tonic::Status>,
    ) -> anyhow::Result<()> {
        let done = reply.map_err(|s| refusal(&s))?.into_inner();
        self.say(done.position, done.already)
    }

    fn done(
        &self,
        reply: Result<tonic::Response<contracts::grpc::feedback::Done>, tonic::Status>,
    ) -> anyhow::Result<()> {
        let done = reply.map_err(|s| refusal(&s))?.into_inner();
        self.say(done.position, done.already)
    }

    fn say(&self, position: u64, already: bool) -> anyhow::Result<()> {
        if self.json {
            return output::json(&serde_json::json!({ "position": position, "already": already }));
        }
        output::line(format!(
            "On record at position {position}{}.",
            if already { " (it was already)" } else { "" }
        ))
    }
}
