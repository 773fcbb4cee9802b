//! Whether what was printed is what the page shows, but for what differs from run to run.

use regex::Regex;
use snapbox::Data;
use snapbox::filter::NormalizeToExpected;
use snapbox::report::{Palette, write_diff};
use std::sync::LazyLock;

/// What differs from run to run, and what stands for it; in this order.
const DIFFERING: [(&str, &str); 24] = [
    // A masked key or token is known by its last characters.
    (r"(sk-ant-[a-z]+\d\d-…)[\w-]+", "$1"),
    (r"(sk-ant-[a-z]+\d\d-FAKE)[\w-]+", "$1"),
    (
        r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?( ?(Z|UTC|[+-]\d\d:\d\d))?",
        "TIME",
    ),
    (r"\b\d{4}-\d\d-\d\d\b", "DATE"),
    (r"\b\d{8}-\d{6}\b", "STAMP"),
    (r"\b\d+[dhms](\d+[hms])?\b", "SPAN"),
    (
        r"\b\d+(\.\d+)? (ms|µs|s|min|seconds?|minutes?|hours?|days?)\b",
        "SPAN",
    ),
    (r"just now|SPAN ago", "AGO"),
    (r"\b(process|pid)(:?\s+)\d+", "$1${2}N"),
    (r"(\s)\d+(\s+(secure storage|config directory))", "${1}N$2"),
    (r"\b\d+(\.\d+)? ([KMGT]i)?B\b", "SIZE"),
    (r"([0-9A-F]{2}:){15,}[0-9A-F]{2}", "FINGERPRINT"),
    (r"SHA256:[A-Za-z0-9+/]{43}", "FINGERPRINT"),
    (r"\b([A-Z2-7]{4}-){3,}[A-Z2-7]{4}\b", "CODE"),
    (r"\b[0-9a-f]{16,}\b", "HEX"),
    (r"\b(10\.77\.\d+|192\.0\.2)\.\d+\b", "ADDRESS"),
    (
        r"(?P<before>^|[^.\d])\d+\.\d+\.\d+(-\d+)?(?P<after>$|[^.\d])",
        "${before}VERSION$after",
    ),
    (
        r"\b(Debian GNU/Linux|Ubuntu|Alpine Linux) [^,\n]*",
        "DISTRIBUTION",
    ),
    (r"\b(x86_64|aarch64|amd64|arm64)\b", "PROCESSOR"),
    (r":\d{5}\b", ":PORT"),
    (r"\b\d{5,}\b", "NUMBER"),
    // Columns are as wide as what stands in them.
    (r"  +", "  "),
    (r"-{3,}", "---"),
    (r"(?m) +$", ""),
];

static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let rules = DIFFERING.iter();
    rules
        .map(|(pattern, with)| (Regex::new(pattern).expect("a pattern"), *with))
        .collect()
});

/// Why they are not alike; `None` if they are.
pub(crate) fn difference(shown_in_page: &str, printed: &str) -> Option<String> {
    // An ellipsis stands for what is left out, as it does for readers: lines or a part of one.
    let anything = |line: &str| match line {
        "…" => "...".to_owned(),
        line => line.replace('…', "[..]"),
    };
    let pattern: Vec<String> = alike(shown_in_page).lines().map(anything).collect();
    let expected = Data::text(pattern.join("\n"));
    let printed = Data::text(alike(printed));
    let matched = NormalizeToExpected::new()
        .redact()
        .normalize(printed, &expected);
    if matched == expected {
        return None;
    }
    let mut report = String::new();
    let (page, run) = ("the page", "the run");
    write_diff(
        &mut report,
        &expected,
        &matched,
        Some(&page),
        Some(&run),
        Palette::plain(),
    )
    .expect("a text to write into");
    Some(report)
}

fn alike(text: &str) -> String {
    let text = text.trim_end().to_owned();
    let replace =
        |text: String, (rule, with): &(Regex, &str)| rule.replace_all(&text, *with).into_owned();
    RULES.iter().fold(text, replace)
}

/// What a terminal was sent, as the text that is read on it.
pub(crate) fn as_text(sent: &str) -> String {
    static SEQUENCES: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = r"\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]|[\x00-\x08\x0b\x0c\x0e-\x1f]";
        Regex::new(pattern).expect("a pattern")
    });
    let text = SEQUENCES.replace_all(sent, "");
    // What stands before a carriage return was written over.
    let lines = text.split('\n').map(|line| {
        let line = line.trim_end_matches('\r');
        line.rsplit('\r').next().unwrap_or_default().trim_end()
    });
    lines.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

#[test]
fn what_differs_from_run_to_run_is_alike() {
    let page = "work *  OAuth  sk-ant-oat01-…k001  max   7h59m     just now\nsession project-20261122-124140, process 12, 0.1.0";
    let run = "work *  OAuth  sk-ant-oat01-…abcd  max   8h  2s ago\nsession project-20270102-010203, process 4711, 12.3.4";
    assert_eq!(difference(page, run), None);
    assert_eq!(difference("one\n…\nfour", "one\ntwo\nthree\nfour"), None);
    assert_eq!(difference("at [..], done", "at home, done"), None);
    assert_eq!(difference("{\"id\":1, …}", "{\"id\":1, \"name\":2}"), None);
    assert!(difference("http://127.0.0.1:80", "http://127.0.0.2:80").is_some());
    assert!(difference("done", "failed").is_some());
}

#[test]
fn sequences_of_terminals_are_no_text() {
    assert_eq!(
        as_text("\u{1b}]0;title\u{7}\u{1b}[1mone\u{1b}[0m\r\n50 %\r100 %\r\n"),
        "one\n100 %"
    );
}
