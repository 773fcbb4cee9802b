//! Pictures on the terminal that the page has: xterm.js shows the same as if it had seen everything, and answers nothing.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use data_encoding::BASE64;
use serde_json::{Value, json};
use terminal::{History, Size};
use testkit::skip;

const ROWS: u16 = 12;
const COLUMNS: u16 = 50;

#[test]
fn xterm_shows_a_picture_as_it_shows_everything() {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
    if !web.join("node_modules/@xterm/headless").exists() {
        return skip("needs `npm ci` in web/");
    }
    let cases: Vec<Value> = streams()
        .iter()
        .flat_map(|(name, pieces)| [64, 700, 1 << 20].map(|kept| case(name, pieces, kept)))
        .collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/xterm.mjs");
    let node = Command::new("node")
        .arg(script)
        .arg(web)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut node) = node else {
        return skip("needs node");
    };
    let mut input = node.stdin.take().unwrap();
    input
        .write_all(json!(cases).to_string().as_bytes())
        .unwrap();
    drop(input);
    let output = node.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

fn case(name: &str, pieces: &[String], kept: usize) -> Value {
    let mut history = History::new(Size::clamped(ROWS.into(), COLUMNS.into()), kept);
    for piece in pieces {
        history.push(piece.as_bytes());
    }
    json!({
        "name": format!("{name}, {kept} bytes kept"),
        "rows": ROWS,
        "cols": COLUMNS,
        "output": pieces.iter().map(|piece| BASE64.encode(piece.as_bytes())).collect::<Vec<_>>(),
        "picture": BASE64.encode(&history.picture()),
    })
}

/// What programs output, by pieces.
fn streams() -> Vec<(&'static str, Vec<String>)> {
    let lines = |count: usize| -> String {
        (0..count)
            .map(|line| format!("\x1b[3{}mline {line}\x1b[0m and more\x1b[K\r\n", line % 8))
            .collect()
    };
    let asking = "\x1b[c\x1b[>c\x1b[6n\x1b[?2004$p\x1b[>0q\x1b]11;?\x07\x1b]52;c;YQ==\x07\x1b[18t\x1b[?u\x1bZ\x05\x1bP$qm\x1b\\";
    let editor = "\x1b[?1049h\x1b[?1h\x1b=\x1b[?2004h\x1b[?1002h\x1b[?1006h\x1b[2;11r\x1b[H\x1b[7mtitle bar\x1b[27m\x1b[2;1H~\r\n~\r\n\x1b[12;1H\x1b[1mstatus\x1b[m\x1b[5;9H";
    let interface = |round: usize| {
        let frame: String = (0..5)
            .map(|line| {
                format!(
                    "\x1b[2K│ frame {round} \x1b[38;5;{}mline {line}\x1b[39m │\r\n",
                    100 + line
                )
            })
            .collect();
        format!("{frame}\x1b[38;2;10;200;30m> input\x1b[39m\x1b[?25l\r\x1b[5A")
    };
    let drawing = "\x1b(0lqqqqk\x1b(B\r\n\x0e\x0f\x1b)0\x0exx\x0f\t漢字と仮名\t👍 é\r\n";
    let wrapped = format!(
        "{}\r\n\x1b[31;44m{}",
        "word ".repeat(40),
        "0123456789".repeat(5)
    );
    vec![
        ("coloured lines", vec![lines(3), lines(200)]),
        (
            "a shell that asks",
            vec![
                lines(2),
                asking.into(),
                "$ \x1b[?2004h".into(),
                asking.into(),
            ],
        ),
        (
            "an editor",
            vec![
                lines(30),
                editor.into(),
                "edited text".into(),
                "\x1b[11;1H\n\n".into(),
            ],
        ),
        (
            "an editor that was left",
            vec![
                lines(30),
                editor.into(),
                "\x1b[r\x1b[?1002l\x1b[?1006l\x1b[?2004l\x1b[?1l\x1b>\x1b[?1049l$ ".into(),
            ],
        ),
        (
            "an interface redrawn in place",
            (0..40).map(interface).collect(),
        ),
        (
            "drawing and wide characters",
            vec![drawing.into(), drawing.repeat(9)],
        ),
        ("wrapped lines", vec![wrapped.clone(), wrapped]),
        (
            "set and not reset",
            vec![
                lines(1),
                "\x1b[4h\x1b[?7l\x1b[?6h\x1b[3;9r\x1b[4;4H\x1b7\x1b[1;35mxy\x1b[?25l".into(),
                "abc".into(),
            ],
        ),
        (
            "saved and restored",
            vec![
                lines(20),
                "\x1b[5;6H\x1b[32m\x1b7\x1b[m\x1b[9;2Hx".into(),
                "\x1b8y".into(),
            ],
        ),
        (
            "an endless line",
            vec![lines(2), "abcdefghij".repeat(2_003)],
        ),
        (
            "a reset",
            vec![lines(50), editor.into(), "\x1bcafter".into()],
        ),
    ]
}
