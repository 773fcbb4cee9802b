//! A whole Linux machine for one test: the installed system under a layer of memory, with users, processes, network, devices
//! and terminals of its own.
//!
//! Needs root. What is done inside (`useradd`, `rm -r /etc`, kill -9 of everything) changes nothing outside and is gone with
//! the [`Host`], also when the test is killed: the namespaces end with their first process, `host-init`, which ends when its
//! standard input closes. The outer root is not mounted inside, so not even the machine's root has a path to it; the kernel
//! is shared, so this keeps mistakes in, not an attacker who is root.
//!
//! Fresh: `/dev`, `/run`, `/tmp`, `/var/tmp`, `/home`, `/root`, and `/proc`. The users of the outer machine, its settings of
//! the product, and what stands in unusual directories of its `/` (a checkout) are not there. A separate file system of the
//! outer machine (`/usr` on a partition of its own) is not there either.

mod files;
mod network;
mod ssh;
mod users;

use crate::{Process, Ran, Terminal, programs, skip, wait_until};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

pub use users::BUSYBOX_USER_TOOLS;

/// `PATH` of every command inside.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The standard input stays a pipe that only the test holds open: that is how the first process learns of the test's end.
/// SIGCHLD ignored: see `host-init`. By `env`, as dash takes no part in ignoring that one.
const START: &str = "ip link set lo up && exec env --ignore-signal=CHLD \"$@\"";
const PATIENCE: Duration = Duration::from_secs(30);

/// A disposable machine. Everything in it ends when this is dropped.
pub struct Host {
    name: String,
    /// `unshare`, which waits for the first process.
    outer: Child,
    /// Handle of the first process, and its number outside.
    init: OwnedFd,
    pid: u32,
    root: OwnedFd,
    /// Where something is mounted that a restart of the machine leaves mounted.
    lasting_mounts: Mutex<Vec<String>>,
}

/// A [`Host`], or `None` after [`skip()`] with the reason why there cannot be one.
/// Use as `let Some(host) = host_or_skip() else { return };`.
#[must_use]
pub fn host_or_skip() -> Option<Host> {
    Host::start("host").map_err(skip).ok()
}

impl Host {
    /// Whether there can be one here.
    ///
    /// # Errors
    /// The reason why not.
    pub fn available() -> Result<(), String> {
        Host::start("available").map(drop)
    }

    /// A machine named `host`.
    ///
    /// # Panics
    /// With the reason, when there cannot be one.
    #[must_use]
    #[track_caller]
    pub fn new() -> Host {
        Host::named("host")
    }

    /// A machine named `name`.
    ///
    /// # Panics
    /// With the reason, when there cannot be one.
    #[must_use]
    #[track_caller]
    pub fn named(name: &str) -> Host {
        Host::start(name).unwrap_or_else(|reason| panic!("no machine for a test: {reason}"))
    }

    fn start(name: &str) -> Result<Host, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("needs root for a machine of its own".to_owned());
        }
        let mut command = Command::new("unshare");
        command
            .env_clear()
            .env("PATH", PATH)
            .args(["--mount", "--net", "--pid", "--uts", "--ipc"])
            .args(["--fork", "--kill-child", "--", "sh", "-c", START, "sh"])
            .arg(programs::path("host-init"))
            .arg(name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut outer = command
            .spawn()
            .map_err(|error| format!("cannot start unshare: {error}"))?;
        let pid = ready_pid(&mut outer)?;
        let explain = |error| format!("the first process is gone: {error}");
        let init = pidfd_open(raw_pid(pid), PidfdFlags::empty()).map_err(explain)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = open(format!("/proc/{pid}/root"), flags, Mode::empty()).map_err(explain)?;
        let host = Host {
            name: name.to_owned(),
            outer,
            init,
            pid,
            root,
            lasting_mounts: Mutex::default(),
        };
        *host.lasting_mounts.lock().unwrap() = host.mounts();
        Ok(host)
    }

    /// Its name, as `hostname` prints it inside.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number outside of its first process, which is process 1 inside.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// A command that root runs inside, from `/root`, with an environment of its own and no standard input.
    ///
    /// The process started is one that waits for the program: killing it kills the program, other signals are sent with
    /// [`Host::signal`]. `current_dir` has no effect: start `env --chdir=…`.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.enter();
        command.arg(program);
        command
    }

    /// Up to where the program's name follows.
    fn enter(&self) -> Command {
        let mut command = Command::new(programs::path("host-enter"));
        command
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", "/root")
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .env("TMPDIR", "/tmp")
            .stdin(Stdio::null())
            .arg(self.pid.to_string());
        command
    }

    /// Runs program and arguments inside, as root, to their end.
    ///
    /// # Panics
    /// As [`Ran::of`].
    #[must_use = "check .success() or .code(n)"]
    #[track_caller]
    pub fn run(&self, words: &[&str]) -> Ran {
        Ran::of(self.command_of(words))
    }

    /// The same with `input` on standard input.
    ///
    /// # Panics
    /// As [`Ran::of`].
    #[must_use = "check .success() or .code(n)"]
    #[track_caller]
    pub fn run_with_input(&self, words: &[&str], input: &[u8]) -> Ran {
        Ran::with_input(self.command_of(words), input)
    }

    fn command_of(&self, words: &[&str]) -> Command {
        let (program, arguments) = words.split_first().expect("a program");
        let mut command = self.command(program);
        command.args(arguments);
        command
    }

    /// Starts a program as root on a terminal of its own, where answers can be typed.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn terminal(&self, program: &str, arguments: &[&str]) -> Terminal {
        let mut command = self.command("setsid");
        command.arg("--ctty").arg(program).args(arguments);
        Terminal::with(self.new_terminal(), command)
    }

    /// The keeping side of a terminal that programs inside find a name for.
    fn new_terminal(&self) -> OwnedFd {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        open(self.path("/dev/pts/ptmx"), flags, Mode::empty()).expect("a pseudo-terminal")
    }

    /// Sends `signal` to the program that a command of [`Host::command`] or [`Host::command_as_user`] started as `process`.
    ///
    /// # Panics
    /// When it has ended.
    #[track_caller]
    pub fn signal(&self, process: &Process, signal: Signal) {
        let mut child = None;
        wait_until("the program inside", PATIENCE, || {
            // Two of `host-enter`, and then the program.
            child = only_child(process.id()).and_then(only_child);
            child.is_some()
        });
        let child = raw_pid(child.expect("waited for"));
        kill_process(child, signal).expect("a program that runs");
    }

    /// Numbers inside of all processes but the first.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        let entries = fs::read_dir(self.path("/proc")).expect("/proc of the machine");
        let numbers = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        numbers.filter(|number| *number != 1).collect()
    }

    /// What a restart of the machine does, as far as programs can tell: every process is killed, `/run`, `/tmp` and what
    /// was mounted since are gone. What was installed stays, also if it is mounted.
    ///
    /// # Panics
    /// When a process survives.
    pub fn reboot_like(&self) {
        // To everything but itself and the first process. It waits for nothing, so its own end is awaited below too.
        drop(self.run(&["sh", "-c", "kill -KILL -1"]));
        wait_until("the end of every process", PATIENCE, || {
            self.processes().is_empty()
        });
        let lasting = self.lasting_mounts.lock().unwrap().clone();
        let mut mounts = self.mounts();
        while let Some(mount) = mounts.pop() {
            let (has, may_have) = (count(&mounts, &mount) + 1, count(&lasting, &mount));
            if has > may_have {
                self.unmount(&mount);
            }
        }
        // Last /run: `mount` leaves something in it.
        let script = "for place in /tmp:1777 /run:0755; do
            umount --lazy ${place%:*} && mount -t tmpfs -o nosuid,size=512m,mode=${place#*:} tmpfs ${place%:*} || exit
        done
        mkdir -m 1777 /run/lock && ip link set lo up";
        self.run(&["sh", "-c", script]).success();
    }

    /// `path` of the machine as the test can open it.
    ///
    /// A symbolic link on the way that begins with `/` (`/var/run` of Debian) leads into the outer machine: look at links
    /// with `symlink_metadata` and `read_link`, and use [`Host::read`], [`Host::write`] and [`Host::exists`] otherwise.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        assert!(path.starts_with('/'), "{path} is not a whole path");
        PathBuf::from(format!("/proc/{}/root{path}", self.pid))
    }
}

impl Default for Host {
    fn default() -> Host {
        Host::new()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Fails only when it has ended already.
        pidfd_send_signal(&self.init, Signal::KILL).ok();
        // The kernel ends the first process last, and this waits for it.
        drop(self.outer.wait());
    }
}

fn count(mounts: &[String], mount: &str) -> usize {
    mounts.iter().filter(|held| *held == mount).count()
}

fn only_child(pid: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

fn raw_pid(pid: u32) -> Pid {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.expect("a process id")
}

/// What `host-init` says, or why it cannot.
fn ready_pid(outer: &mut Child) -> Result<u32, String> {
    let mut line = String::new();
    let mut said = BufReader::new(outer.stdout.take().expect("just piped"));
    let read = said.read_line(&mut line);
    let pid = line.trim_end().strip_prefix("ready ");
    if let (Ok(_), Some(pid)) = (read, pid.and_then(|pid| pid.parse().ok())) {
        return Ok(pid);
    }
    drop(outer.stdin.take());
    let mut reason = String::new();
    let errors = outer.stderr.take().expect("just piped");
    BufReader::new(errors).read_to_string(&mut reason).ok();
    drop(outer.wait());
    Err(format!("no machine of its own here: {}", reason.trim()))
}
