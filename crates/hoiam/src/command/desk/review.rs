//! `hoiam desk review`: the queue, and a person's decision.

use anyhow::Context;
use chassis::clock::SystemClock;
use console::Lang;
use console::words::{List, say};
use contracts::grpc::classification::classification_client::ClassificationClient;
use contracts::grpc::classification::{DecideReviewRequest, ListReviewsRequest, Review, Suggestion};
use kernel::taxonomy::{Kind, Level, Topic, Urgency};
use kernel::{CaseId, Clock, Instant};
use serde_json::json;

use super::super::replay::local;
use super::Desk;
use crate::connect::{Authorised, refusal};
use crate::output;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hoiam desk review\n  hoiam desk review decide HA-7K3MX-9QP4T-5 --topic corruption --kind denunciation --level 4"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// What waits for a person.
    #[command(after_help = "Example:\n  hoiam desk review list")]
    List,
    /// Decide; what is not given stays as suggested.
    #[command(
        after_help = "Example:\n  hoiam desk review decide HA-7K3MX-9QP4T-5 --topic corruption --kind denunciation --level 4"
    )]
    Decide(Decide),
}

#[derive(clap::Args)]
struct Decide {
    /// Its tracking code or id.
    case: String,
    /// What it is about; the field follows from it.
    #[arg(long)]
    topic: Option<Topic>,
    /// What it is in law.
    #[arg(long)]
    kind: Option<Kind>,
    /// How soon harm comes.
    #[arg(long)]
    urgency: Option<Urgency>,
    /// Level of the answer, 1 to 5.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=5))]
    level: Option<u8>,
    /// Why, if the suggestion is changed; sealed.
    #[arg(long, default_value = "")]
    reason: String,
}

pub(super) async fn run(desk: &Desk, arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command.unwrap_or(Command::List) {
        Command::List => list(desk).await,
        Command::Decide(decide) => self::decide(desk, decide).await,
    }
}

async fn client(desk: &Desk) -> anyhow::Result<ClassificationClient<Authorised>> {
    Ok(ClassificationClient::new(
        desk.system.service("classification").await?,
    ))
}

/// All that waits, as of now.
async fn waiting(desk: &Desk) -> anyhow::Result<Vec<Review>> {
    let head = desk
        .system
        .ledger()
        .await?
        .head(kernel::Position(0))
        .await?
        .position;
    let request = ListReviewsRequest {
        at_least: head,
        limit: 10_000,
    };
    Ok(client(desk)
        .await?
        .list_reviews(request)
        .await
        .map_err(|s| refusal(&s))?
        .into_inner()
        .reviews)
}

async fn list(desk: &Desk) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    let codes = desk.system.codes(&desk.system.ledger().await?).await?;
    let now = SystemClock.now();
    for review in waiting(desk).await? {
        let case = CaseId::from_slice(&review.case_id).context("classification names a case that is none")?;
        let suggestion = review.suggestion.unwrap_or_default();
        if desk.json {
            output::json(&json!({
                "case": case, "code": codes.get(&case).map(ToString::to_string), "position": review.position, "requested_at": Instant(review.requested_at).to_string(), "reasons": review.reasons,
                "suggestion": {
                    "field": suggestion.field, "topic": suggestion.topic, "kind": suggestion.kind, "urgency": suggestion.urgency,
                    "level": suggestion.level, "confidence": suggestion.confidence,
                },
            }))?;
            continue;
        }
        rows.push(vec![
            local(Instant(review.requested_at)),
            age(now.0.saturating_sub(review.requested_at)),
            codes
                .get(&case)
                .map_or_else(|| case.to_string(), ToString::to_string),
            review
                .reasons
                .iter()
                .map(|r| say(List::ReviewReason, r, Lang::Vi))
                .collect::<Vec<_>>()
                .join(", "),
            in_words(&suggestion),
        ]);
    }
    if desk.json {
        return Ok(());
    }
    if rows.is_empty() {
        output::note("Nothing waits for a person.");
        return Ok(());
    }
    output::table(
        &["chờ từ (UTC+7)", "đã chờ", "mã tra cứu", "lý do", "gợi ý"],
        rows,
    )
}

/// How long something has waited, in the largest unit that fits.
fn age(micros: i64) -> String {
    let minutes = micros / Instant::SECOND / 60;
    match minutes {
        ..60 => format!("{minutes} phút"),
        60..2_880 => format!("{} giờ", minutes / 60),
        _ => format!("{} ngày", minutes / 1_440),
    }
}

/// A suggestion as people read it; a code without words as it is.
fn in_words(suggestion: &Suggestion) -> String {
    let mut parts = vec![format!("mức {}", suggestion.level)];
    parts.extend(suggestion.topic.parse::<Topic>().map(|t| t.vi().to_owned()));
    parts.extend(suggestion.kind.parse::<Kind>().map(|k| k.vi().to_owned()));
    parts.extend(
        suggestion
            .urgency
            .parse::<Urgency>()
            .map(|u| u.vi().to_lowercase()),
    );
    parts.join(" · ")
}

async fn decide(desk: &Desk, decide: Decide) -> anyhow::Result<()> {
    let case_id = desk.case(&decide.case).await?;
    let suggestion = waiting(desk)
        .await?
        .into_iter()
        .find(|r| r.case_id == case_id)
        .and_then(|r| r.suggestion)
        .unwrap_or_default();
    let topic = decide.topic.or_else(|| suggestion.topic.parse().ok());
    let kind = decide
        .kind
        .or_else(|| suggestion.kind.parse().ok())
        .context("say what it is in law with --kind")?;
    let urgency = decide
        .urgency
        .or_else(|| suggestion.urgency.parse().ok())
        .unwrap_or(Urgency::Normal);
    let suggested_level = u8::try_from(suggestion.level).ok();
    let level = decide
        .level
        .or(suggested_level)
        .and_then(|l| Level::try_from(l).ok())
        .context("say the level with --level")?;
    let request = DecideReviewRequest {
        request_id: desk.request_id.clone(),
        actor: desk.actor.clone(),
        case_id: case_id.into(),
        field: topic.map_or_else(String::new, |t| t.field().code().to_owned()),
        topic: topic.map_or_else(String::new, |t| t.code().to_owned()),
        kind: kind.code().to_owned(),
        urgency: urgency.code().to_owned(),
        level: u32::from(level.get()),
        reason: decide.reason,
    };
    let reply = client(desk)
        .await?
        .decide_review(request)
        .await
        .map_err(|s| refusal(&s))?
        .into_inner();
    desk.say(reply.position, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_told_in_the_largest_unit_that_fits() {
        let minutes = |n: i64| age(n * 60 * Instant::SECOND);
        assert_eq!(
            [
                minutes(0),
                minutes(59),
                minutes(60),
                minutes(2_879),
                minutes(2_880)
            ],
            ["0 phút", "59 phút", "1 giờ", "47 giờ", "2 ngày"]
        );
    }
}
