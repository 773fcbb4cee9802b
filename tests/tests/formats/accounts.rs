//! The vault, its key however it is kept, exports, and what a session has.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};

use end_to_end::{LIMIT, Machine};
use rustix::process::Signal;
use serde_json::Value;
use testkit::{Process, Ran, wait_until};

use crate::{Sample, copy_file};

/// A machine with the vault of the sample.
fn machine_with_vault(sample: &Sample) -> Machine {
    let machine = Machine::new();
    sample.copy("vault", &machine.home.vault_dir());
    machine
}

/// Runs a program with the sample's passphrase on standard input.
fn with_passphrase(sample: &Sample, mut command: Command) -> Ran {
    let line = format!("{}\n", sample.contents["passphrase"].as_str().unwrap());
    command.env("CLAUDE_ACCOUNTS_PASSPHRASE_FD", "0");
    Ran::with_input(command, line.as_bytes())
}

#[test]
fn a_vault_opens_with_everything_in_it() {
    for sample in Sample::all() {
        let machine = machine_with_vault(&sample);
        let asked = |words: &[&str]| machine.run(words).success();
        assert_eq!(machine.export(), sample.contents["accounts"]);
        let history = asked(&["history", "client", "--json"]).json();
        assert_eq!(history, sample.contents["history_of_client"]);
        assert_eq!(
            asked(&["use", "--json"]).json(),
            sample.contents["bindings"]
        );
        let current = asked(&["current"]).stdout;
        let default = sample.contents["default"].as_str().unwrap();
        assert!(current.starts_with(default), "{current}");
    }
}

#[test]
fn a_vault_is_changed_and_keeps_what_this_version_does_not_know() {
    for sample in Sample::all() {
        let machine = machine_with_vault(&sample);
        drop(machine.run(&["restore", "client", "1", "-y"]).success());
        drop(machine.run(&["rename", "work", "office", "-y"]).success());
        drop(machine.run(&["key", "rotate"]).success());
        let accounts = machine.export();
        let before = sample.contents["accounts"].as_array().unwrap();
        for (account, before) in accounts.as_array().unwrap().iter().zip(before) {
            assert_eq!(account["document"], before["document"]);
        }
        let client = &accounts[3];
        assert_eq!(client["document"]["ofALaterClient"], "kept", "{client:#}");
    }
}

#[test]
fn an_interrupted_renewal_is_known_as_one() {
    for sample in Sample::all() {
        let machine = machine_with_vault(&sample);
        // This token server has never seen the token, as one has that spent it.
        let refused = machine.run(&["refresh", "torn"]).code(7);
        assert!(refused.stderr.contains("was cut off"), "{refused:#?}");
    }
}

#[test]
fn a_key_behind_a_passphrase_opens() {
    for sample in Sample::all() {
        let machine = machine_with_vault(&sample);
        let key = machine.home.vault_dir().join(".key");
        copy_file(&sample.path("vault-passphrase.key"), &key);
        drop(machine.run(&["export"]).code(5));
        let export = machine.home.claude_accounts_command(&["export"]);
        let opened = with_passphrase(&sample, export).success();
        assert_eq!(opened.json(), sample.contents["accounts"]);
    }
}

#[test]
fn exports_are_imported_whole() {
    for sample in Sample::all() {
        for name in ["accounts.json", "accounts.age"] {
            let machine = Machine::new();
            let file = machine.home.root().join(name);
            copy_file(&sample.path("exports").join(name), &file);
            let path = file.to_str().unwrap();
            let import = ["import", "--passphrase-fd", "0", path];
            let import = match name.ends_with(".age") {
                true => &import[..],
                false => &["import", path],
            };
            let command = machine.home.claude_accounts_command(import);
            let mut command = command;
            command.env_remove("CLAUDE_ACCOUNTS_PASSPHRASE_FD");
            let line = format!("{}\n", sample.contents["passphrase"].as_str().unwrap());
            drop(Ran::with_input(command, line.as_bytes()).success());
            assert_eq!(machine.export(), sample.contents["accounts"], "{name}");
        }
    }
}

#[test]
fn a_session_is_taken_up_by_the_keeper() {
    for sample in Sample::all() {
        let machine = machine_with_vault(&sample);
        let keeper = || {
            let mut command = machine.home.claude_accounts_command(&["keeper", "run"]);
            command
                .env("CLAUDE_ACCOUNTS_KEEPER_LINGER", "600")
                .stdin(Stdio::null())
                .stderr(Stdio::null());
            Process::spawn(command)
        };
        let end = |mut keeper: Process| {
            keeper.signal(Signal::TERM);
            assert!(keeper.wait(LIMIT).success());
        };
        // It makes the directory where it looks for sessions.
        let first = keeper();
        let _pid = machine.wait_for_keeper();
        end(first);
        let runtime = machine.home.runtime().join("claude-accounts");
        let of_vault = fs::read_dir(runtime).unwrap().next().unwrap().unwrap();
        let session = of_vault.path().join("sessions").join("sample");
        sample.copy("session", &session);

        let mut client = machine.home.command("sleep");
        client.arg("1000");
        let client = Process::spawn(client);
        belong_to(&session.join("session.json"), client.id());
        let second = keeper();
        machine.wait_for_kept_sessions(1);
        assert_eq!(machine.keeper()["sessions"][0]["account"], "work");
        let kind = &machine.keeper()["sessions"][0]["kind"];
        assert_eq!(kind, "secure_storage");
        drop(client);
        wait_until("the end of the session", LIMIT, || !session.exists());
        end(second);
    }
}

/// Has the record of a session say that it is that of a process which runs now.
fn belong_to(record: &std::path::Path, pid: u32) {
    let mut value: Value = end_to_end::read_json(record);
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // After the name, which may hold spaces: field 22 of proc_pid_stat(5) is the start time.
    let started = stat.rsplit(')').next().unwrap().split(' ').nth(20).unwrap();
    value["process"]["pid"] = pid.into();
    value["process"]["started"] = started.parse::<u64>().unwrap().into();
    fs::write(record, value.to_string()).unwrap();
    assert_eq!(fs::metadata(record).unwrap().mode() & 0o777, 0o600);
}
