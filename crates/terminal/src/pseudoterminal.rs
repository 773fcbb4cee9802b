//! A program started on a pseudo-terminal of its own.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid,
};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{InputModes, OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize};

use crate::controlling_terminal;
use crate::{Size, Start, TerminalError};

/// A started program and this side of its terminal. All descriptors are close-on-exec.
pub(crate) struct Started {
    /// This side, non-blocking.
    pub(crate) master: OwnedFd,
    /// The program's side, held so that this side does not end when the program closes its own: it may open it again.
    pub(crate) peer: OwnedFd,
    pub(crate) process: Pid,
    /// Readable when the program has ended; it then waits to be reaped through this.
    pub(crate) pidfd: OwnedFd,
}

/// Starts the program that `start` names.
pub(crate) fn spawn(start: &mut Start) -> Result<Started, TerminalError> {
    let (master, peer) = open(start.size).map_err(TerminalError::Pseudoterminal)?;
    let stream = || peer.try_clone().map(Stdio::from);
    let mut command = Command::new(&start.program);
    command
        .arg0(&start.name)
        .args(&start.arguments)
        .env_clear()
        .envs(start.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(&start.directory)
        .stdin(stream().map_err(TerminalError::Pseudoterminal)?)
        .stdout(stream().map_err(TerminalError::Pseudoterminal)?)
        .stderr(stream().map_err(TerminalError::Pseudoterminal)?);
    controlling_terminal::prepare(&mut command, start.descriptor.take())
        .map_err(TerminalError::Pseudoterminal)?;
    let child = command.spawn().map_err(|source| TerminalError::Program {
        program: start.program.clone(),
        source,
    })?;
    let process = Pid::from_child(&child);
    let pidfd = match pidfd_open(process, PidfdFlags::empty()) {
        Ok(pidfd) => pidfd,
        Err(error) => {
            abandon(process);
            return Err(TerminalError::Pseudoterminal(error.into()));
        }
    };
    Ok(Started {
        master,
        peer,
        process,
        pidfd,
    })
}

/// Kills and reaps a program that cannot be watched.
pub(crate) fn abandon(process: Pid) {
    // Both fail only if the process is gone.
    kill_process_group(process, Signal::KILL).ok();
    waitid(WaitId::Pid(process), WaitIdOptions::EXITED).ok();
}

/// Sets how large the program finds its terminal; the kernel sends SIGWINCH if that is a change.
pub(crate) fn set_size(terminal: impl AsFd, size: Size) -> io::Result<()> {
    let size = Winsize {
        ws_row: size.rows(),
        ws_col: size.columns(),
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    Ok(tcsetwinsize(terminal, size)?)
}

fn open(size: Size) -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags)?;
    unlockpt(&master)?;
    // By ioctl instead of by name: right whatever is mounted at /dev/pts.
    let peer = ioctl_tiocgptpeer(&master, flags)?;
    let mut modes = tcgetattr(&peer)?;
    // Erasing takes a whole character.
    modes.input_modes |= InputModes::IUTF8;
    tcsetattr(&peer, OptionalActions::Now, &modes)?;
    set_size(&master, size)?;
    fcntl_setfl(&master, OFlags::RDWR | OFlags::NONBLOCK)?;
    Ok((master, peer))
}
