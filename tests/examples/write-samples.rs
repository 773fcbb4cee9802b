//! Makes the samples of every file format that this version writes: `cargo run -p end-to-end --example write-samples`,
//! as root, after `cargo build --workspace --bins`. They go into `tests/samples/VERSION`, which must not be there:
//! samples of a version are made once, when it is released, and never again.
//!
//! All of it is done with the built programs and the stand-ins of the tests, so no secret in it is one.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a tool of the tests; what it writes is looked at and committed"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use end_to_end::dashboard::{Dashboard, PASSWORD};
use end_to_end::machines::{Machines, SERVER, USER};
use end_to_end::server::{Server, VAULT};
use end_to_end::{LIMIT, Machine};
use rustix::process::Signal;
use serde_json::{Value, json};
use testkit::documents::{now_ms, write_private};
use testkit::{Host, Process, wait_until};

/// Of the export and of the key of `vault-passphrase`.
const PASSPHRASE: &str = "FAKE passphrase";
/// Bound to an account; it is on every Linux machine.
const DIRECTORY: &str = "/usr/share";
/// A hundred years: no test of a later version is to renew what the samples hold.
const CENTURY: u64 = 100 * 365 * 24 * 60 * 60 * 1000;

fn main() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("samples")
        .join(env!("CARGO_PKG_VERSION"));
    assert!(
        !directory.exists(),
        "{} is there, and samples are made once",
        directory.display()
    );
    fs::create_dir_all(&directory).unwrap();
    let mut contents = json!({"version": env!("CARGO_PKG_VERSION"), "passphrase": PASSPHRASE});
    accounts(&directory, &mut contents);
    server(&directory, &mut contents);
    laptop(&directory, &mut contents);
    settle(&directory);
    let text = serde_json::to_string_pretty(&contents).unwrap();
    fs::write(directory.join("contents.json"), text + "\n").unwrap();
}

/// A vault with everything that can be in one, its exports, a session's files, and the same vault behind a passphrase.
fn accounts(directory: &Path, contents: &mut Value) {
    let machine = Machine::new();
    machine.add_key("perso");
    let gateway = [
        "add",
        "gateway",
        "--key-stdin",
        "--env",
        "ANTHROPIC_BASE_URL=https://gateway.example",
    ];
    let key = b"sk-ant-api03-FAKE-key-of-a-gateway";
    drop(
        machine
            .home
            .claude_accounts_with_input(&gateway, key)
            .success(),
    );
    sign_in(&machine, "work");
    sign_in(&machine, "client");
    let run = |words: &[&str]| drop(machine.run(words).success());
    run(&["add", "empty", "--oauth"]);
    run(&["refresh", "client"]);
    run(&["use", "work", DIRECTORY]);
    run(&["default", "perso"]);
    session(&machine, &directory.join("session"));
    dashboard(&machine, contents);
    run(&["keeper", "stop"]);
    interrupt(&machine);

    contents["accounts"] = machine.export();
    contents["history_of_client"] = machine
        .run(&["history", "client", "--json"])
        .success()
        .json();
    contents["bindings"] = machine.run(&["use", "--json"]).success().json();
    contents["default"] = "perso".into();
    let exports = directory.join("exports");
    fs::create_dir(&exports).unwrap();
    let to = |name: &str| exports.join(name).to_str().unwrap().to_owned();
    run(&["export", "--output", &to("accounts.json")]);
    let sealed = [
        "export",
        "--passphrase-fd",
        "0",
        "--output",
        &to("accounts.age"),
    ];
    let line = format!("{PASSPHRASE}\n");
    drop(
        machine
            .home
            .claude_accounts_with_input(&sealed, line.as_bytes())
            .success(),
    );
    copy(&machine.home.vault_dir(), &directory.join("vault"));
    let protect = [
        "key",
        "protect",
        "--with",
        "passphrase",
        "--passphrase-fd",
        "0",
    ];
    drop(
        machine
            .home
            .claude_accounts_with_input(&protect, line.as_bytes())
            .success(),
    );
    // The database stays as it was: only what seals the key has changed.
    let key = directory.join("vault-passphrase.key");
    fs::copy(machine.home.vault_dir().join(".key"), key).unwrap();
}

/// A login with a member that no version knows, which has to be kept.
fn sign_in(machine: &Machine, name: &str) {
    let login = machine.tokens.issue(name);
    let mut document = login.credentials_expiring_at(now_ms() + CENTURY);
    document["claudeAiOauth"]["ofALaterClient"] = json!({"kept": [1, 2, 3]});
    document["ofALaterClient"] = json!("kept");
    let file = machine.home.root().join("captured.json");
    write_private(&file, document.to_string());
    let path = file.to_str().unwrap();
    drop(machine.run(&["login", name, "--capture", path]).success());
    fs::remove_file(&file).unwrap();
}

/// What a running session has in the runtime directory.
fn session(machine: &Machine, to: &Path) {
    let running = machine.session("work", &[]);
    machine.wait_for_kept_sessions(1);
    let mut found = Vec::new();
    files(&machine.home.runtime(), &mut found);
    let record = found.iter().find(|path| path.ends_with("session.json"));
    copy(record.unwrap().parent().unwrap(), to);
    running.end();
}

/// A dashboard that was used: a password, tokens, settings, a recording, an entry of each kind in the audit log.
fn dashboard(machine: &Machine, contents: &mut Value) {
    let dashboard = Dashboard::start(machine);
    let asked = |method, path: &str, body: Value| {
        let (status, answer) = dashboard.ask(method, path, &body);
        assert_eq!(status / 100, 2, "{method} {path}: {answer}");
        answer
    };
    let reader = asked(
        "POST",
        "/api/auth/tokens",
        json!({"name": "reader", "scope": "read"}),
    );
    asked("PUT", "/api/settings", json!({"recording": true}));
    contents["dashboard"] = json!({
        "password": PASSWORD,
        "token": dashboard.token,
        "reader": reader,
        "settings": asked("GET", "/api/settings", json!({})),
        "audit": asked("GET", "/api/audit", json!({})),
    });
}

/// An account whose renewal was killed between request and answer.
fn interrupt(machine: &Machine) {
    sign_in(machine, "torn");
    let before = machine.tokens.request_count();
    machine.tokens.hold();
    let mut command = machine.home.claude_accounts_command(&["refresh", "torn"]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut renewing = Process::spawn(command);
    machine.tokens.wait_for_requests(before + 1);
    renewing.signal(Signal::KILL);
    renewing.wait(LIMIT);
    machine.tokens.release();
}

/// What `claude-share server init` leaves on a server.
fn server(directory: &Path, contents: &mut Value) {
    let server = Server::or_skip().expect("a machine for a server");
    server.sign_in_as_root(CENTURY);
    drop(server.init(&["usera", "userb"], &[]).success());
    server.wait_for_keeper();
    for user in ["usera", "userb"] {
        let view = format!("/home/{user}/.claude/.credentials.json");
        wait_until("a user's view", LIMIT, || server.host.exists(&view));
    }
    let to = directory.join("server");
    fs::create_dir(&to).unwrap();
    let add = [
        "/usr/local/bin/claude-accounts",
        "--vault",
        VAULT,
        "add",
        "team",
        "--key-stdin",
    ];
    let key = b"sk-ant-api03-FAKE-key-of-a-team";
    drop(server.host.run_with_input(&add, key).success());
    drop(server.run(&["server", "assign", "userb", "team"]).success());
    contents["server"] = server.status();
    take(&server.host, "/var/lib/claude-share", &to.join("data"));
    take(&server.host, "/etc/claude-share", &to.join("configuration"));
}

/// What `claude-share client` and `cs` leave on a laptop.
fn laptop(directory: &Path, contents: &mut Value) {
    let machines = Machines::or_skip().expect("machines for a laptop and a server");
    // The profile that is there was not written by a program of ours.
    drop(
        machines
            .on_laptop("rm ~/.claude-share/client.json")
            .success(),
    );
    let identity = format!("/home/{USER}/.ssh/id_ed25519");
    drop(
        machines
            .client(&["init", SERVER, "--identity", &identity])
            .success(),
    );
    for words in [
        &["proxy", "agree"][..],
        &["proxy", "add", "terraform"],
        &["proxy", "remove", "make"],
        &["add", "/home/dev/data"],
    ] {
        drop(machines.cs(words).success());
    }
    let session = machines.live("python3 --version; sleep 1000");
    machines.wait_until_up();
    let log = format!("/home/{USER}/.claude-share/sessions/{session}/commands.log");
    wait_until("a command in the log", LIMIT, || {
        machines.laptop.exists(&log) && !machines.laptop.read(&log).is_empty()
    });
    contents["laptop"] = json!({
        "session": machines.session(),
        "commands": machines.cs(&["proxy", "--json"]).json(),
    });
    take(
        &machines.laptop,
        &format!("/home/{USER}/.claude-share"),
        &directory.join("laptop"),
    );
    drop(machines.cs(&["stop", &session]));
}

/// Copies files, and nothing else that is there: no socket, no link. Empty files are locks.
fn copy(from: &Path, to: &Path) {
    let mut found = Vec::new();
    files(from, &mut found);
    for path in found {
        let name = path.file_name().unwrap().to_str().unwrap();
        let is_empty = fs::metadata(&path).unwrap().len() == 0;
        if is_empty || name.ends_with("-shm") || name.ends_with(".pem") {
            continue;
        }
        let target = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&path, target).unwrap();
    }
}

/// Has each database in one file, as it is when its programs have ended.
fn settle(directory: &Path) {
    let mut found = Vec::new();
    files(directory, &mut found);
    for path in found
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "db"))
    {
        let database = rusqlite::Connection::open(path).unwrap();
        database
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
        database
            .execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")
            .ok();
        drop(database);
        for end in ["db-wal", "db-shm"] {
            fs::remove_file(path.with_extension(end)).ok();
        }
    }
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files(&entry.path(), found);
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
}

/// The same out of a machine.
fn take(host: &Host, from: &str, to: &Path) {
    let list = host
        .run(&["find", from, "-type", "f", "-size", "+0"])
        .success();
    for path in list.stdout.lines() {
        if path.ends_with("-shm") {
            continue;
        }
        let target = to.join(path.strip_prefix(from).unwrap().trim_start_matches('/'));
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, host.read(path)).unwrap();
    }
}
