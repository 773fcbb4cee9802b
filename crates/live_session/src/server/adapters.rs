//! What makes a mount.

use std::io;
use std::path::Path;
use std::sync::Arc;

use live::control::{Adapter, Failure, Wanted};
use live::files::Change;
use mount::{Files, Options};
use rustix::fs::{Mode, OFlags, open, statfs, syncfs};
use sshfs::SshfsError;

use crate::failure;

/// Something that waits. It keeps no mount from ending, and waits for nothing once that has ended.
pub(super) type Waiting = Box<dyn FnOnce() + Send>;

/// A mount that is there. It ends when it is dropped, which waits for the kernel.
pub(super) trait Mounted: Send + Sync {
    /// The laptop tells of changes.
    fn changed(&self, changes: &[Change]);

    /// What waits until all that programs have written, made, removed or set through it before has been answered by the
    /// laptop, also to memory that they have mapped. Not to be done where the mount's own requests are answered.
    fn settling(&self) -> Waiting;

    /// What waits until the kernel has been told what [`Mounted::changed`] was told before. The same holds.
    fn catching_up(&self) -> Waiting;

    /// Why it is none any more; `None` if it is one.
    fn failure(&self) -> Option<Failure>;
}

/// Mounts at `point` as `wanted` says; `gone` is called when a process that it takes has ended.
pub(super) fn mount(
    wanted: &Wanted,
    point: &Path,
    files: Arc<dyn Files>,
    gone: impl FnOnce() + Send + 'static,
) -> Result<Box<dyn Mounted>, Failure> {
    let options = Options {
        name: wanted.name.clone(),
        user: wanted.user,
        group: wanted.group,
        read_only: wanted.read_only,
        for_others: false,
    };
    match wanted.adapter {
        Adapter::Native => match mount::mount(point, wanted.root, files, &options) {
            Ok(mounted) => Ok(Box::new(mounted)),
            Err(error) => Err(told(point, &error)),
        },
        Adapter::Sshfs => match sshfs::mount(point, wanted.root, files, &options, gone) {
            Ok(mounted) => Ok(Box::new(mounted)),
            Err(error) => Err(told_of_sshfs(point, &error)),
        },
    }
}

/// Why nothing is mounted at `point`.
pub(super) fn told(point: &Path, error: &io::Error) -> Failure {
    let message = format!("cannot mount at {}: {error}", point.display());
    failure(
        &message,
        "Is FUSE there? Debian and Ubuntu: apt install fuse3",
    )
}

fn told_of_sshfs(point: &Path, error: &SshfsError) -> Failure {
    let message = format!("cannot mount at {}: {error}", point.display());
    let hint = match error {
        SshfsError::Missing | SshfsError::TooOld => {
            "Install it on the server, Debian and Ubuntu: apt install sshfs; or mount without --mount sshfs."
        }
        SshfsError::Ended(_) | SshfsError::TooLong | SshfsError::System(_) => {
            "Mounting without --mount sshfs needs no sshfs."
        }
    };
    failure(&message, hint)
}

impl Mounted for mount::Mounted {
    fn changed(&self, changes: &[Change]) {
        self.changed(changes);
    }

    fn settling(&self) -> Waiting {
        Box::new(self.settling())
    }

    fn catching_up(&self) -> Waiting {
        Box::new(self.catching_up())
    }

    fn failure(&self) -> Option<Failure> {
        None
    }
}

impl Mounted for sshfs::Mounted {
    fn changed(&self, _: &[Change]) {
        // Nobody can tell sshfs: it keeps nothing for long.
    }

    fn settling(&self) -> Waiting {
        let point = self.directory().to_owned();
        Box::new(move || flush(Adapter::Sshfs, &point))
    }

    fn catching_up(&self) -> Waiting {
        Box::new(|| ())
    }

    fn failure(&self) -> Option<Failure> {
        self.failure().map(|error| {
            failure(
                &format!("it is not mounted any more: {error}"),
                "Start the session anew: cs stop, cs live.",
            )
        })
    }
}

/// Has the kernel write what programs have written to memory that they had mapped from files at `point`. That is the laptop's
/// when this returns, if that is there. Waits for it otherwise.
pub(super) fn flush(adapter: Adapter, point: &Path) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // Fails where the laptop does: then there is nobody to have it.
    if let Ok(directory) = open(point, flags, Mode::empty()) {
        syncfs(directory).ok();
    }
    if adapter == Adapter::Sshfs {
        // sshfs waits for no write. This is asked of the laptop behind them all.
        statfs(point).ok();
    }
}
