//! "It works with the Claude Code that I have": the real client, in a network of loopback only, against the stand-in servers.
//!
//! `CLAUDE_ACCOUNTS_TEST_REAL_CLIENT` names its executable; where there is none,
//! `CLAUDE_ACCOUNTS_TEST_REAL_CLIENT_MISSING` says why.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "helpers of tests; the environment says where the real client is"
)]

use end_to_end::{KEY, LIMIT, Machine, Session, read_json};
use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use testkit::api_server::ApiRequest;
use testkit::documents::write_private;
use testkit::{in_loopback_only, skip, wait_until};

/// Never outside a network of loopback only: the real client would reach the real servers.
fn with_real_client(test_name: &str, body: impl FnOnce(Machine)) {
    let Some(client) = env::var_os("CLAUDE_ACCOUNTS_TEST_REAL_CLIENT") else {
        let reason = env::var("CLAUDE_ACCOUNTS_TEST_REAL_CLIENT_MISSING");
        return skip(
            reason
                .unwrap_or_else(|_| "CLAUDE_ACCOUNTS_TEST_REAL_CLIENT names no client".to_owned()),
        );
    };
    in_loopback_only(test_name, || {
        let mut machine = Machine::without_client();
        for name in [
            "DISABLE_TELEMETRY",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
            "DISABLE_AUTOUPDATER",
        ] {
            machine.home.set(name, "1");
        }
        symlink(PathBuf::from(client), machine.home.bin().join("claude")).unwrap();
        machine.api.accept_only(machine.tokens.access_check());
        body(machine);
    });
}

/// `launch NAME … -- -p hello`, which must be answered.
#[track_caller]
fn hello(machine: &Machine, options: &[&str]) -> String {
    let arguments = [&["launch"], options, &["--", "-p", "hello"]].concat();
    let ran = machine.run(&arguments).success();
    assert_eq!(ran.stdout, "pong\n");
    ran.stderr
}

/// What the messages from number `first` on were sent with; all with the same.
#[track_caller]
fn sent_with(machine: &Machine, first: usize) -> ApiRequest {
    let requests = machine.api.message_requests().split_off(first);
    let credential =
        |request: &ApiRequest| (request.authorization.clone(), request.api_key.clone());
    let newest = requests.last().expect("a message").clone();
    assert!(
        requests
            .iter()
            .all(|request| credential(request) == credential(&newest)),
        "{requests:#?}"
    );
    assert_eq!(newest.status, 200);
    newest
}

fn view_directory(session: &Session) -> PathBuf {
    let mut found = None;
    wait_until("the client with its view", LIMIT, || {
        let environment = fs::read(format!("/proc/{}/environ", session.id())).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment).into_owned();
        found = environment.split('\0').find_map(|one| {
            Some(PathBuf::from(
                one.strip_prefix("CLAUDE_SECURESTORAGE_CONFIG_DIR=")?,
            ))
        });
        found.is_some()
    });
    found.unwrap()
}

fn refresh_token_in(directory: &Path) -> Option<String> {
    let view = read_json(&directory.join(".credentials.json"));
    let token = view["claudeAiOauth"]["refreshToken"].as_str();
    token.filter(|token| !token.is_empty()).map(str::to_owned)
}

#[test]
fn with_a_key() {
    with_real_client("with_a_key", |mut machine| {
        machine.add_key("key");
        machine
            .home
            .set("ANTHROPIC_AUTH_TOKEN", "sk-ant-oat01-FAKE-rival");
        hello(&machine, &["key"]);
        let request = sent_with(&machine, 0);
        assert_eq!(
            (request.api_key.as_deref(), request.bearer()),
            (Some(KEY), None)
        );
    });
}

#[test]
fn with_a_token_in_the_environment() {
    with_real_client("with_a_token_in_the_environment", |mut machine| {
        let login = machine.add_expired_login("work");
        machine
            .home
            .set("ANTHROPIC_API_KEY", "sk-ant-api03-FAKE-rival");
        hello(&machine, &["work", "--inject", "env"]);
        let request = sent_with(&machine, 0);
        let current = machine.tokens.current("work").0;
        assert_ne!(current, login.access_token, "renewed before");
        assert_eq!(
            (request.api_key.as_deref(), request.bearer()),
            (None, Some(current.as_str()))
        );
        assert_eq!(
            request
                .beta
                .as_deref()
                .map(|beta| beta.contains("oauth-2025-04-20")),
            Some(true)
        );
        assert_eq!(machine.tokens.request_count(), 1);
    });
}

#[test]
fn auto_gives_it_a_view() {
    with_real_client("auto_gives_it_a_view", |machine| {
        let login = machine.add_login("work");
        let own = machine.tokens.issue("own").credentials();
        machine.write_own_login(&own);
        let mut session = machine.session("work", &[]);
        session.hello();
        let directory = view_directory(&session);
        assert!(directory.starts_with(machine.home.runtime()));
        assert_eq!(
            sent_with(&machine, 0).bearer(),
            Some(login.access_token.as_str())
        );
        assert_eq!(refresh_token_in(&directory), None);
        let remembered = fs::read_to_string(machine.home.vault_dir().join("clients.json")).unwrap();
        assert!(remembered.contains("secure_storage"), "{remembered}");
        assert!(session.end().success());
        assert_eq!(
            read_json(&machine.own_login_path()),
            own,
            "the user's own login is as it was"
        );
    });
}

#[test]
fn doctor_knows_its_version_and_what_it_supports() {
    with_real_client("doctor_knows_its_version_and_what_it_supports", |machine| {
        machine.add_key("key");
        for arguments in [&["doctor", "--json"][..], &["doctor", "--fix", "--json"]] {
            let findings = machine.run(arguments).success().json();
            let findings = findings.as_array().unwrap().iter();
            let told: Vec<_> = findings
                .filter_map(|finding| finding["what"].as_str())
                .collect();
            let client = told
                .iter()
                .find(|what| what.contains("Claude Code"))
                .unwrap_or_else(|| panic!("{told:#?}"));
            assert!(
                client.contains("logins are launched with a view"),
                "{client}"
            );
        }
        assert!(
            machine.api.requests().is_empty(),
            "it is asked, and sends nothing"
        );
    });
}

#[test]
fn links_where_only_the_config_directory_is_known() {
    with_real_client(
        "links_where_only_the_config_directory_is_known",
        |machine| {
            // The same client behind a script that hides the other variable from it.
            let (client, wrapper) = (
                machine.home.bin().join("claude"),
                machine.home.root().join("wrapper"),
            );
            let real = fs::read_link(&client).unwrap();
            let text = format!(
                "#!/bin/sh\nunset CLAUDE_SECURESTORAGE_CONFIG_DIR\nexec '{}' \"$@\"\n",
                real.display()
            );
            write_private(&wrapper, text);
            let mut install = machine.home.command("install");
            install.args(["-m", "755"]).arg(&wrapper).arg(&client);
            drop(testkit::Ran::of(install).success());
            let login = machine.add_login("work");
            write_private(
                &machine.home.home().join(".claude.json"),
                r#"{"numStartups":3}"#,
            );
            hello(&machine, &["work", "--inject", "view"]);
            assert_eq!(
                sent_with(&machine, 0).bearer(),
                Some(login.access_token.as_str())
            );
            drop(machine.run(&["refresh", "work"]).success());
            let first = machine.api.message_requests().len();
            hello(&machine, &["work", "--inject", "view"]);
            assert_eq!(
                sent_with(&machine, first).bearer(),
                Some(machine.tokens.current("work").0.as_str())
            );
            assert!(!machine.own_login_path().exists());
            let state = read_json(&machine.home.home().join(".claude.json"));
            assert!(state["numStartups"].as_u64() >= Some(3), "{state}");
        },
    );
}

/// Two sessions of one account and one of another, across renewals in the middle of all of them.
#[test]
fn sessions_go_on_across_renewals_and_nobody_is_logged_out() {
    with_real_client(
        "sessions_go_on_across_renewals_and_nobody_is_logged_out",
        |machine| {
            let names = ["work", "work", "perso"];
            for name in ["work", "perso"] {
                let _ = machine.add_login(name);
            }
            let mut sessions =
                names.map(|name| (name, machine.session(name, &["--inject", "view"])));
            machine.wait_for_kept_sessions(3);
            let directories: Vec<PathBuf> = sessions
                .iter()
                .map(|(_, session)| view_directory(session))
                .collect();
            for round in 0..3 {
                for (name, session) in &mut sessions {
                    let first = machine.api.message_requests().len();
                    session.hello();
                    let current = machine.tokens.current(name).0;
                    assert_eq!(
                        sent_with(&machine, first).bearer(),
                        Some(current.as_str()),
                        "round {round}, {name}"
                    );
                }
                for directory in &directories {
                    assert_eq!(refresh_token_in(directory), None);
                }
                // Only the first of two accounts, then both.
                drop(machine.run(&["refresh", "work"]).success());
                if round > 0 {
                    drop(machine.run(&["refresh", "perso"]).success());
                }
            }
            for (_, session) in sessions {
                assert!(session.end().success());
            }
            let refused = |request: &ApiRequest| request.is_message() && request.status != 200;
            assert!(!machine.api.requests().iter().any(refused));
            assert!(
                machine
                    .tokens
                    .requests()
                    .iter()
                    .all(|request| request.answered_status == Some(200))
            );
            assert_eq!(machine.tokens.request_count(), 5);
            for name in ["work", "perso"] {
                assert_eq!(machine.status(name)["state"], "ok");
            }
        },
    );
}

/// The keeper's own renewals, with tokens that live for seconds.
#[test]
fn the_keeper_renews_under_a_running_session() {
    with_real_client("the_keeper_renews_under_a_running_session", |machine| {
        let _ = machine.add_login("work");
        machine.tokens.set_mode(testkit::Mode::WithExpiresIn(6));
        let mut session = machine.session("work", &["--inject", "view"]);
        session.hello();
        let directory = view_directory(&session);
        drop(machine.run(&["refresh", "work"]).success());
        for renewals in 2..=3 {
            machine.tokens.wait_for_answers(renewals);
            let shown = || {
                read_json(&directory.join(".credentials.json"))["claudeAiOauth"]["accessToken"]
                    .clone()
            };
            wait_until("the renewed token in the view", LIMIT, || {
                shown() == machine.tokens.current("work").0
            });
            let first = machine.api.message_requests().len();
            let before = machine.tokens.current("work").0;
            session.hello();
            let after = machine.tokens.current("work").0;
            let sent = sent_with(&machine, first);
            assert!([before, after].contains(&sent.bearer().unwrap().to_owned()));
            assert_eq!(refresh_token_in(&directory), None);
        }
        assert!(session.end().success());
        assert!(
            machine
                .tokens
                .requests()
                .iter()
                .all(|request| request.answered_status == Some(200))
        );
    });
}

/// With the plain client at work in the same home on a login of its own.
#[test]
fn a_plain_client_beside_it_is_not_disturbed() {
    with_real_client("a_plain_client_beside_it_is_not_disturbed", |machine| {
        let _ = machine.add_login("work");
        let own = machine.tokens.issue("own");
        machine.write_own_login(&own.credentials());
        let mut plain = machine.home.command(machine.home.bin().join("claude"));
        plain.args(end_to_end::STREAM);
        let mut sessions = [machine.session("work", &[]), Session::start(plain)];
        for session in &mut sessions {
            session.hello();
        }
        drop(machine.run(&["refresh", "work"]).success());
        let expected = [machine.tokens.current("work").0, own.access_token.clone()];
        for (session, token) in sessions.iter_mut().zip(expected) {
            let first = machine.api.message_requests().len();
            session.hello();
            assert_eq!(sent_with(&machine, first).bearer(), Some(token.as_str()));
        }
        for session in sessions {
            assert!(session.end().success());
        }
        let file = read_json(&machine.own_login_path());
        assert_eq!(file["claudeAiOauth"]["refreshToken"], *own.refresh_token);
        assert_eq!(
            machine.tokens.request_count(),
            1,
            "only the one that was asked for"
        );
    });
}
