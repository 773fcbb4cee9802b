//! Sessions in words and as JSON. Everything that may come from a server is made printable here.

use std::path::Path;
use std::time::Duration;

use live::control::Adapter;
use live_process::local::{CommandStatus, DirectoryStatus, LinkState, Status};
use model::Timestamp;
use serde_json::{Value, json};

use super::account;
use crate::time;

/// Where a session's directories are, as `cs live` and `cs where` say it.
pub(crate) fn mount_paths(status: &Status) -> String {
    let mut lines = vec![
        "[claude-share] Live mount paths".to_owned(),
        format!("  server {}", model::printable(&status.server)),
        format!("  session {}", model::printable(&status.session)),
    ];
    let (main, extra): (Vec<_>, Vec<_>) = status
        .directories
        .iter()
        .partition(|directory| directory.is_main);
    lines.extend(
        main.into_iter()
            .map(|directory| mount_path("main", directory)),
    );
    lines.extend(
        extra
            .into_iter()
            .map(|directory| mount_path("extra", directory)),
    );
    lines.join("\n") + "\n"
}

/// That commands run here, as `cs live` says it.
pub(crate) fn commands_run_here(commands: &CommandStatus) -> String {
    let CommandStatus { names, .. } = commands;
    format!("  commands run here: {names} names (cs proxy)\n")
}

/// How many commands are run here, and run now, in a few words.
pub(crate) fn commands(commands: &CommandStatus) -> String {
    let CommandStatus { names, running } = commands;
    format!("{names} names run here, {running} running now")
}

fn mount_path(word: &str, directory: &DirectoryStatus) -> String {
    let local = path(&directory.local.to_path());
    let note = match directory.read_only {
        true => " (read-only)",
        false => "",
    };
    match (&directory.remote, &directory.failure) {
        (Some(remote), _) => format!("  {word} {} <= {local}{note}", path(&remote.to_path())),
        (None, Some(failure)) => {
            format!(
                "  {word} not mounted: {} <= {local}{note}",
                model::printable(failure)
            )
        }
        (None, None) if directory.is_offered => {
            format!("  {word} not mounted: the server has not asked for it <= {local}{note}")
        }
        (None, None) => format!("  {word} not mounted yet <= {local}{note}"),
    }
}

/// A path made fit for a terminal.
pub(crate) fn path(path: &Path) -> String {
    model::printable(&path.to_string_lossy())
}

/// How it is with the connection, in a few words.
pub(crate) fn link(link: &LinkState) -> String {
    let text = match link {
        LinkState::Connecting {
            attempt: 1,
            error: None,
        } => "connecting".to_owned(),
        LinkState::Connecting {
            attempt,
            error: None,
        } => format!("connecting, attempt {attempt}"),
        LinkState::Connecting {
            attempt,
            error: Some(error),
        } => {
            format!("connecting, attempt {attempt}: {error}")
        }
        LinkState::Up {
            round_trip_us: None,
        } => "up".to_owned(),
        LinkState::Up {
            round_trip_us: Some(round_trip),
        } => {
            format!("up, round trip {}", round_trip_text(*round_trip))
        }
        LinkState::Down {
            since_ms,
            retry_in_ms,
            error,
        } => format!(
            "down for {}, next attempt in {}: {error}",
            time::duration(Duration::from_millis(*since_ms)),
            time::duration(Duration::from_millis(*retry_in_ms)),
        ),
        LinkState::Ended { reason } => format!("ended: {reason}"),
    };
    model::printable(&text)
}

/// Microseconds as milliseconds, to a tenth where that says something.
fn round_trip_text(microseconds: u64) -> String {
    match microseconds {
        0..10_000 => format!("{}.{} ms", microseconds / 1_000, microseconds % 1_000 / 100),
        _ => format!("{} ms", microseconds / 1_000),
    }
}

/// A number of bytes: `812 B`, `3.4 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut tenths = count.saturating_mul(10) / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// As it is said to `cs live --mount`.
pub(crate) fn adapter(adapter: Adapter) -> &'static str {
    match adapter {
        Adapter::Native => "native",
        Adapter::Sshfs => "sshfs",
    }
}

/// For programs: see `docs/live.md` for what the fields mean.
pub(crate) fn json(status: &Status) -> Value {
    let directories = status.directories.iter().map(|directory| {
        json!({
            "kind": if directory.is_main { "main" } else { "extra" },
            "local": directory.local.to_path().to_string_lossy(),
            "remote": directory.remote.as_ref().map(|path| path.to_path().to_string_lossy().into_owned()),
            "name": directory.name,
            "read_only": directory.read_only,
            "offered": directory.is_offered,
            "failure": directory.failure,
        })
    });
    json!({
        "session": status.session,
        "server": status.server,
        "daemon": status.daemon,
        "started_at": time::rfc3339(started_at(status)),
        "directories": directories.collect::<Vec<_>>(),
        "mount": adapter(status.adapter),
        "link": link_json(&status.link),
        "bytes_sent": status.bytes_sent,
        "bytes_received": status.bytes_received,
        "main_program": status.main.map(|program| program.0),
        "account": status.account.as_ref().map(|account| account::told(account).json()),
        "commands": status.commands.as_ref().map(|commands| {
            json!({"names": commands.names, "running": commands.running})
        }),
    })
}

fn link_json(link: &LinkState) -> Value {
    match link {
        LinkState::Connecting { attempt, error } => {
            json!({"state": "connecting", "attempt": attempt, "error": error})
        }
        LinkState::Up { round_trip_us } => {
            json!({"state": "up", "round_trip_us": round_trip_us})
        }
        LinkState::Down {
            since_ms,
            retry_in_ms,
            error,
        } => json!({
            "state": "down", "since_ms": since_ms, "retry_in_ms": retry_in_ms, "error": error,
        }),
        LinkState::Ended { reason } => json!({"state": "ended", "error": reason}),
    }
}

pub(crate) fn started_at(status: &Status) -> Timestamp {
    Timestamp::from_millis(status.started_at)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use live::files::Root;
    use live_process::local::LocalPath;

    fn directory(local: &str, remote: &str, is_main: bool) -> DirectoryStatus {
        DirectoryStatus {
            root: Root(u32::from(!is_main)),
            local: LocalPath::new(Path::new(local)),
            remote: Some(LocalPath::new(Path::new(remote))),
            name: local.rsplit('/').next().unwrap_or_default().to_owned(),
            is_main,
            read_only: false,
            is_offered: false,
            failure: None,
        }
    }

    pub(crate) fn status() -> Status {
        Status {
            session: "myproj-20260419-001500".to_owned(),
            server: "st@43.162.99.88".to_owned(),
            daemon: 4711,
            started_at: 1_776_557_700_000,
            directories: vec![
                directory(
                    "/Users/me/data",
                    "/home/st/.claude-share/extras/myproj-20260419-001500/1-data",
                    false,
                ),
                directory(
                    "/Users/me/work/myproj",
                    "/home/st/.claude-share/mounts/myproj-20260419-001500",
                    true,
                ),
            ],
            adapter: Adapter::Native,
            link: LinkState::Up {
                round_trip_us: Some(23_400),
            },
            bytes_sent: 3_566_000,
            bytes_received: 812,
            main: None,
            account: None,
            commands: None,
        }
    }

    #[test]
    fn mount_paths_are_as_documented() {
        assert_eq!(
            mount_paths(&status()),
            "[claude-share] Live mount paths
  server st@43.162.99.88
  session myproj-20260419-001500
  main /home/st/.claude-share/mounts/myproj-20260419-001500 <= /Users/me/work/myproj
  extra /home/st/.claude-share/extras/myproj-20260419-001500/1-data <= /Users/me/data
"
        );
    }

    #[test]
    fn what_a_server_says_does_nothing_to_the_terminal() {
        let mut status = status();
        status.directories[0].remote = None;
        status.directories[0].failure = Some("no\x1b[2J\nFUSE".to_owned());
        status.directories[1].remote = Some(LocalPath::new(Path::new("/home/\x1b]0;x\x07")));
        status.directories[1].read_only = true;
        let text = mount_paths(&status);
        assert!(!text.contains('\x1b') && !text.contains('\x07'), "{text}");
        assert!(text.contains("extra not mounted: no\\u{1b}[2J\\nFUSE <= /Users/me/data\n"));
        assert!(text.ends_with(" (read-only)\n") || text.contains("myproj (read-only)\n"));
    }

    #[test]
    fn the_connection_is_told_in_a_few_words() {
        let down = LinkState::Down {
            since_ms: 72_000,
            retry_in_ms: 4_000,
            error: "timed\nout".to_owned(),
        };
        assert_eq!(
            link(&down),
            "down for 1m12s, next attempt in 4s: timed\\nout"
        );
        assert_eq!(link(&status().link), "up, round trip 23 ms");
        assert_eq!(
            link(&LinkState::Up {
                round_trip_us: Some(840)
            }),
            "up, round trip 0.8 ms"
        );
        let first = LinkState::Connecting {
            attempt: 1,
            error: None,
        };
        assert_eq!(link(&first), "connecting");
    }

    #[test]
    fn bytes_are_told_in_the_unit_that_fits() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1024), "1.0 KiB");
        assert_eq!(bytes(3_566_000), "3.4 MiB");
        assert_eq!(bytes(1024 * 1024 - 1), "1023.9 KiB");
        assert!(bytes(u64::MAX).ends_with(" PiB"));
    }

    #[test]
    fn json_says_what_the_text_says() {
        let value = json(&status());
        assert_eq!(value["session"], "myproj-20260419-001500");
        assert_eq!(value["started_at"], "2026-04-19T00:15:00Z");
        assert_eq!(value["directories"][1]["kind"], "main");
        assert_eq!(value["directories"][0]["local"], "/Users/me/data");
        assert_eq!(value["link"]["state"], "up");
        assert_eq!(value["link"]["round_trip_us"], 23_400);
        assert_eq!(value["commands"], Value::Null);
        let mut status = status();
        status.commands = Some(CommandStatus {
            names: 29,
            running: 2,
        });
        let value = json(&status);
        assert_eq!(value["commands"], json!({"names": 29, "running": 2}));
    }
}
