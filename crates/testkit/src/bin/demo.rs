//! The main job from end to end, in a throw-away home with stand-ins for the client, the token server and the API:
//! `cargo xtask demo`. Nothing outside of that home is read or written, and nothing leaves the machine.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for people at a terminal, dev only"
)]

use std::time::Duration;

use serde_json::json;
use testkit::token_server::Mode;
use testkit::{ApiServer, Process, TestHome, TokenServer, documents, wait_until};

const PATIENCE: Duration = Duration::from_secs(20);
/// Short, so that a renewal is seen; a real token lives for hours.
const TOKEN_SECONDS: u64 = 6;

fn main() {
    let tokens = TokenServer::start();
    let api = ApiServer::start();
    let home = prepare_home(&tokens, &api);
    say("Three accounts: one with an API key, two with logins taken from credential files.");
    show_with_input(
        &home,
        &["add", "perso", "--key-stdin"],
        "sk-ant-api03-FAKE-demo-key-0000000000\n",
    );
    for name in ["work", "client"] {
        let file = home.home().join(format!("{name}.json"));
        let login = tokens
            .issue(name)
            .credentials_expiring_at(documents::now_ms() + 8 * 3_600_000);
        documents::write_private(&file, login.to_string());
        show(&home, &["login", name, "--capture", file.to_str().unwrap()]);
        std::fs::remove_file(file).unwrap();
    }
    show(&home, &["list"]);

    say(
        "Two of them side by side. Each session says hello, and the API sees two different credentials.",
    );
    let mut work = session(&home, "work");
    let mut perso = session(&home, "perso");
    hello(&mut work, "work", &api);
    hello(&mut perso, "perso", &api);

    say(
        "Tokens now live for a few seconds. The login is renewed, and the running session goes on with the new token.",
    );
    tokens.set_mode(Mode::WithExpiresIn(TOKEN_SECONDS));
    show(&home, &["refresh", "work"]);
    hello(&mut work, "work", &api);
    let before = tokens.request_count();
    wait_until("the keeper renews by itself", PATIENCE, || {
        tokens.request_count() > before
    });
    println!("  … the keeper has renewed it by itself, a third of its life before the end.\n");
    hello(&mut work, "work", &api);
    show(&home, &["keeper", "status"]);
    show(&home, &["history", "work"]);

    say("What the token server saw: every refresh token once.");
    for request in tokens.requests() {
        let status = request.answered_status.unwrap_or_default();
        println!(
            "  refresh token …{}   {status}",
            tail(&request.refresh_token)
        );
    }
    drop((work, perso));
    home.stop_keeper();
    say(
        "\nThat home is gone now. `cargo xtask test` runs the tests; the README goes on with a real client.",
    );
}

fn prepare_home(tokens: &TokenServer, api: &ApiServer) -> TestHome {
    let mut home = TestHome::new();
    home.install_stand_in_client();
    home.configure_stand_in_client(&json!({"supports": ["securestorage"], "record": false}));
    home.set("CLAUDE_ACCOUNTS_TOKEN_URL", tokens.url());
    home.set("ANTHROPIC_BASE_URL", api.url());
    home.set("COLUMNS", "110");
    home
}

fn say(text: &str) {
    println!("{text}\n");
}

fn show(home: &TestHome, arguments: &[&str]) {
    show_with_input(home, arguments, "");
}

fn show_with_input(home: &TestHome, arguments: &[&str], input: &str) {
    let shown = home.root().to_str().unwrap();
    println!(
        "$ claude-accounts {}",
        arguments.join(" ").replace(shown, "")
    );
    let ran = home
        .claude_accounts_with_input(arguments, input.as_bytes())
        .success();
    for line in ran.stdout.lines().chain(ran.stderr.lines()) {
        println!("  {}", line.replace(shown, ""));
    }
    println!();
}

/// `launch NAME` with a client that sends one message for each line that it is given.
fn session(home: &TestHome, name: &str) -> Session {
    println!("$ claude-accounts launch {name}   (in a terminal of its own)\n");
    let arguments = [
        "launch",
        name,
        "--",
        "-p",
        "--input-format",
        "stream-json",
        "--output-format",
        "stream-json",
        "--verbose",
    ];
    let mut process = Process::spawn_talking(home.claude_accounts_command(&arguments));
    let input = process.take_stdin();
    Session {
        process,
        input,
        said: 0,
    }
}

struct Session {
    process: Process,
    input: std::process::ChildStdin,
    said: usize,
}

fn hello(session: &mut Session, name: &str, api: &ApiServer) {
    use std::io::Write as _;
    let before = api.message_requests().len();
    let message = json!({"type": "user", "message": {"role": "user", "content": "hello"}});
    writeln!(session.input, "{message}").unwrap();
    session.input.flush().unwrap();
    let answer = session.process.wait_for_line(session.said, PATIENCE);
    session.said += 1;
    api.wait_for_messages(before + 1, PATIENCE);
    let request = api.message_requests().pop().unwrap();
    let credential = match (request.bearer(), &request.api_key) {
        (Some(token), _) => format!("access token …{}", tail(token)),
        (None, Some(key)) => format!("API key …{}", tail(key)),
        (None, None) => "nothing".to_owned(),
    };
    let well = answer.contains("pong");
    println!(
        "  {name}: \"hello\" was sent with {credential}; the answer {}\n",
        if well { "came" } else { "was an error" }
    );
    assert!(well, "{answer}");
}

fn tail(secret: &str) -> &str {
    &secret[secret.len().saturating_sub(8)..]
}
