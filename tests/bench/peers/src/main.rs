//! Drives UmaDB and message-db with the load of `hoiam bench ledger`, and prints what it measured as one JSON object.

#[path = "../../../../crates/hoiam/src/command/bench/ledger/closed_loop.rs"]
mod closed_loop;
mod message_db;
mod umadb;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use closed_loop::{Measured, Span};

#[derive(Parser)]
#[command(about, version)]
struct Cli {
    #[command(subcommand)]
    peer: Peer,
}

#[derive(Subcommand)]
enum Peer {
    /// A running UmaDB.
    #[command(subcommand)]
    Umadb(Umadb),
    /// message-db in an empty PostgreSQL database.
    #[command(subcommand)]
    MessageDb(MessageDb),
}

#[derive(Subcommand)]
enum Umadb {
    /// One event a request, on the condition that nothing has its tag yet.
    Append {
        /// `http://127.0.0.1:50051`.
        url: String,
        #[command(flatten)]
        load: Load,
    },
    /// Everything, from the first event on.
    ReadAll {
        /// `http://127.0.0.1:50051`.
        url: String,
        #[command(flatten)]
        load: Load,
    },
}

#[derive(Subcommand)]
enum MessageDb {
    /// One `write_message` a request, on the condition that the stream does not exist; makes the schema when it is not there.
    Append {
        /// `postgres://…`.
        database: String,
        /// The folder `database` of the npm package.
        sql: PathBuf,
        #[command(flatten)]
        load: Load,
    },
}

#[derive(Args, Clone, Copy)]
struct Load {
    /// Clients with one request under way each.
    #[arg(long)]
    clients: usize,
    /// Bytes of an event's data.
    #[arg(long)]
    bytes: usize,
    /// Milliseconds that are not counted.
    #[arg(long)]
    warm_up: u64,
    /// Milliseconds that are.
    #[arg(long)]
    measured: u64,
}

impl Load {
    fn span(self) -> Span {
        Span {
            warm_up: Duration::from_millis(self.warm_up),
            measured: Duration::from_millis(self.measured),
        }
    }

    /// JSON of so many bytes, as the ledger's.
    fn data(self) -> String {
        format!("{{\"filler\":\"{}\"}}", "x".repeat(self.bytes.saturating_sub(13)))
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let measured = match Cli::parse().peer {
        Peer::Umadb(Umadb::Append { url, load }) => umadb::append(url, load).await?,
        Peer::Umadb(Umadb::ReadAll { url, load: _ }) => umadb::read_all(url).await?,
        Peer::MessageDb(MessageDb::Append { database, sql, load }) => {
            message_db::append(&database, &sql, load).await?
        }
    };
    let Measured {
        count,
        seconds,
        p50_us,
        p99_us,
    } = measured;
    println!(
        "{}",
        serde_json::json!({"events": count, "seconds": seconds, "p50_us": p50_us, "p99_us": p99_us})
    );
    Ok(())
}
