//! The first start's demonstration: accounts with random passwords, and some units that may sign in.

use anyhow::Context;
use chassis::config::Secret;
use console::people::ensure_person;
use console::roles::Role;
use console::store::Store;
use kernel::taxonomy::Office;
use serde::{Deserialize, Serialize};

use super::members;
use crate::connect::System;
use crate::data::{DataFolder, readable_password, write_private};

/// Units that get a credential: police, construction, health. Cases of the others wait on their desk in the console all the same.
pub(super) const UNITS: [&str; 3] = ["cong_an", "so_xd", "so_yt"];

/// A demonstration account.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) login: String,
    pub(super) password: String,
    role: String,
    #[serde(default)]
    office: Option<Office>,
    pub(super) name: String,
}

/// What is kept of the demonstration.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Demo {
    accounts: Vec<Account>,
    /// Whether the units were let in too.
    complete: bool,
}

const PEOPLE: [(&str, Role, Option<Office>, &str); 5] = [
    ("operator", Role::Operator, None, "Trực tổng đài"),
    (
        "party",
        Role::Office,
        Some(Office::PartyCommittee),
        "Chuyên viên Văn phòng Thành ủy",
    ),
    (
        "office",
        Role::Office,
        Some(Office::PeoplesCommittee),
        "Chuyên viên Văn phòng UBND",
    ),
    ("leader", Role::Leader, None, "Lãnh đạo thành phố"),
    ("inspector", Role::Inspector, None, "Ủy ban Kiểm tra"),
];

/// Makes what is missing. After the first start it changes nothing and appends nothing.
pub(super) async fn prepare(system: &System) -> anyhow::Result<()> {
    let mut demo = read(&system.folder);
    if demo.complete {
        return Ok(());
    }
    for (login, role, office, name) in PEOPLE {
        if !demo.accounts.iter().any(|a| a.login == login) {
            let (login, name) = (login.to_owned(), name.to_owned());
            demo.accounts.push(Account {
                login,
                password: readable_password()?,
                role: role.code().to_owned(),
                office,
                name,
            });
        }
    }
    // Written before the accounts are made, so that no crash leaves an account whose password nobody knows.
    write(&system.folder, &demo)?;
    let store = Store::open(&system.folder.sqlite("console"))
        .await
        .context("the console's database")?;
    for account in &demo.accounts {
        let role = account
            .role
            .parse::<Role>()
            .map_err(|_| anyhow::anyhow!("{} is no role", account.role))?;
        ensure_person(
            &store,
            &account.login,
            &Secret::new(account.password.as_str()),
            role,
            account.office,
            &account.name,
        )
        .await?;
    }
    members::add_gateway(system, "demo").await?;
    for unit in UNITS {
        members::add_unit(system, unit).await?;
    }
    demo.complete = true;
    write(&system.folder, &demo)
}

/// The accounts, for the screen.
pub(super) fn accounts(folder: &DataFolder) -> Vec<Account> {
    read(folder).accounts
}

fn read(folder: &DataFolder) -> Demo {
    std::fs::read(folder.demo_accounts())
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default()
}

fn write(folder: &DataFolder, demo: &Demo) -> anyhow::Result<()> {
    write_private(&folder.demo_accounts(), &serde_json::to_vec_pretty(demo)?)
}
