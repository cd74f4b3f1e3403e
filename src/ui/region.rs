//! The last lines on a terminal, which are drawn again and again and are gone in the end.
//!
//! The cursor stands below them at all times: whoever is killed leaves whole lines behind, and the shell begins on one of its own.

use std::io::{self, Write};

/// Lines at the end of standard error.
#[derive(Default)]
pub struct Region {
    shown: Vec<String>,
}

impl Region {
    /// Puts these lines in place of those before. None may be wider than the terminal.
    pub fn show(&mut self, lines: Vec<String>) {
        if lines != self.shown {
            drop(io::stderr().write_all(change(self.shown.len(), &lines).as_bytes()));
            self.shown = lines;
        }
    }

    /// Takes them away, so that something else can be said.
    pub fn clear(&mut self) {
        self.show(Vec::new());
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.clear();
    }
}

/// What a terminal must be sent to show `lines` where so many were. In one piece, since a half drawn one would flicker.
fn change(before: usize, lines: &[String]) -> String {
    let mut text = match before {
        0 => String::new(),
        up => format!("\r\x1b[{up}A"),
    };
    for line in lines {
        text.push_str(line);
        text.push_str("\x1b[K\r\n");
    }
    // Also what was typed meanwhile, which the terminal shows by itself.
    text.push_str("\x1b[J");
    text
}

#[cfg(test)]
mod tests {
    use super::change;

    #[test]
    fn lines_take_the_place_of_those_before() {
        let lines = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(change(0, &lines(&["a", "b"])), "a\x1b[K\r\nb\x1b[K\r\n\x1b[J");
        assert_eq!(change(2, &lines(&["c"])), "\r\x1b[2Ac\x1b[K\r\n\x1b[J");
        assert_eq!(change(1, &[]), "\r\x1b[1A\x1b[J");
    }
}
