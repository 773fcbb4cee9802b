//! With what commands change this machine.

use std::path::Path;

use super::keeper_control::KeeperStart;
use crate::ServerPaths;
use crate::home_processes::HomeProcesses;
use crate::user_tools::Tools;

/// With what a plan is carried out.
pub struct Machine<'a> {
    /// Where the server's files are.
    pub paths: &'a ServerPaths,
    /// This program.
    pub program: &'a Path,
    /// For what is done in homes.
    pub processes: &'a HomeProcesses,
    /// For users and groups.
    pub tools: &'a Tools,
    /// How a keeper is started where no supervisor does it.
    pub keeper: &'a KeeperStart,
    /// The date, for names of backups.
    pub stamp: &'a str,
}
