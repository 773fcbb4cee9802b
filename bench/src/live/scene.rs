//! A laptop and a server with a user on both, and the way between them.

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{DelayingRelay, Host, Ran, Terminal};

/// No wait is longer.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// What is published.
pub(super) const PROJECT: &str = "/home/dev/project";
const USER: &str = "dev";
/// Where the laptop finds what stands for the server far away.
const RELAY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

pub(super) struct Scene {
    pub(super) laptop: Host,
    pub(super) server: Host,
    pub(super) round_trip: Duration,
    _relay: DelayingRelay,
}

impl Scene {
    pub(super) fn new(round_trip: Duration) -> Self {
        let (laptop, server) = (Host::named("laptop"), Host::named("server"));
        for host in [&laptop, &server] {
            host.add_user(USER);
            host.install_program("claude-share", "/usr/local/bin/claude-share");
        }
        laptop.install_program("cs", "/usr/local/bin/cs");
        let (_, address) = Host::join(&laptop, &server);
        let port = server.start_sshd();
        // Also where there is no delay: plain ssh goes the same way.
        let to = (address, port).into();
        let relay = DelayingRelay::start(&laptop, (RELAY, port).into(), to, round_trip);
        let hosts = format!("127.0.0.1 localhost\n{RELAY} server\n");
        laptop.write("/etc/hosts", hosts, 0o644);
        let scene = Self {
            laptop,
            server,
            round_trip,
            _relay: relay,
        };
        scene.let_in();
        scene
    }

    /// A key that the server knows, and a profile with it.
    fn let_in(&self) {
        let make = "mkdir -m 0700 ~/.ssh && ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519 && mkdir project && cat ~/.ssh/id_ed25519.pub";
        let public = self.on_laptop(make).stdout;
        let take = format!("mkdir -m 0700 ~/.ssh && echo '{public}' > ~/.ssh/authorized_keys");
        self.on_server(&take);
        self.on_laptop("ssh -o StrictHostKeyChecking=accept-new -o BatchMode=yes dev@server true");
        let profile = json!({
            "destination": "dev@server",
            "identity": "/home/dev/.ssh/id_ed25519",
            "program": "/usr/local/bin/claude-share",
            "added_at": 0,
            "commands_agreed_at": 0,
        });
        let profiles = json!({"format": 1, "default": "server", "profiles": {"server": profile}});
        self.on_laptop(&format!(
            "umask 077 && mkdir ~/.claude-share && echo '{profiles}' > ~/.claude-share/client.json"
        ));
    }

    /// What a script of the laptop's user says, which must succeed.
    pub(super) fn on_laptop(&self, script: &str) -> Ran {
        let ran = self.laptop.run_quickly_as(USER, &["sh", "-c", script]);
        ran.success()
    }

    /// The same on the server.
    pub(super) fn on_server(&self, script: &str) -> Ran {
        let ran = self.server.run_quickly_as(USER, &["sh", "-c", script]);
        ran.success()
    }

    /// A command of `cs` in a directory of the laptop.
    pub(super) fn cs_in(&self, directory: &str, arguments: &[&str]) -> Command {
        let mut command = self.laptop.command_as_user(USER, "env");
        let directory = format!("--chdir={directory}");
        command.arg(directory).arg("cs").args(arguments);
        command
    }

    /// The same in the project, to its end.
    pub(super) fn cs(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.cs_in(PROJECT, arguments)).success()
    }

    /// A program of the laptop's on a terminal, in the project.
    pub(super) fn terminal(&self, script: &str) -> Terminal {
        let script = format!("cd {PROJECT} && exec {script}");
        self.laptop.terminal_as_user(USER, "sh", &["-c", &script])
    }

    /// The one session, as `cs where --json` has it.
    pub(super) fn session(&self) -> Value {
        self.cs(&["where", "--json"]).json()
    }

    /// Where its directory is on the server.
    pub(super) fn mount(&self) -> String {
        let session = self.session();
        session["directories"][0]["remote"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The number of the user, which is the same on both.
    pub(super) fn user(&self) -> u32 {
        self.server.uid_of(USER)
    }

    /// The shortest that may be with one round trip and `more` milliseconds.
    pub(super) fn bar(&self, round_trips: u32, more: u64) -> Duration {
        self.round_trip * round_trips + Duration::from_millis(more)
    }
}
