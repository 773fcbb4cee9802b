//! Everything that `doctor` knows to go wrong, found; and mended, where that is safe.

use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use end_to_end::{Machine, read_json};
use serde_json::{Value, json};
use testkit::Ran;
use testkit::documents::write_private;

use crate::support::{assert_private, kept_refresh_token};

const ATTENTION: i32 = 12;

/// What is done to a machine.
type Cause = fn(&Machine);

/// Something that goes wrong, what is said of it, and how it looks once it is mended.
struct Illness {
    what: &'static str,
    cause: Cause,
    says: &'static str,
    assert_mended: fn(&Machine),
}

/// An account whose login the user's own `~/.claude` holds too, and one with a key.
fn machine() -> Machine {
    let machine = Machine::new();
    machine.add_key("perso");
    machine.write_own_login(&machine.tokens.issue("work").credentials());
    drop(machine.run(&["login", "work"]).success());
    machine
}

fn findings(ran: &Ran) -> Vec<Value> {
    ran.json().as_array().unwrap().clone()
}

fn problems(machine: &Machine) -> Vec<Value> {
    let found = findings(&machine.run(&["doctor", "--json"])).into_iter();
    found
        .filter(|finding| finding["level"] == "problem")
        .collect()
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A lock of the client, dated `by` from now.
fn lock(path: &Path, by: impl FnOnce(SystemTime) -> SystemTime) {
    fs::create_dir(path).unwrap();
    let times = FileTimes::new().set_modified(by(SystemTime::now()));
    File::open(path).unwrap().set_times(times).unwrap();
}

const HOUR: Duration = Duration::from_secs(3600);

fn assert_vault_is_private(machine: &Machine) {
    assert_private(&machine.home.vault_dir(), "after doctor --fix");
    let mode = fs::metadata(machine.home.vault_dir()).unwrap().mode() & 0o777;
    assert_eq!(mode, 0o700);
}

fn assert_own_file_is_newest(machine: &Machine) {
    let own = read_json(&machine.own_login_path());
    let newest = machine.tokens.current("work").1;
    assert_eq!(own["claudeAiOauth"]["refreshToken"], newest);
    assert_eq!(kept_refresh_token(machine, "work"), newest);
    assert_private(&machine.own_login_path(), "after doctor --fix");
}

/// As the client leaves it when its renewal is refused.
fn blank(machine: &Machine) {
    let mut own = read_json(&machine.own_login_path());
    for (key, value) in [
        ("accessToken", json!("")),
        ("refreshToken", json!("")),
        ("expiresAt", json!(0)),
    ] {
        own["claudeAiOauth"][key] = value;
    }
    own["beside"] = json!("kept");
    machine.write_own_login(&own);
}

/// The client's file as it was before a renewal: what a renewal that was killed at the wrong moment leaves.
fn outdate(machine: &Machine) {
    let own = read_json(&machine.own_login_path());
    drop(machine.run(&["refresh", "work"]).success());
    machine.write_own_login(&own);
}

fn illnesses() -> [Illness; 8] {
    let illness = |what, cause, says, assert_mended| Illness {
        what,
        cause,
        says,
        assert_mended,
    };
    [
        illness(
            "an open directory",
            |machine| chmod(&machine.home.vault_dir(), 0o755),
            "can be used by others (mode 755)",
            assert_vault_is_private,
        ),
        illness(
            "an open key",
            |machine| chmod(&machine.home.vault_dir().join(".key"), 0o644),
            "can be used by others (mode 644)",
            assert_vault_is_private,
        ),
        illness(
            "an open database",
            |machine| chmod(&machine.home.vault_dir().join("accounts.db"), 0o660),
            "can be used by others (mode 660)",
            assert_vault_is_private,
        ),
        illness(
            "an orphaned lock",
            |machine| {
                lock(
                    &machine.home.claude_dir().join(".oauth_refresh.lock"),
                    |now| now - HOUR,
                );
            },
            "left by a client that has gone",
            |machine| {
                assert!(
                    !machine
                        .home
                        .claude_dir()
                        .join(".oauth_refresh.lock")
                        .exists()
                );
            },
        ),
        illness(
            "a lock from the future",
            |machine| {
                lock(&machine.home.claude_dir().with_extension("lock"), |now| {
                    now + 24 * HOUR
                });
            },
            "ahead: the client waits for it for ever",
            |machine| assert!(!machine.home.claude_dir().with_extension("lock").exists()),
        ),
        illness(
            "a blanked login",
            blank,
            "is blank: Claude Code was logged out",
            |machine| {
                assert_own_file_is_newest(machine);
                assert_eq!(read_json(&machine.own_login_path())["beside"], "kept");
            },
        ),
        illness(
            "an outdated login",
            outdate,
            "different generations of the login of \"work\"",
            assert_own_file_is_newest,
        ),
        illness(
            "an older lock of a write",
            |machine| {
                lock(
                    &machine.home.claude_dir().join(".storage-write.lock"),
                    |now| now - 24 * HOUR,
                );
            },
            "left by a client that has gone",
            |machine| {
                assert!(
                    !machine
                        .home
                        .claude_dir()
                        .join(".storage-write.lock")
                        .exists()
                );
            },
        ),
    ]
}

#[test]
fn nothing_is_wrong() {
    let machine = machine();
    let ran = machine.run(&["doctor"]).success();
    for part in [
        "are yours alone",
        "2.1.330",
        "logins are launched with a view",
        "all 2 accounts can be opened",
    ] {
        assert!(ran.stdout.contains(part), "{part:?} not in {ran:#?}");
    }
    assert!(problems(&machine).is_empty());
}

#[test]
fn what_can_be_mended() {
    for illness in illnesses() {
        let machine = machine();
        (illness.cause)(&machine);
        let before = machine.export();
        let found = machine.run(&["doctor"]).code(ATTENTION);
        assert!(
            found.stdout.contains(illness.says),
            "{}: {found:#?}",
            illness.what
        );
        assert_eq!(problems(&machine).len(), 1, "{}", illness.what);
        let mended = findings(&machine.run(&["doctor", "--fix", "--json"]).success());
        let count = mended
            .iter()
            .filter(|finding| finding["mended"] == true)
            .count();
        assert_eq!(count, 1, "{}: {mended:#?}", illness.what);
        (illness.assert_mended)(&machine);
        assert_eq!(machine.export(), before, "{}", illness.what);
        drop(machine.run(&["doctor"]).success());
    }
}

/// The client has renewed the login that the vault has too, and the vault takes it over.
#[test]
fn a_login_that_the_client_has_renewed() {
    let machine = machine();
    let identity =
        json!({"oauthAccount": {"accountUuid": "u-1", "emailAddress": "me@example.org"}});
    write_private(
        &machine.home.home().join(".claude.json"),
        identity.to_string(),
    );
    drop(machine.run(&["login", "work"]).success());
    // Expired, so that the client renews it: with nothing of ours set.
    let login = read_json(&machine.own_login_path());
    let mut expired = login.clone();
    expired["claudeAiOauth"]["expiresAt"] = json!(testkit::documents::now_ms() - 1000);
    machine.write_own_login(&expired);
    let mut client = machine.home.command(machine.home.bin().join("claude"));
    client.args(["-p", "hello"]);
    drop(Ran::of(client).success());
    assert_eq!(machine.tokens.request_count(), 1);
    let found = machine.run(&["doctor"]).code(ATTENTION);
    assert!(found.stdout.contains("different generations"), "{found:#?}");
    drop(machine.run(&["doctor", "--fix"]).success());
    assert_own_file_is_newest(&machine);
    assert_eq!(machine.tokens.request_count(), 1);
}

#[test]
fn what_only_its_owner_can_mend() {
    let cases: [(&str, Cause, &str); 5] = [
        (
            "apiKeyHelper",
            |machine| settings(machine, &json!({"apiKeyHelper": "/bin/key"})),
            "sets apiKeyHelper",
        ),
        (
            "a variable in the settings",
            |machine| {
                settings(
                    machine,
                    &json!({"env": {"ANTHROPIC_API_KEY": "sk-ant-api03-FAKE-rival"}}),
                );
            },
            "ANTHROPIC_API_KEY",
        ),
        (
            "a link",
            |machine| share(machine, |from, to| symlink(from, to)),
            "is a symbolic link",
        ),
        (
            "a hard link",
            |machine| share(machine, |from, to| fs::hard_link(from, to)),
            "is a hard link",
        ),
        (
            "no client",
            |machine| fs::remove_file(machine.home.bin().join("claude")).unwrap(),
            "cannot find claude",
        ),
    ];
    for (what, cause, says) in cases {
        let machine = machine();
        cause(&machine);
        for arguments in [&["doctor"][..], &["doctor", "--fix"], &["doctor"]] {
            let ran = machine.run(arguments).code(ATTENTION);
            assert!(
                ran.stdout.contains(says) && !ran.stdout.contains("FAKE"),
                "{what}: {ran:#?}"
            );
            assert!(ran.stdout.contains("→"), "{what}: {ran:#?}");
        }
    }
}

fn settings(machine: &Machine, settings: &Value) {
    write_private(
        &machine.home.claude_dir().join("settings.json"),
        settings.to_string(),
    );
}

/// The user's credential file becomes one that lies elsewhere too.
fn share(machine: &Machine, link: fn(&Path, &Path) -> std::io::Result<()>) {
    let (own, elsewhere) = (
        machine.own_login_path(),
        machine.home.root().join("shared.json"),
    );
    fs::rename(&own, &elsewhere).unwrap();
    link(&elsewhere, &own).unwrap();
}

#[test]
fn rival_variables_of_the_shell() {
    let machine = machine();
    let mut command = machine.home.claude_accounts_command(&["doctor"]);
    command.env("ANTHROPIC_AUTH_TOKEN", "sk-ant-oat01-FAKE-rival");
    command.env("CLAUDE_CODE_USE_BEDROCK", "1");
    let ran = Ran::of(command).success();
    for part in [
        "set in this shell",
        "ANTHROPIC_AUTH_TOKEN",
        "CLAUDE_CODE_USE_BEDROCK",
    ] {
        assert!(ran.stdout.contains(part), "{part:?} not in {ran:#?}");
    }
    assert!(!ran.stdout.contains("FAKE"), "{ran:#?}");
}

/// A lock that somebody holds is nobody's illness.
#[test]
fn a_lock_that_is_held_stays() {
    let machine = machine();
    let held = machine.home.claude_dir().join(".oauth_refresh.lock");
    fs::create_dir(&held).unwrap();
    drop(machine.run(&["doctor", "--fix"]).success());
    assert!(held.exists());
}

/// What lies in an orphaned lock was not put there by the client, so it is left alone.
#[test]
fn a_lock_with_something_in_it_stays() {
    let machine = machine();
    let path = machine.home.claude_dir().join(".oauth_refresh.lock");
    fs::create_dir(&path).unwrap();
    write_private(&path.join("mine"), "mine");
    let times = FileTimes::new().set_modified(SystemTime::now() - HOUR);
    File::open(&path).unwrap().set_times(times).unwrap();
    let ran = machine.run(&["doctor", "--fix"]).code(ATTENTION);
    assert!(ran.stdout.contains("could not be mended"), "{ran:#?}");
    assert_eq!(fs::read(path.join("mine")).unwrap(), b"mine");
}

/// A blank file of a login that is dead, or of one that is not ours, is not filled.
#[test]
fn a_blanked_login_that_cannot_be_put_back() {
    let machine = machine();
    machine.tokens.revoke("work");
    drop(machine.run(&["refresh", "work"]).code(7));
    blank(&machine);
    let before = fs::read(machine.own_login_path()).unwrap();
    let ran = machine.run(&["doctor", "--fix"]).code(ATTENTION);
    assert!(ran.stdout.contains("claude auth login"), "{ran:#?}");
    assert!(
        ran.stdout.contains("claude-accounts login work"),
        "{ran:#?}"
    );
    assert_eq!(fs::read(machine.own_login_path()).unwrap(), before);
}

#[test]
fn sessions_without_a_keeper() {
    let machine = machine();
    let mut session = machine.session("work", &["--inject", "view"]);
    session.hello();
    assert!(machine.wait_for_keeper() > 0);
    drop(machine.run(&["keeper", "stop"]).success());
    let found = machine.run(&["doctor"]).code(ATTENTION);
    assert!(found.stdout.contains("without a keeper"), "{found:#?}");
    drop(machine.run(&["doctor", "--fix"]).success());
    machine.wait_for_kept_sessions(1);
    assert!(session.end().success());
}

#[test]
fn a_client_that_cannot_be_given_a_view() {
    let machine = machine();
    machine.client_supports(&[]);
    let ran = machine.run(&["doctor", "--fix"]).success();
    assert!(ran.stdout.contains("cannot be given a view"), "{ran:#?}");
}
