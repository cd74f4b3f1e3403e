//! The scripts of a `Pipfile`.

use super::Found;
use super::tables::{Document, command, member};

pub(super) fn tasks(text: &str) -> Result<Vec<Found>, String> {
    let document = Document::new(text)?;
    let found = |(name, line, value): (&str, u32, &_)| {
        let of_table = || ["cmd", "call"].iter().find_map(|kind| member(value, kind).and_then(command));
        Some(Found::new(name, line, command(value).or_else(of_table)?))
    };
    Ok(document.members(&["scripts"]).into_iter().filter_map(found).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_text_or_calls() {
        let text = "[scripts]\ntest = \"pytest\"\nserve = {call = \"app:main()\"}\n";
        assert_eq!(tasks(text).unwrap(), [Found::new("test", 2, "pytest"), Found::new("serve", 3, "app:main()")]);
    }
}
