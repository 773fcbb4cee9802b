//! What is done from outside about agents: which there are, and how one, or what it left, is taken away.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use live_session::server;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::{AgentError, LivingAgent, lock_name, log_name, socket_name};
use crate::lock::{self, Lock};
use crate::{Places, SessionName};

/// How long an agent may take to end its programs and mounts.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long one that is killed may take.
const KILLING: Duration = Duration::from_secs(5);

/// The agents of this user that live.
///
/// # Errors
/// If the directory of the agents cannot be read.
pub fn list(places: &Places) -> Result<Vec<LivingAgent>, AgentError> {
    let entries = match fs::read_dir(places.agents()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let locks = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "lock"));
    let mut living: Vec<LivingAgent> = locks.filter_map(|path| at(&path).ok().flatten()).collect();
    living.sort_by(|one, other| one.session.cmp(&other.session));
    Ok(living)
}

/// Ends the agent of `session` if one lives, and takes away what one that was killed left: its mounts, mount points and
/// runtime files. Nothing is started. Blocks until it is done.
///
/// # Errors
/// If the agent does not end, or something is in the place of its mount points that is none of its own: that is left alone.
pub fn clean(places: &Places, session: &SessionName) -> Result<(), AgentError> {
    let name = lock_name(session);
    let (directory, taken) = loop {
        match lock::in_directory(|| places.make_agents(), &name, Lock::take)? {
            (directory, Some(taken)) => break (directory, taken),
            (directory, None) => end(&directory.join(&name))?,
        }
    };
    let left = server::clean(&places.main_mount(session), &places.extra_mounts(session));
    for name in [socket_name(session), log_name(session)] {
        // Fails if it is not there.
        fs::remove_file(directory.join(name)).ok();
    }
    drop(taken);
    places.remove_unused();
    left.map_err(AgentError::Left)
}

/// The agent whose lock this is, if it lives.
fn at(path: &Path) -> Result<Option<LivingAgent>, AgentError> {
    let said = lock::holder(path)?;
    Ok(said.and_then(|said| serde_json::from_str(&said).ok()))
}

/// Ends the agent whose lock this is.
fn end(path: &Path) -> Result<(), AgentError> {
    let Some(living) = at(path)? else {
        return Ok(());
    };
    let number = i32::try_from(living.pid).ok().and_then(Pid::from_raw);
    let number = number.ok_or(AgentError::DoesNotEnd(living.pid))?;
    let process = match pidfd_open(number, PidfdFlags::empty()) {
        Err(Errno::SRCH) => return Ok(()),
        process => process.map_err(io::Error::from)?,
    };
    // The number is the agent's if it holds the lock also now that its process cannot become another.
    if at(path)?.as_ref() != Some(&living) {
        return Ok(());
    }
    for (signal, patience) in [(Signal::TERM, PATIENCE), (Signal::KILL, KILLING)] {
        match pidfd_send_signal(&process, signal) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
        let mut ended = [PollFd::new(&process, PollFlags::IN)];
        let limit = Timespec::try_from(patience).ok();
        match poll(&mut ended, limit.as_ref()) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(io::Error::from(error).into()),
        }
    }
    Err(AgentError::DoesNotEnd(living.pid))
}
