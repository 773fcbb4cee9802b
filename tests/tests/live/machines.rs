//! A laptop and a server, with a user `dev` on both who may log in from the one to the other.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use end_to_end::{LIMIT, is_installed};
use serde_json::{Value, json};
use testkit::{Host, Ran, Terminal, wait_until};

/// What the server is called on the laptop.
pub(crate) const SERVER: &str = "dev@server";
/// The developer's project on the laptop.
pub(crate) const PROJECT: &str = "/home/dev/project";
const USER: &str = "dev";

/// Both, joined by a cable.
pub(crate) struct Machines {
    pub(crate) laptop: Host,
    pub(crate) server: Host,
}

impl Machines {
    /// New ones, with everything installed and a profile of the server; `None`, and the test noted as skipped, where
    /// there can be none.
    #[must_use]
    pub(crate) fn or_skip() -> Option<Machines> {
        if let Err(reason) = Host::available() {
            testkit::skip(reason);
            return None;
        }
        for program in ["fusermount3", "ssh"] {
            if !is_installed(program) {
                testkit::skip(format!("needs {program}"));
                return None;
            }
        }
        if !PathBuf::from("/dev/fuse").exists() {
            testkit::skip("needs /dev/fuse");
            return None;
        }
        Some(Machines::new())
    }

    fn new() -> Machines {
        let (laptop, server) = (Host::named("laptop"), Host::named("server"));
        for host in [&laptop, &server] {
            host.add_user(USER);
            host.install_program("claude-share", "/usr/local/bin/claude-share");
        }
        laptop.install_program("cs", "/usr/local/bin/cs");
        server.install_program("stand-in-claude", "/usr/local/bin/claude");
        let (_, address) = Host::join(&laptop, &server);
        let hosts = format!("127.0.0.1 localhost\n{address} server\n");
        laptop.write("/etc/hosts", hosts, 0o644);
        server.start_sshd();
        let machines = Machines { laptop, server };
        machines.let_in();
        machines.write_profile();
        drop(machines.on_laptop("mkdir project data").success());
        machines
    }

    /// A key of the user's, which the server knows, and the server's, which the laptop knows.
    fn let_in(&self) {
        let script = "mkdir -m 0700 ~/.ssh && ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519 && cat ~/.ssh/id_ed25519.pub";
        let public = self.on_laptop(script).success().stdout;
        let script = format!("mkdir -m 0700 ~/.ssh && echo '{public}' > ~/.ssh/authorized_keys");
        drop(self.on_server(&script).success());
        let accept =
            format!("ssh -o StrictHostKeyChecking=accept-new -o BatchMode=yes {SERVER} true");
        drop(self.on_laptop(&accept).success());
    }

    fn write_profile(&self) {
        let profile = |destination: &str| {
            json!({
                "destination": destination,
                "identity": "/home/dev/.ssh/id_ed25519",
                "program": "/usr/local/bin/claude-share",
                "added_at": 0,
            })
        };
        // At the other port nobody listens.
        let closed = format!("{SERVER}:1");
        let profile = json!({
            "format": 1,
            "default": "server",
            "profiles": {"server": profile(SERVER), "closed": profile(&closed)},
        });
        let script = format!(
            "umask 077 && mkdir ~/.claude-share && echo '{profile}' > ~/.claude-share/client.json"
        );
        drop(self.on_laptop(&script).success());
    }

    /// Runs a script as the user of the laptop.
    #[must_use = "check .success() or .code(n)"]
    #[track_caller]
    pub(crate) fn on_laptop(&self, script: &str) -> Ran {
        self.laptop.run_quickly_as(USER, &["sh", "-c", script])
    }

    /// The same on the server.
    #[must_use = "check .success() or .code(n)"]
    #[track_caller]
    pub(crate) fn on_server(&self, script: &str) -> Ran {
        self.server.run_quickly_as(USER, &["sh", "-c", script])
    }

    /// A command of `cs` in the project.
    #[must_use]
    pub(crate) fn cs_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.laptop.command_as_user(USER, "env");
        command
            .arg(format!("--chdir={PROJECT}"))
            .arg("cs")
            .args(arguments);
        command
    }

    /// Runs it to its end.
    #[must_use = "check .success() or .code(n)"]
    #[track_caller]
    pub(crate) fn cs(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.cs_command(arguments))
    }

    /// Starts it on a terminal of 30 rows and 100 columns.
    #[must_use]
    pub(crate) fn cs_terminal(&self, arguments: &[&str]) -> Terminal {
        let script = format!("cd {PROJECT} && stty rows 30 cols 100 && exec cs \"$@\"");
        let words = [&["-c", &script, "sh"], arguments].concat();
        self.laptop.terminal_as_user(USER, "sh", &words)
    }

    /// Starts a session that has a shell command instead of Claude Code, without looking at it; its name.
    #[track_caller]
    pub(crate) fn live(&self, command: &str) -> String {
        drop(self.cs(&["live", "--command", command]).success());
        self.session()["session"].as_str().unwrap().to_owned()
    }

    /// The one session, as `cs where --json` has it.
    #[must_use]
    #[track_caller]
    pub(crate) fn session(&self) -> Value {
        self.cs(&["where", "--json"]).success().json()
    }

    /// Where the main directory of the one session is on the server.
    #[must_use]
    #[track_caller]
    pub(crate) fn main_mount(&self) -> String {
        let session = self.session();
        let all = session["directories"].as_array().unwrap();
        let main = all.iter().find(|directory| directory["kind"] == "main");
        main.unwrap()["remote"].as_str().unwrap().to_owned()
    }

    /// Waits until the connection of the one session is up.
    #[track_caller]
    pub(crate) fn wait_until_up(&self) {
        wait_until("a connection", LIMIT, || {
            self.session()["link"]["state"] == "up"
        });
    }

    /// Kills every process `name` of the user's on the laptop; at least one.
    #[track_caller]
    pub(crate) fn kill_on_laptop(&self, name: &str) {
        let script = format!(
            "found=; for each in /proc/[0-9]*; do
                [ \"$(cat $each/comm 2>/dev/null)\" = {name} ] && kill -KILL ${{each#/proc/}} && found=1
            done; [ \"$found\" ]"
        );
        drop(self.on_laptop(&script).success());
    }

    /// What runs, is mounted, and lies where the user may write, on both.
    #[must_use]
    pub(crate) fn traces(&self) -> Traces {
        Traces {
            laptop: Trace::of(&self.laptop),
            server: Trace::of(&self.server),
        }
    }

    /// Waits until nothing is left of what came after `before`.
    #[track_caller]
    pub(crate) fn wait_until_only(&self, before: &Traces) {
        let deadline = std::time::Instant::now() + LIMIT;
        loop {
            let now = self.traces();
            let left = [
                now.laptop.beyond(&before.laptop),
                now.server.beyond(&before.server),
            ];
            if left.iter().all(Vec::is_empty) {
                return;
            }
            assert!(
                std::time::Instant::now() < deadline,
                "left on laptop and server: {left:#?}"
            );
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

/// See [`Machines::traces`].
pub(crate) struct Traces {
    laptop: Trace,
    server: Trace,
}

struct Trace(BTreeSet<String>);

impl Trace {
    fn of(host: &Host) -> Trace {
        let mut found = BTreeSet::new();
        for process in host.processes() {
            let path = host.path(&format!("/proc/{process}/cmdline"));
            let words = fs::read_to_string(path).unwrap_or_default();
            found.insert(format!("process {process} {}", words.replace('\0', " ")));
        }
        found.extend(
            host.mounts()
                .into_iter()
                .map(|place| format!("mount {place}")),
        );
        let script = "find /home/dev /tmp /run /var/tmp /dev/shm -xdev 2>/dev/null";
        let files = host
            .run(&["sh", "-c", &format!("{script}; true")])
            .success()
            .stdout;
        found.extend(files.lines().map(|path| format!("file {path}")));
        Trace(found)
    }

    /// What is here and not in `before`.
    fn beyond(&self, before: &Trace) -> Vec<String> {
        self.0.difference(&before.0).cloned().collect()
    }
}
