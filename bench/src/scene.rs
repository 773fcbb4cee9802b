//! A home with accounts, a client that ends at once, and what is started in it.

use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Process, TestHome, documents, programs, wait_until};

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Scene {
    home: TestHome,
    /// The caller's: a Python of his own (pyenv, a virtual environment) is found through it.
    search_path: OsString,
}

impl Scene {
    /// Half of the accounts have keys, half have logins with eight hours left.
    pub(crate) fn new(accounts: usize) -> Self {
        let home = TestHome::new();
        home.install_stand_in_client();
        home.configure_stand_in_client(&json!({"supports": ["securestorage"], "record": false}));
        let expires_at = documents::now_ms() + 8 * 3_600_000;
        let entry = |number: usize| -> Value {
            let index = number / 2;
            let tail = format!(
                "{number:024}-aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789"
            );
            if number.is_multiple_of(2) {
                json!({"name": format!("key-{index}"), "auth_type": "api_key", "api_key": format!("sk-ant-api03-FAKE{tail}")})
            } else {
                json!({"name": format!("login-{index}"), "auth_type": "oauth", "expires_at": expires_at,
                    "access_token": format!("sk-ant-oat01-FAKE{tail}"), "refresh_token": format!("sk-ant-ort01-FAKE{tail}")})
            }
        };
        let entries: Vec<Value> = (0..accounts).map(entry).collect();
        let file = json!(entries).to_string();
        home.claude_accounts_with_input(&["import", "-"], file.as_bytes())
            .success();
        #[allow(clippy::disallowed_methods, reason = "a program reads its environment")]
        let search_path = std::env::var_os("PATH").unwrap_or_default();
        drop(home.claude_accounts(&["default", "login-0"]).success());
        let scene = Self { home, search_path };
        // The first launch asks the client what it supports; the measured ones remember.
        assert!(
            crate::quiet(&mut scene.launch("login-1", "auto"))
                .status()
                .unwrap()
                .success()
        );
        scene
    }

    /// `env VAR=x client`: what starts when nothing has to be found out.
    pub(crate) fn client_alone(&self) -> Command {
        let mut command = self.home.command("/usr/bin/env");
        command
            .arg("ANTHROPIC_API_KEY=sk-ant-api03-FAKE")
            .arg(self.home.bin().join("claude"))
            .arg("--version");
        command
    }

    pub(crate) fn launch(&self, account: &str, injection: &str) -> Command {
        self.command(&["launch", account, "--inject", injection, "--", "--version"])
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.home.claude_accounts_command(arguments)
    }

    /// The Python program; why not, if it cannot be run here.
    pub(crate) fn python(&self, arguments: &[&str]) -> Result<Command, String> {
        let mut probe = self.python_command();
        let works = crate::quiet(probe.args(["-c", "import cryptography, sqlite3"])).status();
        if !works.is_ok_and(|status| status.success()) {
            return Err("python3 with `cryptography` is missing".to_owned());
        }
        let mut command = self.python_command();
        command
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/launcher.py"))
            .arg(self.home.vault_dir())
            .args(arguments);
        Ok(command)
    }

    pub(crate) fn python_launch(&self, account: &str) -> Command {
        let mut command = self.python(&["launch", account]).unwrap();
        command.arg(self.home.bin().join("claude")).arg("--version");
        command
    }

    fn python_command(&self) -> Command {
        let mut command = self.home.command("python3");
        command.env("PATH", &self.search_path);
        command
    }

    /// A session that lasts until it is dropped, and with it a keeper.
    pub(crate) fn keep_a_session(&self) -> KeptSession<'_> {
        let mut command = self.command(&["launch", "login-2", "--inject", "view"]);
        command.stderr(Stdio::null());
        let client = Process::spawn_talking(command);
        assert_eq!(client.wait_for_line(0, PATIENCE), "ready");
        wait_until("the keeper has the session", PATIENCE, || {
            self.keeper_pid().is_some()
        });
        KeptSession {
            scene: self,
            _client: client,
        }
    }

    fn keeper_pid(&self) -> Option<u64> {
        let output = self
            .command(&["keeper", "status", "--json"])
            .output()
            .ok()?;
        let status: Value = serde_json::from_slice(&output.stdout).ok()?;
        status
            .get("sessions")?
            .as_array()
            .filter(|sessions| !sessions.is_empty())?;
        status.get("pid")?.as_u64()
    }

    /// Peak resident memory of one launch in KiB, as GNU time has it from wait4(2): the highest of
    /// the launcher and of the client that it became. (A larger parent, such as Python, would show
    /// its own peak: the kernel counts from the fork.)
    pub(crate) fn peak_of_launch(&self, account: &str, injection: &str) -> String {
        let mut command = self.home.command("/usr/bin/time");
        command
            .args(["--format", "%M"])
            .arg(programs::path("claude-accounts"));
        command.args(["launch", account, "--inject", injection, "--", "--version"]);
        match command.output() {
            Ok(output) if output.status.success() => {
                String::from_utf8_lossy(&output.stderr).trim().to_owned()
            }
            _ => "left out, /usr/bin/time (GNU time) is missing".to_owned(),
        }
    }
}

/// A running session and its keeper.
pub(crate) struct KeptSession<'scene> {
    scene: &'scene Scene,
    _client: Process,
}

impl KeptSession<'_> {
    pub(crate) fn keeper_resident(&self) -> String {
        self.keeper_field("VmRSS:")
    }

    pub(crate) fn keeper_peak(&self) -> String {
        self.keeper_field("VmHWM:")
    }

    /// User and system time so far.
    pub(crate) fn keeper_cpu_millis(&self) -> u64 {
        let pid = self.scene.keeper_pid().unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let rest = stat.rsplit(')').next().unwrap();
        let ticks: u64 = rest
            .split_ascii_whitespace()
            .skip(11)
            .take(2)
            .map(|field| field.parse::<u64>().unwrap())
            .sum();
        ticks * 1_000 / rustix::param::clock_ticks_per_second()
    }

    fn keeper_field(&self, name: &str) -> String {
        let pid = self.scene.keeper_pid().unwrap();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap()
            .trim()
            .trim_end_matches(" kB")
            .to_owned()
    }
}
