//! Which account is taken where, and what goes along when accounts are renamed or removed.

use std::fs;
use std::path::Path;

use end_to_end::{KEY, Machine};
use serde_json::{Value, json};
use testkit::Ran;

fn at(machine: &Machine, directory: &Path, arguments: &[&str]) -> Ran {
    let mut command = machine.home.claude_accounts_command(arguments);
    command.current_dir(directory);
    Ran::of(command)
}

fn current(machine: &Machine, directory: &Path) -> Value {
    at(machine, directory, &["current", "--json"])
        .success()
        .json()["name"]
        .clone()
}

/// Three keys and a tree of projects.
fn machine() -> (Machine, [std::path::PathBuf; 3]) {
    let machine = Machine::new();
    for name in ["perso", "work", "client"] {
        let key = format!("{KEY}-{name}");
        drop(
            machine
                .home
                .claude_accounts_with_input(&["add", name, "--key-stdin"], key.as_bytes())
                .success(),
        );
    }
    let home = machine.home.home();
    let projects = ["work", "work/client", "work/client/deep"].map(|name| home.join(name));
    fs::create_dir_all(&projects[2]).unwrap();
    (machine, projects)
}

#[test]
fn the_nearest_binding_then_the_default() {
    let (machine, [work, client, deep]) = machine();
    let home = machine.home.home();
    let nothing = at(&machine, &home, &["current"]).code(3);
    assert!(
        nothing.stderr.contains("claude-accounts use NAME"),
        "{nothing:#?}"
    );
    drop(at(&machine, &work, &["launch"]).code(3));
    drop(machine.run(&["default", "perso"]).success());
    drop(at(&machine, &work, &["use", "work"]).success());
    drop(
        machine
            .run(&["use", "client", client.to_str().unwrap()])
            .success(),
    );
    let found = [&home, &work, &client, &deep].map(|directory| current(&machine, directory));
    assert_eq!(found, ["perso", "work", "client", "client"]);
    for (directory, name) in [(&home, "perso"), (&work, "work"), (&deep, "client")] {
        drop(at(&machine, directory, &["launch", "--", "--version"]).success());
        let launched = machine.last_launch();
        assert_eq!(launched.env["ANTHROPIC_API_KEY"], format!("{KEY}-{name}"));
        assert_eq!(&launched.cwd, directory);
        assert!(
            at(&machine, directory, &["statusline"])
                .success()
                .stdout
                .contains(name)
        );
    }
    // Nothing was written into the projects.
    assert_eq!(fs::read_dir(&deep).unwrap().count(), 0);
    assert_eq!(fs::read_dir(&work).unwrap().count(), 1);
    drop(at(&machine, &client, &["use", "--clear"]).success());
    assert_eq!(current(&machine, &deep), "work");
    drop(at(&machine, &client, &["use", "--clear"]).code(3));
    drop(machine.run(&["default", "--clear"]).success());
    drop(at(&machine, &home, &["current"]).code(3));
}

#[test]
fn a_session_says_whose_it_is() {
    let (mut machine, [work, ..]) = machine();
    drop(at(&machine, &work, &["use", "work"]).success());
    machine.home.set("CLAUDE_ACCOUNTS_ACCOUNT", "perso");
    let found = at(&machine, &work, &["current", "--json"]).success().json();
    assert_eq!(
        found,
        json!({"reason": "session", "directory": null, "name": "perso"})
    );
    assert!(
        at(&machine, &work, &["statusline"])
            .success()
            .stdout
            .contains("perso")
    );
    // A launch inside of it goes by the directory all the same.
    drop(at(&machine, &work, &["launch", "--", "--version"]).success());
    assert_eq!(machine.last_launch().env["CLAUDE_ACCOUNTS_ACCOUNT"], "work");
}

#[test]
fn names_change_and_everything_goes_along() {
    let (machine, [work, ..]) = machine();
    drop(machine.add_login("login"));
    drop(machine.run(&["refresh", "login"]).success());
    drop(at(&machine, &work, &["use", "login"]).success());
    drop(machine.run(&["default", "login"]).success());
    drop(machine.run(&["rename", "login", "Renamed"]).success());
    assert_eq!(current(&machine, &work), "Renamed");
    assert_eq!(current(&machine, &machine.home.home()), "Renamed");
    assert_eq!(
        machine
            .run(&["history", "renamed", "--json"])
            .success()
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    // Only the letters' case.
    drop(machine.run(&["rename", "renamed", "renamed"]).success());
    let gone = machine.run(&["refresh", "login"]).code(3);
    assert!(
        gone.stderr.contains("there is no account named \"login\""),
        "{gone:#?}"
    );
    drop(machine.run(&["rename", "perso", "WORK"]).code(4));
}

#[test]
fn what_is_removed_is_gone_with_all_that_belongs_to_it() {
    let (machine, [work, ..]) = machine();
    drop(machine.add_login("login"));
    drop(at(&machine, &work, &["use", "login"]).success());
    drop(machine.run(&["default", "login"]).success());
    let asked = machine.run(&["remove", "login"]).code(2);
    assert!(asked.stderr.contains("-y"), "{asked:#?}");
    drop(machine.run(&["remove", "-y", "login"]).success());
    assert_eq!(machine.run(&["use", "--json"]).success().json(), json!([]));
    drop(machine.run(&["default"]).code(3));
    drop(machine.run(&["history", "login"]).code(3));
    drop(machine.add_login("login"));
    assert_eq!(
        machine
            .run(&["history", "login", "--json"])
            .success()
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        machine
            .run(&["list", "--json"])
            .success()
            .json()
            .as_array()
            .unwrap()
            .len(),
        4
    );
}

#[test]
fn a_typing_error_is_guessed() {
    let (machine, _) = machine();
    let ran = machine.run(&["launch", "wrok"]).code(3);
    assert!(ran.stderr.contains("Did you mean \"work\"?"), "{ran:#?}");
}

/// On a terminal both ask, and only a yes does it; `-y` does not ask.
#[test]
fn renaming_and_removing_ask_on_a_terminal() {
    const LIMIT: std::time::Duration = std::time::Duration::from_secs(30);
    let machine = Machine::new();
    drop(machine.run(&["add", "perso", "--key", KEY]).success());
    drop(machine.add_login("login"));
    let answer = |arguments: &[&str], typed: &str| {
        let mut terminal = testkit::Terminal::claude_accounts(&machine.home, arguments);
        terminal.wait_for("[y/N]", LIMIT);
        terminal.type_text(typed);
        terminal.wait(LIMIT).code()
    };
    let before = machine.export();
    assert_eq!(answer(&["rename", "perso", "other"], "n\r"), Some(11));
    assert_eq!(answer(&["remove", "perso"], "\r"), Some(11));
    assert_eq!(machine.export(), before);
    assert_eq!(answer(&["rename", "perso", "other"], "y\r"), Some(0));
    assert_eq!(answer(&["remove", "other"], "yes\r"), Some(0));
    drop(machine.run(&["rename", "login", "again", "-y"]).success());
    drop(machine.run(&["remove", "again", "-y"]).success());
    assert_eq!(machine.export(), json!([]));
}
