//! Becoming a user, with no way back.

use std::io;

use rustix::process::{
    DumpableBehavior, Gid, Resource, Rlimit, Signal, Uid, set_dumpable_behavior, setrlimit,
};
use rustix::thread::{
    set_no_new_privs, set_thread_gid, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    set_thread_uid,
};

use super::Identity;

/// Most memory of a worker, in bytes: enough to take the largest `.claude.json` apart.
const MOST_MEMORY: u64 = 1024 * 1024 * 1024;

/// Becomes the user: all three user and group numbers and the other groups, and nothing can bring
/// root back. The process has one thread, so the thread's identity is the process's.
///
/// For the number 0, which the source user may have, only the groups change.
///
/// # Errors
/// If any of it failed; then the process must end.
pub(super) fn irrevocably_become(identity: &Identity) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    set_thread_groups(&[gid, Gid::from_raw(identity.shared_gid)])?;
    set_thread_res_gid(Some(gid), Some(gid), Some(gid))?;
    set_thread_res_uid(Some(uid), Some(uid), Some(uid))?;
    set_no_new_privs(true)?;
    let (users, groups) = (rustix::process::getuid(), rustix::process::getgid());
    let (effective, effective_group) = (rustix::process::geteuid(), rustix::process::getegid());
    if (users, effective, groups, effective_group) != (uid, uid, gid, gid) {
        return Err(io::Error::other(
            "the system did not make this process that user",
        ));
    }
    let came_back = !uid.is_root()
        && (set_thread_uid(Uid::ROOT).is_ok()
            || (!gid.is_root() && set_thread_gid(Gid::ROOT).is_ok()));
    if came_back {
        return Err(io::Error::other("the way back to root was still open"));
    }
    Ok(())
}

/// What every worker gives up besides: it can be traced by root alone, whatever the system's
/// setting, leaves no core, and does not outlive its zygote. After the change of user, which
/// resets these.
pub(super) fn restrain() -> io::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)?;
    // What it reads was written by the user.
    let memory = Rlimit {
        current: Some(MOST_MEMORY),
        maximum: Some(MOST_MEMORY),
    };
    setrlimit(Resource::Data, memory)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    Ok(())
}
