//! Two machines with a cable between them, one of which runs sshd.

use end_to_end::LIMIT;
use serde_json::Value;
use std::net::Ipv4Addr;
use std::process::Command;
use testkit::{Host, Ran, Terminal, host_or_skip};

/// What the server's user logs in with.
pub(crate) const PASSWORD: &str = "st-FAKE-1234";
/// Of all programs of the workspace.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Where the programs are on the laptop: not in `PATH`.
const PROGRAMS: &str = "/opt/live";
/// Where the user's own programs are on the server.
pub(crate) const BIN: &str = "/home/st/.local/bin";
/// The server's list of keys.
pub(crate) const KEYS: &str = "/home/st/.ssh/authorized_keys";

/// The laptop of the user `dev`, and the server on which he is `st`.
pub(crate) struct Pair {
    pub(crate) laptop: Host,
    pub(crate) server: Host,
    pub(crate) address: Ipv4Addr,
}

impl Pair {
    /// With nothing set up, and a server that has what it needs; `None`, and the test noted as skipped, where there can be
    /// none.
    pub(crate) fn or_skip() -> Option<Pair> {
        let laptop = host_or_skip()?;
        let server = Host::named("server");
        laptop.add_user("dev");
        server.add_user("st");
        let password = format!("st:{PASSWORD}\n");
        server
            .run_with_input(&["chpasswd"], password.as_bytes())
            .success();
        let (_, address) = Host::join(&laptop, &server);
        let pair = Pair {
            laptop,
            server,
            address,
        };
        pair.laptop
            .install_program("claude-share", &format!("{PROGRAMS}/claude-share"));
        // Quicker to copy without what debuggers need; where there is no `strip`, it only takes longer.
        drop(
            pair.laptop
                .run(&["strip", &format!("{PROGRAMS}/claude-share")]),
        );
        // Quicker still.
        for name in ["claude-accounts", "cs"] {
            let path = format!("{PROGRAMS}/{name}");
            pair.laptop.write(&path, script(name, VERSION), 0o755);
        }
        for name in ["fusermount3", "sshfs", "claude"] {
            let path = format!("/usr/local/bin/{name}");
            pair.server.write(&path, script(name, "3"), 0o755);
        }
        pair.start_sshd();
        Some(pair)
    }

    /// The same, with the laptop's user's own key `~/.ssh/mine` known on the server, and the server on the laptop.
    pub(crate) fn with_a_known_key() -> Option<Pair> {
        let pair = Pair::or_skip()?;
        pair.as_dev(
            "mkdir -p -m 0700 ~/.ssh && ssh-keygen -q -t ed25519 -N '' -C mine -f ~/.ssh/mine",
        );
        pair.know_the_server();
        let public = pair.laptop.read("/home/dev/.ssh/mine.pub");
        pair.as_st_with(
            "umask 077; mkdir -p ~/.ssh; cat >> ~/.ssh/authorized_keys",
            &public,
        );
        Some(pair)
    }

    /// An sshd that takes passwords and keys, on the usual port.
    fn start_sshd(&self) {
        self.server.make_directory("/run/login", 0o700);
        let configuration = "Port 22\nHostKey /run/login/key\nPidFile /run/login/pid\nUsePAM yes
PasswordAuthentication yes\nKbdInteractiveAuthentication no\nPrintMotd no\n";
        self.server
            .write("/run/login/configuration", configuration, 0o600);
        let script = "mkdir -p -m 0755 /run/sshd &&
            ssh-keygen -q -t ed25519 -N '' -f /run/login/key &&
            exec /usr/sbin/sshd -f /run/login/configuration -E /run/login/log";
        self.server.run(&["sh", "-c", script]).success();
    }

    /// Has the server's own key in the laptop's user's list.
    pub(crate) fn know_the_server(&self) {
        let key = self.server.read_text("/run/login/key.pub");
        let line = format!("{} {key}", self.address);
        let script = "umask 077; mkdir -p ~/.ssh; cat >> ~/.ssh/known_hosts";
        let mut command = self.laptop.command_as_user("dev", "sh");
        command.args(["-c", script]);
        Ran::with_input(command, line.as_bytes()).success();
    }

    /// Where the server is, and as whom.
    pub(crate) fn destination(&self) -> String {
        format!("st@{}", self.address)
    }

    /// `claude-share client …` as the laptop's user, without a terminal.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let program = format!("{PROGRAMS}/claude-share");
        let mut command = self.laptop.command_as_user("dev", program);
        command.arg("client").args(arguments);
        command
    }

    /// Runs it to its end.
    #[must_use = "check .success() or .code(n)"]
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments))
    }

    /// `client init` with the user's own key, which needs no question.
    #[must_use = "check .success() or .code(n)"]
    pub(crate) fn init(&self, more: &[&str]) -> Ran {
        let destination = self.destination();
        let usual = ["init", &destination, "--identity", "/home/dev/.ssh/mine"];
        self.run(&[&usual, more].concat())
    }

    /// The same on a terminal.
    pub(crate) fn terminal(&self, arguments: &[&str]) -> Terminal {
        let arguments = [&["client"], arguments].concat();
        let program = format!("{PROGRAMS}/claude-share");
        self.laptop.terminal_as_user("dev", &program, &arguments)
    }

    /// `client init` on a terminal, as far as the password has been typed. The server is new to the laptop.
    pub(crate) fn init_with_password(&self, more: &[&str]) -> Terminal {
        let destination = self.destination();
        let mut terminal = self.terminal(&[&["init", &destination], more].concat());
        terminal.wait_for("continue connecting", LIMIT);
        terminal.type_text("yes\r");
        terminal.wait_for("password:", LIMIT);
        terminal.type_text(&format!("{PASSWORD}\r"));
        terminal
    }

    /// `client status --json`, with further arguments; whatever the exit code.
    pub(crate) fn status(&self, more: &[&str]) -> Value {
        self.run(&[&["status", "--json"], more].concat()).json()
    }

    /// Does what a script says as the laptop's user.
    #[track_caller]
    pub(crate) fn as_dev(&self, script: &str) -> String {
        let ran = self.laptop.run_quickly_as("dev", &["sh", "-c", script]);
        ran.success().stdout
    }

    /// The same on the server.
    #[track_caller]
    pub(crate) fn as_st(&self, script: &str) -> String {
        self.as_st_with(script, b"")
    }

    #[track_caller]
    pub(crate) fn as_st_with(&self, script: &str, input: &[u8]) -> String {
        let mut command = self.server.command_as_user("st", "sh");
        command.args(["-c", script]);
        Ran::with_input(command, input).success().stdout
    }

    /// What is in a directory of the server, also what is hidden.
    pub(crate) fn names(&self, directory: &str) -> Vec<String> {
        let script = format!("ls -A '{directory}' 2>/dev/null || true");
        self.as_st(&script).lines().map(str::to_owned).collect()
    }

    /// Whether the real program has arrived as it was.
    #[track_caller]
    pub(crate) fn assert_copied(&self, path: &str) {
        let sum = |host: &Host, path: &str| {
            let ran = host.run(&["sha256sum", path]).success();
            ran.stdout.split_whitespace().next().map(str::to_owned)
        };
        let here = sum(&self.laptop, &format!("{PROGRAMS}/claude-share"));
        assert_eq!(sum(&self.server, path), here, "{path}");
    }
}

/// A program that says a version and nothing else.
pub(crate) fn script(name: &str, version: &str) -> String {
    format!("#!/bin/sh\necho {name} {version}\n")
}
