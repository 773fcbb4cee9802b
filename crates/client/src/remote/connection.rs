//! One `ssh` from its start to its end.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;

use super::Server;
use crate::ClientError;
use crate::profiles::ssh_arguments;
use crate::report::Report;
use crate::tools::last_line;

const PRELUDE: &str = include_str!("prelude.sh");

/// Most that is read of what a server prints, in bytes.
const LIMIT: u64 = 1024 * 1024;

/// What a script needs, whatever stands in `~/.ssh/config`. Nothing here weakens how the host key is checked.
const OPTIONS: [&str; 9] = [
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "RequestTTY=no",
    // This connection is nobody else's.
    "ControlMaster=no",
    "ConnectTimeout=30",
    "ServerAliveInterval=15",
];

/// Besides, where it is to be seen what comes of the key alone.
const ALONE: [&str; 2] = ["BatchMode=yes", "ControlPath=none"];

/// What `ssh` ends with when it is not the command that failed (ssh(1), "EXIT STATUS").
const FAILED: i32 = 255;

/// Whom `ssh` may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking<'a> {
    /// Nobody: the key has to do.
    Nobody,
    /// The user, on the terminal, if neither the key nor one of these others does; what it says goes there too.
    User(&'a [PathBuf]),
}

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The script came to its end.
    Answered(Report),
    /// There was no connection: why, and what `ssh` said.
    Refused(Refused, String),
}

/// Why there was no connection. Told from what `ssh` printed, which the server can print too: what follows from it is
/// only that the user is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The server does not take the key.
    Key,
    /// The server's own key is not known.
    HostUnknown,
    /// Something else.
    Other,
}

impl Server<'_> {
    /// Runs a script, with `input` behind it on its standard input.
    pub(super) fn run(
        &self,
        asking: Asking<'_>,
        script: &str,
        input: Option<File>,
    ) -> Result<Ended, ClientError> {
        let script = format!("{PRELUDE}{script}\nfinish\n");
        let compress = input.is_some();
        let mut command = self.command(asking, script.len(), compress);
        let mut child = command.spawn().map_err(|error| ClientError::Program {
            program: self.tools.ssh.display().to_string(),
            problem: format!("cannot be started: {error}"),
        })?;
        let (said, printed) = talk(&mut child, &script, input);
        let status = child.wait().map_err(ClientError::system("wait for ssh"))?;
        if let Some(report) = Report::parse(&printed) {
            return Ok(Ended::Answered(report));
        }
        if status.code() != Some(FAILED) {
            return Err(self.failed(&nonsense(&said, &printed, status)));
        }
        let said_last = last_line(&said).unwrap_or_else(|| "ssh says why above".to_owned());
        Ok(Ended::Refused(
            refused(&String::from_utf8_lossy(&said)),
            said_last,
        ))
    }

    fn command(&self, asking: Asking<'_>, length: usize, compress: bool) -> Command {
        let mut command = self.tools.command(&self.tools.ssh);
        command.arg("-T");
        command.args(OPTIONS.iter().flat_map(|option| ["-o", option]));
        match asking {
            Asking::Nobody => {
                command.args(ALONE.iter().flat_map(|option| ["-o", option]));
                command.args(ssh_arguments(self.destination, self.identity));
            }
            Asking::User(others) => {
                command.args(ssh_arguments(self.destination, None));
                let keys = self
                    .identity
                    .into_iter()
                    .chain(others.iter().map(PathBuf::as_path));
                command.args(keys.flat_map(|key| [OsStr::new("-i"), key.as_os_str()]));
            }
        }
        if compress {
            command.arg("-C");
        }
        command
            .arg(self.destination.without_port())
            .arg("--")
            .arg(start(length))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        match asking {
            Asking::Nobody => command.stderr(Stdio::piped()),
            Asking::User(_) => command.stderr(Stdio::inherit()),
        };
        command
    }
}

/// What the login shell, whichever it is, is told: to read a script of that many bytes from its input and no byte more,
/// as what follows is for the script.
fn start(length: usize) -> OsString {
    format!("exec sh -c 'eval \"$(dd bs=1 count={length} 2>/dev/null)\"'").into()
}

/// Gives the script and what follows, and takes what is said and printed, at the same time.
fn talk(child: &mut Child, script: &str, input: Option<File>) -> (Vec<u8>, Vec<u8>) {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(move || {
            // A connection that breaks is told by the end of ssh.
            stdin
                .map(|stdin| feed(stdin, script, input))
                .transpose()
                .ok();
        });
        let said = scope.spawn(move || stderr.map(all_of).unwrap_or_default());
        let printed = stdout.map(all_of).unwrap_or_default();
        (said.join().unwrap_or_default(), printed)
    })
}

fn feed(mut stdin: ChildStdin, script: &str, input: Option<File>) -> io::Result<()> {
    stdin.write_all(script.as_bytes())?;
    if let Some(mut input) = input {
        io::copy(&mut input, &mut stdin)?;
    }
    Ok(())
}

/// To its end, of which what is beyond the limit is dropped.
fn all_of(mut stream: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What came before a failure counts.
    drop(stream.by_ref().take(LIMIT).read_to_end(&mut bytes));
    drop(io::copy(&mut stream, &mut io::sink()));
    bytes
}

fn nonsense(said: &[u8], printed: &[u8], status: ExitStatus) -> String {
    let line = last_line(said).or_else(|| last_line(printed));
    let line = line.map(|line| format!(": {line}")).unwrap_or_default();
    format!("no shell took the script there ({status}){line}")
}

fn refused(said: &str) -> Refused {
    if said.contains("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        return Refused::Other;
    }
    let unknown = ["Host key verification failed", "host key is known for"];
    if unknown.iter().any(|words| said.contains(words)) {
        return Refused::HostUnknown;
    }
    let key = ["Permission denied", "Too many authentication failures"];
    match key.iter().any(|words| said.contains(words)) {
        true => Refused::Key,
        false => Refused::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ssh_says_is_told_apart() {
        for (said, why) in [
            (
                "st@h: Permission denied (publickey,password).\r\n",
                Refused::Key,
            ),
            (
                "Received disconnect from 10.0.0.2: Too many authentication failures",
                Refused::Key,
            ),
            ("Host key verification failed.\r\n", Refused::HostUnknown),
            (
                "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
                Refused::Other,
            ),
            (
                "ssh: connect to host h port 22: Connection refused",
                Refused::Other,
            ),
            ("", Refused::Other),
        ] {
            assert_eq!(refused(said), why, "{said}");
        }
    }

    /// What a server would do, with every shell that is here as the login shell.
    #[test]
    fn every_login_shell_starts_the_script_and_leaves_the_rest_to_it() {
        let script = format!("{PRELUDE}say rest \"$(cat)\"\nfinish\n");
        for shell in ["sh", "bash", "fish", "zsh", "tcsh"] {
            let started = Command::new(shell)
                .arg("-c")
                .arg(start(script.len()))
                .env_clear()
                .env("PATH", "/usr/bin:/bin")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn();
            let Ok(mut child) = started else { continue };
            let (_, printed) = talk(&mut child, &(script.clone() + "what follows"), None);
            child.wait().unwrap();
            let report = Report::parse(&printed).unwrap_or_else(|| panic!("{shell}"));
            assert_eq!(report.get("rest"), Some("what follows"), "{shell}");
        }
    }
}
