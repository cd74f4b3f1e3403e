//! Language runtimes: which versions a folder asks for ([`pin`]), what a request means ([`request`]), what is installed
//! ([`installed`]), what there is ([`sources`]) and what a project holds it to ([`lock`]).
//! What else such files name is [`tools`], and left to mise.
//!
//! Nothing here fetches or changes anything; `ops::runtimes` does.

pub mod active;
pub mod edit;
pub mod fault;
pub mod installed;
mod json;
mod lines;
pub mod lock;
pub mod makers;
mod package_json;
pub mod pin;
pub mod range;
pub mod request;
pub mod sources;
mod tables;
pub mod toolchain;
pub mod tools;
mod version;

pub use request::Request;
pub use version::Version;

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

    /// The program that stands for it.
    pub const fn program(self) -> &'static str {
        match self {
            Runtime::Python => "python3",
            Runtime::Rust => "rustc",
            other => other.name(),
        }
    }

    /// The runtime that a program of this name comes with, where that is known without a look.
    pub fn of_program(name: &str) -> Option<Runtime> {
        Some(match name {
            "node" | "npm" | "npx" | "corepack" => Runtime::Node,
            "bun" | "bunx" => Runtime::Bun,
            "deno" => Runtime::Deno,
            "python" | "python3" | "pip" | "pip3" | "pydoc3" | "idle3" => Runtime::Python,
            "go" | "gofmt" => Runtime::Go,
            "rustc" | "cargo" | "rustdoc" | "rustfmt" | "cargo-clippy" | "cargo-fmt" => Runtime::Rust,
            "ruby" | "gem" | "bundle" | "bundler" | "irb" | "erb" | "rake" | "ri" => Runtime::Ruby,
            "java" | "javac" | "jar" | "javadoc" | "jshell" | "jlink" | "jpackage" | "keytool" => Runtime::Java,
            "zig" => Runtime::Zig,
            _ => return None,
        })
    }

    const fn bit(self) -> u16 {
        1 << self as u8
    }
}
