//! Compiles the gRPC contracts with protox, so that no machine needs protoc.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new("../../proto");
    let files = [
        "ledger",
        "intake",
        "classification",
        "routing",
        "feedback",
        "console",
        "policy",
    ]
    .map(|service| root.join(format!("hoiam/{service}/v1/{service}.proto")));
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    let set = protox::compile(&files, [root])?;
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("hoiam.fds"), prost_bytes(&set))?;
    tonic_prost_build::configure().bytes(".").compile_fds(set)?;
    Ok(())
}

fn prost_bytes(set: &impl prost::Message) -> Vec<u8> {
    set.encode_to_vec()
}
