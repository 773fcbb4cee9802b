//! What is done from outside about agents: which there are, and how one, or what it left, is taken away.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use live_session::server;
use rustix::process::Signal;

use super::{
    AgentError, LivingAgent, commands_name, control_name, environment_file, links, lock_name,
    log_name, socket_name,
};
use crate::lock::{self, Lock};
use crate::{Places, SessionName, process};

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
    links::remove(places, session);
    environment_file::remove(places, session);
    server::remove_account(&places.accounts(session));
    for name in [
        socket_name(session),
        control_name(session),
        commands_name(session),
        log_name(session),
    ] {
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
    // The number is the agent's as long as it holds the lock.
    let is_it = || {
        let now = lock::holder(path)?;
        Ok(now.is_some_and(|said| {
            serde_json::from_str(&said).is_ok_and(|now: LivingAgent| now == living)
        }))
    };
    let signals = [(Signal::TERM, PATIENCE), (Signal::KILL, KILLING)];
    match process::end(living.pid, is_it, &signals)? {
        true => Ok(()),
        false => Err(AgentError::DoesNotEnd(living.pid)),
    }
}
