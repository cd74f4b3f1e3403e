//! The scripts of a `composer.json`.

use super::Found;
use super::json::{Document, Raw, member, object, string, strings};

pub(super) fn tasks(text: &str) -> Result<Vec<Found>, String> {
    let document = Document::new(text);
    let descriptions = member(&document.members()?, "scripts-descriptions").and_then(object).unwrap_or_default();
    let found = |(name, value): (String, Raw)| {
        let commands = string(value).map(|one| vec![one]).or_else(|| strings(value))?;
        // `@name --option` is another script; `@php`, `@composer` and `@putenv` are composer's own.
        const OWN: [&str; 5] = ["php", "composer", "putenv", "additional_args", "no_additional_args"];
        let other = |command: &String| {
            let name = command.strip_prefix('@')?.split(' ').next()?;
            (!OWN.contains(&name)).then(|| name.to_owned())
        };
        Some(Found {
            description: member(&descriptions, &name).and_then(string).unwrap_or_default(),
            dependencies: commands.iter().filter_map(other).collect(),
            ..Found::new(name, document.line(value), commands.into_iter().next().unwrap_or_default())
        })
    };
    Ok(document.members_of("scripts")?.into_iter().filter_map(found).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_text_or_lists() {
        let text = "{\"scripts\": {\"test\": \"phpunit\",\n\"all\": [\"@test --filter x\", \"@php x.php\"]}, \"scripts-descriptions\": {\"test\": \"Test it\"}}";
        let test = Found { description: "Test it".into(), ..Found::new("test", 1, "phpunit") };
        let all = Found { dependencies: vec!["test".into()], ..Found::new("all", 2, "@test --filter x") };
        assert_eq!(tasks(text).unwrap(), [test, all]);
    }
}
