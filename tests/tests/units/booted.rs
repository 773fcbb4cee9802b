//! A real systemd as the first process of a machine in a machine: the [`Host`] of the test is around it, so that whatever
//! it starts ends with the test.

use std::process::{Command, Stdio};

use end_to_end::LIMIT;
use rustix::process::Signal;
use testkit::{Host, Process, Ran, skip, wait_until};

/// Starts systemd with processes, mounts and control groups of its own. `$1` is the name of its control group, which is
/// made in the whole tree, as there is no other place for it.
const BOOT: &str = "set -e
mkdir -p /run/control-groups
mount -t cgroup2 none /run/control-groups
mkdir \"/run/control-groups/$1\"
echo 0 > \"/run/control-groups/$1/cgroup.procs\"
exec unshare --mount --pid --cgroup --fork --kill-child sh -c '
    set -e
    mount -t proc -o nosuid,nodev,noexec proc /proc
    mount -t cgroup2 -o nosuid,nodev,noexec none /sys/fs/cgroup
    exec env -i container=testkit PATH=/usr/sbin:/usr/bin:/sbin:/bin \"$0\" --system --unit=basic.target --log-target=null
' /lib/systemd/systemd";

/// Removes what it made in the tree of control groups, when all of its processes have ended.
const CLEAR: &str = "cd /run/control-groups && find \"$1\" -depth -type d -exec rmdir {} +";

/// A [`Host`] in which systemd runs.
pub(crate) struct Booted<'host> {
    host: &'host Host,
    group: String,
    systemd: Option<Process>,
    /// Its number in the host.
    number: String,
}

impl<'host> Booted<'host> {
    /// Boots it; `None` after a skip where that cannot be.
    pub(crate) fn or_skip(host: &'host Host) -> Option<Booted<'host>> {
        if !host.exists("/lib/systemd/systemd") {
            skip("there is no systemd here");
            return None;
        }
        let group = format!("claude-accounts-test-{}", host.pid());
        let mut command = host.command("sh");
        command
            .args(["-c", BOOT, "sh", &group])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut booted = Booted {
            host,
            group,
            systemd: Some(Process::spawn(command)),
            number: String::new(),
        };
        match booted.wait_until_up() {
            Ok(()) => Some(booted),
            Err(reason) => {
                skip(reason);
                None
            }
        }
    }

    /// Until what every service may rely on is there.
    fn wait_until_up(&mut self) -> Result<(), String> {
        let find = "for each in /proc/[0-9]*; do
            [ \"$(cat \"$each/comm\" 2>/dev/null)\" = systemd ] && echo \"${each#/proc/}\" && break
        done";
        let (mut number, mut ended) = (String::new(), false);
        wait_until("a systemd that runs, or its end", LIMIT, || {
            number = self.host.run(&["sh", "-c", find]).stdout.trim().to_owned();
            ended = self.systemd.as_mut().is_some_and(has_ended);
            ended || !number.is_empty()
        });
        if ended {
            return Err("systemd cannot be started in namespaces here".to_owned());
        }
        self.number = number;
        wait_until("basic.target", LIMIT, || {
            let state = self.run(&["systemctl", "is-active", "basic.target"]);
            state.stdout == "active\n"
        });
        Ok(())
    }

    /// A command of root's in it.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = self.host.command("nsenter");
        command
            .args(["--target", &self.number, "--mount", "--pid", "--cgroup"])
            .arg(program);
        command
    }

    /// Runs one to its end.
    #[must_use = "check .success() or .code(n)"]
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        let (program, arguments) = words.split_first().unwrap();
        let mut command = self.command(program);
        command.args(arguments);
        Ran::of(command)
    }

    /// Runs one as a user, who has a manager of his own.
    #[must_use = "check .success() or .code(n)"]
    pub(crate) fn run_as(&self, user: &str, words: &[&str]) -> Ran {
        let uid = self.host.uid_of(user).to_string();
        let runtime = format!("/run/user/{uid}");
        let mut command = self.command("setpriv");
        command
            .args(["--reuid", &uid, "--regid", &uid, "--init-groups"])
            .args(["env", "-i", &format!("--chdir=/home/{user}")])
            .arg(format!("HOME=/home/{user}"))
            .arg(format!("PATH={}", testkit::host::PATH))
            .arg(format!("XDG_RUNTIME_DIR={runtime}"))
            .arg(format!("DBUS_SESSION_BUS_ADDRESS=unix:path={runtime}/bus"))
            .args(words);
        Ran::of(command)
    }

    /// One property of a unit of the user's.
    pub(crate) fn property(&self, user: &str, unit: &str, property: &str) -> String {
        let words = [
            "systemctl",
            "--user",
            "show",
            "--value",
            "-p",
            property,
            unit,
        ];
        let shown = self.run_as(user, &words).success().stdout;
        shown.trim().to_owned()
    }
}

fn has_ended(process: &mut Process) -> bool {
    process
        .child()
        .try_wait()
        .is_ok_and(|status| status.is_some())
}

impl Drop for Booted<'_> {
    /// A control group does not go with the last process in it.
    fn drop(&mut self) {
        if !self.number.is_empty() {
            drop(self.host.run(&["kill", "-KILL", &self.number]));
        }
        if let Some(mut systemd) = self.systemd.take() {
            systemd.signal(Signal::KILL);
            systemd.wait(LIMIT);
        }
        wait_until("the end of its control groups", LIMIT, || {
            let cleared = self.host.run(&["sh", "-c", CLEAR, "sh", &self.group]);
            let path = format!("/run/control-groups/{}", self.group);
            cleared.status.success() || !self.host.exists(&path)
        });
    }
}
