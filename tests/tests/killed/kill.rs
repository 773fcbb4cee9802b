//! Ways to kill a program of ours.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use end_to_end::{LIMIT, is_installed};
use rustix::process::Signal;
use testkit::{Process, Ran};

/// Kills at moments of its run that a verb goes through.
pub(crate) const MOMENTS: u32 = 25;

/// Every system call by which a program changes files or sends something. A question mark: not every machine has it.
pub(crate) const CALLS: [&str; 21] = [
    "pwrite64",
    "write",
    "fsync",
    "fdatasync",
    "ftruncate",
    "fallocate",
    "?rename",
    "renameat",
    "renameat2",
    "?link",
    "linkat",
    "?unlink",
    "unlinkat",
    "?mkdir",
    "mkdirat",
    "?rmdir",
    "socket",
    "connect",
    "sendto",
    "recvfrom",
    "flock",
];

/// Whether `command` got through before it entered its `number`-th call of `call`, where it is killed.
#[track_caller]
pub(crate) fn killed_at(command: &Command, input: &[u8], call: &str, number: usize) -> bool {
    let ran = Ran::with_input(traced(command, call, number), input);
    // strace ends as the program that it watched did.
    let was_killed = ran.status.signal() == Some(9);
    assert!(
        was_killed || ran.status.code().is_some_and(|code| code < 101),
        "{ran:#?}"
    );
    !was_killed
}

fn traced(command: &Command, call: &str, number: usize) -> Command {
    let mut traced = Command::new("strace");
    traced.env_clear();
    traced.envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    traced.current_dir(command.get_current_dir().unwrap());
    traced.args([
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace={call}"),
        "-e",
    ]);
    traced.arg(format!("inject={call}:signal=KILL:when={number}"));
    traced.arg(command.get_program()).args(command.get_args());
    traced
}

/// Whether `command` got through before it was killed by its handle.
#[track_caller]
pub(crate) fn killed_after(mut command: Command, input: &[u8], after: Duration) -> bool {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut process = Process::spawn(command);
    // It may be killed before it has read everything, and it may read nothing.
    drop(process.take_stdin().write_all(input));
    std::thread::sleep(after);
    process.signal(Signal::KILL);
    let status = process.wait(LIMIT);
    assert!(status.success() || status.signal() == Some(9), "{status}");
    status.success()
}

pub(crate) fn why_no_strace() -> Option<String> {
    if !is_installed("strace") {
        return Some("needs strace".to_owned());
    }
    let mut command = Command::new("sh");
    command
        .args(["-c", "echo; exit 0"])
        .env("PATH", "/usr/bin:/bin")
        .current_dir("/");
    let ran = Ran::with_input(traced(&command, "write", 1), b"");
    let reason = ran
        .stderr
        .lines()
        .next()
        .unwrap_or("nothing was killed")
        .to_owned();
    (ran.status.signal() != Some(9)).then(|| format!("strace kills nothing here: {reason}"))
}
