//! A server with several Linux users: a disposable host with the built programs, the stand-in client, and servers that only
//! it can reach.

use crate::{HOURS_8, LIMIT};
use serde_json::{Value, json};
use std::process::Command;
use testkit::documents::now_ms;
use testkit::token_book::IssuedLogin;
use testkit::{ApiServer, Host, Process, Ran, TokenServer, host_or_skip, wait_until};

/// Where the programs are installed.
pub const PROGRAM: &str = "/usr/local/bin/claude-share";

/// A disposable host with everything that `claude-share` needs and nothing set up.
pub struct Server {
    /// Dropped first: what still runs in it needs the servers.
    pub host: Host,
    /// Where logins come from.
    pub tokens: TokenServer,
    /// Where messages go.
    pub api: ApiServer,
}

impl Server {
    /// A new one; `None`, and the test noted as skipped, where there can be none.
    #[must_use]
    pub fn or_skip() -> Option<Server> {
        let host = host_or_skip()?;
        let tokens = host.in_network(TokenServer::start);
        let api = host.in_network(ApiServer::start);
        api.accept_only(tokens.access_check());
        for name in ["claude-share", "claude-accounts"] {
            host.install_program(name, &format!("/usr/local/bin/{name}"));
        }
        host.install_program("stand-in-claude", "/usr/local/bin/claude");
        // What a login shell of a user's gets: the clients on this host talk to the stand-ins.
        let variables = format!(
            "export ANTHROPIC_BASE_URL={}\nexport CLAUDE_CODE_TOKEN_URL_FOR_STAND_IN={}\n",
            api.url(),
            tokens.url()
        );
        host.write("/etc/profile.d/stand-ins.sh", variables, 0o644);
        Some(Server { host, tokens, api })
    }

    /// The same, initialised with `users`, its login with eight hours left, and a keeper that runs.
    #[must_use]
    pub fn with_users(users: &[&str]) -> Option<Server> {
        let server = Server::or_skip()?;
        server.sign_in_as_root(HOURS_8);
        drop(server.init(users, &[]).success());
        server.wait_for_keeper();
        Some(server)
    }

    /// A command of `claude-share`, as root.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.host.command(PROGRAM);
        command
            .args(arguments)
            .env("CLAUDE_ACCOUNTS_TOKEN_URL", self.tokens.url());
        command
    }

    /// Runs it to its end.
    #[must_use = "check .success() or .code(n)"]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments))
    }

    /// `server init --yes` with these users, each with a password.
    #[must_use = "check .success() or .code(n)"]
    pub fn init(&self, users: &[&str], more: &[&str]) -> Ran {
        let lines: String = users
            .iter()
            .map(|name| format!("{name}:{name}-FAKE-1234\n"))
            .collect();
        self.host.write("/root/users.txt", lines, 0o600);
        let arguments = [
            &["server", "init", "--yes", "--users-from-file", "/root/users.txt"],
            more,
        ]
        .concat();
        self.run(&arguments)
    }

    /// Puts a login of the token server's into root's own `~/.claude`, with who it is.
    pub fn sign_in_as_root(&self, left_ms: u64) -> IssuedLogin {
        let login = self.tokens.issue("shared");
        let document = login.credentials_expiring_at(now_ms() + left_ms);
        self.host.make_directory("/root/.claude", 0o700);
        self.host
            .write("/root/.claude/.credentials.json", document.to_string(), 0o600);
        let about = json!({
            "hasCompletedOnboarding": true,
            "lastOnboardingVersion": "2.1.330",
            "oauthAccount": who("shared"),
            "projects": {"/root/secret-project": {"history": ["mine"]}},
        });
        self.host.write("/root/.claude.json", about.to_string(), 0o600);
        login
    }

    /// `status --json`; whatever the exit code.
    #[must_use]
    pub fn status(&self) -> Value {
        self.run(&["server", "status", "--json"]).json()
    }

    /// Waits until the keeper answers.
    #[track_caller]
    pub fn wait_for_keeper(&self) {
        wait_until("a keeper that answers", LIMIT, || {
            self.status()["keeper"]["running"] == true
        });
    }

    /// Starts a keeper in the foreground, where none runs; its events are its lines.
    #[must_use]
    pub fn start_keeper(&self) -> Process {
        let keeper = Process::spawn_talking(self.command(&["server", "keeper"]));
        self.wait_for_keeper();
        keeper
    }

    /// The access token that a user's credential file shows now; `None` if it shows none.
    #[must_use]
    pub fn shown_to(&self, user: &str) -> Option<String> {
        let path = format!("/home/{user}/.claude/.credentials.json");
        if !self.host.exists(&path) {
            return None;
        }
        let document: Value = serde_json::from_slice(&self.host.read(&path)).ok()?;
        let token = document["claudeAiOauth"]["accessToken"].as_str()?;
        (!token.is_empty()).then(|| token.to_owned())
    }

    /// Waits until a user's credential file shows the newest token of the shared login.
    #[track_caller]
    pub fn wait_for_view(&self, user: &str) {
        wait_until(&format!("the present token in the view of {user}"), LIMIT, || {
            self.shown_to(user).as_deref() == Some(self.tokens.current("shared").0.as_str())
        });
    }
}

/// What a client writes down as `oauthAccount` for a login.
#[must_use]
pub fn who(name: &str) -> Value {
    json!({
        "accountUuid": format!("account-of-{name}"),
        "organizationUuid": format!("organization-of-{name}"),
        "emailAddress": format!("{name}@example.com"),
    })
}
