//! Has the kernel know who may enter a new mount.
//!
//! It makes a mount's root without any permission and asks for its attributes when somebody comes. What it is told meanwhile
//! to forget, as the laptop begins to tell of changes then, it does not take from the answer: without this the first who
//! comes may get `EACCES`, and a program that is to start there does not. Every later answer that is not taken leaves what was
//! known before.

use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags, open, statx};
use rustix::io::Errno;

/// How long the laptop is waited for: without an answer it is mounted all the same, and who comes waits.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is asked at most.
const TRIES: usize = 100;
const PERMISSIONS: u16 = 0o7777;

/// Looks at the mount at `point` until the kernel has taken what it is like.
pub(super) fn look(point: &Path) {
    let (done, waits) = mpsc::channel();
    let point = point.to_owned();
    let looking = thread::Builder::new().name("first-look".to_owned());
    // Fails where there can be no thread more: then it is as without.
    let looking = looking.spawn(move || {
        (0..TRIES).any(|_| is_known(&point).unwrap_or(true));
        done.send(()).ok();
    });
    if looking.is_ok() {
        waits.recv_timeout(PATIENCE).ok();
    }
}

fn is_known(point: &Path) -> Result<bool, Errno> {
    let root = open(point, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let mode = |sync| {
        let found = statx(&root, "", AtFlags::EMPTY_PATH | sync, StatxFlags::MODE);
        found.map(|found| found.stx_mode & PERMISSIONS)
    };
    let told = mode(AtFlags::STATX_FORCE_SYNC)?;
    Ok(mode(AtFlags::STATX_DONT_SYNC)? == told)
}
