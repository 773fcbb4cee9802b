//! "My script starts a hundred of them, and the login has just expired": the token server sees one request, and every
//! client starts with the new token.

use end_to_end::{LIMIT, Machine};
use serde_json::json;
use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use testkit::Process;
use testkit::documents::{now_ms, write_private};

const LAUNCHES: usize = 100;
const CLIENTS: usize = 5;

fn launch(machine: &Machine, inject: &str) -> Process {
    let arguments = ["launch", "work", "--inject", inject, "--", "-p", "hello"];
    quietly(machine.home.claude_accounts_command(&arguments))
}

fn quietly(mut command: Command) -> Process {
    command.stdout(Stdio::null());
    Process::spawn(command)
}

/// Starts them all while the server keeps the first request waiting, and waits for the end of each.
fn run_at_once(machine: &Machine, start: impl Fn(usize) -> Process, count: usize) {
    machine.tokens.hold();
    let mut started: Vec<Process> = (0..count).map(start).collect();
    machine.tokens.wait_for_requests(1);
    machine.tokens.release();
    for process in &mut started {
        let status = process.wait(LIMIT);
        assert!(status.success(), "{status}");
    }
}

/// One request, answered; every message sent with what came of it; and the vault holds what the server would renew.
#[track_caller]
fn one_request_served_all(machine: &Machine, messages: usize) {
    let statuses: Vec<_> = machine
        .tokens
        .requests()
        .iter()
        .map(|request| request.answered_status)
        .collect();
    assert_eq!(statuses, [Some(200)]);
    let (access, refresh) = machine.tokens.current("work");
    let bearers = machine.bearers();
    assert_eq!(bearers.len(), messages);
    assert_eq!(BTreeSet::from_iter(bearers), BTreeSet::from([access]));
    assert_eq!(machine.export()[0]["refresh_token"], *refresh);
    assert_eq!(machine.status("work")["state"], "ok");
}

#[test]
fn with_the_token_in_the_environment() {
    let machine = Machine::new();
    let _ = machine.add_expired_login("work");
    run_at_once(&machine, |_| launch(&machine, "env"), LAUNCHES);
    one_request_served_all(&machine, LAUNCHES);
    assert!(machine.home.keeper_processes().is_empty());
}

#[test]
fn with_views() {
    let machine = Machine::new();
    let _ = machine.add_expired_login("work");
    run_at_once(&machine, |_| launch(&machine, "view"), LAUNCHES);
    one_request_served_all(&machine, LAUNCHES);
    testkit::wait_until("the keeper to leave", LIMIT, || {
        machine.home.keeper_processes().is_empty()
    });
}

#[test]
fn while_the_users_own_clients_renew_the_same_login() {
    // Whoever comes first: a client, or a launch.
    for (inject, first_client) in [("env", 0), ("view", 10)] {
        let machine = machine_with_the_login_in_the_users_own_file();
        let start = |number: usize| {
            if number % (LAUNCHES / CLIENTS + 1) != first_client {
                return launch(&machine, inject);
            }
            let mut client = machine.home.command(machine.home.bin().join("claude"));
            client.args(["-p", "hello"]);
            quietly(client)
        };
        run_at_once(&machine, start, LAUNCHES + CLIENTS);
        one_request_served_all(&machine, LAUNCHES + CLIENTS);
        let file = end_to_end::read_json(&machine.own_login_path());
        let (access, refresh) = machine.tokens.current("work");
        assert_eq!(file["claudeAiOauth"]["accessToken"], *access, "{inject}");
        assert_eq!(file["claudeAiOauth"]["refreshToken"], *refresh, "{inject}");
    }
}

fn machine_with_the_login_in_the_users_own_file() -> Machine {
    let machine = Machine::new();
    let account = json!({"accountUuid": "a-uuid", "emailAddress": "me@example.com", "organizationUuid": "o-uuid"});
    let state = json!({"oauthAccount": account});
    write_private(&machine.home.home().join(".claude.json"), state.to_string());
    let login = machine.tokens.issue("work");
    machine.write_own_login(&login.credentials_expiring_at(now_ms() - 1000));
    drop(machine.run(&["login", "work", "--capture"]).success());
    machine
}

/// Each time whoever comes first renews, and the others find its token.
#[test]
fn renewal_after_renewal_nobody_is_logged_out() {
    let machine = machine_with_the_login_in_the_users_own_file();
    for round in 1..=5 {
        let expired = end_to_end::read_json(&machine.own_login_path());
        let refreshed = machine.tokens.current("work").1;
        assert_eq!(
            expired["claudeAiOauth"]["refreshToken"], *refreshed,
            "round {round}"
        );
        let refresh = ["refresh", "work"];
        let mut processes: Vec<Process> = (0..10)
            .map(|number| match number % 2 {
                0 => quietly(machine.home.claude_accounts_command(&refresh)),
                _ => launch(&machine, "view"),
            })
            .collect();
        for process in &mut processes {
            assert!(process.wait(LIMIT).success());
        }
        let requests = machine.tokens.requests();
        assert!(
            requests
                .iter()
                .all(|request| request.answered_status == Some(200))
        );
    }
    let spent: BTreeSet<_> = machine
        .tokens
        .requests()
        .into_iter()
        .map(|request| request.refresh_token)
        .collect();
    assert_eq!(spent.len(), machine.tokens.request_count(), "each once");
    assert_eq!(
        machine.export()[0]["refresh_token"],
        *machine.tokens.current("work").1
    );
}
