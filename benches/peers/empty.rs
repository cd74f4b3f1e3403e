//! The floor: what it costs to start and end a static program.
fn main() {}
