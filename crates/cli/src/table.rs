//! Tables and lists of details, in columns that line up in any script.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Stands in a cell that has nothing to say.
pub(crate) const NOTHING: &str = "–";

/// Between two columns.
const GAP: &str = "  ";

/// No column is made narrower than this to fit a terminal.
const NARROWEST: usize = 6;

/// Rows under headings. Cells may hold anything: they are made printable here.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(headings: &[&str]) -> Self {
        let headings = headings.iter().map(|heading| heading.to_uppercase());
        Self {
            rows: vec![headings.collect()],
        }
    }

    pub(crate) fn push<Cell: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let cells = cells
            .into_iter()
            .map(|cell| model::printable(cell.as_ref()));
        self.rows.push(cells.collect());
    }

    /// As lines, none wider than `width` where that is possible: the widest columns give way first.
    pub(crate) fn render(&self, width: Option<usize>) -> String {
        let widths = fit(self.natural_widths(), width);
        let mut text = String::new();
        for row in &self.rows {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, &width)| padded(&cut(cell, width), width));
            let line = cells.collect::<Vec<_>>().join(GAP);
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn natural_widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widest = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.width()).max().unwrap_or(0)
        };
        (0..columns).map(widest).collect()
    }
}

/// Named details, one a line, the values under each other.
pub(crate) fn details(pairs: &[(&str, String)]) -> String {
    let width = pairs
        .iter()
        .map(|(name, _)| name.width())
        .max()
        .unwrap_or(0);
    let line = |(name, value): &(&str, String)| {
        format!("{}{GAP}{}\n", padded(name, width), model::printable(value))
    };
    pairs.iter().map(line).collect()
}

fn fit(mut widths: Vec<usize>, limit: Option<usize>) -> Vec<usize> {
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    let Some(limit) = limit else {
        return widths;
    };
    let mut excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(limit);
    while excess > 0 {
        let Some(widest) = widths.iter_mut().max() else {
            break;
        };
        if *widest <= NARROWEST {
            break;
        }
        *widest -= 1;
        excess -= 1;
    }
    widths
}

/// At most `width` columns of `text`, with `…` where something was left out.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let mut used = 0;
    let mut kept = String::new();
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used > room {
            break;
        }
        kept.push(character);
    }
    kept.push('…');
    kept
}

fn padded(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["name", "organization"]);
        table.push(["仕事", "a company with a rather long name"]);
        table.push(["work\n", "x"]);
        table
    }

    #[test]
    fn columns_line_up_in_any_script() {
        let expected =
            "NAME    ORGANIZATION\n仕事    a company with a rather long name\nwork\\n  x\n";
        assert_eq!(table().render(None), expected);
    }

    #[test]
    fn long_cells_are_cut_to_fit() {
        let text = table().render(Some(20));
        assert_eq!(
            text,
            "NAME    ORGANIZATION\n仕事    a company w…\nwork\\n  x\n"
        );
        assert!(text.lines().all(|line| line.width() <= 20));
    }

    #[test]
    fn too_little_room_for_anything_is_no_reason_to_panic() {
        for width in 0..12 {
            assert_eq!(table().render(Some(width)).lines().count(), 3);
        }
        assert_eq!(cut("abc", 0), "…");
        assert_eq!(Table::new(&[]).render(Some(1)), "\n");
    }

    #[test]
    fn details_line_up() {
        let text = details(&[("name", "work".into()), ("plan", "max\x1b".into())]);
        assert_eq!(text, "name  work\nplan  max\\u{1b}\n");
    }
}
