//! JSON with comments and trailing commas, as people write it in settings and bun in its lock file.

/// JSON with comments and trailing commas as plain JSON of the same length, so that lines stay where they are.
pub fn without_comments(text: &str) -> String {
    let mut out = text.as_bytes().to_vec();
    let mut at = 0;
    // The last comma behind which nothing has come yet.
    let mut comma = None;
    while at < out.len() {
        match (out[at], out.get(at + 1)) {
            (b'"', _) => {
                comma = None;
                at += 1;
                while at < out.len() && out[at] != b'"' {
                    at += if out[at] == b'\\' { 2 } else { 1 };
                }
            }
            (b'/', Some(b'/')) => {
                while at < out.len() && out[at] != b'\n' {
                    out[at] = b' ';
                    at += 1;
                }
            }
            (b'/', Some(b'*')) => {
                let end = text[at + 2..].find("*/").map_or(out.len(), |end| at + 2 + end + 2);
                out[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
                at = end - 1;
            }
            (b',', _) => comma = Some(at),
            (b'}' | b']', _) => {
                if let Some(comma) = comma.take() {
                    out[comma] = b' ';
                }
            }
            (byte, _) if !byte.is_ascii_whitespace() => comma = None,
            _ => {}
        }
        at += 1;
    }
    // Only whole comments, which begin and end with ASCII, were blanked.
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_commas_are_blanked_in_their_place() {
        let text = "{ // \"a\": 1,\n /* b\né */ \"c\": \"// no, \\\" */\", \"d\": [1, 2,\n], // end\n}";
        let plain = without_comments(text);
        assert_eq!(plain.len(), text.len());
        assert_eq!((plain.find("\"c\""), plain.find("\"d\"")), (text.find("\"c\""), text.find("\"d\"")));
        let value: serde_json::Value = serde_json::from_str(&plain).unwrap();
        assert_eq!(value, serde_json::json!({"c": "// no, \" */", "d": [1, 2]}));
        for cut in 0..text.len() {
            if let Some(part) = text.get(..cut) {
                assert_eq!(without_comments(part).len(), cut, "{part:?}");
            }
        }
    }
}
