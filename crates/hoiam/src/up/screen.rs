//! What `hoiam up` shows when everything runs: where the console is, who may sign in, and three things to try.

use std::path::{Path, PathBuf};

use super::demo;
use crate::data::{DataFolder, RunInfo, write_private};
use crate::output::{bold, line};

/// Reports to try with; nobody's.
const SAMPLE: &str = include_str!("sample.jsonl");

pub(super) fn show(folder: &DataFolder, info: &RunInfo) -> anyhow::Result<()> {
    line(format!("\n{}\n", bold("Hồi Âm đang chạy / Hồi Âm is running")))?;
    line(format!("  Bảng điều khiển / Console    {}", bold(&info.console)))?;
    if let Some(intake) = info.http.get("intake") {
        line(format!("  Mẫu gửi phản ánh / Web form  {intake}"))?;
    }
    let accounts = demo::accounts(folder);
    if !accounts.is_empty() {
        line("\n  Tài khoản thử / Demonstration accounts")?;
        for account in accounts {
            line(format!(
                "    {:<10}  {:<28}  {}",
                account.login, account.password, account.name
            ))?;
        }
    }
    let hoiam = command();
    let data = quoted(&folder.root().to_string_lossy());
    line("\n  Thử ba việc, ở cửa sổ lệnh thứ hai / Three things to try, in a second terminal")?;
    line("  1. Gửi một phản ánh rồi đọc câu chuyện của nó / Report something and read its story:")?;
    line(format!(
        "     {hoiam} case --data {data} $({hoiam} submit --data {data} \"Đường Lê Văn Lương có ổ gà lớn trước số nhà 100, mặt đường hư, đề nghị vá lại\" --channel sms --phone 0900000011)"
    ))?;
    line(
        "  2. Nạp nhiều phản ánh qua NATS như một cổng tin nhắn / Feed many reports through NATS as a gateway would:",
    )?;
    let sample = match sample() {
        Some(sample) => sample,
        None => written(folder)?,
    };
    line(format!(
        "     {hoiam} feed --data {data} {}",
        quoted(&sample.to_string_lossy())
    ))?;
    line(
        "  3. Xem việc đã chuyển đến Sở Xây dựng / See what was put before the Department of Construction:",
    )?;
    line(format!("     {hoiam} unit cases so_xd --data {data}"))?;
    line(format!(
        "\n  Có ổn không / Is everything well:  {hoiam} doctor --data {data}"
    ))?;
    line("  Dừng / Stop:  Ctrl-C\n")
}

/// How this program is called from anywhere: by its name where the path leads to it, else by its whole path.
fn command() -> String {
    let Ok(exe) = std::env::current_exe() else {
        return "hoiam".to_owned();
    };
    let on_path = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path)
            .map(|folder| folder.join("hoiam"))
            .find(|found| found.is_file())
            .and_then(|f| f.canonicalize().ok())
            == exe.canonicalize().ok()
    });
    if on_path {
        "hoiam".to_owned()
    } else {
        quoted(&exe.to_string_lossy())
    }
}

/// The project's labelled reports, where this program lies in a checkout.
fn sample() -> Option<PathBuf> {
    let exe = std::env::current_exe().ok()?;
    let beside = |folder: &Path| folder.join("tests/data/reports/dev-01.jsonl");
    exe.ancestors()
        .map(beside)
        .chain(std::env::current_dir().ok().map(|d| beside(&d)))
        .find(|path| path.is_file())
}

/// A few invented reports, put into the data folder where there is no checkout.
fn written(folder: &DataFolder) -> anyhow::Result<PathBuf> {
    let path = folder.root().join("sample.jsonl");
    write_private(&path, SAMPLE.as_bytes())?;
    Ok(path)
}

/// As a shell takes it.
fn quoted(text: &str) -> String {
    let plain = !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"/._-+:@".contains(&b));
    if plain {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_the_shell_only_where_they_must_be() {
        assert_eq!(quoted("/srv/hoiam"), "/srv/hoiam");
        assert_eq!(quoted("/srv/it's here"), "'/srv/it'\\''s here'");
    }
}
