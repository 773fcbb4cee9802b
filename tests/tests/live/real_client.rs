//! The real client in the mount, on two machines that reach nobody but each other: it uses its own tools on a file of the
//! laptop's. For `CLAUDE_ACCOUNTS_TEST_REAL_CLIENT` see `../real_client.rs`.

#![allow(
    clippy::disallowed_methods,
    reason = "the environment says where the real client is"
)]

use std::env;
use std::path::Path;

use end_to_end::LIMIT;
use serde_json::{Value, json};
use testkit::api_server::{REPLY, ToolUse};
use testkit::{ApiServer, skip};

use end_to_end::machines::Machines;

/// What the file says at first, and what the client makes of it.
const BEFORE: &str = "fn answer() -> u32 {\n    41\n}\n";
const AFTER: &str = "fn answer() -> u32 {\n    42\n}\n";
/// What the client must have for the answers to be the stand-in's.
const QUIET: [&str; 3] = [
    "DISABLE_TELEMETRY",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
    "DISABLE_AUTOUPDATER",
];
/// Says what is asked for and that the tools may be used.
const PROMPT: [&str; 4] = [
    "-p",
    "what is the answer?",
    "--allowedTools",
    "Read,Edit,Bash",
];
const KEY: &str = "sk-ant-api03-FAKE-key-of-the-server";

/// With the real client on the server, where the stand-in API listens; `None`, and the test noted as skipped, where there
/// can be none.
fn with_real_client() -> Option<(Machines, ApiServer)> {
    let Some(client) = env::var_os("CLAUDE_ACCOUNTS_TEST_REAL_CLIENT") else {
        let reason = env::var("CLAUDE_ACCOUNTS_TEST_REAL_CLIENT_MISSING");
        skip(
            reason
                .unwrap_or_else(|_| "CLAUDE_ACCOUNTS_TEST_REAL_CLIENT names no client".to_owned()),
        );
        return None;
    };
    let machines = Machines::or_skip()?;
    let server = &machines.server;
    let api = server.in_network(ApiServer::start);
    server.install_file(Path::new(&client), "/usr/local/bin/claude");
    // Every login there has it.
    let mut variables = format!(
        "ANTHROPIC_API_KEY={KEY}\nANTHROPIC_BASE_URL={}\n",
        api.url()
    );
    variables.extend(QUIET.map(|name| format!("{name}=1\n")));
    server.write("/etc/environment", variables, 0o644);
    drop(
        machines
            .on_laptop(&format!("printf '{BEFORE}' > project/answer.rs"))
            .success(),
    );
    Some((machines, api))
}

/// Reads the file, edits it, and has a program of the server look at it.
fn uses(mount: &str) -> Vec<ToolUse> {
    let path = format!("{mount}/answer.rs");
    vec![
        using("Read", &json!({"file_path": path})),
        using(
            "Edit",
            &json!({"file_path": path, "old_string": "41", "new_string": "42"}),
        ),
        using(
            "Bash",
            &json!({"command": "uname -n; cat answer.rs; echo made > made.txt", "description": "Look at it"}),
        ),
    ]
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
    let conversations = requests
        .iter()
        .filter_map(|request| serde_json::from_slice::<Value>(&request.body).ok());
    let results = conversations.map(|body| {
        let messages = body["messages"].as_array().cloned().unwrap_or_default();
        let blocks = messages
            .into_iter()
            .flat_map(|message| message["content"].as_array().cloned().unwrap_or_default());
        blocks
            .filter(|block| block["type"] == "tool_result")
            .collect::<Vec<_>>()
    });
    results.max_by_key(Vec::len).unwrap_or_default()
}

#[test]
fn the_real_client_reads_and_edits_a_file_with_its_own_tools() {
    let Some((machines, api)) = with_real_client() else {
        return;
    };
    drop(machines.cs(&["live", "--no-claude"]).success());
    api.have_used(uses(&machines.main_mount()));
    let words = [&["run", "claude"], &PROMPT[..]].concat();
    let asked = machines.cs(&words).success();
    assert_eq!(asked.stdout, format!("{REPLY}\n"), "{}", asked.stderr);
    assert!(
        api.message_requests()
            .iter()
            .all(|request| request.api_key.as_deref() == Some(KEY))
    );
    let told = results(&api);
    assert_eq!(told.len(), 3, "{told:#?}");
    let content = |place: usize| told[place]["content"].as_str().unwrap();
    assert!(content(0).contains("    41\n"), "{told:#?}");
    assert!(content(1).contains("updated successfully"), "{told:#?}");
    assert_eq!(content(2), format!("server\n{}", AFTER.trim_end()));
    let here = machines.on_laptop("cd project && cat answer.rs made.txt && ls");
    assert_eq!(
        here.success().stdout,
        format!("{AFTER}made\nanswer.rs\nmade.txt\n")
    );
    drop(machines.cs(&["stop"]).success());
}

/// On a terminal, as what the session is for: its end is the session's.
#[test]
fn cs_live_is_the_real_client() {
    let Some((machines, api)) = with_real_client() else {
        return;
    };
    // It starts in the mount, so these names are enough for it.
    let edit = "sed -i s/41/42/ answer.rs && cat answer.rs && uname -n";
    api.have_used(vec![using("Bash", &json!({"command": edit}))]);
    let words = [&["live", "--no-proxy", "--"], &PROMPT[..]].concat();
    let mut terminal = machines.cs_terminal(&words);
    terminal.wait_for(REPLY, LIMIT);
    assert_eq!(terminal.wait(LIMIT).code(), Some(0), "{}", terminal.shown());
    terminal.wait_for("stopped project-", LIMIT);
    let told = results(&api);
    assert_eq!(told[0]["content"], format!("{AFTER}server"), "{told:#?}");
    let here = machines.on_laptop("cat project/answer.rs").success();
    assert_eq!(here.stdout, AFTER);
}
