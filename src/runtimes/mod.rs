//! Language runtimes: for now, which versions a folder asks for ([`pin`]).
//!
//! Nothing here knows what is installed, what exists upstream, or which release a range means.

mod json;
mod lines;
mod package_json;
pub mod pin;
mod tables;

/// A language runtime whose version a folder can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Runtime {
    Node = 0,
    Bun = 1,
    Deno = 2,
    Python = 3,
    Go = 4,
    Rust = 5,
    Ruby = 6,
    Java = 7,
    Zig = 8,
}

impl Runtime {
    pub const ALL: [Runtime; 9] = [
        Runtime::Node,
        Runtime::Bun,
        Runtime::Deno,
        Runtime::Python,
        Runtime::Go,
        Runtime::Rust,
        Runtime::Ruby,
        Runtime::Java,
        Runtime::Zig,
    ];

    /// The name used in text, in `--json` and in `omg.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Runtime::Node => "node",
            Runtime::Bun => "bun",
            Runtime::Deno => "deno",
            Runtime::Python => "python",
            Runtime::Go => "go",
            Runtime::Rust => "rust",
            Runtime::Ruby => "ruby",
            Runtime::Java => "java",
            Runtime::Zig => "zig",
        }
    }

    /// By our own name, or by the one asdf and mise use (`nodejs`, `golang`, `core:node`).
    pub fn named(name: &str) -> Option<Runtime> {
        match name.strip_prefix("core:").unwrap_or(name) {
            "nodejs" => Some(Runtime::Node),
            "golang" => Some(Runtime::Go),
            name => Runtime::ALL.into_iter().find(|runtime| runtime.name() == name),
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u8
    }
}
