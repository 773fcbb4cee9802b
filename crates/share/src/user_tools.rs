//! Linux users and groups, made and changed by the system's own programs: they know its locks,
//! its defaults and what else there is to be told.
//!
//! A password goes through the standard input of `chpasswd` alone.

mod calls;
mod public_key;
pub(crate) mod run;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use model::Secret;

use crate::ShareError;
use crate::name::{GroupName, UserName};
use crate::users_file::check_password;
use calls::Change;
use run::Call;

pub use public_key::parse_public_key;

/// Longest wait for one program. They are done in a second; shadow itself waits 15 s for a lock.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// How long to wait before the next try while somebody else changes users. BusyBox waits three
/// seconds by itself, and is not asked again: its `adduser` may then have made half a user.
const LOCK_WAITS: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// Whose programs there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// `useradd`, `groupadd`, `gpasswd` …: Debian, Ubuntu, RHEL, Arch.
    Shadow,
    /// `adduser`, `addgroup` …: Alpine. Those of Debian have the same names and other options, but
    /// nobody has them without `useradd`.
    BusyBox,
}

/// The system's programs for users and groups.
#[derive(Clone, Debug)]
pub struct Tools {
    flavour: Flavour,
    directories: Vec<PathBuf>,
}

impl Tools {
    /// Looks for them in `/usr/sbin`, `/usr/bin`, `/sbin` and `/bin`, never in `$PATH`.
    ///
    /// # Errors
    /// [`ShareError::Program`] if there are none, with what to install.
    pub fn find() -> Result<Self, ShareError> {
        Self::find_in(run::DIRECTORIES.map(PathBuf::from).to_vec())
    }

    fn find_in(directories: Vec<PathBuf>) -> Result<Self, ShareError> {
        let has = |name: &str| run::find_in(&directories, name).is_some();
        let flavour = if has("useradd") {
            Flavour::Shadow
        } else if has("adduser") && has("addgroup") {
            Flavour::BusyBox
        } else {
            let problem = "there is neither it nor BusyBox's `adduser`; install the package shadow, shadow-utils or passwd";
            return Err(ShareError::Program {
                program: "useradd".to_owned(),
                problem: problem.to_owned(),
            });
        };
        Ok(Self {
            flavour,
            directories,
        })
    }

    /// Whose programs they are.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// Makes a group.
    ///
    /// # Errors
    /// [`ShareError::Program`], as for all that follow: also if it is there already.
    pub fn create_group(&self, group: &GroupName) -> Result<(), ShareError> {
        self.change(&Change::CreateGroup(group))
    }

    /// Removes a group.
    ///
    /// # Errors
    /// [`ShareError::Program`]: also if it is somebody's primary group.
    pub fn delete_group(&self, group: &GroupName) -> Result<(), ShareError> {
        self.change(&Change::DeleteGroup(group))
    }

    /// Makes a user with a home, a group of his own and a shell: bash, or sh where there is none.
    /// No password is right before [`Tools::set_password`].
    ///
    /// # Errors
    /// [`ShareError::Program`]: also if he is there already.
    pub fn create_user(&self, user: &UserName) -> Result<(), ShareError> {
        let shells = ["/bin/bash", "/usr/bin/bash"];
        let bash = shells.into_iter().find(|shell| Path::new(shell).exists());
        let shell = bash.unwrap_or("/bin/sh");
        self.change(&Change::CreateUser { user, shell })
    }

    /// Removes a user, `with_home` also his home and mail.
    ///
    /// # Errors
    /// [`ShareError::Program`]: also if he has processes (shadow).
    pub fn delete_user(&self, user: &UserName, with_home: bool) -> Result<(), ShareError> {
        self.change(&Change::DeleteUser { user, with_home })
    }

    /// Puts a user into a group. If he is in it already, nothing changes.
    ///
    /// # Errors
    /// [`ShareError::Program`].
    pub fn add_to_group(&self, user: &UserName, group: &GroupName) -> Result<(), ShareError> {
        self.change(&Change::AddToGroup { user, group })
    }

    /// Takes a user out of a group.
    ///
    /// # Errors
    /// [`ShareError::Program`]: also if he is not in it (shadow).
    pub fn remove_from_group(&self, user: &UserName, group: &GroupName) -> Result<(), ShareError> {
        self.change(&Change::RemoveFromGroup { user, group })
    }

    /// Gives a user a password.
    ///
    /// # Errors
    /// [`ShareError::Program`]: also if the password cannot be handed over ([`check_password`]) or
    /// the system's rules refuse it. It is in no error.
    pub fn set_password(&self, user: &UserName, password: &Secret) -> Result<(), ShareError> {
        check_password(password).map_err(|problem| ShareError::Program {
            program: "chpasswd".to_owned(),
            problem: format!("the password for {user} {problem}; give another one"),
        })?;
        self.change(&Change::SetPassword { user, password })
    }

    /// Makes every password wrong for a user, while SSH keys go on working: a *locked* account
    /// (`!`) is refused by an sshd without PAM also with a key.
    ///
    /// # Errors
    /// [`ShareError::Program`].
    pub fn lock_password(&self, user: &UserName) -> Result<(), ShareError> {
        self.change(&Change::LockPassword(user))
    }

    fn change(&self, change: &Change<'_>) -> Result<(), ShareError> {
        let call = calls::call(self.flavour, change);
        self.carry_out(&call, &LOCK_WAITS)
    }

    /// A program that could not get the lock has changed nothing, so it may be asked again.
    fn carry_out(&self, call: &Call, waits: &[Duration]) -> Result<(), ShareError> {
        let Some(program) = run::find_in(&self.directories, call.program) else {
            return Err(ShareError::Program {
                program: call.shown(),
                problem: "there is no such program in /usr/sbin, /usr/bin, /sbin and /bin"
                    .to_owned(),
            });
        };
        let mut waits = waits.iter();
        loop {
            let ended = run::run(&program, call, TIME_LIMIT)?;
            if ended.status.success() {
                return Ok(());
            }
            match waits.next() {
                Some(wait) if ended.found_a_lock() => thread::sleep(*wait),
                _ => return Err(ended.error(call)),
            }
        }
    }
}

#[cfg(test)]
mod tests;
