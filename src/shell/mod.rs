//! What omg gives to shells: completions ([`completions`]), the hook ([`hook`], as a file [`kept_hook`]) and what it evaluates ([`script`]). It runs no shell,
//! and it completes nothing itself: the scripts ask `omg complete`.

pub mod completions;
pub mod hook;
pub mod kept_hook;
mod nushell;
pub mod script;

/// The shells that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
    Nushell,
}

impl Shell {
    pub const ALL: [Shell; 4] = [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Nushell];

    /// Those that completions are made for.
    pub const COMPLETING: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

    pub fn name(self) -> &'static str {
        match self {
            Shell::Bash => "bash",
            Shell::Zsh => "zsh",
            Shell::Fish => "fish",
            Shell::Nushell => "nushell",
        }
    }

    pub fn named(name: &str) -> Option<Shell> {
        Shell::ALL.into_iter().find(|shell| shell.name() == name)
    }

    /// In quotes, as this shell reads them: one word, whatever the text holds.
    pub fn quoted(self, text: &str) -> String {
        match self {
            Shell::Bash | Shell::Zsh => quoted(text),
            Shell::Fish => format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'")),
            Shell::Nushell => format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\"")),
        }
    }
}

/// In single quotes, as bash, zsh and every other descendant of Bourne's shell read them.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// One word for a person to copy: in quotes only where it needs them.
pub fn word(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@%+=:,./-_^~".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) { text.to_owned() } else { quoted(text) }
}
