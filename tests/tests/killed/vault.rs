//! Changes of the vault.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use end_to_end::Machine;
use serde_json::{Value, json};
use testkit::documents::write_private;
use testkit::{Ran, skip};

use crate::kill::{CALLS, MOMENTS, killed_after, killed_at, why_no_strace};
use crate::support::{assert_private, copy_tree, named};

const PASSPHRASE: &[u8] = b"FAKE passphrase of a test\n";
const NEW_KEY: &[u8] = b"sk-ant-api03-FAKE-key-that-is-added\n";

/// Makes the machine that something is done on.
type Prepare = fn(&Machine);

/// What is done, and by what arguments and input.
#[derive(Clone, Copy)]
struct Deed {
    arguments: &'static [&'static str],
    input: &'static [u8],
}

/// A home that is put back into the same state before each kill, and what its vault holds before and after the deed.
struct Scene {
    machine: Machine,
    deed: Deed,
    before: Vec<Value>,
    after: Vec<Value>,
}

impl Scene {
    fn new(deed: Deed, prepare: Prepare) -> Scene {
        let mut machine = Machine::without_client();
        machine.home.set("CLAUDE_ACCOUNTS_PASSPHRASE_FD", "0");
        prepare(&machine);
        let mut scene = Scene {
            machine,
            deed,
            before: Vec::new(),
            after: Vec::new(),
        };
        if scene.machine.home.vault_dir().exists() {
            copy_tree(&scene.machine.home.vault_dir(), &scene.template());
        }
        scene.before = scene.contents("before");
        drop(scene.do_it().success());
        scene.after = scene.contents("after");
        scene
    }

    fn template(&self) -> PathBuf {
        self.machine.home.root().join("template")
    }

    fn put_back(&self) {
        let vault = self.machine.home.vault_dir();
        if self.template().exists() {
            copy_tree(&self.template(), &vault);
        } else if vault.exists() {
            fs::remove_dir_all(vault).unwrap();
        }
    }

    fn command(&self) -> Command {
        self.machine
            .home
            .claude_accounts_command(self.deed.arguments)
    }

    fn do_it(&self) -> Ran {
        Ran::with_input(self.command(), self.deed.input)
    }

    /// Every account with its secrets, its generation and its state.
    #[track_caller]
    fn contents(&self, place: &str) -> Vec<Value> {
        let ask = |arguments: &[&str]| {
            let ran = self
                .machine
                .home
                .claude_accounts_with_input(arguments, PASSPHRASE);
            assert_eq!(ran.status.code(), Some(0), "{place}: {ran:#?}");
            ran.json()
        };
        let listed = ask(&["list", "--json"]);
        if listed == json!([]) {
            return Vec::new();
        }
        let secrets = ask(&["export"]);
        let part = |account: &Value| {
            let name = account["name"].as_str().unwrap();
            json!([
                named(&secrets, name),
                account["generation"],
                account["state"],
                account["default"]
            ])
        };
        listed.as_array().unwrap().iter().map(part).collect()
    }

    /// Done or not done, nothing in between; and the vault can be used and changed as if nothing had been.
    #[track_caller]
    fn look(&self, got_through: bool, place: &str) {
        let found = self.contents(place);
        let known = found == self.after || (!got_through && found == self.before);
        assert!(known, "{place}: {found:#?}");
        assert_private(&self.machine.home.vault_dir(), place);
        let key = |name: &str| fs::read(self.machine.home.vault_dir().join(name));
        assert!(
            key(".key.next").is_err(),
            "{place}: a rotation was not ended"
        );
        // A wrapped key takes its time at each opening, as it is meant to.
        if !key(".key").is_ok_and(|bytes| bytes.starts_with(b"{")) {
            drop(
                self.machine
                    .run(&["add", "afterwards", "--oauth"])
                    .success(),
            );
            assert_eq!(self.contents(place)[..found.len()], found, "{place}");
        }
    }

    fn kill_at_every_step(&self) -> usize {
        let verb = self.deed.arguments.join(" ");
        let mut kills = 0;
        for call in CALLS {
            for number in 1.. {
                self.put_back();
                let place = format!("{verb}, killed at {call} number {number}");
                let got_through = killed_at(&self.command(), self.deed.input, call, number);
                self.look(got_through, &place);
                if got_through {
                    break;
                }
                kills += 1;
            }
        }
        kills
    }

    fn kill_at_many_moments(&self) {
        self.put_back();
        let start = Instant::now();
        drop(self.do_it().success());
        let whole = start.elapsed();
        for moment in 0..MOMENTS {
            self.put_back();
            let after = whole * moment / MOMENTS;
            let got_through = killed_after(self.command(), self.deed.input, after);
            let verb = self.deed.arguments.join(" ");
            self.look(
                got_through,
                &format!("{verb}, killed after {after:?} of {whole:?}"),
            );
        }
    }
}

fn fill(machine: &Machine) {
    machine.add_key("perso");
    drop(machine.add_login("work"));
    drop(machine.add_login("client"));
    drop(machine.run(&["refresh", "work"]).success());
    drop(machine.run(&["default", "client"]).success());
}

fn nothing(_: &Machine) {}

fn fill_and_wrap(machine: &Machine) {
    fill(machine);
    let wrap = [
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
            .claude_accounts_with_input(&wrap, PASSPHRASE)
            .success(),
    );
}

/// An export of another machine: one account that is there, two that are not.
fn fill_and_write_import(machine: &Machine) {
    fill(machine);
    let login = |name: &str| {
        json!({"name": name, "auth_type": "oauth", "access_token": format!("sk-ant-oat01-FAKE-imported-{name}"),
            "refresh_token": format!("sk-ant-ort01-FAKE-imported-{name}"), "expires_at": 4_000_000_000_000_u64})
    };
    let key =
        json!({"name": "keyed", "auth_type": "api_key", "api_key": "sk-ant-api03-FAKE-imported"});
    let entries = json!([login("work"), login("new"), key]);
    write_private(
        &machine.home.home().join("import.json"),
        entries.to_string(),
    );
}

const ADD: Deed = Deed {
    arguments: &["add", "added", "--key-stdin"],
    input: NEW_KEY,
};
const IMPORT: Deed = Deed {
    arguments: &["import", "--on-conflict", "replace", "import.json"],
    input: b"",
};
const RENAME: Deed = Deed {
    arguments: &["rename", "work", "renamed"],
    input: b"",
};
const REMOVE: Deed = Deed {
    arguments: &["remove", "-y", "work"],
    input: b"",
};
const RESTORE: Deed = Deed {
    arguments: &["restore", "-y", "work", "1"],
    input: b"",
};
const ROTATE: Deed = Deed {
    arguments: &["key", "rotate"],
    input: b"",
};
const WRAP: Deed = Deed {
    arguments: &[
        "key",
        "protect",
        "--with",
        "passphrase",
        "--passphrase-fd",
        "0",
    ],
    input: PASSPHRASE,
};
const UNWRAP: Deed = Deed {
    arguments: &["key", "protect", "--with", "file"],
    input: PASSPHRASE,
};

fn sweep(deed: Deed, prepare: Prepare, at_least: usize) {
    if let Some(reason) = why_no_strace() {
        return skip(reason);
    }
    let kills = Scene::new(deed, prepare).kill_at_every_step();
    eprintln!("{}: {kills} kills", deed.arguments.join(" "));
    assert!(kills >= at_least, "only {kills} kills");
}

#[test]
fn at_each_step_of_the_first_add() {
    sweep(ADD, nothing, 50);
}

#[test]
fn at_each_step_of_an_add() {
    sweep(ADD, fill, 20);
}

#[test]
fn at_each_step_of_an_import() {
    sweep(IMPORT, fill_and_write_import, 18);
}

#[test]
fn at_each_step_of_a_rename() {
    sweep(RENAME, fill, 10);
}

#[test]
fn at_each_step_of_a_removal() {
    sweep(REMOVE, fill, 15);
}

#[test]
fn at_each_step_of_a_restore() {
    sweep(RESTORE, fill, 15);
}

#[test]
fn at_each_step_of_a_rotation_of_the_key() {
    sweep(ROTATE, fill, 20);
}

#[test]
fn at_each_step_of_a_rotation_of_a_wrapped_key() {
    sweep(
        Deed {
            input: PASSPHRASE,
            ..ROTATE
        },
        fill_and_wrap,
        20,
    );
}

#[test]
fn at_each_step_of_wrapping_the_key() {
    sweep(WRAP, fill, 10);
}

#[test]
fn at_each_step_of_unwrapping_the_key() {
    sweep(UNWRAP, fill_and_wrap, 10);
}

#[test]
fn at_many_moments() {
    let scenes: [(Deed, Prepare); 6] = [
        (ADD, nothing),
        (ADD, fill),
        (IMPORT, fill_and_write_import),
        (RENAME, fill),
        (ROTATE, fill),
        (WRAP, fill),
    ];
    for (deed, prepare) in scenes {
        Scene::new(deed, prepare).kill_at_many_moments();
    }
}
