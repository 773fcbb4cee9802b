//! Draws a recording as one SVG file that moves by itself: CSS animations, no script, no font but the reader's own.
//!
//! Every piece of text is there once, with when it appears and when it goes. Whoever wants less motion sees the last
//! picture. Backgrounds and reversed colours are not drawn: no program that is shown here uses them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use avt::{Cell, Color, Line, Pen, Terminal};

use super::cast::{Cast, What};
use crate::Result;

/// Of a character, in pixels: three fifths of the size of the letters, as fonts for terminals have it.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 19.0;
const LETTERS: u32 = 14;
/// From the top of a row to where its letters stand.
const BASE: f64 = 14.0;
const MARGIN: f64 = 16.0;
const TITLE_BAR: f64 = 38.0;
/// The sixteen colours of a terminal, for a dark background.
const COLOURS: [&str; 16] = [
    "#5c6773", "#f07178", "#a5d68a", "#e6c06b", "#82aaff", "#c99bf0", "#73d0d9", "#d8dee9",
    "#7a8699", "#ff8b92", "#c3e88d", "#ffd580", "#9cbcff", "#ddb3ff", "#95e6ef", "#ffffff",
];

/// A piece of a row in one style, since when it is there.
struct Piece {
    row: usize,
    column: usize,
    cells: Vec<Cell>,
    since: f64,
}

/// From when to when; without an end, it is in the last picture.
type Interval = (Moment, Option<Moment>);
/// In thousandths of a second.
type Moment = u64;

/// What is drawn, by when it is there.
#[derive(Default)]
struct Drawing {
    texts: BTreeMap<Interval, String>,
    /// Where the cursor is from when on.
    cursor: Vec<(f64, usize, usize)>,
}

pub(super) fn draw(cast: &Cast) -> Result<String> {
    let length = cast.events.last().map_or(0.0, |event| event.at);
    if length <= 0.0 {
        return Err("the recording has no length".into());
    }
    let frame = Frame::of(cast);
    let mut drawing = Drawing::default();
    drawing.screens(cast)?;
    drawing.titles(cast, &frame);
    Ok(drawing.svg(&frame, length))
}

/// The window.
struct Frame {
    width: f64,
    height: f64,
}

impl Frame {
    fn of(cast: &Cast) -> Self {
        Self {
            width: (cast.columns as f64 * WIDTH + 2.0 * MARGIN).ceil(),
            height: TITLE_BAR + cast.rows as f64 * HEIGHT + 1.5 * MARGIN,
        }
    }
}

impl Drawing {
    /// Plays the recording, and notes every piece of text when it goes.
    fn screens(&mut self, cast: &Cast) -> Result<()> {
        let mut terminal = Terminal::new(cast.columns, cast.rows)
            .map_err(|_| "the recording's terminal has no size")?;
        let mut pieces: Vec<Piece> = Vec::new();
        for (index, event) in cast.events.iter().enumerate() {
            if let What::Output(text) = &event.what {
                terminal.feed(text.as_str());
            }
            // What comes at the same moment is one picture.
            let next = cast.events.get(index + 1);
            if next.is_none_or(|next| next.at > event.at) {
                let lines: Vec<&Line> = terminal.screen().visible_lines().collect();
                self.turn(&mut pieces, &lines, event.at);
                let cursor = terminal.cursor();
                self.cursor.push((event.at, cursor.row, cursor.col));
            }
        }
        for piece in pieces {
            self.note(&piece, None);
        }
        Ok(())
    }

    /// From one picture to the next: what has changed goes, what is new comes.
    fn turn(&mut self, pieces: &mut Vec<Piece>, lines: &[&Line], at: f64) {
        let (stay, go): (Vec<Piece>, Vec<Piece>) = pieces
            .drain(..)
            .partition(|piece| piece.is_shown_by(lines[piece.row]));
        for piece in go {
            self.note(&piece, Some(moment(at)));
        }
        *pieces = stay;
        for (row, line) in lines.iter().enumerate() {
            let mut covered = vec![false; line.len()];
            for piece in pieces.iter().filter(|piece| piece.row == row) {
                covered[piece.column..piece.column + piece.cells.len()].fill(true);
            }
            pieces.extend(new_pieces(row, line.cells(), &covered, at));
        }
    }

    fn note(&mut self, piece: &Piece, until: Option<Moment>) {
        let since = moment(piece.since);
        if until != Some(since) {
            let text = self.texts.entry((since, until)).or_default();
            text.push_str(&piece.svg());
        }
    }

    /// The markers, in the title bar.
    fn titles(&mut self, cast: &Cast, frame: &Frame) {
        let titles = cast.events.iter().filter_map(|event| match &event.what {
            What::Marker(title) => Some((event.at, title)),
            What::Output(_) => None,
        });
        let titles: Vec<(f64, &String)> = titles.collect();
        for (index, (at, title)) in titles.iter().enumerate() {
            let until = titles.get(index + 1).map(|(next, _)| moment(*next));
            let text = self.texts.entry((moment(*at), until)).or_default();
            let (x, y) = (frame.width / 2.0, TITLE_BAR / 2.0 + 5.0);
            write!(
                text,
                "<text class=\"t\" x=\"{x}\" y=\"{y}\">{}</text>",
                escaped(title)
            )
            .expect("a string");
        }
    }

    fn svg(&self, frame: &Frame, length: f64) -> String {
        let Frame { width, height } = frame;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             xml:space=\"preserve\" role=\"img\" aria-label=\"A recording of a terminal\">\n<style>\n{}",
            style(length)
        );
        let percent = |at: f64| rounded(at / length * 100.0);
        let mut groups = String::new();
        for (number, ((since, until), texts)) in self.texts.iter().enumerate() {
            let time = |moment: Moment| percent(moment as f64 / 1000.0);
            let appears = if *since == 0 {
                "0%{visibility:visible}".to_owned()
            } else {
                format!(
                    "0%{{visibility:hidden}}{}%{{visibility:visible}}",
                    time(*since)
                )
            };
            let goes = until.map(|until| format!("{}%{{visibility:hidden}}", time(until)));
            let goes = goes.unwrap_or_default();
            // What stands in the last picture is what is seen without motion.
            let class = if until.is_none() { "f z" } else { "f" };
            writeln!(svg, "@keyframes k{number}{{{appears}{goes}}}").expect("a string");
            writeln!(
                groups,
                "<g class=\"{class}\" style=\"animation-name:k{number}\">{texts}</g>"
            )
            .expect("a string");
        }
        svg.push_str(&self.cursor_style(percent));
        svg.push_str("</style>\n");
        svg.push_str(&window(frame));
        svg.push_str("<rect class=\"c\" width=\"8\" height=\"17\" rx=\"1\"/>\n");
        svg.push_str(&groups);
        svg.push_str("</svg>\n");
        svg
    }

    fn cursor_style(&self, percent: impl Fn(f64) -> String) -> String {
        let place = |row: usize, column: usize| {
            format!(
                "translate({}px,{}px)",
                rounded(MARGIN + column as f64 * WIDTH),
                rounded(TITLE_BAR + MARGIN / 2.0 + row as f64 * HEIGHT + 1.0)
            )
        };
        let mut style = "@keyframes c{".to_owned();
        let mut before = None;
        for (at, row, column) in &self.cursor {
            if before != Some((row, column)) {
                write!(
                    style,
                    "{}%{{transform:{}}}",
                    percent(*at),
                    place(*row, *column)
                )
                .expect("a string");
            }
            before = Some((row, column));
        }
        let (row, column) = before.unwrap_or((&0, &0));
        writeln!(style, "}}\n.c{{transform:{}}}", place(*row, *column)).expect("a string");
        style
    }
}

impl Piece {
    fn is_shown_by(&self, line: &Line) -> bool {
        let until = self.column + self.cells.len();
        line.cells().get(self.column..until) == Some(&self.cells)
    }

    fn svg(&self) -> String {
        let text: String = self.cells.iter().map(Cell::char).collect();
        let x = rounded(MARGIN + self.column as f64 * WIDTH);
        let y = rounded(TITLE_BAR + MARGIN / 2.0 + self.row as f64 * HEIGHT + BASE);
        // Columns stay columns, whatever font the reader has.
        let length = if self.cells.len() > 1 {
            let length = rounded(self.cells.len() as f64 * WIDTH);
            format!(" textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\"")
        } else {
            String::new()
        };
        let class = class(self.cells[0].pen());
        format!(
            "<text x=\"{x}\" y=\"{y}\"{length}{class}>{}</text>",
            escaped(&text)
        )
    }
}

/// Pieces for what is not yet covered: in one style each, with no more than one blank in a row inside.
fn new_pieces(row: usize, cells: &[Cell], covered: &[bool], since: f64) -> Vec<Piece> {
    let is_new = |column: usize| !covered[column] && cells[column].char() != ' ';
    let mut pieces = Vec::new();
    let mut column = 0;
    while column < cells.len() {
        if !is_new(column) {
            column += 1;
            continue;
        }
        let mut end = column + 1;
        let goes_on = |end: usize| {
            end < cells.len() && is_new(end) && cells[end].pen() == cells[column].pen()
        };
        let is_gap = |end: usize| {
            end < cells.len() && !covered[end] && cells[end].char() == ' ' && goes_on(end + 1)
        };
        while goes_on(end) || is_gap(end) {
            end += 1;
        }
        pieces.push(Piece {
            row,
            column,
            cells: cells[column..end].to_vec(),
            since,
        });
        column = end;
    }
    pieces
}

fn class(pen: &Pen) -> String {
    let mut classes: Vec<String> = Vec::new();
    if let Some(Color::Indexed(number)) = pen.foreground()
        && usize::from(number) < COLOURS.len()
    {
        classes.push(format!("p{number}"));
    }
    for (name, holds) in [
        ("b", pen.is_bold()),
        ("i", pen.is_faint()),
        ("u", pen.is_underline()),
    ] {
        if holds {
            classes.push(name.to_owned());
        }
    }
    if classes.is_empty() {
        String::new()
    } else {
        format!(" class=\"{}\"", classes.join(" "))
    }
}

fn style(length: f64) -> String {
    let mut style = format!(
        "text{{font:{LETTERS}px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#d8dee9;white-space:pre}}\n\
         .t{{font-family:system-ui,sans-serif;font-weight:600;fill:#aeb7c4;text-anchor:middle}}\n\
         .b{{font-weight:700}}.i{{opacity:.65}}.u{{text-decoration:underline}}\n\
         .f{{visibility:hidden;animation:{length}s step-end infinite}}.z{{visibility:visible}}\n\
         .c{{fill:#d8dee9;opacity:.55;animation:c {length}s step-end infinite}}\n\
         @media (prefers-reduced-motion:reduce){{.f,.c{{animation:none}}}}\n"
    );
    for (number, colour) in COLOURS.iter().enumerate() {
        write!(style, ".p{number}{{fill:{colour}}}").expect("a string");
    }
    style.push('\n');
    style
}

/// Background, title bar and its three buttons.
fn window(frame: &Frame) -> String {
    let Frame { width, height } = frame;
    let buttons: String = ["#ff6b64", "#f5bd4f", "#61c454"]
        .iter()
        .zip([20, 40, 60])
        .map(|(colour, x)| format!("<circle cx=\"{x}\" cy=\"19\" r=\"6\" fill=\"{colour}\"/>"))
        .collect();
    format!(
        "<rect width=\"{width}\" height=\"{height}\" rx=\"10\" fill=\"#12161d\"/>\n\
         <path d=\"M0 {TITLE_BAR}V10A10 10 0 0 1 10 0H{}A10 10 0 0 1 {width} 10V{TITLE_BAR}z\" fill=\"#222934\"/>{buttons}\n",
        width - 10.0
    )
}

fn moment(seconds: f64) -> Moment {
    (seconds * 1000.0).round() as Moment
}

/// Two decimals at most.
fn rounded(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::cast;
    use super::*;

    const RECORDED: &str = r#"{"version": 2, "width": 20, "height": 3}
[0.0, "m", "A <title>"]
[0.0, "o", "$ "]
[1.0, "o", "l"]
[1.5, "o", "s\r\n\u001b[31mred\u001b[0m & plain"]
[3.0, "o", "\u001b[H\u001b[2Jlast"]
[4.0, "o", ""]
"#;

    #[test]
    fn each_piece_is_there_from_when_it_appears_until_it_goes() {
        let svg = draw(&cast::parse(RECORDED).unwrap()).unwrap();
        let group = |text: &str| {
            let line = svg.lines().find(|line| line.contains(text)).unwrap();
            let name = line.split("animation-name:").nth(1).unwrap();
            let name = name.split('"').next().unwrap();
            let keyframes = format!("@keyframes {name}{{");
            let keyframes = svg.lines().find(|line| line.starts_with(&keyframes));
            (
                line.contains("class=\"f z\""),
                keyframes.unwrap().to_owned(),
            )
        };
        let (is_last, keyframes) = group(">l</text>");
        assert!(!is_last);
        assert!(
            keyframes
                .ends_with("{0%{visibility:hidden}25%{visibility:visible}75%{visibility:hidden}}")
        );
        assert!(group(">red</text>").1.contains("37.5%{visibility:visible}"));
        assert!(group(">&amp; plain</text>").1.contains("37.5%"));
        let (is_last, keyframes) = group(">last</text>");
        assert!(is_last && keyframes.ends_with("{0%{visibility:hidden}75%{visibility:visible}}"));
        assert!(group("A &lt;title&gt;").0);
    }

    #[test]
    fn whoever_wants_no_motion_sees_the_last_picture_and_nothing_is_run_or_fetched() {
        let svg = draw(&cast::parse(RECORDED).unwrap()).unwrap();
        assert!(svg.contains("prefers-reduced-motion:reduce){.f,.c{animation:none}}"));
        assert!(!svg.contains("<script") && !svg.contains("url(") && !svg.contains("href"));
        assert!(cast::parse("{\"version\": 1}").is_err());
        assert!(draw(&cast::parse(r#"{"version": 2, "width": 1, "height": 1}"#).unwrap()).is_err());
    }
}
