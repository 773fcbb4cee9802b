//! A server with several Linux users who use the real client, on a disposable host without any network: for
//! `CLAUDE_ACCOUNTS_TEST_REAL_CLIENT` see `real_client.rs`.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "helpers of tests; the environment says where the real client is"
)]

use end_to_end::server::Server;
use end_to_end::{HOURS_8, KEY, LIMIT, STREAM, Session};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::env;
use std::ops::Deref;
use std::path::Path;
use std::process::Command;
use std::thread;
use testkit::api_server::ApiRequest;
use testkit::documents::now_ms;
use testkit::tls_front::CERTIFICATE;
use testkit::{Ran, TlsFront, skip, wait_until};

const FIVE: [&str; 5] = ["usera", "userb", "userc", "userd", "usere"];
const ROUNDS: usize = 20;
const MINUTE: u64 = 60 * 1000;
/// Less than any program's margin: the client renews with five minutes left, the keeper with fifteen.
const UNDER_EVERY_MARGIN: u64 = MINUTE;
/// Where the client renews and asks who has signed in.
const ITS_NAMES: [&str; 2] = ["platform.claude.com", "api.anthropic.com"];
/// What the client must have for the answers to be the stand-ins'.
const QUIET: [&str; 3] = [
    "DISABLE_TELEMETRY",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
    "DISABLE_AUTOUPDATER",
];
const LOG: &str = "/var/lib/claude-share/keeper.log";

/// A server with the real client.
struct Real(Server);

impl Deref for Real {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

impl Real {
    /// Nothing set up; `None`, and the test noted as skipped, where there can be none.
    fn or_skip() -> Option<Real> {
        let Some(client) = env::var_os("CLAUDE_ACCOUNTS_TEST_REAL_CLIENT") else {
            let reason = env::var("CLAUDE_ACCOUNTS_TEST_REAL_CLIENT_MISSING");
            skip(reason.unwrap_or_else(|_| {
                "CLAUDE_ACCOUNTS_TEST_REAL_CLIENT names no client".to_owned()
            }));
            return None;
        };
        let server = Server::or_skip()?;
        server
            .host
            .install_file(Path::new(&client), "/usr/local/bin/claude");
        let lines: String = QUIET
            .iter()
            .map(|name| format!("export {name}=1\n"))
            .collect();
        server
            .host
            .write("/etc/profile.d/real-client.sh", lines, 0o644);
        Some(Real(server))
    }

    fn with_users(users: &[&str], more: &[&str]) -> Option<Real> {
        let server = Real::or_skip()?;
        server.sign_in_as_root(HOURS_8);
        drop(server.init(users, more).success());
        server.wait_for_keeper();
        Some(server)
    }

    /// The client as `user` starts it, without the machinery of a login.
    fn client(&self, user: &str) -> Command {
        let mut command = self.host.command_as_user(user, "claude");
        command
            .env("ANTHROPIC_BASE_URL", self.api.url())
            .envs(QUIET.map(|name| (name, "1")));
        if self.host.exists(CERTIFICATE) {
            command.env("NODE_EXTRA_CA_CERTS", CERTIFICATE);
        }
        command
    }

    fn run_client(&self, user: &str, arguments: &[&str]) -> Ran {
        let mut command = self.client(user);
        command.args(arguments);
        Ran::of(command)
    }

    fn session(&self, user: &str) -> Session {
        let mut command = self.client(user);
        command.args(STREAM);
        Session::start(command)
    }

    /// What the shared login's remaining life is, for the keeper and for every client, from now on.
    fn leave_ms(&self, left_ms: u64) {
        let until = i64::try_from(now_ms() + left_ms).unwrap();
        let changed = self.host.in_mounts(|| {
            let connection = Connection::open("/var/lib/claude-share/vault/accounts.db")?;
            connection.busy_timeout(LIMIT)?;
            let statement = "UPDATE accounts SET expires_at = ?1 WHERE auth_type = 'oauth'";
            connection.execute(statement, [until])
        });
        assert_eq!(changed.unwrap(), 1);
    }

    /// A file of `user`'s that is JSON; null if it is not there.
    fn json_of(&self, user: &str, file: &str) -> Value {
        let path = format!("/home/{user}/{file}");
        if !self.host.exists(&path) {
            return Value::Null;
        }
        serde_json::from_slice(&self.host.read(&path)).unwrap_or_default()
    }

    fn expiry_shown_to(&self, user: &str) -> u64 {
        let document = self.json_of(user, ".claude/.credentials.json");
        document["claudeAiOauth"]["expiresAt"]
            .as_u64()
            .unwrap_or_default()
    }

    /// The messages since number `first`.
    fn messages_since(&self, first: usize) -> Vec<ApiRequest> {
        self.api.message_requests().split_off(first)
    }

    fn refused(&self) -> Vec<ApiRequest> {
        let requests = self.api.requests().into_iter();
        requests.filter(|request| request.status == 401).collect()
    }

    /// Files below `places` in which `text` stands, as root finds them.
    fn files_with(&self, text: &str, places: &[&str]) -> String {
        let words = [&["grep", "-rlsF", "-e", text, "--"], places].concat();
        self.host.run(&words).stdout
    }

    fn is_signed_in(&self, user: &str) -> bool {
        self.run_client(user, &["auth", "status", "--json"])
            .success()
            .json()["loggedIn"]
            == true
    }

    fn keeper_log(&self) -> Vec<String> {
        self.host.read_text(LOG).lines().map(str::to_owned).collect()
    }
}

/// All of them say hello at the same moment; gives what came of each.
fn all_say_hello(sessions: &mut [(&str, Session)]) -> Vec<Value> {
    thread::scope(|scope| {
        let saying: Vec<_> = sessions
            .iter_mut()
            .map(|(_, session)| scope.spawn(|| session.say("hello")))
            .collect();
        saying
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

fn is_answered(result: &Value) -> bool {
    (&result["is_error"], &result["result"]) == (&json!(false), &json!("pong"))
}

#[track_caller]
fn assert_answered(results: &[Value]) {
    for result in results {
        assert!(is_answered(result), "{result:#}");
    }
}

#[test]
fn needs_no_login() {
    let Some(server) = Real::with_users(&["usera"], &[]) else {
        return;
    };
    let said = server.host.run_as("usera", &["claude", "-p", "hello"]);
    assert_eq!(said.success().stdout, "pong\n");
    let told = server
        .host
        .run_as("usera", &["claude", "auth", "status", "--json"])
        .success()
        .json();
    assert_eq!(told["loggedIn"], true, "{told:#}");
    eprintln!("{told:#}");
    let sent = server.api.message_requests();
    let current = server.tokens.current("shared").0;
    assert_eq!(sent.last().unwrap().bearer(), Some(current.as_str()));
    assert_eq!(server.tokens.request_count(), 0);
    assert_eq!(
        server.json_of("usera", ".claude.json")["hasCompletedOnboarding"],
        true
    );
    eprintln!("{:#}", server.json_of("usera", ".claude.json"));
    eprintln!("{}", server.host.run(&["sh", "-c", "ls -la /home/usera /home/usera/.claude /shared/claude-share/home/.claude; cat /home/usera/.claude/.credentials.json"]).stdout);
    eprintln!("{:#?}", server.keeper_log());
}

#[test]
fn five_users_twenty_rounds_nobody_logged_out() {
    let Some(server) = Real::with_users(&FIVE, &[]) else {
        return;
    };
    let mut sessions = FIVE.map(|user| (user, server.session(user)));
    assert_answered(&all_say_hello(&mut sessions));
    for round in 0..ROUNDS {
        let before = server.tokens.current("shared").0;
        server.tokens.hold();
        let first = server.api.message_requests().len();
        server.leave_ms(UNDER_EVERY_MARGIN);
        // The keeper is at it; every client sees how little is left, and says something all the same.
        server.tokens.wait_for_requests(round + 1);
        for user in FIVE {
            wait_until("a view with little time left", LIMIT, || {
                server.expiry_shown_to(user) < now_ms() + 2 * UNDER_EVERY_MARGIN
            });
        }
        assert_answered(&all_say_hello(&mut sessions));
        for sent in server.messages_since(first) {
            assert_eq!((sent.bearer(), sent.status), (Some(before.as_str()), 200));
        }
        server.tokens.release();
        server.tokens.wait_for_answers(round + 1);
        for user in FIVE {
            server.wait_for_view(user);
        }
        let first = server.api.message_requests().len();
        assert_answered(&all_say_hello(&mut sessions));
        let fresh = FIVE[round % FIVE.len()];
        assert_eq!(
            server.run_client(fresh, &["-p", "hello"]).success().stdout,
            "pong\n"
        );
        let after = server.tokens.current("shared").0;
        assert_ne!(before, after);
        for sent in server.messages_since(first) {
            assert_eq!((sent.bearer(), sent.status), (Some(after.as_str()), 200));
        }
        assert_eq!(server.tokens.request_count(), round + 1);
    }
    assert!(
        server
            .tokens
            .requests()
            .iter()
            .all(|request| request.answered_status == Some(200))
    );
    assert_eq!(server.refused(), []);
    for user in FIVE {
        assert!(server.is_signed_in(user));
    }
    for (_, session) in sessions {
        assert!(session.end().success());
    }
    assert_eq!(
        server.files_with("sk-ant-ort01", &["/home", "/shared", "/tmp"]),
        ""
    );
    eprintln!("{:#?}", server.keeper_log());
}

#[test]
fn explore_more() {
    let Some(server) = Real::with_users(&["usera", "userb"], &[]) else {
        return;
    };
    let login = server.tokens.access_check();
    server.api.accept_only(std::sync::Arc::new(move |sent: &str| sent == KEY || login(sent)));
    let mut add = server.host.command("claude-accounts");
    add.args(["--vault", "/var/lib/claude-share/vault", "add", "team", "--key-stdin"]);
    drop(Ran::with_input(add, KEY.as_bytes()).success());
    drop(server.run(&["server", "assign", "usera", "team"]).success());
    let mut session = server.session("usera");
    let said = |session: &mut Session| { let first = server.api.message_requests().len(); let result = session.say("hello"); eprintln!("{}", result["result"]); for request in server.messages_since(first) { eprintln!("{:?} {:?} {}", request.api_key, request.authorization, request.status); } };
    said(&mut session);
    drop(server.run(&["server", "assign", "usera", "--default"]).success());
    said(&mut session);
    said(&mut session);
    drop(server.run(&["server", "assign", "usera", "team"]).success());
    said(&mut session);
    drop(server.run(&["server", "assign", "usera", "--default"]).success());
    let show = |script: &str| { let ran = server.host.run_as("usera", &["sh", "-c", script]); eprintln!("$ {script}\n{}{}", ran.stdout, ran.stderr) };
    show("claude plugin list; claude plugin disable cc-plugin-privacy@builtin; claude plugin --help; mkdir -p m/.claude-plugin m/p/.claude-plugin; echo '{\"name\":\"m\",\"owner\":{\"name\":\"x\"},\"plugins\":[{\"name\":\"p\",\"source\":\"./p\"}]}' > m/.claude-plugin/marketplace.json; echo '{\"name\":\"p\",\"version\":\"1.0.0\"}' > m/p/.claude-plugin/plugin.json; claude plugin marketplace add ./m; claude plugin install p@m; ls -la .claude; cat .claude/settings.json; ls -la /shared/claude-share/home/.claude");
    thread::sleep(std::time::Duration::from_secs(1));
    show("ls -la .claude");
    // A view whose token is refused.
    let mut other = server.session("userb");
    said(&mut other);
    let before = server.tokens.current("shared").0;
    server.tokens.expire_access(&before);
    let at = std::time::Instant::now();
    said(&mut other);
    eprintln!("{:?}", at.elapsed());
    server.leave_ms(UNDER_EVERY_MARGIN);
    server.tokens.wait_for_answers(1);
    server.wait_for_view("userb");
    said(&mut other);
    // The same while it tries.
    let before = server.tokens.current("shared").0;
    server.tokens.expire_access(&before);
    let at = std::time::Instant::now();
    let first = server.api.message_requests().len();
    thread::scope(|scope| {
        let saying = scope.spawn(|| other.say("hello"));
        server.api.wait_for_messages(first + 1, LIMIT);
        server.leave_ms(UNDER_EVERY_MARGIN);
        eprintln!("{} {:?}", saying.join().unwrap()["result"], at.elapsed());
    });
    for request in server.messages_since(first) { eprintln!("{:?} {:?} {}", request.api_key, request.authorization, request.status); }
    eprintln!("{:#?}", server.keeper_log());
}
