//! A laptop and a server, with a user `dev` on both who may log in from the one to the other.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::{LIMIT, is_installed};
use serde_json::{Value, json};
use testkit::{DelayingRelay, Host, Ran, Terminal, wait_until};

/// What the server is called on the laptop.
pub const SERVER: &str = "dev@server";
/// The developer's project on the laptop.
pub const PROJECT: &str = "/home/dev/project";
/// Of both.
pub const USER: &str = "dev";
/// Where the laptop finds what stands for a server far away.
const RELAY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Both, joined by a cable.
pub struct Machines {
    /// Where the project is.
    pub laptop: Host,
    /// Where Claude Code is.
    pub server: Host,
    /// Of the server, on the cable.
    address: Ipv4Addr,
    /// What the laptop connects to in place of the server, where the way is long.
    relay: Option<DelayingRelay>,
}

impl Machines {
    /// New ones, with everything installed and a profile of the server; `None`, and the test noted as skipped, where
    /// there can be none.
    #[must_use]
    pub fn or_skip() -> Option<Machines> {
        Machines::far_apart_or_skip(Duration::ZERO)
    }

    /// The same with so long a round trip between them, beside what the cable takes.
    #[must_use]
    pub fn far_apart_or_skip(round_trip: Duration) -> Option<Machines> {
        let mut machines = Machines::bare_or_skip()?;
        let (laptop, server) = (&machines.laptop, &machines.server);
        for host in [laptop, server] {
            host.install_program("claude-share", "/usr/local/bin/claude-share");
        }
        laptop.install_program("cs", "/usr/local/bin/cs");
        let port = server.start_sshd();
        if !round_trip.is_zero() {
            let to = (machines.address, port).into();
            let relay = DelayingRelay::start(laptop, (RELAY, port).into(), to, round_trip);
            machines.relay = Some(relay);
            machines.call_server(RELAY);
        }
        machines.let_in();
        machines.write_profile();
        Some(machines)
    }

    /// With nothing of ours on either, no sshd that runs, and no key: only Claude Code is on the server.
    #[must_use]
    pub fn bare_or_skip() -> Option<Machines> {
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
        }
        server.install_program("stand-in-claude", "/usr/local/bin/claude");
        let (_, address) = Host::join(&laptop, &server);
        let machines = Machines {
            laptop,
            server,
            address,
            relay: None,
        };
        machines.call_server(address);
        drop(machines.on_laptop("mkdir project data").success());
        machines
    }

    /// What the laptop calls the server leads there.
    fn call_server(&self, address: Ipv4Addr) {
        let hosts = format!("127.0.0.1 localhost\n{address} server\n");
        self.laptop.write("/etc/hosts", hosts, 0o644);
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

    /// The user has agreed that commands typed on the server run on the laptop.
    #[track_caller]
    pub fn agree_to_commands(&self) {
        let edit =
            "sed -i 's/\"added_at\":0/&,\"commands_agreed_at\":1/g' .claude-share/client.json";
        drop(self.on_laptop(edit).success());
        let agreed = "grep -q commands_agreed_at .claude-share/client.json";
        drop(self.on_laptop(agreed).success());
    }

    /// Runs a script as the user of the laptop.
    #[must_use = "check .success() or .code(n)"]
    #[track_caller]
    pub fn on_laptop(&self, script: &str) -> Ran {
        self.laptop.run_quickly_as(USER, &["sh", "-c", script])
    }

    /// The same on the server.
    #[must_use = "check .success() or .code(n)"]
    #[track_caller]
    pub fn on_server(&self, script: &str) -> Ran {
        self.server.run_quickly_as(USER, &["sh", "-c", script])
    }

    /// A command of `cs` in the project.
    #[must_use]
    pub fn cs_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.laptop.command_as_user(USER, "env");
        command
            .arg(format!("--chdir={PROJECT}"))
            .arg("cs")
            .args(arguments);
        command
    }

    /// Runs one to its end.
    #[must_use = "check .success() or .code(n)"]
    #[track_caller]
    pub fn cs(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.cs_command(arguments))
    }

    /// Runs `claude-share client …` on the laptop to its end.
    #[must_use = "check .success() or .code(n)"]
    #[track_caller]
    pub fn client(&self, arguments: &[&str]) -> Ran {
        let words = [&["claude-share", "client"], arguments].concat();
        self.laptop.run_quickly_as(USER, &words)
    }

    /// Starts `cs` in the project on a terminal of 30 rows and 100 columns.
    #[must_use]
    pub fn cs_terminal(&self, arguments: &[&str]) -> Terminal {
        let script = format!("cd {PROJECT} && stty rows 30 cols 100 && exec cs \"$@\"");
        let words = [&["-c", &script, "sh"], arguments].concat();
        self.laptop.terminal_as_user(USER, "sh", &words)
    }

    /// Starts a program as the user of the laptop, in his home, on a terminal.
    #[must_use]
    pub fn laptop_terminal(&self, program: &str, arguments: &[&str]) -> Terminal {
        self.laptop.terminal_as_user(USER, program, arguments)
    }

    /// Starts a session that has a shell command instead of Claude Code, without looking at it; its name.
    #[track_caller]
    pub fn live(&self, command: &str) -> String {
        drop(self.cs(&["live", "--command", command]).success());
        self.session()["session"].as_str().unwrap().to_owned()
    }

    /// The one session, as `cs where --json` has it.
    #[must_use]
    #[track_caller]
    pub fn session(&self) -> Value {
        self.cs(&["where", "--json"]).success().json()
    }

    /// Where the main directory of the one session is on the server.
    #[must_use]
    #[track_caller]
    pub fn main_mount(&self) -> String {
        let session = self.session();
        let all = session["directories"].as_array().unwrap();
        let main = all.iter().find(|directory| directory["kind"] == "main");
        main.unwrap()["remote"].as_str().unwrap().to_owned()
    }

    /// Nothing comes or goes between the two any more, and neither is told.
    pub fn cut(&self) {
        self.server.unplug(self.address);
    }

    /// As before [`Machines::cut`].
    pub fn mend(&self) {
        self.server.plug_in(self.address);
    }

    /// Agents are told `options` too when they are started: bounds that a test need not wait for.
    #[track_caller]
    pub fn have_agents_told(&self, options: &str) {
        let script = format!(
            "#!/bin/sh
case \"$1 $2\" in 'agent connect') set -- \"$@\" {options} ;; esac
exec /usr/local/bin/claude-share \"$@\"
"
        );
        self.server
            .write("/usr/local/bin/claude-share-told", script, 0o755);
        let edit =
            "sed -i 's,bin/claude-share\",bin/claude-share-told\",' .claude-share/client.json";
        drop(self.on_laptop(edit).success());
    }

    /// Waits until the connection of the one session is up.
    #[track_caller]
    pub fn wait_until_up(&self) {
        wait_until("a connection", LIMIT, || {
            self.session()["link"]["state"] == "up"
        });
    }

    /// The process of the one session's agent on the server.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn agent(&self) -> u32 {
        let agents = self.on_server("claude-share agent list").success().stdout;
        let agent: Value = serde_json::from_str(&agents).expect("one agent");
        agent["pid"]
            .as_u64()
            .and_then(|pid| u32::try_from(pid).ok())
            .expect("a process")
    }

    /// Kills every process `name` of the user's on the laptop; at least one.
    #[track_caller]
    pub fn kill_on_laptop(&self, name: &str) {
        let script = format!(
            "found=; for each in /proc/[0-9]*; do
                [ \"$(cat $each/comm 2>/dev/null)\" = {name} ] && kill -KILL ${{each#/proc/}} && found=1
            done; [ \"$found\" ]"
        );
        drop(self.on_laptop(&script).success());
    }

    /// What runs, is mounted, and lies where the user may write, on both.
    #[must_use]
    pub fn traces(&self) -> Traces {
        Traces {
            laptop: Trace::of(&self.laptop),
            server: Trace::of(&self.server),
        }
    }

    /// Waits until nothing is left of what came after `before`.
    #[track_caller]
    pub fn wait_until_only(&self, before: &Traces) {
        wait_until_none("left on laptop and server", || {
            let now = self.traces();
            let mut left = now.laptop.beyond(&before.laptop);
            left.extend(now.server.beyond(&before.server));
            left
        });
    }

    /// The same as [`Machines::wait_until_only`], but that there may be `more` in the home of the laptop's user.
    #[track_caller]
    pub fn wait_until_only_and(&self, before: &Traces, more: &[&str]) {
        let more = more.iter().map(|path| format!("file /home/{USER}/{path}"));
        let laptop = before.laptop.0.iter().cloned().chain(more).collect();
        self.wait_until_only(&Traces {
            laptop: Trace(laptop),
            server: Trace(before.server.0.clone()),
        });
    }

    /// [`Machines::wait_until_only`] of the laptop alone.
    #[track_caller]
    pub fn wait_until_only_on_laptop(&self, before: &Traces) {
        wait_until_none("left on the laptop", || {
            Trace::of(&self.laptop).beyond(&before.laptop)
        });
    }
}

#[track_caller]
fn wait_until_none(what: &str, find: impl Fn() -> Vec<String>) {
    let deadline = Instant::now() + LIMIT;
    loop {
        let left = find();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{what}: {left:#?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// See [`Machines::traces`].
pub struct Traces {
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
