//! A process without terminal: in a process group of its own, with three pipes.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{self, Stdio};

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid,
};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::signal::unix::{SignalKind, signal};

use super::command::Command;

/// How a process has ended: its exit status or its signal. Neither if somebody else has taken that.
pub(super) type Status = (Option<i32>, Option<i32>);

/// A started process. Killed with its group, and waited for, when this is dropped before [`Process::reap`].
pub(super) struct Process {
    group: Pid,
    pidfd: OwnedFd,
    /// Some child of this process may have ended.
    children: tokio::signal::unix::Signal,
    is_reaped: bool,
}

/// Our ends.
pub(super) struct Pipes {
    pub(super) input: ChildStdin,
    pub(super) output: ChildStdout,
    pub(super) errors: ChildStderr,
}

/// Starts it. Inside of a tokio runtime.
pub(super) fn start(
    command: &Command,
    environment: Vec<(OsString, OsString)>,
    directory: &Path,
) -> io::Result<(Process, Pipes)> {
    // Before there is one.
    let children = signal(SignalKind::child())?;
    let mut child = process::Command::new(&command.program)
        .arg0(&command.name)
        .args(&command.arguments)
        .env_clear()
        .envs(environment)
        .current_dir(directory)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let group = Pid::from_child(&child);
    let mut watched = || {
        let pidfd = pidfd_open(group, PidfdFlags::empty())?;
        let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
        let pipes = Pipes {
            input: ChildStdin::from_std(child.stdin.take().ok_or_else(missing)?)?,
            output: ChildStdout::from_std(child.stdout.take().ok_or_else(missing)?)?,
            errors: ChildStderr::from_std(child.stderr.take().ok_or_else(missing)?)?,
        };
        Ok((pidfd, pipes))
    };
    match watched() {
        Ok((pidfd, pipes)) => {
            let process = Process {
                group,
                pidfd,
                children,
                is_reaped: false,
            };
            Ok((process, pipes))
        }
        Err(error) => {
            abandon(group);
            Err(error)
        }
    }
}

impl Process {
    /// Waits until it has ended. It keeps its number until it is reaped.
    pub(super) async fn ended(&mut self) {
        while !self.has_ended() {
            // Without signals, nobody would ever know.
            if self.children.recv().await.is_none() {
                return;
            }
        }
    }

    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(
            waitid(WaitId::PidFd(self.pidfd.as_fd()), options),
            Ok(None) | Err(Errno::INTR)
        )
    }

    /// Sends a signal to all of its group.
    pub(super) fn signal(&self, signal: Signal) {
        if !self.is_reaped {
            // Fails only if nobody is there any more: until it is reaped, the number is its own.
            kill_process_group(self.group, signal).ok();
        }
    }

    /// Takes how it has ended. Blocks until it has.
    pub(super) fn reap(mut self) -> Status {
        let status = loop {
            match waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED) {
                Ok(Some(status)) => break (status.exit_status(), status.terminating_signal()),
                Err(Errno::INTR) => {}
                Ok(None) | Err(_) => break (None, None),
            }
        };
        self.is_reaped = true;
        status
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.is_reaped {
            abandon(self.group);
        }
    }
}

/// Kills and reaps what cannot be watched.
fn abandon(group: Pid) {
    // Both fail only if it is gone.
    kill_process_group(group, Signal::KILL).ok();
    waitid(WaitId::Pid(group), WaitIdOptions::EXITED).ok();
}
