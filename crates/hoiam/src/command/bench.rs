//! `hoiam bench`.

#[derive(clap::Args)]
#[command(after_help = "Example:\n  hoiam bench pipeline")]
pub(crate) struct Arguments {}

pub(crate) async fn run(_: Arguments) -> anyhow::Result<()> {
    Ok(())
}
