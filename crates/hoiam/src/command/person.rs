//! `hoiam person add`: somebody who may sign in to the console.

use std::path::{Path, PathBuf};

use anyhow::Context;
use chassis::config::Secret;
use console::{Role, Store, ensure_person};
use contracts::grpc::console::directory_client::DirectoryClient;
use contracts::grpc::console::{GrantRequest, ListRequest};
use kernel::taxonomy::Office;

use crate::connect::{System, refusal};
use crate::data::{DataFolder, readable_password};
use crate::output;

#[derive(clap::Args)]
#[command(after_help = "Example:\n  hoiam person add lan --role operator --name \"Nguyễn Thị Lan\"")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make a person who may sign in, or give one who is there a new password, role and name.
    #[command(
        after_help = "Examples:\n  hoiam person add lan --role operator --name \"Nguyễn Thị Lan\"\n  hoiam person add an --role office --office vp_tu\n  hoiam person add minh --role leader --password-file ./minh.password"
    )]
    Add(Add),
}

#[derive(clap::Args)]
struct Add {
    /// What they type to sign in, and their id on record: 1 to 64 lower-case letters, digits, `_`, `-` or `.`.
    login: String,
    /// What they are: operator, office, leader, inspector, admin.
    #[arg(long)]
    role: Role,
    /// Which of the two offices is theirs (vp_tu, vp_ubnd), for the role office: without it they take no part in disputes between the two.
    #[arg(long)]
    office: Option<Office>,
    /// How they are greeted; the login where nothing is said.
    #[arg(long)]
    name: Option<String>,
    /// A file with the password on its first line; without it one is made and printed once.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The console's database, where it is not SQLite in the data folder.
    #[arg(long, value_name = "URL")]
    console_database: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(data: &Path, arguments: Arguments) -> anyhow::Result<()> {
    let Command::Add(add) = arguments.command;
    let folder = DataFolder::at(data)?;
    if !folder.is_initialised() {
        anyhow::bail!(
            "{} is no data folder yet: `hoiam up` or `hoiam init` makes it",
            folder.root().display()
        );
    }
    let (password, made) = match &add.password_file {
        Some(path) => (read_password(path)?, None),
        None => {
            let made = readable_password()?;
            (Secret::new(made.as_str()), Some(made))
        }
    };
    let database = add.console_database.unwrap_or_else(|| folder.sqlite("console"));
    let store = Store::open(&database)
        .await
        .context("the console's database cannot be opened")?;
    let name = add.name.as_deref().unwrap_or(&add.login);
    ensure_person(&store, &add.login, &password, add.role, add.office, name).await?;
    let entered = enter(data, &add.login, add.role).await;
    if add.json {
        return output::json(&serde_json::json!({
            "login": add.login, "role": add.role.code(), "office": add.office, "password": made, "on_record": entered.is_ok(),
        }));
    }
    output::line(format!("{} may sign in as {}.", add.login, add.role))?;
    if let Some(made) = made {
        output::line(format!("Password (shown only now): {made}"))?;
    }
    if let Err(error) = entered {
        output::note(format!(
            "The directory on record does not know it yet ({error:#}): run this again when the console runs."
        ));
    }
    Ok(())
}

fn read_password(path: &Path) -> anyhow::Result<Secret> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(Secret::new(text.lines().next().unwrap_or_default()))
}

/// The directory's word, unless it says the same already.
async fn enter(data: &Path, login: &str, role: Role) -> anyhow::Result<()> {
    let system = System::of(data)?;
    let mut directory = DirectoryClient::new(system.service("console").await?);
    let known = directory
        .list(ListRequest::default())
        .await
        .map_err(|s| refusal(&s))?
        .into_inner()
        .entries;
    let roles = vec![role.code().to_owned()];
    if known
        .iter()
        .any(|e| e.kind == "person" && e.code == login && e.roles == roles)
    {
        return Ok(());
    }
    let request = GrantRequest {
        request_id: uuid::Uuid::new_v4().to_string(),
        actor: "admin:hoiam".to_owned(),
        kind: "person".to_owned(),
        code: login.to_owned(),
        roles,
    };
    directory
        .grant(request)
        .await
        .map(|_| ())
        .map_err(|s| refusal(&s))
}
