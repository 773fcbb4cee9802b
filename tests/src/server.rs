//! A server with several Linux users: a disposable host with the built programs, the stand-in client, and servers that only
//! it can reach.

mod doomed;

use crate::{HOURS_8, LIMIT};
use rustix::fs::OFlags;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use testkit::documents::now_ms;
use testkit::token_book::IssuedLogin;
use testkit::{ApiServer, Host, Process, Ran, TokenServer, host_or_skip, wait_until};

pub use doomed::KEEPER_CALLS;

/// Where the programs are installed.
pub const PROGRAM: &str = "/usr/local/bin/claude-share";

/// Where the server's logins are.
pub const VAULT: &str = "/var/lib/claude-share/vault";

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
            &[
                "server",
                "init",
                "--yes",
                "--users-from-file",
                "/root/users.txt",
            ],
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
        self.host.write(
            "/root/.claude/.credentials.json",
            document.to_string(),
            0o600,
        );
        let about = json!({
            "hasCompletedOnboarding": true,
            "lastOnboardingVersion": "2.1.330",
            "oauthAccount": who("shared"),
            "projects": {"/root/secret-project": {"history": ["mine"]}},
        });
        self.host
            .write("/root/.claude.json", about.to_string(), 0o600);
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

    /// Runs `claude-accounts` on the server's vault, as root; it has to succeed.
    #[track_caller]
    pub fn refresh(&self, arguments: &[&str]) {
        let mut command = self.host.command("/usr/local/bin/claude-accounts");
        command
            .args(arguments)
            .env("CLAUDE_ACCOUNTS_TOKEN_URL", self.tokens.url());
        drop(Ran::of(command).success());
    }

    /// Starts a keeper in the foreground, where none runs; its events are its lines.
    #[must_use]
    pub fn start_keeper(&self) -> Process {
        let keeper = Process::spawn_talking(self.command(&["server", "keeper"]));
        self.wait_for_keeper();
        keeper
    }

    /// Has the shared login renewed now, whatever is left of it: every view is to show another token soon.
    pub fn renew(&self) {
        let words = ["--vault", VAULT, "refresh", "--all"];
        let mut command = self.host.command("/usr/local/bin/claude-accounts");
        command
            .args(words)
            .env("CLAUDE_ACCOUNTS_TOKEN_URL", self.tokens.url());
        drop(Ran::of(command).success());
    }

    /// What the keepers that commands have started in the background have said.
    #[must_use]
    pub fn keeper_log(&self) -> String {
        self.host.read_text("/var/lib/claude-share/keeper.log")
    }

    /// What is not as it should be in the home of a user who has a view of the shared login; `None` if all is well.
    #[must_use]
    pub fn wrong_in_home(&self, user: &str) -> Option<String> {
        let uid = self.host.uid_of(user);
        let home = self.host.path(&format!("/home/{user}"));
        let claude = home.join(".claude");
        // First of all, as a link would lead out of the machine.
        match fs::symlink_metadata(&claude) {
            Ok(found) if found.is_dir() && found.uid() == uid => {}
            found => return Some(format!("~/.claude of {user} is {found:?}")),
        }
        let view = claude.join(".credentials.json");
        match fs::symlink_metadata(&view) {
            Ok(found)
                if found.is_file()
                    && found.uid() == uid
                    && found.nlink() == 1
                    && found.mode() & 0o7777 == 0o600 => {}
            found => return Some(format!("the view of {user} is {found:?}")),
        }
        let document = json_object(&view);
        let login = &document["claudeAiOauth"];
        if login["accessToken"].as_str() != Some(self.tokens.current("shared").0.as_str())
            || !login["refreshToken"]
                .as_str()
                .unwrap_or_default()
                .is_empty()
        {
            return Some(format!(
                "the view of {user} does not show the present token"
            ));
        }
        for name in ["settings.json", "settings.local.json"] {
            let target = fs::read_link(claude.join(name)).ok();
            let shared = format!("/shared/claude-share/home/.claude/{name}");
            if target.as_deref() != Some(Path::new(&shared)) {
                return Some(format!("{name} of {user} leads to {target:?}"));
            }
        }
        let file = home.join(".claude.json");
        match fs::symlink_metadata(&file) {
            Ok(found) if found.is_file() && found.uid() == uid && found.nlink() == 1 => {}
            found => return Some(format!(".claude.json of {user} is {found:?}")),
        }
        let about = json_object(&file);
        let is_known =
            about["oauthAccount"] == who("shared") && about["hasCompletedOnboarding"] == true;
        (!is_known).then(|| format!(".claude.json of {user} is {about}"))
    }

    /// A user's `~/.claude.json`; null where there is none, or something else in its place.
    #[must_use]
    pub fn about(&self, user: &str) -> Value {
        json_object(&self.host.path(&format!("/home/{user}/.claude.json")))
    }

    /// Waits until everything in a user's home is as it should be.
    #[track_caller]
    pub fn wait_for_good_home(&self, user: &str) {
        let what = format!("everything in the home of {user} as it should be");
        let wait = || wait_until(&what, LIMIT, || self.wrong_in_home(user).is_none());
        let waited = catch_unwind(AssertUnwindSafe(wait));
        let wrong = self.wrong_in_home(user);
        assert!(waited.is_ok(), "{wrong:?}\n{}", self.keeper_log());
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
        wait_until(
            &format!("the present token in the view of {user}"),
            LIMIT,
            || self.shown_to(user).as_deref() == Some(self.tokens.current("shared").0.as_str()),
        );
    }
}

/// Null where there is none. What is there may be a FIFO, put there as damage: nobody waits for its writer, and nobody
/// follows a link out of the machine.
fn json_object(path: &Path) -> Value {
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut bytes = Vec::new();
    if let Ok(file) = rustix::fs::open(path, flags, rustix::fs::Mode::empty()) {
        // A directory cannot be read.
        drop(File::from(file).read_to_end(&mut bytes));
    }
    serde_json::from_slice(&bytes).unwrap_or_default()
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
