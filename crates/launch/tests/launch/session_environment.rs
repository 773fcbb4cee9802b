//! What a session, and a shell after `eval`, has in its environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use launch::{
    ACCOUNT_VARIABLE, Injection, LaunchError, RIVAL_VARIABLES, Shell, check_variable, export_lines,
    rivals_present, session_environment,
};
use model::Secret;
use testkit::TestHome;

use super::shells;

fn pair(name: &str, value: &str) -> (OsString, OsString) {
    (name.into(), value.into())
}

fn own(name: &str, value: &str) -> (String, Secret) {
    (name.to_owned(), Secret::new(value))
}

fn inherited() -> Vec<(OsString, OsString)> {
    let mut inherited = vec![
        pair("PATH", "/bin"),
        pair("ANTHROPIC_BASE_URL", "https://example.com"),
    ];
    inherited.extend(RIVAL_VARIABLES.iter().map(|rival| pair(rival, "rival")));
    inherited.push(pair("CLAUDE_ACCOUNTS_PASSPHRASE_FD", "9"));
    inherited.push(pair(ACCOUNT_VARIABLE, "outer"));
    inherited
}

fn session(injection: &Injection, own: &[(String, Secret)]) -> BTreeMap<String, String> {
    let environment = session_environment(inherited(), injection, own, "work").unwrap();
    let count = environment.len();
    let environment: BTreeMap<String, String> = environment
        .into_iter()
        .map(|(name, value)| (name.into_string().unwrap(), value.into_string().unwrap()))
        .collect();
    assert_eq!(environment.len(), count, "no name twice");
    environment
}

#[test]
fn a_session_has_the_account_s_credential_and_no_rival() {
    let key = || Secret::new("sk-ant-api03-FAKE");
    for (injection, name, value) in [
        (
            Injection::ApiKey(key()),
            "ANTHROPIC_API_KEY",
            "sk-ant-api03-FAKE",
        ),
        (
            Injection::Token(key()),
            "CLAUDE_CODE_OAUTH_TOKEN",
            "sk-ant-api03-FAKE",
        ),
        (
            Injection::SecureStorage("/v".into()),
            "CLAUDE_SECURESTORAGE_CONFIG_DIR",
            "/v",
        ),
        (
            Injection::ConfigDirectory("/c".into()),
            "CLAUDE_CONFIG_DIR",
            "/c",
        ),
    ] {
        let expected = [
            ("PATH", "/bin"),
            ("ANTHROPIC_BASE_URL", "https://example.com"),
            (name, value),
            (ACCOUNT_VARIABLE, "work"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            session(&injection, &[]),
            BTreeMap::from(expected),
            "{injection:?}"
        );
        assert!(!format!("{injection:?}").contains("FAKE"));
    }
}

#[test]
fn the_account_s_own_variables_win() {
    let own = [
        own("ANTHROPIC_AUTH_TOKEN", "gateway"),
        own("ANTHROPIC_BASE_URL", "https://gateway.example"),
        own("CLAUDE_CODE_USE_BEDROCK", "1"),
        own("ANTHROPIC_API_KEY", "mine"),
        own(ACCOUNT_VARIABLE, "lie"),
    ];
    let session = session(&Injection::ApiKey(Secret::new("stored")), &own);
    assert_eq!(session["ANTHROPIC_AUTH_TOKEN"], "gateway");
    assert_eq!(session["ANTHROPIC_BASE_URL"], "https://gateway.example");
    assert_eq!(session["CLAUDE_CODE_USE_BEDROCK"], "1");
    assert_eq!(session["ANTHROPIC_API_KEY"], "mine");
    assert_eq!(session[ACCOUNT_VARIABLE], "work");
}

#[test]
fn doctor_names_the_rivals_that_are_set() {
    let inherited = [
        pair("CLAUDE_CODE_USE_VERTEX", "1"),
        pair("ANTHROPIC_API_KEY", "x"),
        pair("CLAUDE_CODE_OAUTH_TOKEN", ""),
    ];
    assert_eq!(
        rivals_present(&inherited),
        ["ANTHROPIC_API_KEY", "CLAUDE_CODE_USE_VERTEX"]
    );
}

#[test]
fn variables_that_cannot_be_are_refused_without_their_value() {
    for (name, value) in [
        ("", "x"),
        ("1A", "x"),
        ("A=B", "x"),
        ("A;B", "x"),
        ("é", "x"),
        ("A", "FAKE\0x"),
    ] {
        let own = [own(name, value)];
        let error = session_environment(Vec::new(), &Injection::Nothing, &own, "work").unwrap_err();
        assert!(
            matches!(error, LaunchError::Variable { .. }) && !error.to_string().contains("FAKE")
        );
        assert!(export_lines(Shell::Bash, &Injection::Nothing, &own, "work").is_err());
    }
    assert!(check_variable("_A1", &Secret::new("any\n'thing")).is_ok());
}

/// What the shell's children see after its `eval`.
fn evaluated(shell: Shell) -> Option<BTreeMap<String, String>> {
    let words = shells::installed(shell)?;
    let mut home = TestHome::new();
    for rival in RIVAL_VARIABLES {
        home.set(rival, "rival");
    }
    let injection = Injection::SecureStorage(PathBuf::from("/it's/a \\ view"));
    let own = [
        own("AWKWARD", AWKWARD),
        own("CLAUDE_CODE_USE_BEDROCK", "1"),
        own("EMPTY", ""),
    ];
    let lines = export_lines(shell, &injection, &own, "仕事").unwrap();
    let script = format!("{}env -0\n", lines.expose());
    let ran = shells::run(&home, words, script.as_bytes()).success();
    assert_eq!(ran.stderr, "");
    let variables = ran.stdout.split_terminator('\0').map(|variable| {
        let (name, value) = variable.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    });
    Some(variables.collect())
}

const AWKWARD: &str = "a'b''c\\d\\'$HOME `id` \"x\" !! \n\t#é仕\u{1b}'";

fn a_shell_takes_over_the_account(shell: Shell) {
    let Some(variables) = evaluated(shell) else {
        return;
    };
    assert_eq!(variables["AWKWARD"], AWKWARD);
    assert_eq!(variables["EMPTY"], "");
    assert_eq!(
        variables["CLAUDE_SECURESTORAGE_CONFIG_DIR"],
        "/it's/a \\ view"
    );
    assert_eq!(variables["CLAUDE_CODE_USE_BEDROCK"], "1");
    assert_eq!(variables[ACCOUNT_VARIABLE], "仕事");
    assert_eq!(
        variables.values().filter(|value| *value == "rival").count(),
        0
    );
}

#[test]
fn bash_takes_over_the_account() {
    a_shell_takes_over_the_account(Shell::Bash);
}

#[test]
fn zsh_takes_over_the_account() {
    a_shell_takes_over_the_account(Shell::Zsh);
}

#[test]
fn fish_takes_over_the_account() {
    a_shell_takes_over_the_account(Shell::Fish);
}

#[test]
fn fish_s_universal_variables_are_hidden_and_kept() {
    let Some(words) = shells::installed(Shell::Fish) else {
        return;
    };
    let home = TestHome::new();
    let lines = export_lines(Shell::Fish, &Injection::Nothing, &[], "work").unwrap();
    let script = format!(
        "set -U -x ANTHROPIC_API_KEY universal\n{}env | grep -c ^ANTHROPIC_API_KEY=.\nset -U -q ANTHROPIC_API_KEY; and echo kept\n",
        lines.expose()
    );
    // Without `--no-config`, which turns universal variables off; the home is empty anyway.
    let ran = shells::run(&home, &words[..1], script.as_bytes());
    assert_eq!(ran.stdout, "0\nkept\n", "{}", ran.stderr);
}
