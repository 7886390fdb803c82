//! The command hoiam: everything on one machine, and every operator's and auditor's tool.
fn main() {}
