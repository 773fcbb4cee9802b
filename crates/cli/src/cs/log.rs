use std::time::Duration;

use live_process::{CommandOutcome, LogEntry, LoggedCommand};
use model::Timestamp;
use serde_json::{Value, json};

use super::chosen::Otherwise;
use super::context::Context;
use super::{sessions, summary};
use crate::error::{CliError, Kind};
use crate::table::{NOTHING, Table};
use crate::time;

/// Show the commands that have run on this machine for a session
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
    let entries = last(&entries, args.last);
    if args.json {
        let rows = entries.iter().map(entry_json);
        return context.output.json(&Value::Array(rows.collect()));
    }
    if entries.is_empty() {
        let text = format!("no command has run on this machine for {}", session.name());
        return context.output.note(&text);
    }
    context.output.text(&text(entries, context.output.width()))
}

/// The last `count` entries.
fn last(entries: &[LogEntry], count: Option<usize>) -> &[LogEntry] {
    let first = count.map_or(0, |count| entries.len().saturating_sub(count));
    entries.get(first..).unwrap_or_default()
}

fn text(entries: &[LogEntry], width: Option<usize>) -> String {
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
    for entry in entries {
        match entry {
            LogEntry::Command(command) => table.push(row(command)),
            LogEntry::Missed(count) => {
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
        words(command),
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
fn words(command: &LoggedCommand) -> String {
    let words = command.words.iter().map(|word| client::shell_word(word));
    let mut words = words.collect::<Vec<_>>().join(" ");
    if command.is_cut {
        words.push('…');
    }
    words
}

fn entry_json(entry: &LogEntry) -> Value {
    let command = match entry {
        LogEntry::Command(command) => command,
        LogEntry::Missed(count) => return json!({"missed": count}),
    };
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
        let text = text(&entries(), None);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5, "{text}");
        assert!(lines[1].contains("1.5 s  ok "), "{text}");
        assert!(
            lines[1].ends_with("0 B  2.0 KiB  /home/dev/project  cargo test"),
            "{text}"
        );
        assert!(lines[2].contains("signal 9") && lines[2].ends_with(r"sh -c 'a\u{1b}[2J b'"));
        assert!(lines[3].ends_with("(3 more, too many at once to be written down)"));
        assert!(lines[4].contains("refused: no") && lines[4].ends_with("npm"));
    }

    #[test]
    fn programs_get_all_of_it() {
        let rows: Vec<Value> = entries().iter().map(entry_json).collect();
        assert_eq!(rows[0]["at"], "2026-04-19T00:15:00Z");
        assert_eq!(rows[0]["exit_status"], 0);
        assert_eq!(rows[0]["words"], json!(["cargo", "test"]));
        assert_eq!(
            (&rows[1]["signal"], &rows[1]["exit_status"]),
            (&json!(9), &Value::Null)
        );
        assert_eq!(rows[2], json!({"missed": 3}));
        assert_eq!(rows[3]["refused"], "no");
    }

    #[test]
    fn the_last_are_as_many_as_there_are() {
        let all = entries();
        assert_eq!(last(&all, Some(1)), &all[3..]);
        assert_eq!(last(&all, Some(0)), &[]);
        assert_eq!(last(&all, Some(9)).len(), 4);
        assert_eq!(last(&all, None).len(), 4);
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
