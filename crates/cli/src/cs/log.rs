use std::time::Duration;

use live_process::client::Session;
use live_process::local::{FromDaemon, OngoingCommand, ToDaemon};
use live_process::{CommandOutcome, LogEntry, LoggedCommand};
use model::Timestamp;
use serde_json::{Value, json};

use super::chosen::Otherwise;
use super::context::Context;
use super::{sessions, summary};
use crate::error::{CliError, Kind};
use crate::table::{NOTHING, Table};
use crate::time;

/// Show the commands that have run on this machine for a session, and those that run
///
/// Also those of a session whose process here was killed, until `cs stop` cleans up.
#[derive(clap::Args)]
pub(crate) struct LogArgs {
    /// The session; the one of the current directory, else the newest, if not given
    session: Option<String>,
    /// The last so many alone
    #[arg(long, value_name = "N")]
    last: Option<usize>,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &LogArgs, context: &Context) -> Result<(), CliError> {
    let all = sessions::sessions(context)?.list()?;
    let place = sessions::place_of(&all, args.session.as_deref(), Otherwise::Newest)?;
    let session = all.get(place).ok_or_else(super::chosen::none_runs)?;
    // First: what ends meanwhile is in both.
    let (ongoing, unsaid) = ongoing(session, context);
    if unsaid > 0 {
        let text = format!("{unsaid} more run than are listed");
        context.output.warning(&text);
    }
    let entries = session.commands().map_err(|error| {
        let message = format!(
            "what has run for {} cannot be read: {error}",
            session.name()
        );
        CliError::new(
            Kind::Storage,
            message,
            "Check the permissions of ~/.claude-share.",
        )
    })?;
    let lines = lines(entries, ongoing);
    let lines = last(&lines, args.last);
    if args.json {
        let rows = lines.iter().map(line_json);
        return context.output.json(&Value::Array(rows.collect()));
    }
    if lines.is_empty() {
        let text = format!("no command has run on this machine for {}", session.name());
        return context.output.note(&text);
    }
    context.output.text(&text(lines, context.output.width()))
}

/// A line of what is shown.
enum Line {
    /// What is written down.
    Written(LogEntry),
    /// A command that has not ended.
    Ongoing(OngoingCommand),
}

/// The commands that run now, and how many more. Whoever cannot be asked keeps nobody from seeing what is written down.
fn ongoing(session: &Session, context: &Context) -> (Vec<OngoingCommand>, u32) {
    if !session.is_running() {
        return Default::default();
    }
    match context.wait_for(sessions::asked(session, &ToDaemon::Commands)) {
        Ok(FromDaemon::Commands { commands, more }) => (commands, more),
        // It has ended meanwhile.
        Err(error) if error.kind == Kind::NotFound => Default::default(),
        answered => {
            let error = answered.err().unwrap_or_else(sessions::senseless);
            let text = format!("which commands run now is not known: {error}");
            context.output.warning(&text);
            Default::default()
        }
    }
}

/// What is written down, and behind it what runs.
fn lines(entries: Vec<LogEntry>, ongoing: Vec<OngoingCommand>) -> Vec<Line> {
    let is_of = |command: &OngoingCommand, entry: &LogEntry| match entry {
        LogEntry::Command(ended) => {
            (ended.at, &ended.words) == (command.at, &command.words)
                && ended.directory == command.directory.to_path()
        }
        LogEntry::Missed(_) => false,
    };
    let has_ended = |command: &OngoingCommand| entries.iter().any(|entry| is_of(command, entry));
    let ongoing: Vec<OngoingCommand> = ongoing
        .into_iter()
        .filter(|command| !has_ended(command))
        .collect();
    let written = entries.into_iter().map(Line::Written);
    written
        .chain(ongoing.into_iter().map(Line::Ongoing))
        .collect()
}

/// The last `count` lines.
fn last(lines: &[Line], count: Option<usize>) -> &[Line] {
    let first = count.map_or(0, |count| lines.len().saturating_sub(count));
    lines.get(first..).unwrap_or_default()
}

fn text(lines: &[Line], width: Option<usize>) -> String {
    let headings = [
        "when",
        "took",
        "result",
        "in",
        "out",
        "directory",
        "command",
    ];
    let mut table = Table::new(&headings);
    for line in lines {
        match line {
            Line::Written(LogEntry::Command(command)) => table.push(row(command)),
            Line::Ongoing(command) => table.push(ongoing_row(command)),
            Line::Written(LogEntry::Missed(count)) => {
                let words = format!("({count} more, too many at once to be written down)");
                let nothing = || NOTHING.to_owned();
                let cells = [
                    nothing(),
                    nothing(),
                    nothing(),
                    nothing(),
                    nothing(),
                    nothing(),
                    words,
                ];
                table.push(cells);
            }
        }
    }
    table.render(width)
}

fn row(command: &LoggedCommand) -> [String; 7] {
    let was_refused = matches!(command.outcome, CommandOutcome::Refused(_));
    let unless_refused = |text: String| match was_refused {
        true => NOTHING.to_owned(),
        false => text,
    };
    [
        time::to_the_second(Timestamp::from_millis(command.at)),
        unless_refused(took(command.duration_ms)),
        result(&command.outcome),
        unless_refused(summary::bytes(command.input)),
        unless_refused(summary::bytes(command.output)),
        summary::path(&command.directory),
        words(&command.words, command.is_cut),
    ]
}

fn ongoing_row(command: &OngoingCommand) -> [String; 7] {
    [
        time::to_the_second(Timestamp::from_millis(command.at)),
        took(command.duration_ms),
        "running".to_owned(),
        NOTHING.to_owned(),
        summary::bytes(command.output),
        summary::path(&command.directory.to_path()),
        words(&command.words, command.is_cut),
    ]
}

fn took(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        _ => time::duration(Duration::from_millis(milliseconds)),
    }
}

fn result(outcome: &CommandOutcome) -> String {
    match outcome {
        CommandOutcome::Exited(0) => "ok".to_owned(),
        CommandOutcome::Exited(code) => format!("exit {code}"),
        CommandOutcome::Killed(signal) => format!("signal {signal}"),
        CommandOutcome::Refused(why) => format!("refused: {why}"),
    }
}

/// As a shell would read it.
fn words(words: &[String], is_cut: bool) -> String {
    let words = words.iter().map(|word| client::shell_word(word));
    let mut words = words.collect::<Vec<_>>().join(" ");
    if is_cut {
        words.push('…');
    }
    words
}

fn line_json(line: &Line) -> Value {
    match line {
        Line::Written(LogEntry::Command(command)) => command_json(command),
        Line::Written(LogEntry::Missed(count)) => json!({"missed": count}),
        Line::Ongoing(command) => json!({
            "at": time::rfc3339(Timestamp::from_millis(command.at)),
            "directory": command.directory.to_path().to_string_lossy(),
            "words": command.words,
            "cut": command.is_cut,
            "running": true,
            "duration_ms": command.duration_ms,
            "exit_status": null,
            "signal": null,
            "refused": null,
            "input_bytes": null,
            "output_bytes": command.output,
        }),
    }
}

fn command_json(command: &LoggedCommand) -> Value {
    let (code, signal, refused) = match &command.outcome {
        CommandOutcome::Exited(code) => (Some(code), None, None),
        CommandOutcome::Killed(signal) => (None, Some(signal), None),
        CommandOutcome::Refused(why) => (None, None, Some(why)),
    };
    json!({
        "at": time::rfc3339(Timestamp::from_millis(command.at)),
        "directory": command.directory.to_string_lossy(),
        "words": command.words,
        "cut": command.is_cut,
        "running": false,
        "duration_ms": command.duration_ms,
        "exit_status": code,
        "signal": signal,
        "refused": refused,
        "input_bytes": command.input,
        "output_bytes": command.output,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use live_process::local::LocalPath;

    use super::*;

    fn command(words: &[&str], outcome: CommandOutcome) -> LogEntry {
        LogEntry::Command(LoggedCommand {
            at: 1_776_557_700_000,
            directory: "/home/dev/project".into(),
            words: words.iter().map(ToString::to_string).collect(),
            is_cut: false,
            duration_ms: 1_530,
            outcome,
            input: 0,
            output: 2048,
        })
    }

    fn ongoing(words: &[&str]) -> OngoingCommand {
        OngoingCommand {
            at: 1_776_557_700_000,
            directory: LocalPath::new(Path::new("/home/dev/project")),
            words: words.iter().map(ToString::to_string).collect(),
            is_cut: false,
            duration_ms: 2_500,
            output: 7,
        }
    }

    fn all() -> Vec<Line> {
        // The first has ended by now.
        let ongoing = [&["cargo", "test"][..], &["node", "serve.js"]].map(ongoing);
        lines(entries(), ongoing.into())
    }

    fn entries() -> Vec<LogEntry> {
        vec![
            command(&["cargo", "test"], CommandOutcome::Exited(0)),
            command(&["sh", "-c", "a\x1b[2J b"], CommandOutcome::Killed(9)),
            LogEntry::Missed(3),
            command(&["npm"], CommandOutcome::Refused("no".to_owned())),
        ]
    }

    #[test]
    fn every_command_is_a_line() {
        let text = text(&all(), None);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 6, "{text}");
        assert!(lines[1].contains("1.5 s  ok "), "{text}");
        assert!(
            lines[1].ends_with("0 B  2.0 KiB  /home/dev/project  cargo test"),
            "{text}"
        );
        assert!(lines[2].contains("signal 9") && lines[2].ends_with(r"sh -c 'a\u{1b}[2J b'"));
        assert!(lines[3].ends_with("(3 more, too many at once to be written down)"));
        assert!(lines[4].contains("refused: no") && lines[4].ends_with("npm"));
        assert!(lines[5].contains("2.5 s  running "), "{text}");
        assert!(lines[5].ends_with("7 B      /home/dev/project  node serve.js"));
    }

    #[test]
    fn programs_get_all_of_it() {
        let rows: Vec<Value> = all().iter().map(line_json).collect();
        assert_eq!(rows[0]["at"], "2026-04-19T00:15:00Z");
        assert_eq!(rows[0]["exit_status"], 0);
        assert_eq!(rows[0]["words"], json!(["cargo", "test"]));
        assert_eq!(
            (&rows[1]["signal"], &rows[1]["exit_status"]),
            (&json!(9), &Value::Null)
        );
        assert_eq!(rows[2], json!({"missed": 3}));
        assert_eq!(rows[3]["refused"], "no");
        assert_eq!(rows[4]["words"], json!(["node", "serve.js"]));
        for row in [&rows[0], &rows[1], &rows[3], &rows[4]] {
            let names = |row: &Value| row.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(row), names(&rows[0]));
            assert_eq!(row["running"], *row == rows[4]);
        }
    }

    #[test]
    fn the_last_are_as_many_as_there_are() {
        let all = all();
        let one = last(&all, Some(1));
        assert!(matches!(one, [Line::Ongoing(command)] if command.words[0] == "node"));
        for (count, expected) in [(Some(0), 0), (Some(2), 2), (Some(9), 5), (None, 5)] {
            assert_eq!(last(&all, count).len(), expected);
        }
    }

    #[test]
    fn durations_are_told_in_the_unit_that_fits() {
        for (milliseconds, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (59_950, "59.9 s"),
            (61_000, "1m1s"),
        ] {
            assert_eq!(took(milliseconds), text);
        }
    }
}
