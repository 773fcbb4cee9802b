//! What the end-to-end tests share: a machine with stand-ins for the client, the token server and the API, and sessions to
//! talk to. The tests are in `tests/`, one file per user story.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "helpers of tests"
)]

pub mod dashboard;
pub mod machines;
pub mod server;
pub mod socket_io;
mod stalled;

pub use stalled::wait_until_stalled;

use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, ExitStatus};
use std::time::Duration;
use testkit::documents::{now_ms, write_private};
use testkit::token_book::IssuedLogin;
use testkit::{ApiServer, ClientCall, Process, Ran, TestHome, TokenServer, wait_until};

/// No wait is longer. A test that comes near it has failed already.
pub const LIMIT: Duration = Duration::from_secs(60);
/// In milliseconds; about what a real token lives.
pub const HOURS_8: u64 = 8 * 60 * 60 * 1000;
/// A client that sends one message for each line of its standard input.
pub const STREAM: [&str; 6] = [
    "-p",
    "--input-format",
    "stream-json",
    "--output-format",
    "stream-json",
    "--verbose",
];
/// The key that [`Machine::add_key`] adds.
pub const KEY: &str = "sk-ant-api03-FAKE-key-of-an-account";

/// A home with the stand-in client in its `PATH`, and servers of its own.
pub struct Machine {
    /// Dropped first: what still runs in it needs the servers.
    pub home: TestHome,
    /// Where logins come from.
    pub tokens: TokenServer,
    /// Where messages go.
    pub api: ApiServer,
}

impl Machine {
    /// With a client that supports everything and notes each of its starts.
    #[must_use]
    pub fn new() -> Machine {
        let machine = Machine::without_client();
        machine.home.install_stand_in_client();
        machine.client_supports(&["securestorage", "config-dir"]);
        machine
    }

    /// The same without a client.
    #[must_use]
    pub fn without_client() -> Machine {
        let (mut home, tokens, api) = (TestHome::new(), TokenServer::start(), ApiServer::start());
        home.set("CLAUDE_ACCOUNTS_TOKEN_URL", tokens.url());
        home.set("CLAUDE_CODE_TOKEN_URL_FOR_STAND_IN", tokens.url());
        home.set("CLAUDE_ACCOUNTS_KEEPER_LINGER", "1");
        home.set("ANTHROPIC_BASE_URL", api.url());
        Machine { home, tokens, api }
    }

    /// Changes what the installed client can be given a view by.
    pub fn client_supports(&self, supports: &[&str]) {
        self.home
            .configure_stand_in_client(&json!({"supports": supports, "record": true}));
    }

    /// Runs `claude-accounts` to its end.
    #[must_use = "check .success() or .code(n)"]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.home.claude_accounts(arguments)
    }

    /// Adds an account with [`KEY`].
    pub fn add_key(&self, name: &str) {
        let ran = self
            .home
            .claude_accounts_with_input(&["add", name, "--key-stdin"], KEY.as_bytes());
        drop(ran.success());
    }

    /// Signs an account in to a new login with 8 hours left.
    pub fn add_login(&self, name: &str) -> IssuedLogin {
        self.add_login_with(name, HOURS_8)
    }

    /// Signs an account in to a new login that expires in `left_ms` milliseconds.
    pub fn add_login_with(&self, name: &str, left_ms: u64) -> IssuedLogin {
        self.add_login_until(name, now_ms() + left_ms)
    }

    /// Signs an account in to a new login that has expired.
    pub fn add_expired_login(&self, name: &str) -> IssuedLogin {
        self.add_login_until(name, now_ms() - 1000)
    }

    fn add_login_until(&self, name: &str, expires_at_ms: u64) -> IssuedLogin {
        let login = self.tokens.issue(name);
        let file = self.home.root().join("captured.json");
        write_private(
            &file,
            login.credentials_expiring_at(expires_at_ms).to_string(),
        );
        let path = file.to_str().unwrap();
        drop(self.run(&["login", name, "--capture", path]).success());
        fs::remove_file(&file).unwrap();
        login
    }

    /// `status NAME --json`.
    #[must_use]
    pub fn status(&self, name: &str) -> Value {
        self.run(&["status", name, "--json"]).success().json()
    }

    /// `keeper status --json`.
    #[must_use]
    pub fn keeper(&self) -> Value {
        self.run(&["keeper", "status", "--json"]).success().json()
    }

    /// Waits until a keeper answers, and gives its process id.
    #[must_use]
    #[track_caller]
    pub fn wait_for_keeper(&self) -> u32 {
        let mut pid = None;
        wait_until("a keeper that answers", LIMIT, || {
            pid = self.keeper()["pid"].as_u64();
            pid.is_some()
        });
        u32::try_from(pid.unwrap()).unwrap()
    }

    /// Waits until `count` sessions are kept.
    #[track_caller]
    pub fn wait_for_kept_sessions(&self, count: usize) {
        wait_until("sessions that are kept", LIMIT, || {
            self.keeper()["sessions"].as_array().map(Vec::len) == Some(count)
        });
    }

    /// The starts of the client that were no questions about what it supports.
    #[must_use]
    pub fn launches(&self) -> Vec<ClientCall> {
        let calls = self.home.client_calls().into_iter();
        calls.filter(|call| !is_probe(call)).collect()
    }

    /// How often the client was asked what it supports.
    #[must_use]
    pub fn probes(&self) -> usize {
        self.home
            .client_calls()
            .iter()
            .filter(|call| is_probe(call))
            .count()
    }

    /// The newest start of the client.
    #[must_use]
    #[track_caller]
    pub fn last_launch(&self) -> ClientCall {
        self.launches().pop().expect("a launch")
    }

    /// The bearer token of each message so far.
    #[must_use]
    pub fn bearers(&self) -> Vec<String> {
        let requests = self.api.message_requests();
        let bearer =
            |request: &testkit::api_server::ApiRequest| request.bearer().map(str::to_owned);
        requests.iter().filter_map(bearer).collect()
    }

    /// Starts `launch NAME` with `options`, as a client that can be talked to.
    #[must_use]
    pub fn session(&self, name: &str, options: &[&str]) -> Session {
        let arguments = [&["launch", name], options, &["--"], &STREAM].concat();
        Session::start(self.home.claude_accounts_command(&arguments))
    }

    /// Writes `~/.claude/.credentials.json`.
    pub fn write_own_login(&self, document: &Value) {
        write_private(&self.own_login_path(), document.to_string());
    }

    /// `~/.claude/.credentials.json`.
    #[must_use]
    pub fn own_login_path(&self) -> PathBuf {
        self.home.claude_dir().join(".credentials.json")
    }

    /// The accounts with their secrets, as `export` gives them; none where there is no vault.
    #[must_use]
    pub fn export(&self) -> Value {
        if !self.home.vault_dir().join("accounts.db").exists() {
            return Value::Array(Vec::new());
        }
        self.run(&["export"]).success().json()
    }
}

impl Default for Machine {
    fn default() -> Machine {
        Machine::new()
    }
}

fn is_probe(call: &ClientCall) -> bool {
    call.argv
        .get(1..3)
        .is_some_and(|words| words == ["auth", "status"])
}

/// A running client that answers each line with a line.
pub struct Session {
    process: Process,
    input: Option<ChildStdin>,
    said: usize,
}

impl Session {
    /// Starts `command`, which is or becomes a client in stream-json mode.
    #[must_use]
    pub fn start(command: Command) -> Session {
        let mut process = Process::spawn_talking(command);
        let input = Some(process.take_stdin());
        Session {
            process,
            input,
            said: 0,
        }
    }

    /// The process, which is the client once the launch is done.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends one message and gives the client's result.
    #[track_caller]
    pub fn say(&mut self, text: &str) -> Value {
        let message = json!({"type": "user", "message": {"role": "user", "content": text}});
        let input = self
            .input
            .as_mut()
            .expect("a session that has not been ended");
        writeln!(input, "{message}").unwrap();
        input.flush().unwrap();
        let number = self.said;
        self.said += 1;
        let mut result = None;
        wait_until("the client's result", LIMIT, || {
            result = results(&self.process).into_iter().nth(number);
            result.is_some()
        });
        result.unwrap()
    }

    /// The same, for a message that must be answered well.
    #[track_caller]
    pub fn hello(&mut self) {
        let result = self.say("hello");
        assert_eq!(
            (&result["is_error"], &result["result"]),
            (&json!(false), &json!("pong")),
            "{result}"
        );
    }

    /// Ends the session by the end of its input.
    #[track_caller]
    pub fn end(mut self) -> ExitStatus {
        self.input = None;
        self.process.wait(LIMIT)
    }
}

fn results(process: &Process) -> Vec<Value> {
    let lines = process.lines().into_iter();
    lines
        .filter_map(|line| serde_json::from_str(&line).ok())
        .filter(|read: &Value| read["type"] == "result")
        .collect()
}

/// Reads a JSON file.
///
/// # Panics
/// When it is not there or is no JSON.
#[must_use]
#[track_caller]
pub fn read_json(path: &Path) -> Value {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether a program of this name is installed where the tests' `PATH` looks; else the test that needs it is skipped.
#[must_use]
pub fn is_installed(program: &str) -> bool {
    ["/usr/local/bin", "/usr/bin", "/bin"]
        .iter()
        .any(|directory| Path::new(directory).join(program).is_file())
}
