//! What the installed client can read: it is asked.

use std::ffi::OsStr;
use std::fs::Permissions;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use model::{CredentialDocument, Secret, Timestamp};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vault::durable;

use crate::LaunchError;

/// Longest wait for one answer of the client; the real one takes 0.3 s.
pub const ANSWER_TIME: Duration = Duration::from_secs(15);

/// Longest answer that is read, in bytes; the real one has 500.
const ANSWER_LIMIT: usize = 64 * 1024;

/// Says that it is made up to whoever finds it. It is sent nowhere: see [`ask`].
const MADE_UP_TOKEN: &str = "sk-ant-oat01-FAKE-probe-made-up-by-claude-accounts";

/// By which variable a client can be given the directory of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewSupport {
    /// `CLAUDE_SECURESTORAGE_CONFIG_DIR`: credentials alone are elsewhere.
    SecureStorage,
    /// `CLAUDE_CONFIG_DIR` alone: everything is elsewhere, so the rest has to be linked.
    ConfigDirectory,
    /// By neither: only a token in the environment is left.
    Neither,
}

/// Asks the client itself, by its `auth status`, first without a view and then with a throw-away
/// one, in a throw-away home below `scratch` that is wiped before this returns. `search_path` is
/// for clients that are scripts.
///
/// # Errors
/// If the client cannot be started or gives no answer within [`ANSWER_TIME`]. That says nothing
/// about what it supports on a quieter day: go on as with [`ViewSupport::Neither`], but do not
/// remember it.
pub fn probe(
    client: &Path,
    scratch: &Path,
    search_path: Option<&OsStr>,
) -> Result<ViewSupport, LaunchError> {
    probe_within(client, scratch, search_path, ANSWER_TIME)
}

fn probe_within(
    client: &Path,
    scratch: &Path,
    search_path: Option<&OsStr>,
    limit: Duration,
) -> Result<ViewSupport, LaunchError> {
    durable::private_directory(scratch)?;
    let directory = tempfile::Builder::new()
        .prefix("probe-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(scratch)
        .map_err(LaunchError::file("make a directory in", scratch))?;
    let (home, view) = (directory.path().join("home"), directory.path().join("view"));
    durable::private_directory(&home)?;
    durable::private_directory(&view)?;
    durable::replace_volatile(&view.join(".credentials.json"), &made_up_view(), 0o600)?;
    let ask = |variable| {
        let view = Option::map(variable, |name: &'static str| (name, view.as_path()));
        ask(client, &home, search_path, view, limit)
    };
    let without = ask(None)?;
    if reads_view(&without, &ask(Some("CLAUDE_SECURESTORAGE_CONFIG_DIR"))?) {
        return Ok(ViewSupport::SecureStorage);
    }
    if reads_view(&without, &ask(Some("CLAUDE_CONFIG_DIR"))?) {
        return Ok(ViewSupport::ConfigDirectory);
    }
    Ok(ViewSupport::Neither)
}

/// Whether two answers of `auth status --json` show that the view was what signed the client in:
/// logged out without it, logged in by a `claude.ai` login with it.
#[must_use]
pub fn reads_view(without: &[u8], with: &[u8]) -> bool {
    let read = |answer: &[u8]| serde_json::from_slice::<Value>(answer).unwrap_or_default();
    let (without, with) = (read(without), read(with));
    without["loggedIn"] == false && with["loggedIn"] == true && with["authMethod"] == "claude.ai"
}

fn made_up_view() -> Vec<u8> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let in_an_hour = now.unwrap_or_default() + Duration::from_secs(60 * 60);
    let expires_at = Timestamp::from_millis(0).plus(in_an_hour);
    let (access, refresh) = (Secret::new(MADE_UP_TOKEN), Secret::new(""));
    CredentialDocument::from_tokens(&access, &refresh, Some(expires_at)).to_bytes()
}

/// One answer. The client sees nothing of ours: no variable but `PATH`, a home without settings
/// to work in, and for the API an address where nobody listens (port 9, discard).
fn ask(
    client: &Path,
    home: &Path,
    search_path: Option<&OsStr>,
    view: Option<(&'static str, &Path)>,
    limit: Duration,
) -> Result<Vec<u8>, LaunchError> {
    let mut command = Command::new(client);
    command
        .args(["auth", "status", "--json"])
        .env_clear()
        .envs(search_path.map(|path| ("PATH", path)))
        .env("HOME", home)
        .env("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
        .env("DISABLE_TELEMETRY", "1")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .env("DISABLE_AUTOUPDATER", "1")
        .envs(view)
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().map_err(|source| LaunchError::Start {
        program: client.to_owned(),
        source,
    })?;
    let answer = child.stdout.take().and_then(|out| read_within(out, limit));
    // It has said all, or is not worth waiting for. What it started itself is not ended.
    drop(child.kill());
    drop(child.wait());
    answer.ok_or_else(|| LaunchError::NoAnswer(client.to_owned()))
}

/// Everything up to the end, or `None` if that takes longer than `limit` or is too much.
fn read_within(mut output: ChildStdout, limit: Duration) -> Option<Vec<u8>> {
    let deadline = Instant::now() + limit;
    let (mut answer, mut chunk) = (Vec::new(), [0; 4096]);
    while answer.len() <= ANSWER_LIMIT {
        let left = deadline.checked_duration_since(Instant::now())?;
        let left = Timespec::try_from(left).ok()?;
        let ready = poll(&mut [PollFd::new(&output, PollFlags::IN)], Some(&left));
        match ready {
            Ok(0) => return None,
            Err(Errno::INTR) => continue,
            Err(_) => return None,
            Ok(_) => {}
        }
        match output.read(&mut chunk) {
            Ok(0) => return Some(answer),
            Ok(count) => answer.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::PathBuf;
    use testkit::TestHome;

    fn script(home: &TestHome, text: &str) -> PathBuf {
        let (source, path) = (home.root().join("source"), home.bin().join("claude"));
        testkit::documents::write_private(&source, format!("#!/bin/sh\n{text}\n"));
        // By a child: a file that this process had open for writing may not start while others fork.
        let mut install = Command::new("install");
        install.args(["-m", "755"]).args([&source, &path]);
        assert!(install.status().unwrap().success());
        path
    }

    fn probed(home: &TestHome, text: &str, limit: Duration) -> Result<ViewSupport, LaunchError> {
        let scratch = home.runtime().join("scratch");
        let path = OsStr::new("/usr/bin:/bin");
        let probed = probe_within(&script(home, text), &scratch, Some(path), limit);
        assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0, "wiped");
        probed
    }

    #[test]
    fn a_client_that_hangs_or_floods_gives_no_answer() {
        let home = TestHome::new();
        let hanging = probed(&home, "exec sleep 1000", Duration::from_millis(50));
        assert!(
            matches!(hanging, Err(LaunchError::NoAnswer(_))),
            "{hanging:?}"
        );
        let flooding = probed(&home, "exec yes", ANSWER_TIME);
        assert!(
            matches!(flooding, Err(LaunchError::NoAnswer(_))),
            "{flooding:?}"
        );
    }

    #[test]
    fn a_client_that_does_not_know_the_question_supports_nothing() {
        let home = TestHome::new();
        for text in [
            "echo unknown command; exit 1",
            "",
            r#"echo '{"loggedIn":true,"authMethod":"claude.ai"}'"#,
        ] {
            let supported = probed(&home, text, ANSWER_TIME).unwrap();
            assert_eq!(supported, ViewSupport::Neither, "{text}");
        }
    }

    #[test]
    fn it_sees_nothing_of_ours_and_a_private_view() {
        let home = TestHome::new();
        let seen = home.root().join("seen");
        let text = format!(
            "{{ env; pwd; stat -c '%a %n' \"$HOME\" \"$CLAUDE_CONFIG_DIR\" \"$CLAUDE_CONFIG_DIR\"/.credentials.json; }} > {} 2>&1\n\
             echo '{{\"loggedIn\": false}}'",
            seen.display()
        );
        assert_eq!(
            probed(&home, &text, ANSWER_TIME).unwrap(),
            ViewSupport::Neither
        );
        let seen = std::fs::read_to_string(seen).unwrap();
        let names: Vec<&str> = seen
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, _)| name)
            .collect();
        for name in &names {
            let expected = [
                "PATH",
                "HOME",
                "PWD",
                "OLDPWD",
                "SHLVL",
                "_",
                "ANTHROPIC_BASE_URL",
                "DISABLE_TELEMETRY",
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
                "DISABLE_AUTOUPDATER",
                "CLAUDE_CONFIG_DIR",
            ];
            assert!(expected.contains(name), "{name}");
        }
        assert!(
            names.contains(&"CLAUDE_CONFIG_DIR")
                && seen.contains("ANTHROPIC_BASE_URL=http://127.0.0.1:9\n")
        );
        assert_eq!(seen.matches("\n700 ").count(), 2, "{seen}");
        assert_eq!(seen.matches("\n600 ").count(), 1, "{seen}");
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(one in prop::collection::vec(any::<u8>(), 0..60), other in "\\PC{0,60}") {
            assert!(!reads_view(&one, other.as_bytes()));
            assert!(!reads_view(other.as_bytes(), &one));
        }
    }
}
