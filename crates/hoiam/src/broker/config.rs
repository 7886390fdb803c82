//! Writes nats-server's configuration: who may sign in, and the least each needs.

use std::fmt::Write;

use anyhow::Context;

use super::permissions::{Permissions, of_user};
use crate::data::{DataFolder, NatsCredential, write_private};

/// Writes the configuration for the users of the folder. The file holds their passwords, so only its owner can read it.
///
/// # Errors
/// When a credential cannot be read or the file cannot be written.
pub fn write_config(folder: &DataFolder, port: u16) -> anyhow::Result<()> {
    let users = folder.nats_users()?;
    let key = std::fs::read_to_string(folder.jetstream_key())
        .with_context(|| format!("{} cannot be read", folder.jetstream_key().display()))?;
    write_private(
        &folder.nats_config(),
        render(folder, port, &users, key.trim()).as_bytes(),
    )
}

fn render(folder: &DataFolder, port: u16, users: &[NatsCredential], key: &str) -> String {
    let mut text = String::from(
        "# Written by `hoiam up` at each start and by `hoiam unit add`: changes made here are lost.\n",
    );
    let mut line = |indent: usize, words: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:indent$}{words}", "");
    };
    line(0, "server_name: hoiam".to_owned());
    line(0, format!("listen: \"127.0.0.1:{port}\""));
    line(0, "max_payload: 1MB".to_owned());
    line(
        0,
        format!("pid_file: {}", quoted(&folder.nats_pid().to_string_lossy())),
    );
    line(
        0,
        format!("log_file: {}", quoted(&folder.nats_log().to_string_lossy())),
    );
    line(0, "logfile_size_limit: 16MB".to_owned());
    line(0, "logfile_max_num: 3".to_owned());
    line(0, "jetstream {".to_owned());
    // nats-server adds the folder `jetstream` itself.
    line(
        2,
        format!("store_dir: {}", quoted(&folder.nats().to_string_lossy())),
    );
    line(2, "sync_interval: always".to_owned());
    line(2, "cipher: chachapoly".to_owned());
    line(2, format!("key: {}", quoted(key)));
    line(0, "}".to_owned());
    line(0, "authorization {".to_owned());
    line(2, "users: [".to_owned());
    for user in users {
        let Permissions {
            publish,
            subscribe,
            answers,
        } = of_user(&user.user);
        line(4, "{".to_owned());
        line(6, format!("user: {}", quoted(&user.user)));
        line(6, format!("password: {}", quoted(&user.password)));
        line(6, "permissions: {".to_owned());
        line(8, format!("publish: {{ allow: {} }}", list(&publish)));
        line(8, format!("subscribe: {{ allow: {} }}", list(&subscribe)));
        if answers {
            // To the inbox of whoever asked, and only within two minutes.
            line(8, "allow_responses: true".to_owned());
        }
        line(6, "}".to_owned());
        line(4, "}".to_owned());
    }
    line(2, "]".to_owned());
    line(0, "}".to_owned());
    text
}

fn list(subjects: &[String]) -> String {
    // An empty list would mean "everything" to nats-server.
    if subjects.is_empty() {
        return "[\"_NOTHING\"]".to_owned();
    }
    format!(
        "[{}]",
        subjects.iter().map(|s| quoted(s)).collect::<Vec<_>>().join(", ")
    )
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nats_server_itself_finds_no_fault_with_the_configuration() {
        let temp = tempfile::tempdir().unwrap();
        let folder = DataFolder::at(&temp.path().join("a \"folder\" with spaces")).unwrap();
        folder.init().unwrap();
        folder.ensure_nats_user("unit-so_xd").unwrap();
        write_config(&folder, 4222).unwrap();
        let Ok(server) = super::super::find() else {
            panic!("run deploy/nats-server first");
        };
        let output = std::process::Command::new(server)
            .arg("-t")
            .arg("-c")
            .arg(folder.nats_config())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
