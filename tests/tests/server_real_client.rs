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
use std::sync::Arc;
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
const CREDENTIALS: &str = ".claude/.credentials.json";
const SHARED_CREDENTIALS: &str = "/shared/claude-share/home/.claude/.credentials.json";
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
            skip(
                reason.unwrap_or_else(|_| {
                    "CLAUDE_ACCOUNTS_TEST_REAL_CLIENT names no client".to_owned()
                }),
            );
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
        let document = self.json_of(user, CREDENTIALS);
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

    /// What the keeper has put right so far in the files named by `file`, each with the user before it.
    fn put_right(&self, file: &str) -> Vec<String> {
        let log = self.host.read_text(LOG);
        let lines = log
            .lines()
            .filter(|line| line.contains("put right") && line.contains(file));
        lines.map(str::to_owned).collect()
    }
}

/// What came of a round in which all said hello.
#[derive(Default)]
struct Tally {
    rounds: usize,
    clients: usize,
}

impl Tally {
    fn note(&mut self, results: &[Value]) {
        let lost = results.iter().filter(|result| !is_answered(result)).count();
        self.rounds += usize::from(lost > 0);
        self.clients += lost;
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
        .run_as("usera", &["claude", "auth", "status", "--json"]);
    let told = told.success().json();
    assert_eq!(
        (&told["loggedIn"], &told["authMethod"], &told["email"]),
        (
            &json!(true),
            &json!("claude.ai"),
            &json!("shared@example.com")
        )
    );
    let sent = server.api.message_requests();
    let current = server.tokens.current("shared").0;
    assert_eq!(sent.last().unwrap().bearer(), Some(current.as_str()));
    assert_eq!(server.tokens.request_count(), 0);
    // Everything is as it was set up: the client has replaced none of it, and nothing had to be put right.
    assert_eq!(server.shown_to("usera"), Some(current));
    assert_eq!(
        server.json_of("usera", ".claude.json")["hasCompletedOnboarding"],
        true
    );
    assert_eq!(server.put_right(""), Vec::<String>::new());
    drop(server.run(&["server", "status"]).success());
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
        let said = server.run_client(fresh, &["-p", "hello"]).success();
        assert_eq!(said.stdout, "pong\n");
        let after = server.tokens.current("shared").0;
        assert_ne!(before, after);
        for sent in server.messages_since(first) {
            assert_eq!((sent.bearer(), sent.status), (Some(after.as_str()), 200));
        }
        assert_eq!(server.tokens.request_count(), round + 1);
    }
    let answers = server.tokens.requests().into_iter();
    let answers: Vec<_> = answers.map(|request| request.answered_status).collect();
    assert_eq!(answers, [Some(200); ROUNDS]);
    assert_eq!(server.refused(), []);
    for user in FIVE {
        assert!(server.is_signed_in(user));
    }
    for (_, session) in sessions {
        assert!(session.end().success());
    }
    let found = server.files_with("sk-ant-ort01", &["/home", "/shared", "/tmp"]);
    assert_eq!(found, "", "the refresh token is in no home");
    // Nothing but new views for old ones: no client has written into any, nor undone anything else.
    for line in server.put_right("") {
        assert!(line.contains("is an earlier view"), "{line}");
    }
}

/// No gate but a report: what a shared file with the whole login costs, and what the keeper saves of it.
#[test]
fn the_same_rounds_in_link_mode() {
    let Some(server) = Real::with_users(&FIVE, &["--credentials", "link"]) else {
        return;
    };
    let front = TlsFront::start(&server.host, &ITS_NAMES, &server.tokens.url());
    let _front = match front {
        Ok(front) => front,
        Err(reason) => return skip(reason),
    };
    let mut sessions = FIVE.map(|user| (user, server.session(user)));
    assert_answered(&all_say_hello(&mut sessions));

    // As time goes by: the keeper's margin comes first.
    let mut in_time = Tally::default();
    for _ in 0..ROUNDS {
        let before = server.tokens.request_count();
        server.leave_ms(10 * MINUTE);
        in_time.note(&all_say_hello(&mut sessions));
        server.tokens.wait_for_answers(before + 1);
        healed(&server, &mut sessions);
        assert_eq!(server.tokens.request_count(), before + 1);
    }

    // All margins at the same instant: nobody is answered before everybody has asked.
    let mut at_once = Tally::default();
    for round in 0..ROUNDS {
        let asking = FIVE.len() + 1;
        let (before, newest) = (
            server.tokens.request_count(),
            server.tokens.current("shared").1,
        );
        server.tokens.hold();
        server.leave_ms(UNDER_EVERY_MARGIN);
        for user in FIVE {
            wait_until("little time left in the shared file", LIMIT, || {
                server.expiry_shown_to(user) < now_ms() + 2 * UNDER_EVERY_MARGIN
            });
        }
        at_once.note(&all_say_hello_and_renew(
            &server,
            &mut sessions,
            before + asking,
        ));
        healed(&server, &mut sessions);
        let user = FIVE[round % FIVE.len()];
        let said = server.run_client(user, &["-p", "hello"]).success();
        assert_eq!(said.stdout, "pong\n");
        // The keeper was among them with the newest login: the vault had not lost it.
        let asked = server.tokens.requests().split_off(before);
        let first = &asked[..asking];
        assert!(first.iter().all(|sent| sent.refresh_token == newest));
        assert!(first.iter().any(|sent| {
            let agent = |(name, value): &(String, String)| {
                name == "user-agent" && value.starts_with("claude-accounts/")
            };
            sent.headers.iter().any(agent)
        }));
    }
    for user in FIVE {
        assert!(server.is_signed_in(user));
    }

    // The seed's way: links and nobody who looks after them. After each round somebody does what `sync` did.
    let keeper = server.status()["keeper"]["pid"].to_string();
    server.host.run(&["kill", &keeper]).success();
    wait_until("the keeper's end", LIMIT, || {
        !server.host.exists(&format!("/proc/{keeper}"))
    });
    let (mut alone, mut signed_out) = (Tally::default(), 0);
    for _ in 0..ROUNDS {
        let before = server.tokens.request_count();
        let login = server.tokens.issue("shared");
        let document = login.credentials_expiring_at(now_ms() + UNDER_EVERY_MARGIN);
        server
            .host
            .write(SHARED_CREDENTIALS, document.to_string(), 0o660);
        for user in FIVE {
            let link = format!("/home/{user}/{CREDENTIALS}");
            server
                .host
                .run(&["ln", "-sfn", SHARED_CREDENTIALS, &link])
                .success();
        }
        server.tokens.hold();
        alone.note(&all_say_hello_and_renew(
            &server,
            &mut sessions,
            before + FIVE.len(),
        ));
        signed_out += FIVE
            .iter()
            .filter(|user| server.shown_to(user).is_none())
            .count();
    }
    let messages = ROUNDS * FIVE.len();
    eprintln!(
        "link mode, keeper running: {} of {ROUNDS} rounds lost a client ({} of {messages} messages; 0 stayed logged out), \
         {} where the keeper's margin came first; without keeper: {} of {ROUNDS} ({} messages; {signed_out} stayed logged out)",
        at_once.rounds, at_once.clients, in_time.rounds, alone.rounds, alone.clients,
    );
    assert_eq!(in_time.clients, 0);
}

/// Says hello in all of them while the token server is held, until it has `asked` requests in all.
fn all_say_hello_and_renew(
    server: &Real,
    sessions: &mut [(&str, Session)],
    asked: usize,
) -> Vec<Value> {
    thread::scope(|scope| {
        let saying = scope.spawn(|| all_say_hello(sessions));
        server.tokens.wait_for_requests(asked);
        server.tokens.release();
        saying.join().unwrap()
    })
}

/// Everybody is signed in with the newest login, through his link, and is answered.
#[track_caller]
fn healed(server: &Real, sessions: &mut [(&str, Session)]) {
    for user in FIVE {
        server.wait_for_view(user);
        wait_until(&format!("the link of {user}"), LIMIT, || {
            let link = server.host.path(&format!("/home/{user}/{CREDENTIALS}"));
            link.read_link()
                .is_ok_and(|target| target == Path::new(SHARED_CREDENTIALS))
        });
    }
    assert_answered(&all_say_hello(sessions));
}

#[test]
fn a_session_across_a_renewal_goes_on() {
    let Some(server) = Real::with_users(&["usera"], &[]) else {
        return;
    };
    let mut session = server.session("usera");
    session.hello();
    let before = server.tokens.current("shared").0;
    server.leave_ms(UNDER_EVERY_MARGIN);
    server.tokens.wait_for_answers(1);
    server.wait_for_view("usera");
    server.tokens.expire_access(&before);
    session.hello();
    let current = server.tokens.current("shared").0;
    let sent = server.api.message_requests().pop().unwrap();
    assert_eq!(sent.bearer(), Some(current.as_str()));
    assert_eq!(server.refused(), []);

    // A token that the server takes back early: the client fails, stays signed in, and goes on after the renewal.
    server.tokens.expire_access(&current);
    assert!(!is_answered(&session.say("hello")));
    assert_eq!(server.shown_to("usera"), Some(current));
    server.leave_ms(UNDER_EVERY_MARGIN);
    server.tokens.wait_for_answers(2);
    server.wait_for_view("usera");
    session.hello();
    let current = server.tokens.current("shared").0;
    let sent = server.api.message_requests().pop().unwrap();
    assert_eq!(sent.bearer(), Some(current.as_str()));
    assert!(session.end().success());
    assert_eq!(server.tokens.request_count(), 2);
}

#[test]
fn a_key_is_asked_for_and_is_in_no_file() {
    let Some(server) = Real::with_users(&["usera", "userb"], &[]) else {
        return;
    };
    // The client sends what a helper prints in both headers.
    let login = server.tokens.access_check();
    server
        .api
        .accept_only(Arc::new(move |sent: &str| sent == KEY || login(sent)));
    let mut add = server.host.command("claude-accounts");
    add.args(["--vault", "/var/lib/claude-share/vault"]);
    add.args(["add", "team", "--key-stdin"]);
    drop(Ran::with_input(add, KEY.as_bytes()).success());
    drop(server.run(&["server", "assign", "usera", "team"]).success());

    let said = server.host.run_as("usera", &["claude", "-p", "hello"]);
    assert_eq!(said.success().stdout, "pong\n");
    let both = format!("Bearer {KEY}");
    let sent = server.api.message_requests().pop().unwrap();
    assert_eq!(
        (sent.api_key.as_deref(), sent.authorization.as_deref()),
        (Some(KEY), Some(both.as_str()))
    );
    let told = server
        .host
        .run_as("usera", &["claude", "auth", "status", "--json"]);
    assert_eq!(told.success().json()["authMethod"], "api_key_helper");
    // Every file that he can read, and his home as root sees it.
    let readable = "find / -xdev -type f -readable ! -path '/proc/*' ! -path '/sys/*' ! -path '/usr/*' \
        -exec grep -lsF -e \"$1\" {} + ; find /dev /home /root /run /shared /tmp /var/tmp -type f -readable \
        -exec grep -lsF -e \"$1\" {} +";
    let found = server
        .host
        .run_quickly_as("usera", &["sh", "-c", readable, "sh", KEY]);
    assert_eq!(found.stdout, "");
    assert_eq!(server.files_with(KEY, &["/home", "/shared", "/tmp"]), "");
    // The others have no key, and a login that works.
    let key = ["claude-share", "key"];
    assert_ne!(server.host.run_as("userb", &key).status.code(), Some(0));
    let said = server.host.run_as("userb", &["claude", "-p", "hello"]);
    assert_eq!(said.success().stdout, "pong\n");
    let sent = server.api.message_requests().pop().unwrap();
    assert_eq!(sent.api_key, None);

    drop(
        server
            .run(&["server", "assign", "usera", "--default"])
            .success(),
    );
    let ran = server.host.run_as("usera", &key);
    assert_ne!(ran.status.code(), Some(0));
    assert_eq!(ran.stdout, "");
    server.wait_for_view("usera");
    let said = server.host.run_as("usera", &["claude", "-p", "hello"]);
    assert_eq!(said.success().stdout, "pong\n");
    let sent = server.api.message_requests().pop().unwrap();
    let current = server.tokens.current("shared").0;
    assert_eq!(
        (sent.api_key.as_deref(), sent.bearer()),
        (None, Some(current.as_str()))
    );
}

#[test]
fn what_one_sets_for_himself_the_others_have() {
    let Some(server) = Real::with_users(&["usera", "userb"], &[]) else {
        return;
    };
    // Each of them at work, with a `.claude.json` and a directory of his own.
    let mut sessions = ["usera", "userb"].map(|user| (user, server.session(user)));
    assert_answered(&all_say_hello(&mut sessions));
    let add = ["mcp", "add", "--scope", "user", "helper", "--", "true"];
    drop(server.run_client("usera", &add).success());
    wait_until("the server of usera at userb's", LIMIT, || {
        server.json_of("userb", ".claude.json")["mcpServers"]["helper"]["command"] == "true"
    });
    let listed = server
        .run_client("userb", &["mcp", "get", "helper"])
        .success();
    assert!(listed.stdout.contains("true"), "{}", listed.stdout);
    drop(
        server
            .run_client("userb", &["mcp", "remove", "--scope", "user", "helper"])
            .success(),
    );
    wait_until("its end at usera's", LIMIT, || {
        server.json_of("usera", ".claude.json")["mcpServers"]["helper"].is_null()
    });
    // Projects stay his who has them.
    assert!(server.json_of("usera", ".claude.json")["projects"]["/home/userb"].is_null());

    let plugin = "cc-plugin-privacy@builtin";
    drop(
        server
            .run_client("usera", &["plugin", "disable", plugin])
            .success(),
    );
    let settings = server.json_of("userb", ".claude/settings.json");
    assert_eq!(settings["enabledPlugins"][plugin], false, "{settings}");
    assert_answered(&all_say_hello(&mut sessions));
    for (_, session) in sessions {
        assert!(session.end().success());
    }
    // No client has undone a link or a view, and nobody fights with the keeper.
    assert_eq!(server.put_right(""), Vec::<String>::new());
    drop(server.run(&["server", "status"]).success());
}
