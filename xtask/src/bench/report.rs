//! The README's table of comparisons, from the numbers that were measured.
//!
//! `bench/results.json` is kept in the repository and has the last figures of every row; what `target/bench/results.json`
//! has of this machine takes their place.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::Result;
use crate::workspace::Workspace;

/// The figures that the README shows.
const KEPT: &str = "bench/results.json";
const README: &str = "README.md";
/// What is between these lines of the README is written here.
const BEGIN: &str = "<!-- bench -->";
const END: &str = "<!-- /bench -->";

/// Which of two figures is the better one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Better {
    Less,
    More,
}

/// A row of the table.
struct Row {
    /// As `bench` names it.
    id: &'static str,
    what: &'static str,
    beside: &'static str,
    unit: &'static str,
    better: Better,
}

const fn less(
    id: &'static str,
    what: &'static str,
    beside: &'static str,
    unit: &'static str,
) -> Row {
    Row {
        id,
        what,
        beside,
        unit,
        better: Better::Less,
    }
}

const fn more(
    id: &'static str,
    what: &'static str,
    beside: &'static str,
    unit: &'static str,
) -> Row {
    Row {
        better: Better::More,
        ..less(id, what, beside, unit)
    }
}

const ROWS: [Row; 12] = [
    less(
        "launch/key-python/1000",
        "`launch` with a key, of 1,000 accounts",
        "a Python program",
        " ms",
    ),
    less(
        "launch/login-view/1000",
        "`launch` with a login, of 1,000 accounts",
        "the client alone",
        " ms",
    ),
    less(
        "list/4000",
        "`list`, 4,000 accounts",
        "a Python program",
        " ms",
    ),
    more(
        "dashboard/requests/1000",
        "`GET /api/accounts`, 1,000 accounts",
        "a Python program",
        " a second",
    ),
    more(
        "dashboard/terminal",
        "50 MB through the web terminal",
        "a bare pseudo-terminal",
        " MB/s",
    ),
    less(
        "renewal/five-users",
        "five users renew at once, 20 times: somebody is logged out",
        "linking one file",
        " times",
    ),
    less(
        "live/echo/20",
        "a key in `cs live`, server 20 ms away, until it shows: p99",
        "`ssh -t`",
        " ms",
    ),
    less(
        "live/command/20",
        "a command that runs on the laptop, 20 ms away, added",
        "`ssh`",
        " ms",
    ),
    less(
        "live/command-connected/20",
        "the same",
        "`ssh` over a connection that is there",
        " ms",
    ),
    less(
        "mount/find -type f/20/cold",
        "`find -type f` in the mount, 20 ms away, the first time",
        "sshfs, all its caches on",
        " s",
    ),
    less(
        "mount/git status, as in a session/20/cold",
        "`git status`, the first time",
        "the same sshfs",
        " s",
    ),
    less(
        "mount/git status, as in a session/20/warm",
        "`git status`, again",
        "the same sshfs",
        " s",
    ),
];

/// Brings the kept figures and the README up to date.
pub(crate) fn write(workspace: &Workspace) -> Result<()> {
    let mut kept = read(&workspace.root.join(KEPT))?;
    let measured = workspace.target.join("bench/results.json");
    if measured.exists() {
        merge(&mut kept, &read(&measured)?);
        fs::write(workspace.root.join(KEPT), format!("{kept:#}\n"))?;
    } else {
        println!("nothing was measured here: the figures of {KEPT} are shown");
    }
    for row in ROWS.iter().filter(|row| kept["rows"][row.id].is_null()) {
        println!("no figures, and no row: {}", row.id);
    }
    let readme = workspace.root.join(README);
    let text = fs::read_to_string(&readme)?;
    fs::write(&readme, with_table(&text, &table(&kept))?)?;
    println!("{}", readme.display());
    Ok(())
}

fn read(path: &Path) -> Result<Value> {
    let explain = |error: String| format!("{}: {error}", path.display());
    let bytes = fs::read(path).map_err(|error| explain(error.to_string()))?;
    let results: Value =
        serde_json::from_slice(&bytes).map_err(|error| explain(error.to_string()))?;
    match results["format"].as_u64() {
        Some(1) => Ok(results),
        _ => Err(explain("these are no results of this version of bench".to_owned()).into()),
    }
}

/// Rows that were measured take the place of those that are kept.
fn merge(kept: &mut Value, measured: &Value) {
    for (id, row) in measured["rows"].as_object().into_iter().flatten() {
        kept["rows"][id] = row.clone();
    }
}

/// `text` with the table where it stands in it.
fn with_table(text: &str, table: &str) -> Result<String> {
    let (before, rest) = text
        .split_once(BEGIN)
        .ok_or_else(|| format!("{README} has no line {BEGIN}"))?;
    let (_, after) = rest
        .split_once(END)
        .ok_or_else(|| format!("{README} has no line {END}"))?;
    Ok(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

fn table(results: &Value) -> String {
    let mut table = "| what | here | beside it | |\n|---|---|---|---|\n".to_owned();
    for row in &ROWS {
        let figures = &results["rows"][row.id];
        if !figures.is_null() {
            table.push_str(&row.line(figures));
        }
    }
    table
}

impl Row {
    fn line(&self, figures: &Value) -> String {
        let side = |name: &str| figures[name].as_f64();
        let shown = |figure: Option<f64>| {
            figure.map_or("–".to_owned(), |figure| amount(figure, self.unit))
        };
        let (ours, beside) = (side("ours"), side("beside"));
        let verdict = match (ours, beside, side("ratio")) {
            (Some(ours), Some(beside), _) => self.verdict(ours, beside),
            (_, _, Some(ratio)) => format!("{ratio} of the time"),
            _ => String::new(),
        };
        let beside = match beside {
            Some(_) => format!("{}, {}", shown(beside), self.beside),
            None => self.beside.to_owned(),
        };
        format!(
            "| {} | {} | {beside} | {verdict} |\n",
            self.what,
            shown(ours)
        )
    }

    fn verdict(&self, ours: f64, beside: f64) -> String {
        match self.better {
            Better::Less if ours == 0.0 => "never".to_owned(),
            Better::Less if ours < beside => format!("{} times faster", factor(beside / ours)),
            Better::Less => format!(
                "{} more, {:.2} of the time",
                amount(ours - beside, self.unit),
                ours / beside
            ),
            Better::More if ours > beside => format!("{} times as many", factor(ours / beside)),
            Better::More => format!("{:.2} of it", ours / beside),
        }
    }
}

fn factor(ratio: f64) -> String {
    if ratio < 10.0 {
        format!("{ratio:.1}")
    } else {
        significant(ratio.round())
    }
}

fn amount(figure: f64, unit: &str) -> String {
    format!("{}{unit}", significant(figure))
}

/// Three digits that say something, thousands apart.
fn significant(figure: f64) -> String {
    if figure < 100.0 {
        let decimals = if figure < 10.0 { 2 } else { 1 };
        let text = format!("{figure:.decimals$}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let scale = 10_f64.powf(figure.log10().floor() - 2.0);
    let digits = format!("{:.0}", (figure / scale).round() * scale);
    let (mut text, first) = (String::new(), digits.len() % 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && index % 3 == first {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn root() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
    }

    #[test]
    fn the_readme_shows_the_figures_that_are_kept() {
        let readme = fs::read_to_string(root().join(README)).unwrap();
        let kept = read(&root().join(KEPT)).unwrap();
        let written = with_table(&readme, &table(&kept)).unwrap();
        assert!(
            written == readme,
            "the table is not that of {KEPT}: run `cargo xtask bench --report`"
        );
        for row in &ROWS {
            assert!(!kept["rows"][row.id].is_null(), "{KEPT} lacks {}", row.id);
        }
    }

    #[test]
    fn what_was_measured_takes_the_place_of_what_was_kept() {
        let mut kept = json!({"format": 1, "rows": {
            "list/4000": {"ours": 37, "beside": 209},
            "live/echo/20": {"ours": 25.4, "beside": 21.3},
        }});
        let measured =
            json!({"format": 1, "rows": {"list/4000": {"ours": 20.04, "beside": 2000.0}}});
        merge(&mut kept, &measured);
        let readme = format!("before\n{BEGIN}\nan old table\n{END}\nafter\n");
        let written = with_table(&readme, &table(&kept)).unwrap();
        assert_eq!(
            written,
            format!(
                "before\n{BEGIN}\n| what | here | beside it | |\n|---|---|---|---|\n\
                 | `list`, 4,000 accounts | 20 ms | 2,000 ms, a Python program | 100 times faster |\n\
                 | a key in `cs live`, server 20 ms away, until it shows: p99 | 25.4 ms | 21.3 ms, `ssh -t` | 4.1 ms more, 1.19 of the time |\n\
                 {END}\nafter\n"
            )
        );
        assert!(with_table("no marks", "").is_err());
    }

    #[test]
    fn figures_have_three_digits_that_say_something() {
        let all = [0.0, 0.18, 4.3, 25.44, 37.0, 143.2, 22_913.0, 1_000.0, 999.7];
        assert_eq!(
            all.map(significant),
            [
                "0", "0.18", "4.3", "25.4", "37", "143", "22,900", "1,000", "1,000"
            ]
        );
    }
}
