//! No secret in what is printed, logged, given as an argument or written, but where one is meant to be; and nothing that
//! others can read.
//!
//! A long session of every verb, good and bad. Everything that the programs said is kept and, with every file that they
//! wrote and with what others can see of the keeper, searched for every secret of the session: as it is, backwards, its
//! last characters, and in Base64, hexadecimal and percent encoding.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "helpers of tests; files that nobody has to recover"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use end_to_end::{HOURS_8, Machine, Session};
use serde_json::json;
use support::{assert_private, tree};
use testkit::documents::{now_ms, write_private};
use testkit::token_server::Mode;
use testkit::{PlantedSecrets, Ran};

const KEY: &str = "sk-ant-api03-FAKEq7Xv-Zk93mWtRbnL0hTgYpKcVdSfE2uJi8oMaQwXs5rNzBx6yHvGtFjUk4eDlP1_aCqRsTbVnWm9XyZ0Lo3KiUjAA7Qd";
const KEY_ON_COMMAND_LINE: &str = "sk-ant-api03-FAKEcmdline0Hq8ZtYw3Kp";
const VARIABLE: &str = "https://proxy.example.org/?token=FAKE+Zq81/Lm Xw=T5u&Kv";
const PASSPHRASE: &str = "FAKE passphrase Jk42 +/ vBnM9q";
const OTHER_PASSPHRASE: &str = "FAKE other passphrase 7Gh+Rt2W";
const RIVAL: &str = "sk-ant-oat01-FAKErival5Tg7Uj2Nm8";
/// Last characters that are searched for; a masked secret shows four.
const TAIL: usize = 8;

/// A session, everything that was said in it, and every secret in it.
struct Witness {
    machine: Machine,
    planted: PlantedSecrets,
    /// Which command, and what it said.
    said: Vec<(String, Vec<u8>)>,
}

impl Witness {
    fn new(variables: &[(&str, &str)]) -> Witness {
        let mut machine = Machine::new();
        machine
            .home
            .configure_stand_in_client(&json!({"supports": ["securestorage", "config-dir"]}));
        for (name, value) in variables {
            machine.home.set(name, value);
        }
        machine.home.set("SHELL", "/bin/bash");
        machine.home.set("CLAUDE_ACCOUNTS_KEEPER_LINGER", "60");
        fs::create_dir(machine.home.root().join("given")).unwrap();
        let mut witness = Witness {
            machine,
            planted: PlantedSecrets::new(),
            said: Vec::new(),
        };
        for secret in [
            KEY,
            KEY_ON_COMMAND_LINE,
            VARIABLE,
            PASSPHRASE,
            OTHER_PASSPHRASE,
            RIVAL,
        ] {
            witness.plant(secret);
        }
        witness
    }

    fn plant(&mut self, secret: &str) {
        for form in forms(secret) {
            self.planted.plant(form);
        }
    }

    /// Plants what the token server has handed out by now, and the vault's key where it lies open.
    fn plant_news(&mut self) {
        for subject in ["work", "own", "given", "signed"] {
            if self.machine.tokens.has_issued(subject) {
                let (access, refresh) = self.machine.tokens.current(subject);
                self.plant(&access);
                self.plant(&refresh);
            }
        }
        let key =
            fs::read_to_string(self.machine.home.vault_dir().join(".key")).unwrap_or_default();
        if key.trim().len() == 44 {
            self.plant(key.trim());
        }
    }

    /// Runs a verb that may say no secret, whether it does what is asked or not.
    fn run(&mut self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    fn run_with(&mut self, arguments: &[&str], input: &str) -> Ran {
        let ran = self.run_in_the_open(arguments, input);
        let said = [ran.stdout.as_bytes(), ran.stderr.as_bytes()].concat();
        self.said.push((arguments.join(" "), said));
        ran
    }

    /// Runs a verb that may say secrets on standard output.
    fn run_in_the_open(&mut self, arguments: &[&str], input: &str) -> Ran {
        let ran = self
            .machine
            .home
            .claude_accounts_with_input(arguments, input.as_bytes());
        support::assert_decent(&ran, &arguments.join(" "));
        self.plant_news();
        self.said
            .push((arguments.join(" "), ran.stderr.clone().into_bytes()));
        ran
    }

    /// A file that a person made: it is not searched.
    fn given(&self, name: &str, contents: &str) -> String {
        let path = self.given_path(name);
        write_private(&path, contents);
        path.to_str().unwrap().to_owned()
    }

    fn given_path(&self, name: &str) -> PathBuf {
        self.machine.home.root().join("given").join(name)
    }

    /// A login's whole document, new at the token server.
    fn issue(&mut self, subject: &str) -> String {
        let login = self.machine.tokens.issue(subject);
        self.plant_news();
        login
            .credentials_expiring_at(now_ms() + HOURS_8)
            .to_string()
    }

    /// Searches everything that was said and written so far.
    #[track_caller]
    fn search(&self) {
        for (command, said) in &self.said {
            let found = self.planted.find_in_bytes(said);
            assert!(
                found.is_empty(),
                "{command}: {found:?} in {}",
                String::from_utf8_lossy(said)
            );
        }
        self.search_files();
        assert_private(&self.machine.home.vault_dir(), "the vault");
        assert_private(&self.machine.home.runtime(), "the runtime directory");
    }

    #[track_caller]
    fn search_files(&self) {
        let root = self.machine.home.root();
        let given = [root.join("given"), root.join("bin")];
        let given: Vec<&Path> = given.iter().map(PathBuf::as_path).collect();
        for (path, secret) in self.planted.find_in_tree(&[root], &given) {
            assert!(
                self.may_hold(&path, &secret),
                "{secret} in {}",
                path.display()
            );
            assert_private(&path, "a file with a secret");
        }
    }

    /// Only the key file may hold the key, and only credential files may hold tokens.
    fn may_hold(&self, path: &Path, secret: &str) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path == self.machine.home.vault_dir().join(".key") {
            return fs::read_to_string(path).unwrap().contains(secret);
        }
        let is_token = self.machine.tokens.is_valid_access(secret) || self.is_tail_of_token(secret);
        let is_view = path.starts_with(self.machine.home.runtime());
        let is_own = path == self.machine.own_login_path();
        name == ".credentials.json" && (is_own || is_view && is_token)
    }

    fn is_tail_of_token(&self, secret: &str) -> bool {
        ["work", "own"].iter().any(|subject| {
            self.machine.tokens.has_issued(subject)
                && self.machine.tokens.current(subject).0.ends_with(secret)
        })
    }

    /// What every user of the machine can see of a process.
    #[track_caller]
    fn search_process(&self, pid: u32, names: &[&str]) {
        for name in names {
            let seen = fs::read(format!("/proc/{pid}/{name}")).unwrap();
            assert!(!seen.is_empty(), "{name} of process {pid} is empty");
            let found = self.planted.find_in_bytes(&seen);
            assert!(found.is_empty(), "{found:?} in {name} of process {pid}");
        }
    }

    /// A session with a view: nothing of its login is in an environment or among arguments.
    fn search_running_session(&mut self, name: &str) {
        let mut command = self
            .machine
            .home
            .claude_accounts_command(&["launch", name, "--inject", "view", "--"]);
        command.args(end_to_end::STREAM);
        for rival in [
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_AUTH_TOKEN",
            "CLAUDE_CODE_OAUTH_TOKEN",
        ] {
            command.env(rival, RIVAL);
        }
        // A passphrase's descriptor cannot be standard input here, which is the client's.
        let mut session = Session::start(command);
        session.hello();
        let keeper = self.machine.wait_for_keeper();
        self.search_process(keeper, &["cmdline", "environ"]);
        self.search_process(session.id(), &["cmdline", "environ"]);
        for arguments in [
            &["keeper", "status"][..],
            &["keeper", "status", "--json"],
            &["list"],
            &["refresh", name],
        ] {
            let _ = self.run(arguments);
        }
        session.hello();
        self.search();
        self.search_process(keeper, &["cmdline", "environ"]);
        assert!(session.end().success());
    }
}

/// A secret in every form that is searched for.
fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let tail = &secret[secret.len() - TAIL..];
    let mut forms = vec![
        secret.to_owned(),
        tail.to_owned(),
        secret.chars().rev().collect(),
    ];
    forms.push(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
    let percent = |byte: &u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(*byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    forms.push(bytes.iter().map(percent).collect());
    for before in 0..3 {
        let encoded = base64_inside(bytes, before);
        forms.push(encoded.replace('+', "-").replace('/', "_"));
        forms.push(encoded);
    }
    forms
}

/// The characters of Base64 (RFC 4648, section 4) that `bytes` alone decide, where `before` others precede them.
fn base64_inside(bytes: &[u8], before: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let whole = [&vec![0; before], bytes].concat();
    let bits = |index: usize| {
        let (byte, shift) = (index * 6 / 8, index * 6 % 8);
        let pair = u16::from(whole[byte]) << 8 | u16::from(*whole.get(byte + 1).unwrap_or(&0));
        usize::from(pair >> (10 - shift) & 63)
    };
    let decided = (before * 8).div_ceil(6)..whole.len() * 8 / 6;
    decided
        .map(|index| char::from(ALPHABET[bits(index)]))
        .collect()
}

#[test]
fn the_forms_are_what_they_are_called() {
    // `printf 'any carnal pleas' | base64`, and with one and two characters in front of it.
    assert_eq!(
        base64_inside(b"any carnal pleas", 0),
        "YW55IGNhcm5hbCBwbGVhc"
    );
    assert_eq!(base64_inside(b"easure.", 1), "Vhc3VyZS");
    assert_eq!(base64_inside(b"easure.", 2), "lYXN1cmUu");
    assert!(forms("a secret of FAKE").contains(&"a%20secret%20of%20FAKE".to_owned()));
    assert!(forms("a secret of FAKE").contains(&"6120736563726574206f662046414b45".to_owned()));
}

fn fill(witness: &mut Witness) {
    drop(
        witness
            .run_with(&["add", "perso", "--key-stdin"], KEY)
            .success(),
    );
    drop(
        witness
            .run(&["add", "shown", "--key", KEY_ON_COMMAND_LINE])
            .success(),
    );
    let variable = format!("PROXY_FOR_TEST={VARIABLE}");
    drop(
        witness
            .run_with(&["add", "proxied", "--key-stdin", "--env", &variable], KEY)
            .success(),
    );
    drop(witness.run(&["add", "empty", "--oauth"]).success());
    let document = witness.issue("work");
    let file = witness.given("work.json", &document);
    drop(
        witness
            .run(&["login", "work", "--capture", &file])
            .success(),
    );
    let document = witness.issue("own");
    write_private(&witness.machine.own_login_path(), document);
    drop(witness.run(&["login", "own"]).success());
    let document = witness.issue("given");
    let file = witness.given("given.json", &document);
    drop(witness.run(&["add", "given", "--from", &file]).success());
    let document = witness.issue("signed");
    let login = serde_json::from_str::<serde_json::Value>(&document).unwrap();
    witness.machine.home.configure_stand_in_client(
        &json!({"supports": ["securestorage", "config-dir"], "login": {"credentials": login, "oauthAccount": {"emailAddress": "a@example.org"}}}),
    );
    drop(witness.run(&["login", "signed", "--sign-in"]).success());
}

const LOOKS: [&[&str]; 24] = [
    &["list"],
    &["list", "--json"],
    &["status"],
    &["status", "--json"],
    &["status", "work"],
    &["history", "work"],
    &["history", "work", "--json"],
    &["current"],
    &["current", "--json"],
    &["default", "work"],
    &["use", "proxied"],
    &["use", "--json"],
    &["statusline"],
    &["aliases"],
    &["install"],
    &["key", "status"],
    &["key", "status", "--json"],
    &["doctor"],
    &["doctor", "--json"],
    &["doctor", "--fix"],
    &["keeper", "status"],
    &["completions", "bash"],
    &["man", "pages"],
    &["version"],
];

fn look_at_everything(witness: &mut Witness) {
    for arguments in LOOKS {
        let _ = witness.run(arguments);
    }
}

fn renew(witness: &mut Witness) {
    drop(witness.run(&["refresh", "work"]).success());
    drop(witness.run(&["refresh", "--all"]).success());
    // A server that repeats what it was sent, and others that are no help.
    let (access, refresh) = witness.machine.tokens.current("work");
    let repeated = json!({"error": "invalid_request", "error_description": format!("no {refresh}"), "access_token": access});
    let modes = [
        Mode::Status(400, repeated.to_string()),
        Mode::Status(500, repeated.to_string()),
        Mode::Status(
            200,
            format!("{{\"access_token\": \"{access}\", \"refresh_token\": 7}}"),
        ),
        Mode::Status(429, refresh),
        Mode::Garbage,
        Mode::DropConnection,
        Mode::HugeBody,
    ];
    for mode in modes {
        witness.machine.tokens.set_mode(mode);
        for arguments in [
            &["refresh", "work"][..],
            &["refresh", "--all"],
            &["status", "work"],
            &["doctor"],
        ] {
            let _ = witness.run(arguments);
        }
    }
    witness.machine.tokens.set_mode(Mode::Normal);
    drop(witness.run(&["refresh", "work"]).success());
    witness.machine.tokens.revoke("given");
    drop(witness.run(&["refresh", "given"]).code(7));
    let _ = witness.run(&["launch", "given", "--inject", "env", "--", "--version"]);
}

fn use_them(witness: &mut Witness) {
    for name in ["perso", "proxied", "work", "own", "empty"] {
        for inject in ["env", "view"] {
            let _ = witness.run(&["launch", name, "--inject", inject, "--", "--version"]);
        }
        let _ = witness.run(&["exec", name, "--", "true"]);
        let _ = witness.run_in_the_open(&["env", name], "");
    }
    for name in ["work", "own"] {
        witness.search_running_session(name);
    }
}

fn carry_over(witness: &mut Witness) {
    let identity = age::x25519::Identity::generate();
    let secret = identity.to_string().expose_secret().to_owned();
    witness.plant(&secret);
    let recipient = identity.to_public().to_string();
    let _ = witness.run_in_the_open(&["export"], "");
    let plain = witness.given_path("plain.json");
    let plain = plain.to_str().unwrap();
    drop(witness.run(&["export", "--output", plain]).success());
    assert_private(Path::new(plain), "an export");
    drop(
        witness
            .run_with(
                &["export", "--passphrase-fd", "0", "-o", "sealed.age"],
                PASSPHRASE,
            )
            .success(),
    );
    drop(
        witness
            .run(&["export", "--recipient", &recipient, "-o", "received.age"])
            .success(),
    );
    let identity = witness.given("identity", &secret);
    for policy in ["skip", "rename", "replace"] {
        drop(
            witness
                .run(&["import", "--on-conflict", policy, plain])
                .success(),
        );
        drop(
            witness
                .run(&[
                    "import",
                    "--on-conflict",
                    policy,
                    "--identity",
                    &identity,
                    "received.age",
                ])
                .success(),
        );
    }
    drop(
        witness
            .run_with(
                &["import", "--passphrase-fd", "0", "sealed.age"],
                PASSPHRASE,
            )
            .success(),
    );
    drop(
        witness
            .run_with(
                &["import", "--passphrase-fd", "0", "sealed.age"],
                OTHER_PASSPHRASE,
            )
            .code(9),
    );
    let _ = witness.run(&["import", "--identity", plain, "received.age"]);
    let _ = witness.run(&["import", "--identity", &identity, &identity]);
}

fn change_keys(witness: &mut Witness) {
    drop(witness.run(&["key", "rotate"]).success());
    let wrap = [
        "key",
        "protect",
        "--with",
        "passphrase",
        "--passphrase-fd",
        "0",
    ];
    drop(witness.run_with(&wrap, PASSPHRASE).success());
    witness.search();
    let _ = witness.run(&["list"]);
    witness
        .machine
        .home
        .set("CLAUDE_ACCOUNTS_PASSPHRASE_FD", "0");
    for passphrase in [PASSPHRASE, OTHER_PASSPHRASE, ""] {
        for arguments in [
            &["list"][..],
            &["refresh", "work"],
            &["key", "rotate"],
            &["launch", "perso", "--", "--version"],
        ] {
            let _ = witness.run_with(arguments, passphrase);
        }
        let launch = ["launch", "work", "--inject", "view", "--", "--version"];
        let _ = witness.run_with(&launch, passphrase);
    }
    look_at_keeper_that_was_handed_the_key(witness);
    drop(
        witness
            .run_with(&["key", "protect", "--with", "file"], PASSPHRASE)
            .success(),
    );
    drop(witness.run(&["key", "rotate"]).success());
}

fn look_at_keeper_that_was_handed_the_key(witness: &mut Witness) {
    drop(witness.run(&["keeper", "stop"]).success());
    // It stays a moment after the session has ended.
    let launch = ["launch", "work", "--inject", "view", "--", "--version"];
    drop(witness.run_with(&launch, PASSPHRASE).success());
    let keeper = witness.machine.wait_for_keeper();
    witness.search_process(keeper, &["cmdline", "environ"]);
}

fn do_everything_wrong(witness: &mut Witness) {
    let bad = witness.given(
        "bad.json",
        &format!("[{{\"name\": \"x\", \"api_key\": \"{KEY}\", \"auth_type\": \"{KEY}\"}}"),
    );
    let entry = witness.given(
        "entry.json",
        &json!([{"name": KEY, "api_key": KEY, "auth_type": KEY}]).to_string(),
    );
    let document = witness.given(
        "login.json",
        &json!({"claudeAiOauth": {"accessToken": [KEY]}}).to_string(),
    );
    let no_pair = format!("{KEY_ON_COMMAND_LINE}=");
    let commands: [&[&str]; 26] = [
        &["import", &bad],
        &["import", &entry],
        &["import", KEY],
        &["add", "bad", "--from", &bad],
        &["add", "bad", "--from", &document],
        &["login", "bad", "--capture", &document],
        &["login", "bad", "--capture", KEY],
        &["add", KEY, "--oauth"],
        &["add", KEY],
        &["add", "bad", "--key", &format!("{KEY} {KEY}")],
        &["add", "bad", "--key", KEY, "--oauth"],
        &["add", "bad", "--oauth", "--env", KEY],
        &["add", "bad", "--oauth", "--env", &no_pair],
        &["launch", KEY],
        &["launch", "perso", KEY],
        &["launch", "perso", "--key", KEY],
        &["launch", "perso", "--claude", KEY],
        &["refresh", KEY],
        &["rename", "perso", KEY],
        &["remove", "-y", KEY],
        &["use", KEY],
        &["default", KEY],
        &["status", KEY],
        &["export", KEY],
        &["export", "--recipient", KEY],
        &[KEY],
    ];
    for arguments in commands {
        let _ = witness.run(arguments);
    }
    let _ = witness.run_with(&["add", "bad", "--key-stdin"], &format!("{KEY}\n{KEY}"));
    let _ = witness.run_with(&["import", "-"], KEY);
    witness.machine.home.set(
        "CLAUDE_ACCOUNTS_TOKEN_URL",
        format!("http://user:{KEY}@example.org/"),
    );
    let _ = witness.run(&["refresh", "work"]);
    witness
        .machine
        .home
        .set("CLAUDE_ACCOUNTS_TOKEN_URL", witness.machine.tokens.url());
}

fn clear_away(witness: &mut Witness) {
    let history = witness.run(&["history", "work", "--json"]).json();
    let kept = history[3]["generation"].to_string();
    drop(witness.run(&["restore", "-y", "work", &kept]).success());
    drop(witness.run(&["rename", "perso", "renamed"]).success());
    drop(witness.run(&["remove", "-y", "renamed"]).success());
    drop(witness.run(&["uninstall"]).success());
    drop(witness.run(&["keeper", "stop"]).success());
}

fn whole_session(variables: &[(&str, &str)]) {
    let mut witness = Witness::new(variables);
    for part in [
        fill,
        look_at_everything,
        use_them,
        renew,
        carry_over,
        change_keys,
        do_everything_wrong,
        look_at_everything,
        clear_away,
    ] {
        part(&mut witness);
        witness.search();
    }
    let log = fs::read_to_string(witness.machine.home.vault_dir().join("keeper.log")).unwrap();
    assert!(log.contains("began"), "{log}");
    // The search finds what is there.
    let found = witness
        .planted
        .find_in_tree(&[&witness.given_path("")], &[]);
    assert!(found.len() > 10, "{found:?}");
    let files = tree(witness.machine.home.root()).len();
    assert!(
        witness.said.len() > 200 && files > 20,
        "{} commands, {files} files",
        witness.said.len()
    );
}

#[test]
fn of_a_whole_session() {
    whole_session(&[]);
}

#[test]
fn of_a_whole_session_with_everything_told() {
    whole_session(&[
        ("RUST_BACKTRACE", "full"),
        ("RUST_LOG", "trace"),
        ("RUST_LIB_BACKTRACE", "1"),
    ]);
}
