//! Accounts carried from one machine to another, in the clear and encrypted.

use std::path::Path;

use age::secrecy::ExposeSecret as _;
use end_to_end::{KEY, Machine};
use serde_json::{Value, json};
use testkit::documents::write_private;

use crate::support::{assert_private, named};

/// With everything that an account may have.
fn full_machine() -> Machine {
    let machine = Machine::new();
    let add = [
        "add",
        "perso",
        "--key-stdin",
        "--env",
        "ANTHROPIC_MODEL=a model",
    ];
    drop(
        machine
            .home
            .claude_accounts_with_input(&add, KEY.as_bytes())
            .success(),
    );
    drop(machine.add_login("work"));
    drop(machine.run(&["add", "empty", "--oauth"]).success());
    machine
}

fn import(machine: &Machine, export: &Value) {
    drop(
        machine
            .home
            .claude_accounts_with_input(&["import", "-"], export.to_string().as_bytes())
            .success(),
    );
}

#[test]
fn there_and_back_again() {
    let (first, second) = (full_machine(), Machine::new());
    let export = first.export();
    for account in export.as_array().unwrap() {
        for field in [
            "name",
            "auth_type",
            "api_key",
            "access_token",
            "refresh_token",
            "expires_at",
        ] {
            assert!(account.get(field).is_some(), "{field} not in {account}");
        }
    }
    import(&second, &export);
    assert_eq!(second.export(), export);
    drop(
        second
            .run(&["launch", "perso", "--", "--version"])
            .success(),
    );
    assert_eq!(second.last_launch().env["ANTHROPIC_API_KEY"], KEY);
    drop(
        second
            .run(&["launch", "work", "--inject", "env", "--", "--version"])
            .success(),
    );
    let token = second.last_launch().env["CLAUDE_CODE_OAUTH_TOKEN"].clone();
    assert_eq!(token, first.tokens.current("work").0);
}

/// What the program that this one replaces writes, and no more.
#[test]
fn an_export_of_the_program_before() {
    let machine = Machine::new();
    import(
        &machine,
        &json!([
            {"name": "perso", "auth_type": "api_key", "api_key": KEY, "access_token": "", "refresh_token": "", "expires_at": 0},
            {"name": "client", "auth_type": "oauth", "api_key": "", "access_token": "sk-ant-oat01-FAKE-before",
                "refresh_token": "sk-ant-ort01-FAKE-before", "expires_at": 4_000_000_000_000_u64},
        ]),
    );
    drop(
        machine
            .run(&["launch", "perso", "--", "--version"])
            .success(),
    );
    drop(
        machine
            .run(&["launch", "client", "--inject", "view", "--", "-p", "hello"])
            .success(),
    );
    assert_eq!(machine.bearers(), ["sk-ant-oat01-FAKE-before"]);
}

#[test]
fn names_that_are_taken() {
    let machine = full_machine();
    let key = |name: &str| json!({"name": name, "api_key": format!("{KEY}-imported")});
    let login = json!({"name": "work", "auth_type": "oauth", "access_token": "sk-ant-oat01-FAKE-imported",
        "refresh_token": "sk-ant-ort01-FAKE-imported", "expires_at": 4_000_000_000_000_u64});
    let entries = json!([key("PERSO"), login, key("new")]);
    write_private(
        &machine.home.home().join("import.json"),
        entries.to_string(),
    );
    let before = machine.export();
    let planned = machine
        .run(&["import", "--dry-run", "--json", "import.json"])
        .success()
        .json();
    assert_eq!(
        planned[0],
        json!({"name": "PERSO", "action": "skipped", "stored_as": null})
    );
    assert_eq!(machine.export(), before);
    drop(machine.run(&["import", "import.json"]).success());
    let skipped = machine.export();
    assert_eq!(named(&skipped, "perso"), named(&before, "perso"));
    assert_eq!(named(&skipped, "work"), named(&before, "work"));
    assert_eq!(named(&skipped, "new")["api_key"], format!("{KEY}-imported"));
    let renamed = machine
        .run(&["import", "--on-conflict", "rename", "--json", "import.json"])
        .success()
        .json();
    assert_eq!(
        renamed[1],
        json!({"name": "work", "action": "renamed", "stored_as": "work-2"})
    );
    drop(
        machine
            .run(&["import", "--on-conflict", "replace", "import.json"])
            .success(),
    );
    let replaced = machine.export();
    assert_eq!(
        named(&replaced, "work")["refresh_token"],
        "sk-ant-ort01-FAKE-imported"
    );
    assert_eq!(replaced.as_array().unwrap().len(), 7);
    // What was replaced is in the history.
    drop(machine.run(&["restore", "-y", "work", "1"]).success());
    let restored = machine.export();
    assert_eq!(
        named(&restored, "work")["refresh_token"],
        named(&before, "work")["refresh_token"]
    );
}

/// Imports `file` elsewhere and compares.
fn assert_carries(first: &Machine, file: &Path, options: &[&str], passphrase: &[u8]) {
    assert_private(file, "an export");
    let sealed = std::fs::read(file).unwrap();
    let export = first.export();
    assert!(!String::from_utf8_lossy(&sealed).contains("FAKE"));
    let second = Machine::without_client();
    let arguments = [&["import"], options, &[file.to_str().unwrap()]].concat();
    drop(
        second
            .home
            .claude_accounts_with_input(&arguments, passphrase)
            .success(),
    );
    assert_eq!(second.export(), export);
    // Cut short or changed anywhere it is refused, and nothing of it is taken.
    let third = Machine::without_client();
    // The last character is a newline, which counts for nothing.
    let last = sealed.len() - 2;
    for place in [0, last / 3, last / 2, last] {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        for bytes in [&changed[..], &sealed[..place]] {
            let bad = third.home.home().join("bad.age");
            write_private(&bad, bytes);
            let arguments = [&["import"], options, &[bad.to_str().unwrap()]].concat();
            drop(
                third
                    .home
                    .claude_accounts_with_input(&arguments, passphrase)
                    .code(9),
            );
        }
    }
    assert_eq!(third.run(&["list", "--json"]).success().json(), json!([]));
}

#[test]
fn behind_a_passphrase() {
    let machine = full_machine();
    let file = machine.home.home().join("sealed.age");
    let path = file.to_str().unwrap();
    let export = ["export", "--passphrase-fd", "0", "--output", path];
    drop(
        machine
            .home
            .claude_accounts_with_input(&export, b"FAKE passphrase\n")
            .success(),
    );
    // What is there is not written over.
    drop(
        machine
            .home
            .claude_accounts_with_input(&export, b"FAKE passphrase\n")
            .code(4),
    );
    assert_carries(
        &machine,
        &file,
        &["--passphrase-fd", "0"],
        b"FAKE passphrase\n",
    );
    let import = ["import", "--passphrase-fd", "0", path];
    drop(
        machine
            .home
            .claude_accounts_with_input(&import, b"another\n")
            .code(9),
    );
    let nobody = machine.run(&["import", path]).code(2);
    assert!(nobody.stderr.contains("--passphrase-fd"), "{nobody:#?}");
}

#[test]
fn for_a_recipient() {
    let machine = full_machine();
    let [own, other] = [0, 1].map(|_| age::x25519::Identity::generate());
    let file = machine.home.home().join("sealed.age");
    let path = file.to_str().unwrap();
    let recipients = [own.to_public().to_string(), other.to_public().to_string()];
    let export = [
        "export",
        "--recipient",
        &recipients[0],
        "--recipient",
        &recipients[1],
        "--output",
        path,
    ];
    drop(machine.run(&export).success());
    for identity in [own, other] {
        let key = machine.home.home().join("identity.txt");
        write_private(
            &key,
            format!("# a comment\n{}\n", identity.to_string().expose_secret()),
        );
        assert_carries(&machine, &file, &["--identity", key.to_str().unwrap()], b"");
    }
    let stranger = machine.home.home().join("stranger.txt");
    write_private(
        &stranger,
        age::x25519::Identity::generate()
            .to_string()
            .expose_secret(),
    );
    drop(
        machine
            .run(&["import", "--identity", stranger.to_str().unwrap(), path])
            .code(9),
    );
    drop(machine.run(&["import", path]).code(2));
}

#[test]
fn some_accounts_alone() {
    let machine = full_machine();
    let some = machine.run(&["export", "work", "work"]).success().json();
    assert_eq!(some.as_array().unwrap().len(), 1);
    drop(machine.run(&["export", "work", "nobody"]).code(3));
}
