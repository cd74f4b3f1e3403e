//! Questions to the person at the terminal.

use super::{Ui, clean};
use std::io::{self, BufRead, IsTerminal, Write};

impl Ui {
    /// Whether somebody is there to answer.
    pub fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// A question that a plain Enter agrees to. The end of input does not.
    pub fn agrees(&self, question: &str) -> io::Result<bool> {
        let answer = answer(&format!("{question} [Y/n] "))?;
        Ok(answer.is_some_and(|answer| matches!(answer.to_ascii_lowercase().as_str(), "" | "y" | "yes")))
    }

    /// One of several by its number, counted from 1; none where nothing or something else is typed.
    pub fn choice(&self, question: &str, among: usize) -> io::Result<Option<usize>> {
        let answer = answer(&format!("{question} [1-{among}] "))?;
        Ok(answer.and_then(|answer| answer.parse().ok()).filter(|number| (1..=among).contains(number)))
    }
}

fn answer(question: &str) -> io::Result<Option<String>> {
    let mut err = io::stderr();
    write!(err, "{}", clean(question))?;
    err.flush()?;
    let mut line = String::new();
    let got = io::stdin().lock().read_line(&mut line)?;
    Ok((got > 0).then(|| line.trim().to_owned()))
}
