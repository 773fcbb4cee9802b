//! What goes wrong outside of the program: a clear message with a hint, an exit code of its own, no panic, nothing lost,
//! and no secret in the message.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "helpers of tests; files that nobody has to recover"
)]

#[path = "../support/mod.rs"]
mod support;

mod clock;
mod credentials;
mod disk;
mod imports;
mod names;
mod vault;

use end_to_end::Machine;
use serde_json::Value;
use support::assert_decent;
use testkit::Ran;

/// What stands in every made-up secret, and so must be in no message.
const SECRET: &str = "FAKE";

/// What was done to a machine, what is run on it then, and how that must end.
#[derive(Clone, Copy)]
struct Case {
    what: &'static str,
    harm: fn(&Machine),
    command: &'static [&'static str],
    input: &'static [u8],
    code: i32,
    /// What the message must say.
    words: &'static [&'static str],
    /// Undoes the harm.
    heal: fn(&Machine),
}

/// A harm that is none, and a cure for one that needs none.
fn nothing(_: &Machine) {}

/// Where the stand-in client and three accounts are.
fn machine() -> Machine {
    let machine = Machine::new();
    fill(&machine);
    machine
}

fn fill(machine: &Machine) {
    machine.add_key("perso");
    drop(machine.add_login("work"));
    drop(machine.add_login("client"));
    drop(machine.run(&["refresh", "work"]).success());
}

/// Each on a machine of its own.
fn try_all(cases: &[Case]) {
    for case in cases {
        let machine = machine();
        let before = machine.export();
        (case.harm)(&machine);
        let ran = machine
            .home
            .claude_accounts_with_input(case.command, case.input);
        assert_ends(&ran, case.code, case.words, case.what);
        (case.heal)(&machine);
        assert_eq!(machine.export(), before, "{}", case.what);
    }
}

/// Fails unless it ended with `code`, said `words`, and no secret.
#[track_caller]
fn assert_ends(ran: &Ran, code: i32, words: &[&str], what: &str) {
    assert_decent(ran, what);
    assert_eq!(ran.status.code(), Some(code), "{what}: {ran:#?}");
    for word in words {
        assert!(
            ran.stderr.contains(word),
            "{what}: {word:?} not in {ran:#?}"
        );
    }
    assert_says_no_secret(ran, what);
}

#[track_caller]
fn assert_says_no_secret(ran: &Ran, what: &str) {
    let quiet = [&ran.stdout, &ran.stderr]
        .iter()
        .all(|said| !said.contains(SECRET));
    assert!(quiet, "{what}: {ran:#?}");
}

/// The state that `list` gives an account.
#[track_caller]
fn state(machine: &Machine, name: &str) -> Value {
    let list = machine.run(&["list", "--json"]).success().json();
    support::named(&list, name)["state"].clone()
}

#[test]
fn every_exit_code_is_explained_once() {
    let machine = Machine::without_client();
    let codes = support::explained_codes(&machine);
    let mut sorted = codes.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(codes, sorted);
    assert!(codes.len() >= 12 && !codes.contains(&101), "{codes:?}");
}
