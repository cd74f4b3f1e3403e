//! Rows whose columns stand below each other on a terminal. Elsewhere cells are one blank apart: programs split at blanks.

use super::{Style, Ui, clean};
use std::borrow::Cow;

/// A piece of a row, of no style or one.
pub struct Cell<'t> {
    style: Option<Style>,
    text: Cow<'t, str>,
}

impl<'t> Cell<'t> {
    pub fn plain(text: impl Into<Cow<'t, str>>) -> Cell<'t> {
        Cell { style: None, text: one_line(text.into()) }
    }

    pub fn styled(style: Style, text: impl Into<Cow<'t, str>>) -> Cell<'t> {
        Cell { style: Some(style), ..Cell::plain(text) }
    }

    fn columns(&self) -> usize {
        self.text.chars().count()
    }
}

fn one_line(text: Cow<'_, str>) -> Cow<'_, str> {
    match clean(&text) {
        Cow::Borrowed(clean) if !clean.contains('\n') => text,
        clean => clean.replace('\n', "?").into(),
    }
}

/// One cell wider than this does not push all others to the right; it pushes its own row's.
const WIDEST: usize = 32;
/// Where less than this would be left for the last cell, rows are not padded; where less is left all the same, it gets a
/// line of its own.
const LEAST_ROOM: usize = 24;

/// All rows, a line each. Empty cells keep their columns; the last cell of a row is cut at the terminal's edge.
pub fn table(ui: &Ui, rows: &[Vec<Cell<'_>>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths = |most: usize| -> Vec<usize> {
        let widest = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(Cell::columns).filter(|w| *w <= most).max()
        };
        (0..columns).map(|column| widest(column).unwrap_or(0)).collect()
    };
    let widths = ui.width.map(|width| (width, widths(WIDEST))).filter(|(width, widths)| {
        let before: usize =
            widths[..columns.max(1) - 1].iter().filter(|width| **width > 0).map(|width| width + 1).sum();
        let last = rows.iter().filter_map(|row| row.get(columns.max(1) - 1)).map(Cell::columns).max().unwrap_or(0);
        before + last.min(LEAST_ROOM) <= *width
    });
    let widths = widths.map_or(vec![0; columns], |(_, widths)| widths);
    let mut out = String::new();
    for row in rows {
        push_row(ui, row, &widths, &mut out);
        out.push('\n');
    }
    out
}

/// `widths` are those that cells are padded to; 0 for none.
fn push_row(ui: &Ui, row: &[Cell<'_>], widths: &[usize], out: &mut String) {
    let (mut used, mut owed) = (0, 0);
    for (column, cell) in row.iter().enumerate() {
        let last = column + 1 == widths.len();
        if cell.text.is_empty() {
            owed += if widths[column] > 0 { widths[column] + 1 } else { 0 };
            continue;
        }
        let room = ui.width.map_or(usize::MAX, |width| width.saturating_sub(used + owed));
        if last && column > 0 && cell.columns() > room && room < LEAST_ROOM {
            out.push_str("\n    ");
            used = 4;
        } else {
            out.extend(std::iter::repeat_n(' ', owed));
            used += owed;
        }
        let text = if last { ui.fitted(&cell.text, used) } else { (&*cell.text).into() };
        match cell.style {
            Some(style) => out.push_str(&ui.styled(style, &text)),
            None => out.push_str(&text),
        }
        used += text.chars().count();
        owed = widths[column].saturating_sub(cell.columns()) + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<Cell<'static>>> {
        let row = |cells: [&'static str; 3]| cells.into_iter().map(Cell::plain).collect();
        vec![row(["a", "1.0", "first"]), row(["bcd", "", "second, which is rather long"]), row(["e", "2", ""])]
    }

    #[test]
    fn columns_on_a_terminal_and_one_blank_elsewhere() {
        let ui = |width| Ui { colour: false, width, quiet: false };
        assert_eq!(table(&ui(None), &rows()), "a 1.0 first\nbcd second, which is rather long\ne 2\n");
        assert_eq!(table(&ui(Some(80)), &rows()), "a   1.0 first\nbcd     second, which is rather long\ne   2\n");
        assert_eq!(table(&ui(Some(32)), &rows()), "a   1.0 first\nbcd     second, which is rather…\ne   2\n");
        assert_eq!(table(&ui(Some(24)), &rows()), "a 1.0 first\nbcd\n    second, which is ra…\ne 2\n");
    }

    #[test]
    fn what_a_cell_holds_moves_no_cursor() {
        let ui = Ui { colour: true, width: Some(80), quiet: false };
        let cell = Cell::styled(Style::Name, "a\x1b[2Jb\nc");
        assert_eq!(table(&ui, &[vec![cell]]), "\x1b[1ma?[2Jb?c\x1b[0m\n");
    }
}
