//! The keeper, as commands start and stop it.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;

use crate::keeper::{keeper_status, reload_keeper, stop_keeper};
use crate::{ServerPaths, ShareError, systemd};

/// How long a keeper may take to answer after its start, and to leave.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a keeper is started with where no supervisor does it.
#[derive(Clone, Debug)]
pub struct KeeperStart {
    /// This program.
    pub program: PathBuf,
    /// The arguments that make a keeper of it.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
}

/// Whether there is a keeper; also one that is too busy to answer. One that has been killed holds
/// its lock until the system has taken it apart, and one that has just begun does not answer yet:
/// which of them it is shows when it has had its time.
pub(super) fn is_running(paths: &ServerPaths) -> bool {
    let mut found = None;
    wait_until(|| {
        found = match answers(paths) {
            true => Some(true),
            false => has_left(paths).then_some(false),
        };
        found.is_some()
    });
    found.unwrap_or(true)
}

fn answers(paths: &ServerPaths) -> bool {
    keeper_status(paths).is_some()
}

/// Has the one that runs read anew what is set up. One that has been killed meanwhile is started
/// again, unless a supervisor does that.
pub(super) fn reload(paths: &ServerPaths, keeper: &KeeperStart) -> Result<(), ShareError> {
    if reload_keeper(paths) || systemd::is_running() || is_running(paths) {
        return Ok(());
    }
    start(paths, keeper)
}

/// Starts a keeper that outlives this command and its terminal, and waits until it answers.
pub(super) fn start(paths: &ServerPaths, start: &KeeperStart) -> Result<(), ShareError> {
    let log = paths.log();
    let opened = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&log);
    let log_file = opened.map_err(ShareError::system(format!("open {}", log.display())))?;
    let errors = log_file
        .try_clone()
        .map_err(ShareError::system("open the keeper's log"))?;
    let mut command = in_a_session_of_its_own(&start.program);
    command
        .args(&start.arguments)
        .env_clear()
        .envs(start.environment.iter().cloned());
    command
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log_file)
        .stderr(errors);
    let mut keeper = command
        .spawn()
        .map_err(ShareError::system("start the keeper"))?;
    wait_until(|| answers(paths) || matches!(keeper.try_wait(), Ok(Some(_))));
    if answers(paths) {
        return Ok(());
    }
    // What comes up later must not find half of what it needs undone.
    drop(keeper.kill());
    drop(keeper.wait());
    Err(ShareError::Program {
        program: "claude-share server keeper".to_owned(),
        problem: format!("it does not answer; {} says why", log.display()),
    })
}

/// So that no hang-up and no Ctrl-C at this terminal reaches it. `setsid` becomes what it starts,
/// unless it leads a group of processes.
fn in_a_session_of_its_own(program: &Path) -> Command {
    let setsid = Path::new("/usr/bin/setsid");
    if setsid.exists() {
        let mut command = Command::new(setsid);
        command.arg(program);
        return command;
    }
    let mut command = Command::new(program);
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}

/// Stops the one that runs, and waits until it has left.
pub(super) fn stop(paths: &ServerPaths) -> Result<(), ShareError> {
    if !is_running(paths) {
        return Ok(());
    }
    let is_told = stop_keeper(paths);
    wait_until(|| !is_told || has_left(paths));
    match has_left(paths) {
        true => Ok(()),
        false => Err(ShareError::Program {
            program: "claude-share server keeper".to_owned(),
            problem: "it does not leave".to_owned(),
        }),
    }
}

/// Whether nobody holds the keeper's lock: then its process has ended.
fn has_left(paths: &ServerPaths) -> bool {
    let Ok(lock) = OpenOptions::new().read(true).open(paths.keeper_lock()) else {
        return true;
    };
    rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok()
}

fn wait_until(condition: impl FnMut() -> bool) {
    let mut condition = condition;
    let deadline = Instant::now() + PATIENCE;
    while !condition() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::mem::MaybeUninit;
    use std::thread;

    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

    use super::*;

    #[test]
    fn a_keeper_that_is_dying_is_no_keeper() {
        let directory = tempfile::tempdir().unwrap();
        let paths = ServerPaths {
            data: directory.path().to_owned(),
            runtime: directory.path().to_owned(),
            ..ServerPaths::documented()
        };
        let dying = File::create(paths.keeper_lock()).unwrap();
        rustix::fs::flock(&dying, FlockOperation::NonBlockingLockExclusive).unwrap();
        let looks = inotify::init(CreateFlags::CLOEXEC).unwrap();
        inotify::add_watch(&looks, paths.keeper_lock(), WatchFlags::CLOSE_NOWRITE).unwrap();
        thread::scope(|scope| {
            let asking = scope.spawn(|| is_running(&paths));
            // It has found the lock held.
            let mut buffer = [MaybeUninit::uninit(); 4096];
            inotify::Reader::new(&looks, &mut buffer).next().unwrap();
            drop(dying);
            assert!(!asking.join().unwrap());
        });
    }
}
