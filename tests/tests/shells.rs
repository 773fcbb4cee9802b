//! "I type `claude-work`": aliases in the shells that people use, and everything as before once they are uninstalled.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "helpers of tests; writes the files of shells of its own"
)]

use end_to_end::{HOURS_8, KEY, Machine, is_installed};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use testkit::{PlantedSecrets, Ran, skip};

const DONE: &str = "--exit-status 0";

/// With an account that has a key, and one with a login, for a user of `shell`.
fn machine_for(shell: &str) -> Machine {
    let mut machine = Machine::new();
    machine.home.set("SHELL", format!("/bin/{shell}"));
    machine.add_key("key");
    let _ = machine.add_login("work");
    machine
}

fn rc_file(machine: &Machine, shell: &str) -> PathBuf {
    match shell {
        "fish" => machine
            .home
            .root()
            .join("config/fish/conf.d/claude-accounts.fish"),
        _ => machine.home.home().join(format!(".{shell}rc")),
    }
}

/// Runs `line` as somebody would type it, after the shell has read its own files.
fn typed(machine: &Machine, shell: &str, line: &str) -> Ran {
    let mut command = machine.home.command(shell);
    command.args(["-i", "-c", line]);
    Ran::of(command)
}

/// The account that `line`, typed in a new shell, launches the client with.
#[track_caller]
fn launched_by(machine: &Machine, shell: &str, line: &str) -> String {
    let before = machine.launches().len();
    drop(typed(machine, shell, line).success());
    let launches = machine.launches();
    assert_eq!(launches.len(), before + 1, "{line}");
    launches[before].env["CLAUDE_ACCOUNTS_ACCOUNT"].clone()
}

#[track_caller]
fn assert_unknown(machine: &Machine, shell: &str, alias: &str) {
    let before = machine.launches().len();
    let ran = typed(machine, shell, &format!("{alias} {DONE}"));
    assert!(
        !ran.status.success() && machine.launches().len() == before,
        "{alias}: {ran:?}"
    );
}

/// Every file below the home but the vault's own, with its bytes or, of a link, its target.
fn files(machine: &Machine) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![machine.home.home(), machine.home.root().join("config")];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if path == machine.home.vault_dir() {
                continue;
            }
            if kind.is_dir() {
                left.push(path);
            } else if kind.is_symlink() {
                let target = fs::read_link(&path).unwrap();
                found.insert(path, target.into_os_string().into_encoded_bytes());
            } else {
                let bytes = fs::read(&path).unwrap();
                found.insert(path, bytes);
            }
        }
    }
    found
}

fn aliases_work_in(shell: &str) {
    if !is_installed(shell) {
        return skip(format!("{shell} is not installed"));
    }
    let machine = machine_for(shell);
    assert_unknown(&machine, shell, "claude-key");
    drop(machine.run(&["install"]).success());
    assert!(
        rc_file(&machine, shell).is_file(),
        "made for the shell in SHELL"
    );
    assert_eq!(
        launched_by(&machine, shell, &format!("claude-key {DONE}")),
        "key"
    );
    assert_eq!(
        launched_by(
            &machine,
            shell,
            &format!("claude-work {DONE} 'two words' -- --inject")
        ),
        "work"
    );
    let arguments = &machine.last_launch().argv[1..];
    assert_eq!(
        arguments,
        ["--exit-status", "0", "two words", "--", "--inject"]
    );
    let said = typed(&machine, shell, "claude-accounts version")
        .success()
        .stdout;
    assert!(said.contains("claude-accounts"), "{said}");

    let mut add = machine
        .home
        .claude_accounts_command(&["add", "third", "--key", KEY]);
    add.env("SHELL", "");
    drop(Ran::of(add).success());
    assert_eq!(
        launched_by(&machine, shell, &format!("claude-third {DONE}")),
        "third"
    );
    drop(machine.run(&["rename", "third", "last"]).success());
    assert_eq!(
        launched_by(&machine, shell, &format!("claude-last {DONE}")),
        "last"
    );
    assert_unknown(&machine, shell, "claude-third");
    drop(machine.run(&["remove", "last", "-y"]).success());
    assert_unknown(&machine, shell, "claude-last");
    drop(machine.run(&["uninstall"]).success());
    assert_unknown(&machine, shell, "claude-key");
    assert!(
        !rc_file(&machine, shell).exists(),
        "it was made by install alone"
    );
}

#[test]
fn aliases_work_in_bash() {
    aliases_work_in("bash");
}

#[test]
fn aliases_work_in_zsh() {
    aliases_work_in("zsh");
}

#[test]
fn aliases_work_in_fish() {
    aliases_work_in("fish");
}

#[test]
fn uninstall_leaves_every_file_as_it_was() {
    let rc_files: [&[u8]; 6] = [
        b"",
        b"# one\n",
        b"alias x=y",
        b"one\r\ntwo\r\n",
        b"\n\n",
        b"\xff not UTF-8\nexport A=b",
    ];
    for before in rc_files {
        let machine = machine_for("bash");
        for name in [".bashrc", ".zshrc", ".profile"] {
            fs::write(machine.home.home().join(name), before).unwrap();
        }
        fs::create_dir_all(machine.home.root().join("config/fish/conf.d")).unwrap();
        let as_it_was = files(&machine);
        drop(machine.run(&["install"]).success());
        let installed = files(&machine);
        assert_ne!(installed, as_it_was);
        assert_eq!(installed[&machine.home.home().join(".profile")], before);
        let again = machine.run(&["install"]).success();
        assert!(
            !again.stdout.contains("edited") && !again.stdout.contains("made "),
            "{}",
            again.stdout
        );
        assert_eq!(files(&machine), installed, "twice is once");
        drop(machine.run(&["uninstall"]).success());
        assert_eq!(files(&machine), as_it_was);
        assert!(
            machine
                .run(&["uninstall"])
                .success()
                .stdout
                .contains("nothing was installed")
        );
    }
}

#[test]
fn a_bashrc_that_is_a_link_stays_one_and_keeps_its_mode() {
    let machine = machine_for("bash");
    let (link, target) = (
        machine.home.home().join(".bashrc"),
        machine.home.home().join("dotfiles/bashrc"),
    );
    fs::create_dir(target.parent().unwrap()).unwrap();
    fs::write(&target, "# mine\n").unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("dotfiles/bashrc", &link).unwrap();
    let as_it_was = files(&machine);
    drop(machine.run(&["install"]).success());
    assert_eq!(fs::read_link(&link).unwrap(), Path::new("dotfiles/bashrc"));
    assert_eq!(
        launched_by(&machine, "bash", &format!("claude-key {DONE}")),
        "key"
    );
    drop(machine.run(&["uninstall"]).success());
    assert_eq!(files(&machine), as_it_was);
    assert_eq!(
        fs::metadata(&target).unwrap().permissions().mode() & 0o777,
        0o640
    );
}

#[test]
fn no_file_of_a_shell_holds_a_credential() {
    let machine = machine_for("bash");
    let mut planted = PlantedSecrets::new();
    let (access, refresh) = machine.tokens.current("work");
    for secret in [KEY, &access, &refresh] {
        let _ = planted.plant(secret);
    }
    fs::create_dir_all(machine.home.root().join("config/fish")).unwrap();
    fs::write(machine.home.home().join(".zshrc"), "").unwrap();
    drop(machine.run(&["install"]).success());
    let printed: String = ["bash", "zsh", "fish"]
        .map(|shell| machine.run(&["aliases", "--shell", shell]).success().stdout)
        .concat();
    assert!(planted.find_in_bytes(printed.as_bytes()).is_empty());
    assert_eq!(
        planted.find_in_tree(&[machine.home.root()], &[]),
        Vec::new(),
        "the vault's are sealed"
    );
    // Rebuilding a PATH cannot send an alias to another program.
    assert!(printed.contains(testkit::programs::path("claude-accounts").to_str().unwrap()));
}

#[test]
fn aliases_of_hard_names_are_typed_as_they_are() {
    let machine = machine_for("bash");
    for name in ["été", "a.b-c_d", "名前", "0"] {
        machine.add_key(name);
    }
    drop(machine.run(&["install"]).success());
    for name in ["été", "a.b-c_d", "名前", "0"] {
        assert_eq!(
            launched_by(&machine, "bash", &format!("claude-{name} {DONE}")),
            name
        );
    }
}

#[test]
fn the_status_line_is_that_of_the_session_then_of_the_directory() {
    let machine = machine_for("bash");
    let line = || machine.run(&["statusline"]).success();
    let empty = Machine::new();
    let nothing = empty.run(&["statusline"]).success();
    assert_eq!((nothing.stdout.as_str(), nothing.stderr.as_str()), ("", ""));
    assert_eq!(line().stdout, "");
    drop(machine.run(&["default", "key"]).success());
    assert_eq!(line().stdout, "key\n");
    drop(machine.run(&["use", "work"]).success());
    assert!(
        line().stdout.starts_with("work · max · 7h"),
        "{}",
        line().stdout
    );
    let inside = |command: &[&str]| {
        let program = testkit::programs::path("claude-accounts");
        let all = [&["exec", "key", "--", program.to_str().unwrap()], command].concat();
        machine.run(&all).success()
    };
    assert_eq!(inside(&["statusline"]).stdout, "key\n");
    let line = inside(&["statusline", "--json"]).json();
    assert_eq!(
        (&line["name"], &line["expires_at"], &line["sign_in_again"]),
        (&json!("key"), &Value::Null, &json!(false))
    );
    assert_eq!(machine.tokens.request_count(), 0);
}

#[test]
fn the_status_line_says_when_to_sign_in_again() {
    let machine = machine_for("bash");
    let _ = machine.add_login_with("ended", HOURS_8);
    drop(machine.run(&["default", "ended"]).success());
    machine.tokens.revoke("ended");
    drop(machine.run(&["refresh", "ended"]).code(7));
    assert_eq!(
        machine.run(&["statusline"]).success().stdout,
        "ended · sign in again\n"
    );
}

#[test]
fn completions_load_in_bash() {
    let machine = Machine::new();
    let script = r#"source <("$PROGRAM" completions bash) && registered=$(complete -p claude-accounts) &&
        function=${registered##*-F } COMP_WORDS=(claude-accounts la) COMP_CWORD=1 &&
        ${function% *} claude-accounts la claude-accounts && echo "${COMPREPLY[@]}""#;
    let mut command = machine.home.command("bash");
    command
        .args(["--norc", "-c", script])
        .env("PROGRAM", testkit::programs::path("claude-accounts"));
    let ran = Ran::of(command).success();
    assert!(
        ran.stdout
            .lines()
            .last()
            .is_some_and(|line| line.trim() == "launch"),
        "{}",
        ran.stdout
    );
    assert_eq!(ran.stderr, "");
}

#[test]
fn completions_load_in_zsh() {
    if !is_installed("zsh") {
        return skip("zsh is not installed");
    }
    let machine = Machine::new();
    let script = r#"autoload -U compinit && compinit -u -D && source <("$PROGRAM" completions zsh) && whence -w _claude-accounts"#;
    let mut command = machine.home.command("zsh");
    command
        .args(["-f", "-c", script])
        .env("PROGRAM", testkit::programs::path("claude-accounts"));
    assert_eq!(
        Ran::of(command).success().stdout,
        "_claude-accounts: function\n"
    );
}

#[test]
fn completions_load_in_fish() {
    if !is_installed("fish") {
        return skip("fish is not installed");
    }
    let machine = Machine::new();
    let script = "$PROGRAM completions fish | source; complete -C 'claude-accounts la'";
    let mut command = machine.home.command("fish");
    command
        .args(["--no-config", "-c", script])
        .env("PROGRAM", testkit::programs::path("claude-accounts"));
    let ran = Ran::of(command).success();
    assert!(ran.stdout.starts_with("launch"), "{ran:?}");
}

#[test]
fn manual_pages_are_made_for_every_verb_and_read_without_a_warning() {
    let machine = Machine::new();
    let directory = machine.home.root().join("man");
    drop(machine.run(&["man", directory.to_str().unwrap()]).success());
    let pages: Vec<PathBuf> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    for verb in [
        "",
        "-launch",
        "-login",
        "-keeper",
        "-keeper-status",
        "-doctor",
    ] {
        assert!(
            pages.contains(&directory.join(format!("claude-accounts{verb}.1"))),
            "{verb}: {pages:?}"
        );
    }
    let (program, arguments): (&str, &[&str]) = if is_installed("mandoc") {
        ("mandoc", &["-T", "lint", "-W", "warning"])
    } else if is_installed("groff") {
        ("groff", &["-Kutf8", "-man", "-Tutf8", "-ww", "-z"])
    } else {
        return skip("neither mandoc nor groff is installed");
    };
    for page in pages {
        let mut command = machine.home.command(program);
        let ran = Ran::of({
            command.args(arguments).arg(&page);
            command
        });
        let ran = ran.success();
        assert_eq!(
            (ran.stdout.as_str(), ran.stderr.as_str()),
            ("", ""),
            "{}",
            page.display()
        );
    }
}
