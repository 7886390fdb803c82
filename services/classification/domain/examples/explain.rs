//! Explains what the built-in policy says of each line of standard input: `cargo run --example explain < texts.txt`.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::io::BufRead as _;

use classification_domain::{Policy, classify};

fn main() -> std::io::Result<()> {
    let policy = Policy::built_in();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let found = classify(&policy, &line);
        let f = &found.finding;
        let topic = f.topic.map_or("-", |t| t.code());
        let reasons: Vec<&str> = found.reasons.iter().map(|r| r.code()).collect();
        println!(
            "{topic} {} {} level {} sure {} {reasons:?}\n  {line}",
            f.kind, f.urgency, f.level, found.confidence
        );
        for e in &found.evidence {
            let words: String = line
                .chars()
                .skip(e.start as usize)
                .take((e.end - e.start) as usize)
                .collect();
            println!("    {:28} {words}", e.rule);
        }
    }
    Ok(())
}
