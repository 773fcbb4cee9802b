//! The same login in the user's own `~/.claude/.credentials.json`: renewed for both, and by one.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use model::{AccountId, LoginState};
use renew::{Outcome, RenewError, Renewer, STALE_AFTER, Want, client_lock_paths};
use rustix::fs::{AtFlags, CWD, FileType, Timespec, Timestamps, UTIME_OMIT, utimensat};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};
use support::{Place, after, document, json_of, known};
use testkit::stand_in::TOKEN_URL_VARIABLE;
use testkit::token_book::IssuedLogin;
use testkit::{ApiServer, Mode, Ran};
use vault::Cause;

const MARGIN: Want = Want::Left(Duration::from_secs(15 * 60));
const HOUR: i64 = 3600;

/// An account captured from the user's own file, whose login ends in so many seconds.
fn captured(place: &Place, name: &str, expires_in_seconds: i64) -> (AccountId, IssuedLogin) {
    let login = place.server.issue(name);
    let id = place.add_with_identity(name, &document(&login, expires_in_seconds), known(name));
    place.write_credentials(&json_of(&login, expires_in_seconds));
    place.write_identity(name);
    (id, login)
}

fn file_tokens(place: &Place) -> (String, String) {
    support::tokens(&support::parse(&place.read_credentials()))
}

fn assert_no_locks(place: &Place) {
    for path in client_lock_paths(&place.home.claude_dir()) {
        assert!(!path.exists(), "{}", path.display());
    }
}

/// The client renews the login in the file by itself.
fn client_renews(place: &Place) {
    let (access, refresh) = file_tokens(place);
    place.server.expire_access(&access);
    let body = json!({"grant_type": "refresh_token", "refresh_token": refresh,
        "client_id": testkit::token_server::CLIENT_ID, "scope": "user:inference"});
    let body = body.to_string();
    let limit = support::PATIENCE;
    let answer = testkit::http::send("POST", &place.server.url(), &[], body.as_bytes(), limit);
    let answer: Value = serde_json::from_slice(&answer.unwrap().body).unwrap();
    let mut file = place.read_credentials();
    file["claudeAiOauth"]["accessToken"] = answer["access_token"].clone();
    file["claudeAiOauth"]["refreshToken"] = answer["refresh_token"].clone();
    file["claudeAiOauth"]["expiresAt"] = json!(after(8 * HOUR));
    place.write_credentials(&file);
}

#[test]
fn both_get_the_new_tokens_and_nothing_else_in_the_file_changes() {
    let place = Place::new();
    let login = place.server.issue("work");
    let expiry = after(60).try_into().unwrap();
    let file = testkit::documents::credentials_with_unknown_keys(
        &login.access_token,
        &login.refresh_token,
        expiry,
    );
    let id = place.add("work", &support::parse(&file));
    place.write_credentials(&file);
    let before = fs::metadata(place.files().credentials()).unwrap();
    let outcome = place.renewer_with_file().renew(&place.vault, &id, MARGIN);
    assert_eq!(outcome.unwrap(), Outcome::Renewed);
    assert!(place.is_current(&id, "work"));
    assert_eq!(file_tokens(&place), place.tokens(&id));
    let renewed = place.read_credentials();
    assert_eq!(renewed["inventedBeside"], file["inventedBeside"]);
    assert_eq!(
        renewed["claudeAiOauth"]["inventedInside"],
        file["claudeAiOauth"]["inventedInside"]
    );
    let metadata = fs::metadata(place.files().credentials()).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o600);
    assert_eq!(metadata.uid(), before.uid());
    assert_no_locks(&place);
    assert_eq!(support::files_below(&place.home.claude_dir()).len(), 1);
}

#[test]
fn keys_that_the_client_adds_during_the_request_stay() {
    let place = Place::new();
    let (id, login) = captured(&place, "work", 60);
    let renewer = place.renewer_with_file();
    place.server.hold();
    std::thread::scope(|scope| {
        let renewing = scope.spawn(|| {
            renewer
                .renew(&support::open(&place.paths), &id, MARGIN)
                .unwrap()
        });
        place.server.wait_for_requests(1);
        let mut file = json_of(&login, 60);
        file["mcpOAuth"] = json!({"server": {"accessToken": "sk-FAKE-mcp"}});
        place.write_credentials(&file);
        place.server.release();
        renewing.join().unwrap();
    });
    assert_eq!(
        place.read_credentials()["mcpOAuth"]["server"]["accessToken"],
        "sk-FAKE-mcp"
    );
    assert_eq!(file_tokens(&place), place.server.current("work"));
}

#[test]
fn a_sign_in_during_the_request_is_not_written_over() {
    let place = Place::new();
    let (id, _) = captured(&place, "work", 60);
    let renewer = place.renewer_with_file();
    let other = json_of(&place.server.issue("other"), 8 * HOUR);
    place.server.hold();
    std::thread::scope(|scope| {
        let renewing = scope.spawn(|| {
            renewer
                .renew(&support::open(&place.paths), &id, MARGIN)
                .unwrap()
        });
        place.server.wait_for_requests(1);
        place.write_credentials(&other);
        place.server.release();
        renewing.join().unwrap();
    });
    assert_eq!(place.read_credentials(), other);
    assert!(place.is_current(&id, "work"));
}

#[test]
fn the_clients_locks_are_held_while_the_request_is_under_way() {
    let place = Place::new();
    let (id, _) = captured(&place, "work", 60);
    let renewer = place.renewer_with_file();
    place.server.hold();
    std::thread::scope(|scope| {
        let renewing = scope.spawn(|| {
            renewer
                .renew(&support::open(&place.paths), &id, MARGIN)
                .unwrap()
        });
        place.server.wait_for_requests(1);
        let [refresh, beside, storage] = client_lock_paths(&place.home.claude_dir());
        assert!(refresh.ends_with(".claude/.oauth_refresh.lock"));
        assert!(beside.ends_with("home/.claude.lock"));
        let changed = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
        let fresh = |path: &Path| {
            let age = SystemTime::now().duration_since(changed(path));
            age.unwrap_or_default() < STALE_AFTER / 2
        };
        assert!(fresh(&refresh) && fresh(&beside));
        let made = |path: &Path| fs::metadata(path).unwrap().created().ok();
        assert!(
            made(&refresh) <= made(&beside),
            "the order that the client keeps"
        );
        assert!(!storage.exists());
        // They are touched for as long as they are held.
        let first = changed(&refresh);
        testkit::wait_until("a touch", support::PATIENCE, || changed(&refresh) > first);
        place.server.release();
        renewing.join().unwrap();
    });
    assert_no_locks(&place);
}

#[test]
fn another_login_in_the_file_is_never_touched() {
    let place = Place::new();
    let id = place.account("work", 60);
    let other = place.server.issue("other");
    place.write_credentials(&json_of(&other, 60));
    place.write_identity("other");
    let before = fs::read(place.files().credentials()).unwrap();
    let renewer = place.renewer_with_file();
    place.server.hold();
    std::thread::scope(|scope| {
        let renewing = scope.spawn(|| {
            renewer
                .renew(&support::open(&place.paths), &id, MARGIN)
                .unwrap()
        });
        place.server.wait_for_requests(1);
        assert_no_locks(&place);
        place.server.release();
        renewing.join().unwrap();
    });
    assert_eq!(fs::read(place.files().credentials()).unwrap(), before);
    assert!(!renewer.sync_client_file(&place.vault, &id).unwrap());
    assert!(place.server.is_current_refresh(&other.refresh_token));
}

/// The account was captured from the file, and then somebody else signed in to it.
#[test]
fn a_login_that_the_account_once_had_is_another_login() {
    let place = Place::new();
    let (id, first) = captured(&place, "first", 8 * HOUR);
    let second = place.server.issue("second");
    place.sign_in(&id, &document(&second, 60), known("second"));
    let before = fs::read(place.files().credentials()).unwrap();
    let renewer = place.renewer_with_file();
    assert!(!renewer.sync_client_file(&place.vault, &id).unwrap());
    assert_eq!(
        renewer.renew(&place.vault, &id, MARGIN).unwrap(),
        Outcome::Renewed
    );
    assert_eq!(place.tokens(&id), place.server.current("second"));
    assert_eq!(fs::read(place.files().credentials()).unwrap(), before);
    assert!(place.server.is_current_refresh(&first.refresh_token));
}

#[test]
fn what_the_client_renewed_is_taken_over_without_a_request() {
    let place = Place::new();
    let (id, _) = captured(&place, "work", 60);
    let renewer = place.renewer_with_file();
    // Seen once with the same tokens: from then on the file is known to be this account's.
    renewer.renew(&place.vault, &id, MARGIN).unwrap();
    place.let_expire(&id, 60);
    client_renews(&place);
    let requests = place.server.request_count();
    for want in [MARGIN, Want::New] {
        let generation = place.get(&id).generation;
        let outcome = renewer.renew(&place.vault, &id, want).unwrap();
        if want == MARGIN {
            assert_eq!(outcome, Outcome::Adopted);
            assert_eq!(place.get(&id).generation, generation + 1);
        }
    }
    assert_eq!(
        place.server.request_count(),
        requests + 1,
        "one for Want::New"
    );
    assert!(place.is_current(&id, "work"));
    assert_eq!(file_tokens(&place), place.server.current("work"));
    let history = place.vault.history(&place.get(&id)).unwrap();
    assert_eq!(history[1].cause, Cause::Adopted);
}

#[test]
fn a_refused_account_takes_the_living_login_from_the_file() {
    let place = Place::new();
    let (id, _) = captured(&place, "work", 8 * HOUR);
    let renewer = place.renewer_with_file();
    assert!(!renewer.sync_client_file(&place.vault, &id).unwrap());
    client_renews(&place);
    place.vault.mark_refused(&id, "for a test").unwrap();
    assert!(renewer.sync_client_file(&place.vault, &id).unwrap());
    assert_eq!(place.get(&id).state, LoginState::Alive);
    assert!(place.is_current(&id, "work"));
}

#[test]
fn a_newer_login_of_nobody_known_is_not_taken_over() {
    for identity in [None, Some("somebody-else")] {
        let place = Place::new();
        let (id, _) = captured(&place, "work", 8 * HOUR);
        let renewer = place.renewer_with_file();
        assert!(!renewer.sync_client_file(&place.vault, &id).unwrap());
        let newer = json_of(&place.server.issue("unknown"), 9 * HOUR);
        place.write_credentials(&newer);
        match identity {
            Some(identity) => place.write_identity(identity),
            None => fs::remove_file(place.files().claude_json).unwrap(),
        }
        assert!(!renewer.sync_client_file(&place.vault, &id).unwrap());
        let outcome = renewer.renew(&place.vault, &id, Want::New).unwrap();
        assert_eq!(outcome, Outcome::Renewed);
        assert_eq!(place.read_credentials(), newer);
        assert!(place.is_current(&id, "work"));
    }
}

#[test]
fn an_earlier_generation_in_the_file_is_brought_up_to_date() {
    let place = Place::new();
    let (id, _) = captured(&place, "work", 60);
    let old = place.read_credentials();
    let renewer = place.renewer_with_file();
    renewer.renew(&place.vault, &id, MARGIN).unwrap();
    place.let_expire(&id, 8 * HOUR);
    place.write_credentials(&old);
    assert!(renewer.sync_client_file(&place.vault, &id).unwrap());
    assert_eq!(file_tokens(&place), place.server.current("work"));
    assert!(!renewer.sync_client_file(&place.vault, &id).unwrap());

    // The same in a renewal, also where the server does not answer it.
    place.write_credentials(&old);
    place.let_expire(&id, 60);
    place.server.set_mode(Mode::Status(500, String::new()));
    assert!(renewer.renew(&place.vault, &id, MARGIN).is_err());
    assert_eq!(file_tokens(&place), place.server.current("work"));
    place.server.set_mode(Mode::Normal);
    place.write_credentials(&old);
    renewer.renew(&place.vault, &id, MARGIN).unwrap();
    assert_eq!(file_tokens(&place), place.server.current("work"));
    assert_eq!(place.server.request_count(), 3);
    assert_no_locks(&place);
}

#[test]
fn a_file_that_holds_no_login_is_left_alone() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 8] = [
        ("missing", |_| {}),
        ("empty", |path| {
            support::write(path, b"");
        }),
        ("not JSON", |path| {
            support::write(path, b"\0{\"claudeAiOauth\"");
        }),
        ("blanked", |path| {
            let blank =
                json!({"claudeAiOauth": {"accessToken": "", "refreshToken": "", "expiresAt": 0}});
            support::write(path, blank.to_string().as_bytes());
        }),
        ("giant", |path| {
            File::create(path).unwrap().set_len(100 << 20).unwrap();
        }),
        ("directory", |path| fs::create_dir(path).unwrap()),
        ("fifo", |path| {
            rustix::fs::mknodat(CWD, path, FileType::Fifo, 0o600.into(), 0).unwrap();
        }),
        ("link", |path| {
            let target = path.with_file_name("elsewhere");
            support::write(&target, b"{}");
            symlink(target, path).unwrap();
        }),
    ];
    for (name, damage) in damages {
        let place = Place::new();
        let id = place.account("work", 60);
        place.vault.link_client_file(&id).unwrap();
        fs::create_dir(place.home.claude_dir()).unwrap();
        let path = place.files().credentials();
        damage(&path);
        let before = fs::symlink_metadata(&path).map(|m| (m.ino(), m.len(), m.mode()));
        let renewer = place.renewer_with_file();
        let outcome = renewer.renew(&place.vault, &id, MARGIN).unwrap();
        assert_eq!(outcome, Outcome::Renewed, "{name}");
        assert!(!renewer.sync_client_file(&place.vault, &id).unwrap());
        let there = fs::symlink_metadata(&path).map(|m| (m.ino(), m.len(), m.mode()));
        assert_eq!(before.ok(), there.ok(), "{name}");
        assert_no_locks(&place);
    }
}

/// What a view of ours would look like there: the client never renews it, and it gets no refresh
/// token from us.
#[test]
fn a_file_without_refresh_token_is_left_alone() {
    let place = Place::new();
    let (id, login) = captured(&place, "work", 60);
    let view = document(&login, 60).view().to_value();
    place.write_credentials(&view);
    let outcome = place.renewer_with_file().renew(&place.vault, &id, MARGIN);
    assert_eq!(outcome.unwrap(), Outcome::Renewed);
    assert_eq!(place.read_credentials(), view);
}

fn date(path: &Path, seconds_from_now: i64) {
    let when = Timespec {
        tv_sec: after(seconds_from_now) / 1000,
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: when,
    };
    utimensat(CWD, path, &times, AtFlags::empty()).unwrap();
}

#[test]
fn locks_of_killed_clients_are_taken_over() {
    let place = Place::new();
    let (id, _) = captured(&place, "work", 60);
    for path in client_lock_paths(&place.home.claude_dir()) {
        fs::create_dir(&path).unwrap();
        date(&path, -61);
    }
    let outcome = place.renewer_with_file().renew(&place.vault, &id, MARGIN);
    assert_eq!(outcome.unwrap(), Outcome::Renewed);
    assert_eq!(file_tokens(&place), place.server.current("work"));
    assert_no_locks(&place);
}

#[test]
fn a_lock_that_a_client_holds_is_waited_for() {
    let place = Place::new();
    let (id, _) = captured(&place, "work", 60);
    let renewer = place.renewer_with_file();
    // Seen before, so that what the client renews in between is known to be the account's.
    place.vault.link_client_file(&id).unwrap();
    let [lock, ..] = client_lock_paths(&place.home.claude_dir());
    fs::create_dir(&lock).unwrap();
    std::thread::scope(|scope| {
        let renewing = scope.spawn(|| {
            renewer
                .renew(&support::open(&place.paths), &id, MARGIN)
                .unwrap()
        });
        place.wait_for_renewals_at_the_lease(&id, 1);
        client_renews(&place);
        fs::remove_dir(&lock).unwrap();
        assert_eq!(renewing.join().unwrap(), Outcome::Adopted);
    });
    assert_eq!(place.server.request_count(), 1, "the client's own");
}

#[test]
fn what_is_no_lock_is_not_removed() {
    let place = Place::new();
    let (id, _) = captured(&place, "work", 60);
    let [lock, ..] = client_lock_paths(&place.home.claude_dir());
    fs::create_dir(&lock).unwrap();
    support::write(&lock.join("precious"), b"");
    date(&lock, -3600);
    let result = place.renewer_with_file().renew(&place.vault, &id, MARGIN);
    assert!(matches!(result, Err(RenewError::File { .. })), "{result:?}");
    assert!(lock.join("precious").exists());
    assert_eq!(place.server.request_count(), 0);
}

fn client(place: &Place, api: &ApiServer) -> std::process::Command {
    let mut command = place.home.command(place.home.bin().join("claude"));
    command
        .args(["-p", "ping"])
        .env("ANTHROPIC_BASE_URL", api.url())
        .env(TOKEN_URL_VARIABLE, place.server.url());
    command
}

/// The stand-in client, which keeps the real one's locks, and our renewals in one directory at once.
#[test]
fn a_client_that_renews_at_the_same_moment_makes_one_request_with_us() {
    let place = Place::new();
    let api = ApiServer::start();
    place.home.install_stand_in_client();
    place.server.revoke_on_reuse(true);
    api.accept_only(place.server.access_check());
    let (id, _) = captured(&place, "work", 60);
    // As after the capture: what the client makes of it first is known to be the account's.
    place.vault.link_client_file(&id).unwrap();
    for round in 1..=12 {
        let renewer = place.renewer_with_file();
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..3)
                .map(|_| {
                    let command = client(&place, &api);
                    scope.spawn(move || Ran::of(command))
                })
                .collect();
            let ours: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        renewer
                            .renew(&support::open(&place.paths), &id, MARGIN)
                            .unwrap()
                    })
                })
                .collect();
            for one in clients {
                assert_eq!(one.join().unwrap().success().stdout.trim(), "pong");
            }
            for one in ours {
                one.join().unwrap();
            }
        });
        assert_eq!(place.server.request_count(), round, "one a round");
        assert_eq!(file_tokens(&place), place.server.current("work"));
        // The client may have renewed after we were content: then the next look takes it over.
        place
            .renewer_with_file()
            .sync_client_file(&place.vault, &id)
            .unwrap();
        assert!(place.is_current(&id, "work"));
        // Both are due again.
        place.let_expire(&id, 60);
        let mut file = place.read_credentials();
        file["claudeAiOauth"]["expiresAt"] = json!(after(60));
        place.write_credentials(&file);
    }
    assert_no_locks(&place);
}

#[test]
fn a_directory_that_nobody_can_lock_does_not_hold_up_the_vault() {
    if rustix::process::geteuid().is_root() {
        return testkit::skip("root may write anywhere");
    }
    let place = Place::new();
    let (id, _) = captured(&place, "work", 60);
    let directory = place.home.claude_dir();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o500)).unwrap();
    let outcome = place.renewer_with_file().renew(&place.vault, &id, MARGIN);
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(outcome.unwrap(), Outcome::Renewed);
}

#[test]
fn whose_login_it_is_is_read_through_a_link() {
    let place = Place::new();
    let dotfiles = place.home.home().join("dotfiles.json");
    place.write_identity("work");
    fs::rename(place.files().claude_json, &dotfiles).unwrap();
    symlink(&dotfiles, place.files().claude_json).unwrap();
    assert_eq!(place.files().identity(), known("work"));
}

/// A renewer for another directory, as with `CLAUDE_CONFIG_DIR`, leaves `~/.claude` alone.
#[test]
fn only_the_directory_that_was_named_is_looked_at() {
    let place = Place::new();
    let (id, _) = captured(&place, "work", 60);
    let before = fs::read(place.files().credentials()).unwrap();
    let mut files = place.files();
    files.directory = place.home.root().join("config");
    let renewer = Renewer::new(place.url(), Some(files), place.runtime.clone());
    renewer.renew(&place.vault, &id, MARGIN).unwrap();
    assert_eq!(fs::read(place.files().credentials()).unwrap(), before);
}
