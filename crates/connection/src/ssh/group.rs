//! A process, with all that it starts.

use std::io;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

/// The first process of a group of its own. It is killed, and what it started with it, when this is dropped; the runtime reaps
/// it.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) leader: Child,
}

impl Group {
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        // It kills itself too, for a group that it may have left.
        let leader = command.process_group(0).kill_on_drop(true).spawn()?;
        Ok(Self { leader })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The group is the leader's for as long as that has not been reaped: `id` is `None` after that. With a jump host
        // there is a second ssh in it.
        let group = self.leader.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = group.and_then(Pid::from_raw) {
            // Fails only if nobody is left in it.
            kill_process_group(group, Signal::KILL).ok();
        }
    }
}
