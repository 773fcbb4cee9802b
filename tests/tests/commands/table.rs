//! Forty real command lines do in a session what they do on the laptop itself: the same bytes on both outputs, the same
//! status, and the same files left. Over a long way ten of them do; all with `CLAUDE_ACCOUNTS_TEST_ROUNDS=10000`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use end_to_end::is_installed;
use end_to_end::machines::{Machines, PROJECT, USER};
use testkit::skip::skip_named;

use crate::lines::{LINES, Line};
use crate::scene::{agreed_far_apart_or_skip, begin, install_toolchain, rounds};

/// Beside the program itself: what a line takes that hangs.
const LONGEST: &str = "100";
/// So many rounds are asked for by who has the time for every line.
const THOROUGH: usize = 10_000;
/// How much is shown of what differs, in bytes.
const SHOWN: usize = 2000;
/// Puts the same into each line's directory.
const FILL: &str = r#"
    mkdir -p "$1" && cd "$1" &&
    seq 5 > numbers && echo 'of a' > a.txt && echo 'of b' > 'b b.txt' &&
    printf 'all: one two\n\t@echo all\none two:\n\t@echo $@\nfail:\n\t@echo to errors >&2; exit 3\nagain:\n\t@$(MAKE) all\nwide: one two\n\t@sleep 0.1\n' > Makefile &&
    printf '{"name": "p", "version": "1.0.0", "scripts": {"hello": "echo hello from npm", "test": "node -e \\"console.log(6 * 7)\\"", "fail": "exit 5"}}\n' > package.json &&
    printf 'import unittest\nclass Adds(unittest.TestCase):\n    def test_adds(self):\n        self.assertEqual(1 + 1, 2)\n    def test_fails(self):\n        self.assertEqual(1 + 1, 3)\n' > test_adds.py &&
    mkdir src && printf '[package]\nname = "p"\nversion = "1.0.0"\nedition = "2021"\n[workspace]\n' > Cargo.toml &&
    printf 'fn main() {\n    let words: Vec<String> = std::env::args().skip(1).collect();\n    println!("{words:?}");\n    std::process::exit(9);\n}\n#[test]\nfn adds() {\n    assert_eq!(1 + 1, 2);\n}\n' > src/main.rs
"#;
/// Of every file that a line has left: its mode and what is in it. Builds keep times in some.
const LEFT: &str = r#"cd '/home/dev/project' && find . -name .git -prune -o -name target -prune -o -name __pycache__ -prune -o -print0 |
    sort -z | while IFS= read -r -d '' path; do
        stat -c '%a %F %n' -- "$path"
        if [ -f "$path" ] && [ ! -L "$path" ]; then sha256sum < "$path"; fi
    done"#;

/// What became of a line.
#[derive(PartialEq, Eq)]
struct Outcome {
    output: Vec<u8>,
    errors: Vec<u8>,
    status: Option<i32>,
}

#[test]
fn forty_lines_next_door() {
    compare(Duration::ZERO, LINES);
}

#[test]
fn lines_over_20_ms() {
    compare(Duration::from_millis(20), &far());
}

#[test]
fn lines_over_80_ms() {
    compare(Duration::from_millis(80), &far());
}

fn far() -> Vec<Line> {
    let is_thorough = rounds(0) >= THOROUGH;
    let lines = LINES.iter().filter(|line| line.far || is_thorough);
    lines.copied().collect()
}

fn compare(round_trip: Duration, lines: &[Line]) {
    let Some(machines) = agreed_far_apart_or_skip(round_trip) else {
        return;
    };
    let lines = possible(&machines, lines);
    fill(&machines, &lines);
    let expected: Vec<Outcome> = lines
        .iter()
        .map(|line| on_the_laptop(&machines, line))
        .collect();
    let left = left(&machines);
    drop(
        machines
            .on_laptop(&format!("rm -rf {PROJECT}/* {PROJECT}/.[!.]*"))
            .success(),
    );
    fill(&machines, &lines);
    begin(&machines, &[]);
    let mut different = String::new();
    for (line, expected) in lines.iter().zip(&expected) {
        let outcome = in_the_session(&machines, line);
        if outcome != *expected {
            outcome.tell(line.name, expected, &mut different);
        }
    }
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
    assert!(different.is_empty(), "{different}");
    assert_same_files(&left, &self::left(&machines));
}

/// Those of which everything is installed. Each of the others is noted as skipped.
fn possible(machines: &Machines, lines: &[Line]) -> Vec<Line> {
    let mut missing = BTreeMap::new();
    let wanted = lines.iter().flat_map(|line| line.needs);
    for program in wanted {
        let reason = match *program {
            "cargo" => install_toolchain(machines).err(),
            "pytest" => (!has_pytest(machines)).then(|| "needs pytest".to_owned()),
            program => (!is_installed(program)).then(|| format!("needs {program}")),
        };
        missing.insert(*program, reason);
    }
    let reason = |line: &Line| {
        line.needs
            .iter()
            .find_map(|program| missing[program].clone())
    };
    let mut possible = Vec::new();
    for line in lines {
        match reason(line) {
            None => possible.push(*line),
            Some(reason) => skip_named(&format!("a line of the table: {}", line.name), reason),
        }
    }
    possible
}

fn has_pytest(machines: &Machines) -> bool {
    machines.on_laptop("pytest --version").status.success()
}

#[track_caller]
fn fill(machines: &Machines, lines: &[Line]) {
    for line in lines {
        let words = ["sh", "-c", FILL, "sh", &directory(line)];
        drop(machines.laptop.run_quickly_as(USER, &words).success());
    }
}

/// The same path in both runs: what a command says of where it is is the laptop's.
fn directory(line: &Line) -> String {
    let name = line
        .name
        .replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    format!("{PROJECT}/{name}")
}

fn on_the_laptop(machines: &Machines, line: &Line) -> Outcome {
    ran(machines, line, &[])
}

fn in_the_session(machines: &Machines, line: &Line) -> Outcome {
    ran(machines, line, &["cs", "run"])
}

fn ran(machines: &Machines, line: &Line, before: &[&str]) -> Outcome {
    let mut command = machines.laptop.command_as_user(USER, "env");
    command.arg(format!("--chdir={}", directory(line)));
    command
        .args(["timeout", "--foreground", LONGEST])
        .args(before);
    command.args(["sh", "-c", line.script]);
    output(command)
}

fn output(mut command: Command) -> Outcome {
    let output = command.stdin(Stdio::null()).output().unwrap();
    Outcome {
        output: output.stdout,
        errors: output.stderr,
        status: output.status.code(),
    }
}

impl Outcome {
    fn tell(&self, name: &str, expected: &Outcome, text: &mut String) {
        writeln!(text, "--- {name}").unwrap();
        if self.status != expected.status {
            writeln!(text, "status {:?}, not {:?}", self.status, expected.status).unwrap();
        }
        let both = [
            ("output", &self.output, &expected.output),
            ("errors", &self.errors, &expected.errors),
        ];
        for (what, found, expected) in both {
            if found != expected {
                let (found, expected) = (shown(found), shown(expected));
                writeln!(text, "{what} is\n{found}\nand not\n{expected}").unwrap();
            }
        }
    }
}

fn shown(bytes: &[u8]) -> String {
    let first = &bytes[..bytes.len().min(SHOWN)];
    format!("{} bytes: {}", bytes.len(), String::from_utf8_lossy(first))
}

fn left(machines: &Machines) -> String {
    let words = ["bash", "-c", LEFT];
    machines
        .laptop
        .run_quickly_as(USER, &words)
        .success()
        .stdout
}

#[track_caller]
fn assert_same_files(expected: &str, found: &str) {
    let differing = expected
        .lines()
        .zip(found.lines())
        .find(|(one, other)| one != other);
    assert!(
        expected == found,
        "other files are left, first: {differing:#?}"
    );
}
