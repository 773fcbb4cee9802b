//! The stand-in client refreshes, blanks, rewrites and re-reads its file as the real one was measured to.

mod machine;

use machine::{LATER_MS, LIMIT, Machine, put, read};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;
use testkit::documents::{credentials, credentials_with_unknown_keys, now_ms};
use testkit::{Mode, Process};

#[test]
fn ten_clients_in_one_directory_send_one_refresh() {
    let machine = Machine::new();
    let login = machine.tokens.issue("alice");
    machine.put(&login.credentials_expiring_at(now_ms() + 60_000));
    machine.api.accept_only(machine.tokens.access_check());
    machine.tokens.hold();
    let clients: Vec<_> = (0..10)
        .map(|_| {
            let mut command = machine.claude(&["-p", "hello"]);
            command.stdout(Stdio::null());
            Process::spawn(command)
        })
        .collect();
    machine.tokens.wait_for_requests(1);
    machine.tokens.release();
    for mut client in clients {
        assert!(client.wait(LIMIT).success());
    }
    assert_eq!(machine.tokens.request_count(), 1);
    let (access, refresh) = machine.tokens.current("alice");
    assert!(
        machine
            .api
            .message_requests()
            .iter()
            .all(|request| request.bearer() == Some(&access))
    );
    assert_eq!(machine.login()["claudeAiOauth"]["refreshToken"], *refresh);
    let left: Vec<_> = fs::read_dir(machine.home.claude_dir())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, [".credentials.json"]);
}

#[test]
fn a_401_renews_a_login_and_leaves_a_view_alone() {
    let machine = Machine::new();
    let login = machine.tokens.issue("alice");
    machine.api.accept_only(machine.tokens.access_check());
    machine.tokens.expire_access(&login.access_token);
    let view = credentials(&login.access_token, "", now_ms() + LATER_MS);
    machine.put(&view);
    assert!(
        machine
            .run(&["-p", "hello"])
            .code(1)
            .stdout
            .starts_with("Failed to authenticate. API Error: 401")
    );
    assert_eq!((machine.login(), machine.tokens.request_count()), (view, 0));

    machine.put(&login.credentials());
    machine.run(&["-p", "hello"]).success();
    assert_eq!(
        (machine.last_bearer(), machine.tokens.request_count()),
        (Some(machine.tokens.current("alice").0), 1)
    );
}

#[test]
fn invalid_grant_blanks_the_file_and_other_refusals_do_not() {
    let machine = Machine::new();
    let login = machine.tokens.issue("alice");
    let expired = login.credentials_expiring_at(now_ms() - 1);
    machine.put(&expired);
    for status in [500, 429, 401, 403] {
        machine
            .tokens
            .set_mode(Mode::Status(status, "{}".to_owned()));
        machine.run(&["-p", "hello"]).success();
        assert_eq!(machine.login(), expired, "{status}");
    }
    machine.tokens.set_mode(Mode::Normal);
    machine.tokens.revoke("alice");
    machine.run(&["-p", "hello"]).code(1);
    let oauth = &machine.login()["claudeAiOauth"];
    assert_eq!(
        [
            &oauth["accessToken"],
            &oauth["refreshToken"],
            &oauth["expiresAt"]
        ],
        [&json!(""), &json!(""), &json!(0)]
    );
}

#[test]
fn the_first_run_completes_the_file_and_severs_links() {
    let machine = Machine::new();
    let mut document = credentials_with_unknown_keys("sk-ant-oat01-FAKE", "", now_ms() + LATER_MS);
    document["claudeAiOauth"]
        .as_object_mut()
        .unwrap()
        .remove("rateLimitTier");
    let shared = machine.home.root().join("shared");
    put(&shared, &document);
    fs::create_dir(machine.home.claude_dir()).unwrap();
    let link = machine.home.claude_dir().join(".credentials.json");
    symlink(shared.join(".credentials.json"), &link).unwrap();
    machine.run(&["-p", "hello"]).success();
    let metadata = fs::symlink_metadata(&link).unwrap();
    assert!(metadata.is_file() && metadata.permissions().mode() & 0o7777 == 0o600);
    let login = machine.login();
    assert!(
        login["claudeAiOauth"].get("rateLimitTier").is_some()
            && login["claudeAiOauth"].get("inventedInside").is_none()
    );
    assert_eq!(
        (&login["inventedBeside"], read(&shared)),
        (&document["inventedBeside"], document.clone())
    );
}

#[test]
fn a_session_picks_up_a_replaced_file() {
    let machine = Machine::new();
    machine.put(&credentials(
        "sk-ant-oat01-FAKEfirst",
        "",
        now_ms() + LATER_MS,
    ));
    let stream = [
        "-p",
        "--input-format",
        "stream-json",
        "--output-format",
        "stream-json",
        "--verbose",
    ];
    let mut client = Process::spawn_talking(machine.claude(&stream));
    let mut stdin = client.take_stdin();
    let line = json!({"type": "user", "message": {"role": "user", "content": "hello"}});
    writeln!(stdin, "{line}").unwrap();
    let result: Value = serde_json::from_str(&client.wait_for_line(0, LIMIT)).unwrap();
    assert_eq!(
        (&result["type"], &result["result"]),
        (&json!("result"), &json!("pong"))
    );
    machine.put(&credentials(
        "sk-ant-oat01-FAKEsecond",
        "",
        now_ms() + LATER_MS,
    ));
    writeln!(stdin, "{line}").unwrap();
    machine.api.wait_for_messages(2, LIMIT);
    assert_eq!(
        machine.last_bearer().as_deref(),
        Some("sk-ant-oat01-FAKEsecond")
    );
    drop(stdin);
    assert!(client.wait(LIMIT).success());
}
