//! Users of a machine.

use super::Host;
use crate::terminal::user_side;
use crate::{Ran, Terminal, programs};
use rustix::fs::{Uid, fchown};
use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

/// Names BusyBox with [`BUSYBOX_USER_TOOLS`]; `busybox/busybox` in the build directory otherwise.
const BUSYBOX_VARIABLE: &str = "CLAUDE_ACCOUNTS_TEST_BUSYBOX";
/// Of Debian's packages passwd and adduser: what Alpine does not have, or from BusyBox.
const DEBIAN_USER_TOOLS: [&str; 17] = [
    "useradd",
    "usermod",
    "userdel",
    "groupadd",
    "groupmod",
    "groupdel",
    "groupmems",
    "gpasswd",
    "newusers",
    "chage",
    "chpasswd",
    "chgpasswd",
    "passwd",
    "adduser",
    "deluser",
    "addgroup",
    "delgroup",
];
/// The tools for users and groups that BusyBox has, which are all that Alpine has.
pub const BUSYBOX_USER_TOOLS: [&str; 6] = [
    "adduser", "deluser", "addgroup", "delgroup", "chpasswd", "passwd",
];

/// A line of `/etc/passwd`.
struct User {
    uid: u32,
    gid: u32,
    home: String,
    shell: String,
}

impl Host {
    /// Adds a user with a home and bash, by the machine's own tool, and gives its number.
    ///
    /// # Panics
    /// When it cannot.
    #[track_caller]
    pub fn add_user(&self, name: &str) -> u32 {
        let words: &[&str] = if self.exists("/usr/sbin/useradd") {
            &["useradd", "-m", "-s", "/bin/bash", name]
        } else {
            &["adduser", "-D", "-s", "/bin/bash", name]
        };
        self.run(words).success();
        self.uid_of(name)
    }

    /// The number of the user `name`.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn uid_of(&self, name: &str) -> u32 {
        self.user(name).uid
    }

    /// Whether there is a user `name`.
    #[must_use]
    pub fn has_user(&self, name: &str) -> bool {
        self.find_user(name).is_some()
    }

    #[track_caller]
    fn user(&self, name: &str) -> User {
        self.find_user(name)
            .unwrap_or_else(|| panic!("{} has no user {name}", self.name()))
    }

    fn find_user(&self, name: &str) -> Option<User> {
        let text = self.read_text("/etc/passwd");
        let mut lines = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let fields = lines.find(|fields| fields.first() == Some(&name))?;
        Some(User {
            uid: fields.get(2)?.parse().ok()?,
            gid: fields.get(3)?.parse().ok()?,
            home: (*fields.get(5)?).to_owned(),
            shell: (*fields.get(6)?).to_owned(),
        })
    }

    /// Replaces the tools for users and groups by BusyBox's, as Alpine has them: no `useradd`, and another `adduser`.
    ///
    /// # Errors
    /// The reason to skip the test, where no such BusyBox was built.
    ///
    /// # Panics
    /// When they cannot be replaced.
    pub fn use_busybox_user_tools(&self) -> Result<(), String> {
        let busybox = env::var_os(BUSYBOX_VARIABLE).map_or_else(built_busybox, PathBuf::from);
        let program = File::open(&busybox).map_err(|error| {
            let path = busybox.display();
            format!("needs BusyBox's user tools ({path}: {error}; cargo xtask test builds them)")
        })?;
        for tool in DEBIAN_USER_TOOLS {
            self.remove_program(tool);
        }
        let place = "/usr/local/lib/busybox-user-tools";
        self.install(program, place);
        let script = "for tool; do ln -s \"$0\" \"/usr/sbin/$tool\" || exit; done";
        let words = [&["sh", "-c", script, place], BUSYBOX_USER_TOOLS.as_slice()].concat();
        self.run(&words).success();
        Ok(())
    }

    /// Runs program and arguments as `user` in a real login (`su -`): with its shell, its profile and PAM.
    ///
    /// # Panics
    /// As [`Ran::of`].
    #[must_use = "check .success() or .code(n)"]
    #[track_caller]
    pub fn run_as(&self, user: &str, words: &[&str]) -> Ran {
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        self.run(&["su", "-", user, "-c", &words.join(" ")])
    }

    /// A command that `user` runs inside, from its home, without the machinery of a login: quicker than
    /// [`Host::run_as`]. Otherwise as [`Host::command`].
    ///
    /// # Panics
    /// When there is no such user.
    #[must_use]
    #[track_caller]
    pub fn command_as_user(&self, user: &str, program: impl AsRef<OsStr>) -> Command {
        let User {
            uid,
            gid,
            home,
            shell,
        } = self.user(user);
        let mut command = self.enter();
        command
            .arg("setpriv")
            .args([format!("--reuid={uid}"), format!("--regid={gid}")])
            .args(["--init-groups", "--", "env", &format!("--chdir={home}")])
            .arg(program)
            .envs([("USER", user), ("LOGNAME", user)])
            .envs([("HOME", home), ("SHELL", shell)]);
        command
    }

    /// Runs program and arguments as [`Host::command_as_user`] does, to their end.
    ///
    /// # Panics
    /// As [`Ran::of`], and when there is no such user.
    #[must_use = "check .success() or .code(n)"]
    #[track_caller]
    pub fn run_quickly_as(&self, user: &str, words: &[&str]) -> Ran {
        let (program, arguments) = words.split_first().expect("a program");
        let mut command = self.command_as_user(user, program);
        command.args(arguments);
        Ran::of(command)
    }

    /// Starts a program as `user` on a terminal of its own.
    ///
    /// # Panics
    /// When it cannot be started, or there is no such user.
    #[must_use]
    #[track_caller]
    pub fn terminal_as_user(&self, user: &str, program: &str, arguments: &[&str]) -> Terminal {
        let mut command = self.command_as_user(user, "setsid");
        command.arg("--ctty").arg(program).args(arguments);
        let terminal = self.new_terminal();
        // As a login does.
        let theirs = user_side(&terminal);
        fchown(&theirs, Some(Uid::from_raw(self.uid_of(user))), None)
            .expect("a terminal of the user's");
        Terminal::with(terminal, command)
    }
}

/// Where `cargo xtask test` builds it: beside the profiles' directories.
fn built_busybox() -> PathBuf {
    let host_init = programs::path("host-init");
    let target = host_init
        .ancestors()
        .nth(2)
        .expect("target/<profile>/host-init");
    target.join("busybox/busybox")
}

/// As one word for a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
