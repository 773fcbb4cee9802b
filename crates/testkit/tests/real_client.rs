//! The stand-in API is good enough for the real client. `CLAUDE_ACCOUNTS_TEST_REAL_CLIENT` names its executable; skipped without.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "helpers of tests; the environment says where the real client is"
)]

use serde_json::{Value, json};
use std::env;
use std::fs;
use std::io::Write;
use std::process::Command;
use std::time::Duration;
use testkit::documents::{credentials, now_ms, write_private};
use testkit::{ApiServer, Process, Ran, TestHome, in_loopback_only, skip};

const LATER_MS: u64 = 8 * 60 * 60 * 1000;
const LIMIT: Duration = Duration::from_secs(120);
const STREAM: [&str; 6] = [
    "-p",
    "--input-format",
    "stream-json",
    "--output-format",
    "stream-json",
    "--verbose",
];

struct Machine {
    home: TestHome,
    api: ApiServer,
}

impl Machine {
    fn new() -> Machine {
        let (mut home, api) = (TestHome::new(), ApiServer::start());
        home.set("ANTHROPIC_BASE_URL", api.url());
        for name in [
            "DISABLE_TELEMETRY",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
            "DISABLE_AUTOUPDATER",
        ] {
            home.set(name, "1");
        }
        Machine { home, api }
    }

    fn claude(&self, arguments: &[&str]) -> Command {
        let mut command = self
            .home
            .command(env::var_os("CLAUDE_ACCOUNTS_TEST_REAL_CLIENT").unwrap());
        command.args(arguments);
        command
    }

    fn bearers(&self) -> Vec<Option<String>> {
        self.api
            .message_requests()
            .iter()
            .map(|request| request.bearer().map(str::to_owned))
            .collect()
    }
}

/// Never outside a network of loopback only: the real client would reach the real servers.
fn with_real_client(test_name: &str, body: impl FnOnce(Machine)) {
    if env::var_os("CLAUDE_ACCOUNTS_TEST_REAL_CLIENT").is_none() {
        return skip("CLAUDE_ACCOUNTS_TEST_REAL_CLIENT names no client");
    }
    in_loopback_only(test_name, || body(Machine::new()));
}

/// Waits for the result of prompt `number` (from 0) among the lines of other types.
fn wait_for_result(client: &Process, number: usize) -> Value {
    let results = |line: &String| {
        serde_json::from_str(line)
            .ok()
            .filter(|read: &Value| read["type"] == "result")
    };
    let mut seen = Vec::new();
    testkit::wait_until("the client's result", LIMIT, || {
        seen = client.lines().iter().filter_map(results).collect();
        seen.len() > number
    });
    seen.remove(number)
}

#[test]
fn one_prompt_with_a_key() {
    with_real_client("one_prompt_with_a_key", |mut machine| {
        machine.home.set("ANTHROPIC_API_KEY", "sk-ant-api03-FAKE");
        assert_eq!(
            Ran::of(machine.claude(&["-p", "hello"])).success().stdout,
            "pong\n"
        );
        let request = machine.api.message_requests().pop().unwrap();
        assert_eq!(
            (request.api_key.as_deref(), request.bearer()),
            (Some("sk-ant-api03-FAKE"), None)
        );
    });
}

#[test]
fn a_session_over_a_view_picks_up_its_successor() {
    with_real_client("a_session_over_a_view_picks_up_its_successor", |machine| {
        let file = machine.home.claude_dir().join(".credentials.json");
        let put = |token| {
            write_private(
                &file,
                credentials(token, "", now_ms() + LATER_MS).to_string(),
            );
        };
        put("sk-ant-oat01-FAKEfirst");
        let mut client = Process::spawn_talking(machine.claude(&STREAM));
        let mut stdin = client.take_stdin();
        let prompt = json!({"type": "user", "message": {"role": "user", "content": "hello"}});
        writeln!(stdin, "{prompt}").unwrap();
        assert_eq!(wait_for_result(&client, 0)["result"], "pong");
        put("sk-ant-oat01-FAKEsecond");
        writeln!(stdin, "{prompt}").unwrap();
        assert_eq!(wait_for_result(&client, 1)["result"], "pong");
        drop(stdin);
        assert!(client.wait(LIMIT).success());
        let bearers = machine.bearers();
        assert_eq!(
            bearers.first().unwrap().as_deref(),
            Some("sk-ant-oat01-FAKEfirst")
        );
        assert_eq!(
            bearers.last().unwrap().as_deref(),
            Some("sk-ant-oat01-FAKEsecond")
        );
    });
}

#[test]
fn an_unknown_token_fails_the_run_and_leaves_the_view() {
    with_real_client(
        "an_unknown_token_fails_the_run_and_leaves_the_view",
        |machine| {
            let file = machine.home.claude_dir().join(".credentials.json");
            let view = credentials("sk-ant-oat01-FAKEunknown", "", now_ms() + LATER_MS).to_string();
            write_private(&file, &view);
            machine.api.accept_only(std::sync::Arc::new(|_| false));
            let said = Ran::of(machine.claude(&["-p", "hello"])).code(1).stdout;
            assert!(
                said.contains("Failed to authenticate") || said.contains("401"),
                "{said}"
            );
            assert_eq!(fs::read_to_string(&file).unwrap(), view);
        },
    );
}
