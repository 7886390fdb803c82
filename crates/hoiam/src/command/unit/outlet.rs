//! `hoiam unit webhook` and `hoiam unit mail`: where a unit without NATS is told of its cases, what waits for it, and sending again.

use std::path::Path;

use contracts::grpc::routing::routing_client::RoutingClient;
use contracts::grpc::routing::{
    Delivery, ListDeliveriesRequest, ListOutletsRequest, OutletRequest, ReplayDeliveriesRequest,
    SetOutletRequest,
};
use kernel::{CaseId, Instant};
use serde_json::json;

use super::super::moment;
use super::super::replay::local;
use crate::connect::{Authorised, System, actor, refusal};
use crate::output;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Say where a unit's notices go; of a webhook, prints the secret they are signed with.
    #[command(
        after_help = "Examples:\n  hoiam unit webhook set so_xd https://so-xd.example/hoiam --by office:an\n  hoiam unit webhook set so_xd https://so-xd.example/hoiam --by office:an --rotate\n  hoiam unit mail set so_xd phong-xd@so-xd.example --by office:an"
    )]
    Set {
        /// The unit's code.
        unit: String,
        /// Of a webhook its URL: https, and a public address. Of a mail its address.
        address: String,
        /// Who is answerable: `office:an`, `leader:…`, `admin:…`.
        #[arg(long)]
        by: String,
        /// A new secret; the one before signs too for 24 hours.
        #[arg(long)]
        rotate: bool,
    },
    /// Send nothing there any more; what waits is dropped.
    #[command(after_help = "Example:\n  hoiam unit webhook remove so_xd --by office:an")]
    Remove {
        /// The unit's code.
        unit: String,
        /// Who is answerable.
        #[arg(long)]
        by: String,
    },
    /// Which units have one, and what waits for each.
    #[command(after_help = "Example:\n  hoiam unit webhook list")]
    List {
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// What waits for a unit, and why.
    #[command(after_help = "Example:\n  hoiam unit webhook waiting so_xd")]
    Waiting(Listing),
    /// What was given up after a day, and why.
    #[command(after_help = "Example:\n  hoiam unit webhook dead so_xd")]
    Dead(Listing),
    /// Send again: all that was given up, one notice, or all since a time.
    #[command(
        after_help = "Examples:\n  hoiam unit webhook replay so_xd --by office:an\n  hoiam unit webhook replay so_xd --by office:an --since 2026-11-24"
    )]
    Replay {
        /// The unit's code.
        unit: String,
        /// Who is answerable.
        #[arg(long)]
        by: String,
        /// Only this one: its position, as `dead` and `waiting` show it.
        #[arg(long, conflicts_with = "since")]
        notice: Option<u64>,
        /// All since then, and what was before the unit then and still is: `2026-11-24`, `2026-11-24T08:00` (UTC+7), or RFC 3339.
        #[arg(long, value_name = "TIME", value_parser = moment::since)]
        since: Option<Instant>,
    },
}

#[derive(clap::Args)]
pub(super) struct Listing {
    /// The unit's code.
    unit: String,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

type Routing = RoutingClient<Authorised>;

pub(super) async fn run(data: &Path, carrier: &'static str, command: Command) -> anyhow::Result<()> {
    let system = System::of(data)?;
    let mut routing = RoutingClient::new(system.service("routing").await?);
    match command {
        Command::Set {
            unit,
            address,
            by,
            rotate,
        } => {
            let request = SetOutletRequest {
                on: on(carrier, &unit, &by)?,
                address,
                rotate,
            };
            let reply = routing
                .set_outlet(request)
                .await
                .map_err(|s| refusal(&s))?
                .into_inner();
            output::note(format!(
                "On record at position {}. The unit verifies with this secret (keep it secret):",
                reply.position
            ));
            output::line(reply.secret)
        }
        Command::Remove { unit, by } => {
            let request = on(carrier, &unit, &by)?.unwrap_or_default();
            let done = routing
                .remove_outlet(request)
                .await
                .map_err(|s| refusal(&s))?
                .into_inner();
            output::line(format!("On record at position {}.", done.position))
        }
        Command::List { json } => list(&mut routing, carrier, json).await,
        Command::Waiting(listing) => deliveries(&mut routing, carrier, listing, false).await,
        Command::Dead(listing) => deliveries(&mut routing, carrier, listing, true).await,
        Command::Replay {
            unit,
            by,
            notice,
            since,
        } => {
            let request = ReplayDeliveriesRequest {
                on: on(carrier, &unit, &by)?,
                notice: notice.unwrap_or_default(),
                since: since.map_or(0, |at| at.0),
            };
            let done = routing
                .replay_deliveries(request)
                .await
                .map_err(|s| refusal(&s))?
                .into_inner();
            output::line(format!(
                "On record at position {}; it is being sent.",
                done.position
            ))
        }
    }
}

fn on(carrier: &str, unit: &str, by: &str) -> anyhow::Result<Option<OutletRequest>> {
    Ok(Some(OutletRequest {
        request_id: uuid::Uuid::new_v4().to_string(),
        actor: actor(by)?,
        unit: unit.to_owned(),
        carrier: carrier.to_owned(),
    }))
}

async fn list(routing: &mut Routing, carrier: &str, as_json: bool) -> anyhow::Result<()> {
    let reply = routing.list_outlets(ListOutletsRequest::default()).await;
    let mut outlets = reply.map_err(|s| refusal(&s))?.into_inner().outlets;
    outlets.retain(|outlet| outlet.carrier == carrier);
    if as_json {
        return outlets.iter().try_for_each(|it| {
            output::json(&json!({
                "unit": it.unit, "address": it.address, "state": it.state, "by": it.actor,
                "set_at": Instant(it.set_at).to_string(), "waiting": it.waiting, "dead": it.dead,
            }))
        });
    }
    output::table(
        &["unit", "address", "", "by", "set (UTC+7)", "waiting", "given up"],
        outlets.into_iter().map(|it| {
            vec![
                it.unit,
                it.address,
                it.state,
                it.actor,
                local(Instant(it.set_at)),
                it.waiting.to_string(),
                it.dead.to_string(),
            ]
        }),
    )
}

async fn deliveries(
    routing: &mut Routing,
    carrier: &str,
    listing: Listing,
    dead: bool,
) -> anyhow::Result<()> {
    let request = ListDeliveriesRequest {
        unit: listing.unit,
        carrier: carrier.to_owned(),
        dead,
        limit: 1_000,
    };
    let reply = routing.list_deliveries(request).await;
    let found = reply.map_err(|s| refusal(&s))?.into_inner().deliveries;
    let case = |it: &Delivery| {
        CaseId::from_slice(&it.case_id)
            .map(|case| case.to_string())
            .unwrap_or_default()
    };
    if listing.json {
        return found.iter().try_for_each(|it| {
            output::json(&json!({
                "notice": it.notice, "case": case(it), "revision": it.revision, "state": it.state, "attempts": it.attempts,
                "reason": it.reason, "noticed_at": Instant(it.noticed_at).to_string(), "due_at": Instant(it.due_at).to_string(),
            }))
        });
    }
    output::table(
        &["notice", "case", "revision", "since (UTC+7)", "attempts", "why"],
        found.iter().map(|it| {
            vec![
                it.notice.to_string(),
                case(it),
                it.revision.to_string(),
                local(Instant(it.noticed_at)),
                it.attempts.to_string(),
                it.reason.clone(),
            ]
        }),
    )
}
