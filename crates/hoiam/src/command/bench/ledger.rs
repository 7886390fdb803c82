//! `hoiam bench ledger`: the ledger's speed, memory and growth on both databases, beside the peers that are installed.

mod bundles;
mod closed_loop;
mod load;
mod peers;
mod postgres;
mod relay;
mod row;
mod subject;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};

use super::Temporary;
use crate::broker::Broker;
use crate::data::DataFolder;
use crate::output;
use closed_loop::Span;
use peers::{Driver, MessageDb, UmaDb};
use postgres::Postgres;
use row::{Report, Row};
pub(crate) use subject::serve;
use subject::{Beside, Subject};

/// How many ask at once.
const CLIENTS: [usize; 5] = [1, 16, 64, 256, 1_024];
/// message-db has a connection for each client, and PostgreSQL few hundred.
const MOST_CONNECTIONS: usize = 64;
/// The clients whose rate half load is half of.
const FULL_LOAD: usize = 64;
/// Databases of ours, made and removed again.
const OURS: &str = "hoiam_bench_ledger";
const THEIRS: &str = "hoiam_bench_message_db";

#[derive(clap::Args)]
#[command(after_help = "Example:
  hoiam bench ledger --quick
  hoiam bench ledger --json
  hoiam bench ledger --history 10M --engine postgres

The ledger, PostgreSQL, nats-server and the peers are processes of their own; this one makes the load. fsync is on everywhere.
Peers are measured where they are installed: UmaDB (cargo install umadb; else HOIAM_UMADB) and message-db (npm package
@eventide/message-db; its folder `database` in HOIAM_MESSAGE_DB), both through hoiam-bench-peers (tests/bench/peers; else HOIAM_BENCH_PEERS).

--json prints one object a row: what, store, clients, per_second, p50_us, p99_us, events and seconds it stands on,
times_umadb and times_message_db (how many times as fast in this run), or figure and unit where it is no rate.")]
pub(crate) struct Arguments {
    /// Seconds instead of minutes: figures are rough.
    #[arg(long)]
    quick: bool,
    /// A PostgreSQL server to measure on, as postgres://user:password@host:port/database; one is started when none is named.
    #[arg(long, hide_env_values = true)]
    database: Option<String>,
    /// Only on this database.
    #[arg(long, value_enum)]
    engine: Option<EngineName>,
    /// Instead of all else: is the last append of so many events as fast as the 100,000th? `10M`, `500k`.
    #[arg(long, value_name = "EVENTS", value_parser = events)]
    history: Option<usize>,
    /// One JSON object a row.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum EngineName {
    Postgres,
    Sqlite,
}

impl EngineName {
    fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        }
    }
}

/// `10M`, `500k` or a plain number.
fn events(text: &str) -> Result<usize, String> {
    let (number, scale) = match text.char_indices().last() {
        Some((end, 'M')) => (&text[..end], 1_000_000),
        Some((end, 'k')) => (&text[..end], 1_000),
        _ => (text, 1),
    };
    number
        .parse::<usize>()
        .ok()
        .and_then(|number| number.checked_mul(scale))
        .filter(|events| *events >= 2 * EARLY)
        .ok_or_else(|| {
            format!(
                "a number of at least {}k events is needed, such as 10M",
                2 * EARLY / 1_000
            )
        })
}

/// The append that later ones are compared with.
const EARLY: usize = 100_000;

/// How long everything takes.
struct Scale {
    span: Span,
    streamed: usize,
    followed: Duration,
    alone: usize,
}

impl Scale {
    fn of(quick: bool) -> Self {
        let span = |warm_up, measured| Span {
            warm_up: Duration::from_millis(warm_up),
            measured: Duration::from_millis(measured),
        };
        if quick {
            Self {
                span: span(500, 2_000),
                streamed: 40_000,
                followed: Duration::from_secs(2),
                alone: 300,
            }
        } else {
            Self {
                span: span(2_000, 10_000),
                streamed: 300_000,
                followed: Duration::from_secs(10),
                alone: 2_000,
            }
        }
    }
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    // What was started and made goes with the future, however it ends.
    tokio::select! {
        measured = Box::pin(measure(arguments)) => measured,
        stopped = tokio::signal::ctrl_c() => stopped.map_err(Into::into).and_then(|()| bail!("stopped before the end")),
        _ = terminate.recv() => bail!("stopped before the end"),
    }
}

async fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    let temporary = Temporary::new(None)?;
    let scale = Scale::of(arguments.quick);
    let mut report = Report::new(arguments.json);
    let on = |engine| arguments.engine.is_none_or(|only| only == engine);
    let postgres = if on(EngineName::Postgres) {
        Some(match &arguments.database {
            Some(url) => Postgres::running(url)?,
            None => Postgres::start(&temporary.path().join("postgres"))?,
        })
    } else {
        None
    };
    if let Some(postgres) = &postgres {
        output::note(format!("PostgreSQL {}", postgres.version()?));
    }
    if arguments.history.is_none() {
        measure_peers(&scale, temporary.path(), postgres.as_ref(), &mut report).await?;
    }
    if let Some(postgres) = &postgres {
        // A run before that was killed may have left it.
        postgres.remove(OURS)?;
        let site = Site {
            engine: EngineName::Postgres,
            database: postgres.database(OURS)?,
            folder: folder(temporary.path(), EngineName::Postgres)?,
            postgres: Some(postgres),
        };
        let measured = site.measure(arguments.history, &scale, &mut report).await;
        postgres.remove(OURS)?;
        measured?;
    }
    if on(EngineName::Sqlite) {
        let folder = folder(temporary.path(), EngineName::Sqlite)?;
        let site = Site {
            engine: EngineName::Sqlite,
            database: folder.sqlite("ledger"),
            folder,
            postgres: None,
        };
        site.measure(arguments.history, &scale, &mut report).await?;
    }
    report.print()
}

fn folder(under: &Path, engine: EngineName) -> anyhow::Result<DataFolder> {
    let folder = DataFolder::at(&under.join(engine.name()))?;
    folder.init()?;
    subject::admit(&folder)?;
    Ok(folder)
}

async fn measure_peers(
    scale: &Scale,
    folder: &Path,
    postgres: Option<&Postgres>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let Some(driver) = Driver::find() else {
        output::note("no peers: hoiam-bench-peers is not installed (tests/bench/peers/README.md)");
        return Ok(());
    };
    match (MessageDb::sql(), postgres) {
        (Some(sql), Some(postgres)) => {
            postgres.remove(THEIRS)?;
            let message_db = MessageDb::new(&driver, postgres.database(THEIRS)?, sql);
            for clients in CLIENTS.into_iter().filter(|clients| *clients <= MOST_CONNECTIONS) {
                let measured = message_db.append(clients, scale.span).await?;
                report.add(Row::of_clients("message-db", clients, &measured))?;
            }
            postgres.remove(THEIRS)?;
        }
        (None, _) => output::note("no message-db: HOIAM_MESSAGE_DB names no folder with its SQL"),
        (_, None) => {}
    }
    let Some(program) = UmaDb::program() else {
        output::note("no UmaDB: cargo install umadb --version 0.7.8, or name its program in HOIAM_UMADB");
        return Ok(());
    };
    let umadb = UmaDb::start(&driver, &program, &folder.join("umadb")).await?;
    for clients in CLIENTS {
        let measured = umadb.append(clients, scale.span).await?;
        report.add(Row::of_clients("umadb", clients, &measured))?;
    }
    let read = umadb.read_all(scale.span).await?;
    report.add(Row::rate("read all", "umadb", read.count, read.seconds))
}

/// A ledger's database, and its folder of keys.
struct Site<'a> {
    engine: EngineName,
    database: String,
    folder: DataFolder,
    postgres: Option<&'a Postgres>,
}

impl Site<'_> {
    async fn measure(
        &self,
        history: Option<usize>,
        scale: &Scale,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        match history {
            Some(events) => self.grow(events, scale, report).await,
            None => self.measure_all(scale, report).await,
        }
    }

    async fn measure_all(&self, scale: &Scale, report: &mut Report) -> anyhow::Result<()> {
        let store = self.engine.name();
        let subject = Subject::start(&self.folder, &self.database, Beside::Nothing).await?;
        for clients in CLIENTS {
            let before = self.disk(&subject).await?;
            let measured = load::append(&subject, clients, scale.span).await?;
            report.add(Row::of_clients(store, clients, &measured))?;
            if clients == FULL_LOAD {
                self.report_disk(before, &subject, report).await?;
            }
        }
        let (events, seconds) = load::stream(subject.client().await?, scale.streamed).await?;
        report.add(Row::rate("append stream", store, events, seconds))?;
        let mut client = subject.client().await?;
        let read = load::read_all(&mut client, 0).await?;
        report.add(Row::rate("read all", store, read.count, read.seconds))?;
        let verified = load::verify(&mut client).await?;
        report.add(Row::rate(
            "read and verify",
            store,
            verified.count,
            verified.seconds,
        ))?;
        report.add(self.memory(&subject, verified.count))?;
        subject.stop().await;
        self.bundles(report).await?;
        self.relay(scale, report).await
    }

    /// With a log: what is on record is signed, and read back and checked from its files alone.
    async fn bundles(&self, report: &mut Report) -> anyhow::Result<()> {
        let store = self.engine.name();
        let subject = Subject::start(&self.folder, &self.database, Beside::Log).await?;
        bundles::signed(&subject).await?;
        subject.stop().await;
        let log = self.folder.tlog();
        // Nothing else runs meanwhile that could be held up.
        let (read, verified) = (bundles::read(&log)?, bundles::verify(&log)?);
        report.add(Row::rate(
            "read all from bundles",
            store,
            read.count,
            read.seconds,
        ))?;
        report.add(Row::rate(
            "verify tree from bundles",
            store,
            verified.count,
            verified.seconds,
        ))
    }

    /// With a broker: what is on record is relayed to an empty stream, and then followed.
    async fn relay(&self, scale: &Scale, report: &mut Report) -> anyhow::Result<()> {
        let store = self.engine.name();
        let broker = Broker::start(&self.folder, 0).await?;
        let subject = Subject::start(&self.folder, &self.database, Beside::Relay(broker.url())).await?;
        let (events, seconds) = relay::rate(&subject).await?;
        report.add(Row::rate("relay", store, events, seconds))?;
        let full = report
            .rate_of("append", store, FULL_LOAD)
            .context("the rate at full load is not known")?;
        let followed =
            relay::follow(&subject, &self.folder, broker.url(), full / 2.0, scale.followed).await?;
        report.add(Row {
            p50_us: Some(followed.p50_us),
            p99_us: Some(followed.p99_us),
            ..Row::rate("commit to consumer", store, followed.count, followed.seconds)
        })?;
        report.add(self.memory(&subject, events))?;
        subject.stop().await;
        broker.stop().await;
        Ok(())
    }

    /// Grows the history, and compares an append alone and the pipeline at its end with the same at the 100,000th event.
    async fn grow(&self, events: usize, scale: &Scale, report: &mut Report) -> anyhow::Result<()> {
        let store = self.engine.name();
        let subject = Subject::start(&self.folder, &self.database, Beside::Nothing).await?;
        let mut at = Vec::new();
        for until in [EARLY, events] {
            loop {
                let head = subject.head().await?;
                let missing = until.saturating_sub(usize::try_from(head.position)?);
                if missing == 0 {
                    break;
                }
                // In parts, so that one sees that it goes on.
                let (appended, seconds) =
                    load::stream(subject.client().await?, missing.clamp(10, 500_000) * 10 / 11).await?;
                #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
                output::note(format!(
                    "{store}: {missing} to go, {:.0}/s",
                    appended as f64 / seconds
                ));
            }
            let alone = load::append(
                &subject,
                1,
                Span {
                    measured: scale.span.measured,
                    ..scale.span
                },
            )
            .await?;
            let (appended, seconds) = load::stream(subject.client().await?, scale.alone * 50).await?;
            report.add(Row::of_clients(store, 1, &alone))?;
            let streamed = Row::rate(&format!("append stream after {until}"), store, appended, seconds);
            at.push((alone.p50_us, streamed.per_second.unwrap_or_default()));
            report.add(streamed)?;
        }
        if let [(early, early_rate), (late, late_rate)] = at[..] {
            #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
            let slower = late as f64 / early.max(1) as f64;
            report.add(Row::figure(
                "one append, late over early (p50)",
                store,
                events,
                slower,
                "×",
            ))?;
            report.add(Row::figure(
                "stream, early over late (rate)",
                store,
                events,
                early_rate / late_rate.max(1.0),
                "×",
            ))?;
        }
        report.add(self.memory(&subject, events))?;
        subject.stop().await;
        Ok(())
    }

    fn memory(&self, subject: &Subject, events: usize) -> Row {
        Row::figure(
            "peak memory of the ledger",
            self.engine.name(),
            events,
            subject.peak_rss_mib(),
            "MiB",
        )
    }

    /// Bytes written so far, and the head.
    async fn disk(&self, subject: &Subject) -> anyhow::Result<(Option<u64>, u64)> {
        let head = subject.head().await?;
        let bytes = match self.postgres {
            Some(postgres) => Some(postgres.wal()?),
            None => subject.written(),
        };
        Ok((bytes, head.position))
    }

    async fn report_disk(
        &self,
        (before, from): (Option<u64>, u64),
        subject: &Subject,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let (after, to) = self.disk(subject).await?;
        let (Some(before), Some(after)) = (before, after) else {
            return Ok(());
        };
        let what = match self.engine {
            EngineName::Postgres => "write-ahead log an event",
            // The file of the log is used again and again, so its size says nothing: this is all that the process wrote.
            EngineName::Sqlite => "disk writes an event (log and tables)",
        };
        #[expect(clippy::cast_precision_loss, reason = "a quotient for people")]
        let an_event = (after - before) as f64 / (to - from).max(1) as f64;
        report.add(Row::figure(
            what,
            self.engine.name(),
            usize::try_from(to - from)?,
            an_event,
            "bytes",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_given_in_thousands_and_millions() {
        assert_eq!(events("10M"), Ok(10_000_000));
        assert_eq!(events("500k"), Ok(500_000));
        assert_eq!(events("250000"), Ok(250_000));
        for bad in ["", "M", "10", "x", "99999999999999999999M"] {
            assert!(events(bad).is_err(), "{bad}");
        }
    }
}
