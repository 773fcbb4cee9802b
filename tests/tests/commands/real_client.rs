//! The real client in the mount has a command run on the laptop by its shell tool, and sees how it ends. For
//! `CLAUDE_ACCOUNTS_TEST_REAL_CLIENT` see `../real_client.rs`.

#![allow(
    clippy::disallowed_methods,
    reason = "the environment says where the real client is"
)]

use std::env;
use std::path::Path;
use std::time::Duration;

use end_to_end::machines::Machines;
use serde_json::{Value, json};
use testkit::api_server::{REPLY, ToolUse};
use testkit::{ApiServer, skip};

use crate::scene::{agreed_far_apart_or_skip, begin, install_toolchain};

/// What the client must have for the answers to be the stand-in's.
const QUIET: [&str; 3] = [
    "DISABLE_TELEMETRY",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
    "DISABLE_AUTOUPDATER",
];
const KEY: &str = "sk-ant-api03-FAKE-key-of-the-server";
const PROMPT: [&str; 4] = ["-p", "does it pass?", "--allowedTools", "Edit,Read,Bash"];
/// Says which machine runs the tests, where only that machine sees it.
const TESTS: &str = r#"fn answer() -> u32 {
    41
}

#[test]
fn it_is_the_answer() {
    let home = std::env::var("HOME").unwrap();
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    std::fs::write(format!("{home}/tested-on"), name).unwrap();
    assert_eq!(answer(), 42);
}
"#;
const MANIFEST: &str = "[package]\nname = \"answer\"\nversion = \"1.0.0\"\nedition = \"2021\"\n";

#[test]
fn the_real_client_tests_on_the_laptop() {
    test_on_the_laptop(Duration::ZERO);
}

#[test]
fn the_real_client_tests_on_a_laptop_80_ms_away() {
    test_on_the_laptop(Duration::from_millis(80));
}

fn test_on_the_laptop(round_trip: Duration) {
    let Some(client) = env::var_os("CLAUDE_ACCOUNTS_TEST_REAL_CLIENT") else {
        let reason = env::var("CLAUDE_ACCOUNTS_TEST_REAL_CLIENT_MISSING");
        return skip(
            reason
                .unwrap_or_else(|_| "CLAUDE_ACCOUNTS_TEST_REAL_CLIENT names no client".to_owned()),
        );
    };
    let Some(machines) = agreed_far_apart_or_skip(round_trip) else {
        return;
    };
    if let Err(reason) = install_toolchain(&machines) {
        return skip(reason);
    }
    let api = with_client(&machines, Path::new(&client));
    let make = format!(
        "mkdir project/src && printf '%s' '{TESTS}' > project/src/lib.rs && printf '{MANIFEST}' > project/Cargo.toml"
    );
    drop(machines.on_laptop(&make).success());
    begin(&machines, &[]);
    let edited = format!("{}/src/lib.rs", machines.main_mount());
    let test = json!({"command": "cargo test --offline", "description": "Test it"});
    api.have_used(vec![
        using("Bash", &test),
        using("Read", &json!({"file_path": edited})),
        using(
            "Edit",
            &json!({"file_path": edited, "old_string": "41", "new_string": "42"}),
        ),
        using("Bash", &test),
        using(
            "Bash",
            &json!({"command": "uname -n; ls target", "description": "Look around"}),
        ),
    ]);
    let words = [&["run", "claude"], &PROMPT[..]].concat();
    let asked = machines.cs(&words).success();
    assert_eq!(asked.stdout, format!("{REPLY}\n"), "{}", asked.stderr);
    let told = results(&api);
    assert_eq!(told.len(), 5, "{told:#?}");
    let content = |place: usize| told[place]["content"].as_str().unwrap();
    // As cargo ends where a test has failed.
    assert_eq!(told[0]["is_error"], true, "{told:#?}");
    assert!(content(0).contains("Exit code 101"), "{told:#?}");
    assert!(content(0).contains("left: 41"), "{told:#?}");
    assert!(told[3]["is_error"] != true, "{told:#?}");
    assert!(
        content(3).contains("test result: ok. 1 passed"),
        "{told:#?}"
    );
    assert!(
        content(4).starts_with("server\n") && content(4).contains("debug"),
        "{told:#?}"
    );
    assert_eq!(
        machines.on_laptop("cat tested-on").success().stdout,
        "laptop\n"
    );
    drop(machines.on_server("[ ! -e tested-on ]").success());
    assert_eq!(machines.cs(&["stop"]).success().stderr, "");
}

/// It is on the server, where the stand-in API listens.
fn with_client(machines: &Machines, client: &Path) -> ApiServer {
    let server = &machines.server;
    let api = server.in_network(ApiServer::start);
    server.install_file(client, "/usr/local/bin/claude");
    let url = api.url();
    let mut variables = format!("ANTHROPIC_API_KEY={KEY}\nANTHROPIC_BASE_URL={url}\n");
    variables.extend(QUIET.map(|name| format!("{name}=1\n")));
    server.write("/etc/environment", variables, 0o644);
    api
}

fn using(tool: &str, input: &Value) -> ToolUse {
    ToolUse {
        tool: tool.to_owned(),
        input: input.clone(),
    }
}

/// What the tools gave, as the client sent it on.
fn results(api: &ApiServer) -> Vec<Value> {
    let requests = api.message_requests();
    let bodies = requests
        .iter()
        .filter_map(|request| serde_json::from_slice::<Value>(&request.body).ok());
    let results = bodies.map(|body| {
        let messages = body["messages"].as_array().cloned().unwrap_or_default();
        let contents = messages
            .iter()
            .filter_map(|message| message["content"].as_array());
        let blocks = contents.flatten().cloned();
        blocks
            .filter(|block| block["type"] == "tool_result")
            .collect::<Vec<_>>()
    });
    results.max_by_key(Vec::len).unwrap_or_default()
}
