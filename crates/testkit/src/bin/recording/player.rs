//! Somebody who types at a shell, and what is to be seen of it.

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;
use testkit::{Terminal, wait_until};

/// Of the terminal, in characters.
pub(crate) const COLUMNS: usize = 92;
pub(crate) const ROWS: usize = 26;

const PATIENCE: Duration = Duration::from_secs(60);
/// Nothing that a terminal shows: the end of a shell's prompt.
const READY: &str = "\u{1b}]7;ready\u{7}";
/// Seconds between two keys, before what a command says, and before the next scene.
const KEY: f64 = 0.05;
const ANSWER: f64 = 0.35;
const SCENE: f64 = 2.5;
/// Home, and erase everything.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

/// What was shown so far, at which second.
pub(crate) struct Recording {
    events: Vec<Value>,
    clock: f64,
}

impl Recording {
    pub(crate) fn new() -> Self {
        Self {
            events: Vec::new(),
            clock: 0.0,
        }
    }

    /// The whole file, without dates and numbers of processes that are others each time.
    pub(crate) fn asciicast(&self) -> String {
        let mut text = json!({"version": 2, "width": COLUMNS, "height": ROWS}).to_string();
        for event in &self.events {
            write!(text, "\n{event}").unwrap();
        }
        // The end: until then the last picture is shown.
        write!(text, "\n{}\n", json!([seconds(self.clock), "o", ""])).unwrap();
        with_what_is_always(&text)
    }

    fn add(&mut self, code: &str, data: &str) {
        self.events.push(json!([seconds(self.clock), code, data]));
    }
}

/// To the millisecond.
fn seconds(clock: f64) -> f64 {
    (clock * 1000.0).round() / 1000.0
}

/// What is another one each time, as it is to stand there: digits stand for digits.
const ALWAYS: [&str; 3] = ["20260101-120000", "2026-01-01 12:00", "process 110"];

fn with_what_is_always(text: &str) -> String {
    let is_like = |text: &str, like: &str| {
        let start = text.as_bytes().get(..like.len());
        start.is_some_and(|start| {
            let mut pairs = start.iter().zip(like.bytes());
            pairs.all(|(byte, like)| {
                *byte == like || (byte.is_ascii_digit() && like.is_ascii_digit())
            })
        })
    };
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let mut known = ALWAYS.into_iter();
        let length = if let Some(always) = known.find(|always| is_like(rest, always)) {
            replaced.push_str(always);
            always.len()
        } else {
            replaced.push(character);
            character.len_utf8()
        };
        rest = &rest[length..];
    }
    replaced
}

/// A shell on a terminal.
pub(crate) struct Shell<'a> {
    terminal: Terminal,
    /// How much of what it has shown is in the recording.
    seen: usize,
    recording: &'a mut Recording,
}

/// The program and arguments of a shell with a prompt that names `place`, in `directory`.
pub(crate) fn shell_words(place: &str, directory: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let exports: String = variables
        .iter()
        .map(|(name, value)| format!("{name}='{value}' "))
        .collect();
    let start = format!(
        "stty cols {COLUMNS} rows {ROWS} && cd {directory} && exec env {exports} TERM=xterm-256color PS1='{}' bash --norc --noprofile -i",
        prompt(place)
    );
    vec!["-c".to_owned(), start]
}

/// For `PS1`: the place in colour, and the mark that says that the shell waits.
pub(crate) fn prompt(place: &str) -> String {
    format!(r"\[\e[1;32m\]{place}\[\e[0m\]:\[\e[1;34m\]\w\[\e[0m\]\$ \[\e]7;ready\a\]")
}

impl<'a> Shell<'a> {
    /// A new scene, at the first prompt of the shell on `terminal`.
    pub(crate) fn begin(recording: &'a mut Recording, title: &str, terminal: Terminal) -> Self {
        recording.add("m", title);
        recording.add("o", CLEAR);
        let mut shell = Self {
            terminal,
            seen: 0,
            recording,
        };
        shell.wait_for(READY);
        shell.show(0.8);
        shell
    }

    /// Types a command, waits until the shell is there again, and gives `reading` seconds to what is shown.
    pub(crate) fn run(&mut self, command: &str, reading: f64) {
        self.type_visibly(command);
        self.enter();
        self.wait_for(READY);
        self.show(reading);
    }

    /// Types a command that asks, and waits for the question.
    pub(crate) fn run_until(&mut self, command: &str, question: &str, reading: f64) {
        self.type_visibly(command);
        self.enter();
        self.wait_for(question);
        self.show(reading);
    }

    /// Answers a question with what is not shown.
    pub(crate) fn answer_hidden(&mut self, answer: &str, reading: f64) {
        self.terminal.type_text(answer);
        self.enter();
        self.wait_for(READY);
        self.show(reading);
    }

    /// Answers a question.
    pub(crate) fn answer(&mut self, answer: &str, reading: f64) {
        self.type_visibly(answer);
        self.enter();
        self.wait_for(READY);
        self.show(reading);
    }

    /// The end of a scene.
    pub(crate) fn end(self) {
        self.recording.clock += SCENE;
    }

    fn type_visibly(&mut self, text: &str) {
        for key in text.chars() {
            let before = self.terminal.shown().len();
            self.terminal.type_text(key.encode_utf8(&mut [0; 4]));
            wait_until("a key's echo", PATIENCE, || {
                self.terminal.shown().len() > before
            });
            self.show(KEY);
        }
    }

    fn enter(&mut self) {
        self.recording.clock += ANSWER;
        self.terminal.type_text("\r");
    }

    /// Until `text` is among what is not yet in the recording.
    fn wait_for(&self, text: &str) {
        wait_until(text, PATIENCE, || {
            self.terminal.shown()[self.seen..].contains(text)
        });
    }

    /// Takes what has come into the recording, and lets so many seconds go by.
    fn show(&mut self, seconds: f64) {
        let shown = self.terminal.shown();
        self.recording.add("o", &shown[self.seen..]);
        self.seen = shown.len();
        self.recording.clock += seconds;
    }
}
