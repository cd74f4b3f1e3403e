//! Rows whose columns stand below each other on a terminal. Elsewhere cells are one blank apart: programs split at blanks.

use super::{Style, Ui, clean};

/// A piece of a row, of no style or one.
pub struct Cell {
    style: Option<Style>,
    text: String,
}

impl Cell {
    pub fn plain(text: impl AsRef<str>) -> Cell {
        Cell { style: None, text: clean(text.as_ref()) }
    }

    pub fn styled(style: Style, text: impl AsRef<str>) -> Cell {
        Cell { style: Some(style), ..Cell::plain(text) }
    }

    fn columns(&self) -> usize {
        self.text.chars().count()
    }
}

/// One cell this wide does not push all others to the right; it pushes its own row's.
const WIDEST: usize = 32;
/// The last cell gets a line of its own where less than this is left for it.
const LEAST_ROOM: usize = 24;

/// All rows, a line each. Empty cells keep their columns; the last cell of a row is cut at the terminal's edge.
pub fn table(ui: &Ui, rows: &[Vec<Cell>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(move |row| row.get(column)).map(Cell::columns).filter(|w| *w <= WIDEST);
    let widths: Vec<usize> = (0..columns).map(|column| width(column).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let mut used = 0;
        let mut owed = 0;
        for (column, cell) in row.iter().enumerate() {
            let last = column + 1 == columns;
            if cell.text.is_empty() {
                owed += if ui.width.is_some() && widths[column] > 0 { widths[column] + 1 } else { 0 };
                continue;
            }
            out.extend(std::iter::repeat_n(' ', owed));
            used += owed;
            owed = 0;
            if last && column > 0 && ui.width.is_some_and(|width| width < used + LEAST_ROOM) && cell.columns() > 8 {
                out.truncate(out.trim_end_matches(' ').len());
                out.push_str("\n    ");
                used = 4;
            }
            let text = if last { ui.fitted(&cell.text, used) } else { cell.text.as_str().into() };
            match cell.style {
                Some(style) => out.push_str(&ui.styled(style, &text)),
                None => out.push_str(&text),
            }
            used += text.chars().count();
            if !last {
                let padding = if ui.width.is_some() { widths[column].saturating_sub(cell.columns()) } else { 0 };
                owed = padding + 1;
            }
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<Cell>> {
        let row = |cells: [&str; 3]| cells.iter().map(Cell::plain).collect();
        vec![row(["a", "1.0", "first"]), row(["bcd", "", "second, which is rather long"]), row(["e", "2", ""])]
    }

    #[test]
    fn columns_on_a_terminal_and_one_blank_elsewhere() {
        let ui = |width| Ui { colour: false, width, quiet: false };
        assert_eq!(table(&ui(None), &rows()), "a 1.0 first\nbcd second, which is rather long\ne 2\n");
        assert_eq!(table(&ui(Some(80)), &rows()), "a   1.0 first\nbcd     second, which is rather long\ne   2\n");
        assert_eq!(table(&ui(Some(32)), &rows()), "a   1.0 first\nbcd     second, which is rather…\ne   2\n");
        assert_eq!(table(&ui(Some(24)), &rows()), "a   1.0 first\nbcd\n    second, which is ra…\ne   2\n");
    }

    #[test]
    fn what_a_cell_holds_moves_no_cursor() {
        let ui = Ui { colour: true, width: Some(80), quiet: false };
        let cell = Cell::styled(Style::Name, "a\x1b[2Jb\nc");
        assert_eq!(table(&ui, &[vec![cell]]), "\x1b[1ma?[2Jb?c\x1b[0m\n");
    }
}
