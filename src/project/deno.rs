//! The tasks of a `deno.json` or `deno.jsonc`.

use super::Found;
use super::json::{Document, Raw, member, object, string, strings};
use crate::sys::jsonc::without_comments;

pub(super) fn tasks(text: &str) -> Result<Vec<Found>, String> {
    let plain = without_comments(text);
    let document = Document::new(&plain);
    let found = |(name, value): (String, Raw)| {
        let line = document.line(value);
        if let Some(command) = string(value) {
            return Some(Found::new(name, line, command));
        }
        let task = object(value)?;
        let text = |key: &str| member(&task, key).and_then(string).unwrap_or_default();
        let dependencies = member(&task, "dependencies").and_then(strings).unwrap_or_default();
        Some(Found { description: text("description"), dependencies, ..Found::new(name, line, text("command")) })
    };
    Ok(document.members_of("tasks")?.into_iter().filter_map(found).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_text_or_objects() {
        let text = "{\n// tasks\n\"tasks\": {\"dev\": \"deno run -A main.ts\",\n\"all\": {\"description\": \"Both\", \"dependencies\": [\"dev\"],},},}";
        let all = Found { description: "Both".into(), dependencies: vec!["dev".into()], ..Found::new("all", 4, "") };
        assert_eq!(tasks(text).unwrap(), [Found::new("dev", 3, "deno run -A main.ts"), all]);
    }
}
