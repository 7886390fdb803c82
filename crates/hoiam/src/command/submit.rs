//! `hoiam submit`: one report, by request and reply, with a receipt after the commit.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use chassis::nats::{Headers, NatsError};
use contracts::subjects;
use contracts::wire::{PlaceIn, ReceiptOut, ReportIn, ReporterIn};
use kernel::taxonomy::Channel;

use vietnam::phone::{Line, Phone};

use crate::connect::System;
use crate::data::gateway_user;
use crate::output;

#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  hoiam submit \"Ngập nặng ở đường Nguyễn Hữu Cảnh\" --channel sms --phone 0900000011"
)]
pub(crate) struct Arguments {
    /// What is reported.
    text: String,
    /// By which channel it comes: phone, sms, email, web.
    #[arg(long, default_value = "web")]
    channel: Channel,
    /// Which line was called: 0888247247 or 1022.
    #[arg(long)]
    line: Option<String>,
    /// Who reports.
    #[arg(long)]
    name: Option<String>,
    /// How to answer them.
    #[arg(long)]
    phone: Option<String>,
    /// How to answer them.
    #[arg(long)]
    email: Option<String>,
    /// Where, in words.
    #[arg(long)]
    place: Option<String>,
    /// The lane of people and emergencies.
    #[arg(long)]
    express: bool,
    /// The message's own id; sending it again gives the same receipt. A random one by default.
    #[arg(long)]
    id: Option<String>,
    /// Through which gateway.
    #[arg(long, default_value = "demo")]
    gateway: String,
    /// Seconds to wait for the receipt.
    #[arg(long, default_value_t = 30)]
    timeout: u64,
    /// Print the receipt as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(data: &Path, arguments: Arguments) -> anyhow::Result<()> {
    let json = arguments.json;
    let system = System::of(data)?;
    let nats = system.nats(&gateway_user(&arguments.gateway)).await?;
    let channel = if arguments.express {
        "express"
    } else {
        arguments.channel.code()
    };
    let subject = subjects::submit(channel, &arguments.gateway);
    let patience = Duration::from_secs(arguments.timeout);
    if let Some(warning) = unreachable(arguments.phone.as_deref(), arguments.email.as_deref()) {
        output::note(warning);
    }
    let report = report(arguments);
    let body = serde_json::to_vec(&report)?.into();
    let reply = match nats.request(&subject, &Headers::new(), body, patience).await {
        Ok(reply) => reply,
        Err(NatsError::NoResponders { .. }) => bail!("intake is not running: see `hoiam doctor`"),
        Err(NatsError::TimedOut { .. }) => bail!(
            "no receipt within {} s: the report may or may not be on record; send it again with --id {}, which gives the same receipt",
            patience.as_secs(),
            report.id
        ),
        Err(error) => return Err(error.into()),
    };
    let receipt: ReceiptOut =
        serde_json::from_slice(&reply.payload).context("intake's answer cannot be read")?;
    match &receipt {
        ReceiptOut::Refusal { detail, reason, .. } => bail!("refused ({reason}): {detail}"),
        ReceiptOut::Receipt { .. } if json => output::json(&receipt),
        ReceiptOut::Receipt { code, position, .. } => {
            output::line(output::bold(code.as_str()))?;
            output::note(format!(
                "On record at position {position}. Its story: hoiam case {code}"
            ));
            Ok(())
        }
    }
}

/// What was left to answer to, where nothing can be sent there. The report is taken all the same.
fn unreachable(phone: Option<&str>, email: Option<&str>) -> Option<&'static str> {
    let mobile = |text: &str| Phone::parse(text).is_ok_and(|p| p.line() == Line::Mobile);
    let given = phone.is_some() || email.is_some();
    let reached =
        phone.is_some_and(mobile) || email.is_some_and(|e| vietnam::email::plain_address(e).is_some());
    (given && !reached).then_some(
        "warning: no answer can be sent there (it is no mobile number and no e-mail address): the tracking code is the only way to the answer",
    )
}

fn report(arguments: Arguments) -> ReportIn {
    let Arguments {
        text,
        channel,
        line,
        name,
        phone,
        email,
        place,
        express,
        id,
        ..
    } = arguments;
    let from = ReporterIn { name, phone, email };
    ReportIn {
        id: id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
        text,
        occurred_at: None,
        line,
        from: (from != ReporterIn::default()).then_some(from),
        place: place.map(|address| PlaceIn {
            address: Some(address),
            ..PlaceIn::default()
        }),
        incomplete: false,
        channel: express.then(|| channel.code().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_what_nothing_can_be_sent_to_is_warned() {
        assert!(unreachable(Some("12"), None).is_some());
        assert!(unreachable(Some("(028) 3822 1234"), None).is_some());
        assert!(unreachable(None, Some("lan")).is_some());
        assert!(unreachable(Some("12"), Some("lan@example.vn")).is_none());
        assert!(unreachable(Some("0900 000 011"), None).is_none());
        assert!(unreachable(None, None).is_none());
    }
}
