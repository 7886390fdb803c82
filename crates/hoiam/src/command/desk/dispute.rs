//! `hoiam desk dispute`: the two offices dispute whether a case is Party building or State management.

use contracts::grpc::routing::{AnswerDisputeRequest, DecideDisputeRequest, OpenDisputeRequest};
use kernel::taxonomy::Office;

use super::Desk;

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  hoiam desk dispute open HA-7K3MX-9QP4T-5 --office vp_ubnd --reason person --text \"Đảng viên thuộc Thành ủy quản lý\""
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// The office that has the case says that it is the other's.
    Open {
        case: String,
        /// In whose name: vp_tu or vp_ubnd.
        #[arg(long)]
        office: Office,
        #[arg(long, value_parser = REASONS)]
        reason: String,
        /// The reason in words.
        #[arg(long)]
        text: String,
    },
    /// The other office takes the case, or says why not.
    Answer {
        case: String,
        #[arg(value_parser = ["agree", "refuse"])]
        answer: String,
        /// In whose name: vp_tu or vp_ubnd.
        #[arg(long)]
        office: Office,
        /// Words that go with it; to refuse they are required.
        #[arg(long, default_value = "")]
        text: String,
    },
    /// The leaders say whose it is.
    Decide {
        case: String,
        /// Whose: vp_tu or vp_ubnd.
        office: Office,
        #[arg(long, value_parser = REASONS)]
        reason: String,
        /// Words that go with it.
        #[arg(long, default_value = "")]
        text: String,
    },
}

const REASONS: [&str; 5] = ["matter", "person", "main_matter", "new_facts", "other"];

impl Arguments {
    /// The role that this belongs to.
    pub(super) const fn role(&self) -> &'static str {
        match self.command {
            Command::Open { .. } | Command::Answer { .. } => "office",
            Command::Decide { .. } => "leader",
        }
    }
}

pub(super) async fn run(desk: &Desk, arguments: Arguments) -> anyhow::Result<()> {
    let mut routing = desk.routing().await?;
    let (request_id, actor) = (desk.request_id.clone(), desk.actor.clone());
    match arguments.command {
        Command::Open {
            case,
            office,
            reason,
            text,
        } => {
            let request = OpenDisputeRequest {
                request_id,
                actor,
                case_id: desk.case(&case).await?.into(),
                office: office.to_string(),
                reason_code: reason,
                text,
            };
            desk.routed(routing.open_dispute(request).await)
        }
        Command::Answer {
            case,
            answer,
            office,
            text,
        } => {
            let request = AnswerDisputeRequest {
                request_id,
                actor,
                case_id: desk.case(&case).await?.into(),
                office: office.to_string(),
                agree: answer == "agree",
                text,
            };
            desk.routed(routing.answer_dispute(request).await)
        }
        Command::Decide {
            case,
            office,
            reason,
            text,
        } => {
            let request = DecideDisputeRequest {
                request_id,
                actor,
                case_id: desk.case(&case).await?.into(),
                office: office.to_string(),
                reason_code: reason,
                text,
            };
            desk.routed(routing.decide_dispute(request).await)
        }
    }
}
