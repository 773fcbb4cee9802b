//! One renewal: when a request is made, what becomes of its answer, and what every failure leaves.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use model::{AccountId, AuthType, CredentialDocument, LoginState, Secret, Timestamp};
use renew::{Lease, Outcome, RenewError, Renewer, TokenUrl, Want};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;
use support::{PATIENCE, Place, after, document, empty_account, on_threads};
use testkit::{Isolation, Mode, isolated, small_tmpfs, wait_until};
use vault::{Cause, NewAccount, Vault, VaultError};

const MARGIN: Want = Want::Left(Duration::from_secs(15 * 60));
const HOUR: i64 = 3600;

fn unavailable(result: Result<Outcome, RenewError>) -> (String, Timestamp) {
    match result {
        Err(RenewError::Unavailable {
            reason, retry_at, ..
        }) => (reason, retry_at),
        other => panic!("not unavailable: {other:?}"),
    }
}

fn sign_in_again(result: Result<Outcome, RenewError>) -> String {
    match result {
        Err(RenewError::SignInAgain { reason, .. }) => reason,
        other => panic!("no sign-in wanted: {other:?}"),
    }
}

#[test]
fn a_fresh_login_needs_no_request() {
    let place = Place::new();
    let id = place.account("work", 8 * HOUR);
    let before = place.tokens(&id);
    assert_eq!(
        place.renewer().renew(&place.vault, &id, MARGIN).unwrap(),
        Outcome::Fresh
    );
    assert_eq!(place.server.request_count(), 0);
    assert_eq!(place.tokens(&id), before);
}

#[test]
fn an_ending_login_is_renewed_once_and_stored_as_a_new_generation() {
    let place = Place::new();
    let id = place.account("work", 600);
    let before = place.get(&id);
    let renewer = place.renewer();
    let began = Timestamp::from_millis(after(0));
    assert_eq!(
        renewer.renew(&place.vault, &id, MARGIN).unwrap(),
        Outcome::Renewed
    );
    assert!(place.is_current(&id, "work"));
    let account = place.get(&id);
    assert_eq!(account.generation, before.generation + 1);
    assert_eq!(account.lifetime, Some(Duration::from_secs(8 * 3600)));
    assert!(account.renewed_at.unwrap() >= began);
    assert!(account.expires_at.unwrap() >= began.plus(Duration::from_secs(8 * 3600)));
    assert_eq!(place.vault.pending_renewal(&id).unwrap(), None);
    assert_eq!(
        place.vault.history(&account).unwrap()[0].cause,
        Cause::Renewed
    );
    assert_eq!(
        renewer.renew(&place.vault, &id, MARGIN).unwrap(),
        Outcome::Fresh
    );
    assert_eq!(place.server.request_count(), 1);
    let request = &place.server.requests()[0];
    let header = |name: &str| {
        request
            .headers
            .iter()
            .find(|(held, _)| held == name)
            .map(|(_, value)| value.clone())
    };
    assert!(
        header("user-agent")
            .unwrap()
            .starts_with("claude-accounts/")
    );
    assert_eq!(
        header("content-length").unwrap(),
        request.body.len().to_string()
    );
    assert_eq!(support::files_below(&place.paths.rescue()).len(), 0);
}

#[test]
fn an_answer_without_a_refresh_token_keeps_the_old_one() {
    let place = Place::new();
    let id = place.account("work", 0);
    let (_, refresh) = place.tokens(&id);
    place.server.set_mode(Mode::WithoutRefreshToken);
    let renewed = place.renewer().renew(&place.vault, &id, MARGIN);
    assert_eq!(renewed.unwrap(), Outcome::Renewed);
    let (access, kept) = place.tokens(&id);
    assert_eq!(kept, refresh);
    assert!(place.server.is_valid_access(&access));
}

#[test]
fn a_new_token_is_had_on_demand() {
    let place = Place::new();
    let id = place.account("work", 8 * HOUR);
    let renewed = place.renewer().renew(&place.vault, &id, Want::New);
    assert_eq!(renewed.unwrap(), Outcome::Renewed);
    assert!(place.is_current(&id, "work"));
    assert_eq!(place.server.request_count(), 1);
}

#[test]
fn many_demands_for_a_new_token_at_once_share_one_request() {
    let place = Place::new();
    let id = place.account("work", 8 * HOUR);
    let renewer = place.renewer();
    place.server.hold();
    let outcomes = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            on_threads(8, |_| {
                renewer
                    .renew(&support::open(&place.paths), &id, Want::New)
                    .unwrap()
            })
        });
        place.wait_for_renewals_at_the_lease(&id, 8);
        place.server.release();
        asking.join().unwrap()
    });
    assert_eq!(place.server.request_count(), 1);
    let made = |outcome| outcomes.iter().filter(|found| **found == outcome).count();
    assert_eq!(
        (made(Outcome::Renewed), made(Outcome::RenewedElsewhere)),
        (1, 7)
    );
}

#[test]
fn what_has_nothing_to_renew_says_so() {
    let place = Place::new();
    let renewer = place.renewer();
    let key = NewAccount {
        auth_type: AuthType::ApiKey,
        api_key: Secret::new("sk-ant-api03-FAKEkey"),
        ..empty_account("key")
    };
    let key = place.vault.add(&key).unwrap();
    let result = renewer.renew(&place.vault, &key, Want::New);
    assert!(
        matches!(result, Err(RenewError::NotALogin(_))),
        "{result:?}"
    );

    let empty = place.vault.add(&empty_account("empty")).unwrap();
    let result = renewer.renew(&place.vault, &empty, MARGIN);
    assert!(
        matches!(result, Err(RenewError::NeverSignedIn(_))),
        "{result:?}"
    );

    let gone = AccountId::from_stored("acc_gone");
    let result = renewer.renew(&place.vault, &gone, MARGIN);
    assert!(
        matches!(result, Err(RenewError::Vault(VaultError::NotFound { .. }))),
        "{result:?}"
    );
    assert_eq!(place.server.request_count(), 0);
}

#[test]
fn a_login_without_refresh_token_is_used_to_its_end() {
    let place = Place::new();
    let renewer = place.renewer();
    let view = |name: &str, seconds| {
        let login = place.server.issue(name);
        place.add(name, &document(&login, seconds).view())
    };
    let long = view("long", 8 * HOUR);
    assert_eq!(
        renewer.renew(&place.vault, &long, MARGIN).unwrap(),
        Outcome::Fresh
    );
    for (name, seconds) in [("ending", 60), ("ended", -60)] {
        let id = view(name, seconds);
        let result = renewer.renew(&place.vault, &id, MARGIN);
        assert!(
            matches!(result, Err(RenewError::NoRefreshToken(_))),
            "{result:?}"
        );
    }
    let result = renewer.renew(&place.vault, &long, Want::New);
    assert!(
        matches!(result, Err(RenewError::NoRefreshToken(_))),
        "{result:?}"
    );
    assert_eq!(place.server.request_count(), 0);
}

#[test]
fn a_refused_login_is_marked_and_never_asked_for_again() {
    let place = Place::new();
    let id = place.account("work", 0);
    place.let_expire(&id, -1);
    let before = place.vault.history(&place.get(&id)).unwrap().len();
    let tokens = place.tokens(&id);
    place.server.revoke("work");
    let renewer = place.renewer();
    let reason = sign_in_again(renewer.renew(&place.vault, &id, MARGIN));
    assert!(reason.contains("invalid_grant") && !reason.contains("cut off"));
    let account = place.get(&id);
    assert_eq!(account.state, LoginState::SignInAgain { reason });
    assert_eq!(place.vault.history(&account).unwrap().len(), before);
    assert_eq!(place.tokens(&id), tokens);
    assert_eq!(place.vault.pending_renewal(&id).unwrap(), None);

    for want in [MARGIN, Want::New] {
        sign_in_again(renewer.renew(&place.vault, &id, want));
    }
    assert_eq!(place.server.request_count(), 1);

    place.sign_in(
        &id,
        &document(&place.server.issue("again"), 0),
        support::known("a"),
    );
    assert_eq!(
        renewer.renew(&place.vault, &id, MARGIN).unwrap(),
        Outcome::Renewed
    );
}

/// What a failure that may pass must leave: everything as it was, with a note when to try again.
fn assert_untouched(place: &Place, id: &AccountId, tokens: &(String, String), failures: u32) {
    let account = place.get(id);
    assert_eq!(&place.tokens(id), tokens);
    assert_eq!(account.state, LoginState::Alive);
    assert_eq!(account.generation, 1);
    assert_eq!(account.attempt.unwrap().failures, failures);
    assert_eq!(support::files_below(&place.paths.rescue()).len(), 0);
}

#[test]
fn an_answer_that_says_later_leaves_the_account_usable() {
    let secret = "sk-ant-ort01-FAKEechoed";
    for status in [500, 502, 429, 401, 403, 404, 400, 307] {
        let place = Place::new();
        let id = place.account("work", 60);
        let tokens = place.tokens(&id);
        let body = format!("{{\"error\":\"{secret}\"}}");
        place.server.set_mode(Mode::Status(status, body));
        let renewer = place.renewer();
        let (reason, retry_at) = unavailable(renewer.renew(&place.vault, &id, MARGIN));
        assert!(reason.contains(&status.to_string()), "{reason}");
        assert!(!reason.contains("FAKE"));
        assert!(retry_at > Timestamp::from_millis(after(1)));
        assert_untouched(&place, &id, &tokens, 1);
        // The server has spoken: the token is not spent.
        assert_eq!(place.vault.pending_renewal(&id).unwrap(), None, "{status}");
        unavailable(renewer.renew(&place.vault, &id, MARGIN));
        assert_untouched(&place, &id, &tokens, 2);

        place.server.set_mode(Mode::Normal);
        assert_eq!(
            renewer.renew(&place.vault, &id, MARGIN).unwrap(),
            Outcome::Renewed
        );
        assert_eq!(place.get(&id).attempt, None);
    }
}

#[test]
fn a_lost_or_senseless_answer_keeps_the_note_that_the_token_may_be_spent() {
    for mode in [
        Mode::Hang,
        Mode::DropConnection,
        Mode::Garbage,
        Mode::HugeBody,
        Mode::Status(200, "{}".to_owned()),
    ] {
        let place = Place::new();
        let id = place.account("work", 60);
        let tokens = place.tokens(&id);
        place.server.set_mode(mode.clone());
        let renewer = Renewer::with_timeout(
            place.url(),
            None,
            place.runtime.clone(),
            Duration::from_secs(2),
        );
        let (reason, _) = unavailable(renewer.renew(&place.vault, &id, MARGIN));
        assert!(!reason.contains("FAKE"), "{reason}");
        assert_untouched(&place, &id, &tokens, 1);
        let pending = place.vault.pending_renewal(&id).unwrap();
        assert_eq!(pending.unwrap().generation, 1, "{mode:?}");

        // An answer about something else does not say what became of the first request.
        place.server.set_mode(Mode::Status(500, String::new()));
        unavailable(renewer.renew(&place.vault, &id, MARGIN));
        assert!(place.vault.pending_renewal(&id).unwrap().is_some());

        place.server.set_mode(Mode::Normal);
        assert_eq!(
            place.renewer().renew(&place.vault, &id, MARGIN).unwrap(),
            Outcome::Renewed
        );
        assert_eq!(place.vault.pending_renewal(&id).unwrap(), None);
    }
}

#[test]
fn after_an_answer_that_got_lost_the_account_says_what_happened() {
    let place = Place::new();
    let id = place.account("work", 0);
    place.server.set_mode(Mode::DropAfterConsuming);
    let renewer = place.renewer();
    unavailable(renewer.renew(&place.vault, &id, MARGIN));
    assert!(place.vault.pending_renewal(&id).unwrap().is_some());
    place.server.set_mode(Mode::Normal);
    let reason = sign_in_again(renewer.renew(&place.vault, &id, MARGIN));
    assert!(reason.contains("earlier renewal was cut off"), "{reason}");
    assert_eq!(place.vault.pending_renewal(&id).unwrap(), None);
}

#[test]
fn a_request_that_never_left_has_spent_nothing() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    for url in [
        format!("http://127.0.0.1:{port}/token"),
        "https://nowhere.invalid/token".to_owned(),
    ] {
        let place = Place::new();
        let id = place.account("work", 60);
        let tokens = place.tokens(&id);
        let url = TokenUrl::parse(&url).unwrap();
        let limit = Duration::from_secs(5);
        let renewer = Renewer::with_timeout(url, None, place.runtime.clone(), limit);
        unavailable(renewer.renew(&place.vault, &id, MARGIN));
        assert_untouched(&place, &id, &tokens, 1);
        assert_eq!(place.vault.pending_renewal(&id).unwrap(), None);
    }
}

#[test]
fn a_handshake_that_fails_has_spent_nothing() {
    let place = Place::new();
    let id = place.account("work", 60);
    let tokens = place.tokens(&id);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/token", listener.local_addr().unwrap());
    let renewer = Renewer::new(TokenUrl::parse(&url).unwrap(), None, place.runtime.clone());
    std::thread::scope(|scope| {
        let server = scope.spawn(|| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut hello = [0; 16];
            stream.read_exact(&mut hello).unwrap();
            stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .unwrap();
        });
        let (reason, _) = unavailable(renewer.renew(&place.vault, &id, MARGIN));
        assert!(
            reason.contains("secure connection") || reason.contains("CA cert"),
            "{reason}"
        );
        // It is not even asked where this system has no certificates to know it by.
        drop(std::net::TcpStream::connect(listener.local_addr().unwrap()));
        drop(server.join());
    });
    assert_untouched(&place, &id, &tokens, 1);
    assert_eq!(place.vault.pending_renewal(&id).unwrap(), None);
}

/// A server of a few lines that asks to be left alone.
#[test]
fn the_server_may_say_how_long_it_wants_to_be_left_alone() {
    let place = Place::new();
    let id = place.account("work", 60);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let renewer = Renewer::new(TokenUrl::parse(&url).unwrap(), None, place.runtime.clone());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let mut length = 0;
            while !request[..length].ends_with(b"}") {
                length += stream.read(&mut request[length..]).unwrap();
            }
            let answer = b"HTTP/1.1 429 Slow\r\nretry-after: 1800\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).unwrap();
        });
        let (_, retry_at) = unavailable(renewer.renew(&place.vault, &id, MARGIN));
        assert!(retry_at >= Timestamp::from_millis(after(1790)));
        assert!(retry_at <= Timestamp::from_millis(after(1801)));
    });
}

#[test]
fn waits_grow_and_differ() {
    let waits = |place: &Place, id: &AccountId| -> Vec<Duration> {
        let renewer = place.renewer();
        let wait = |_| {
            unavailable(renewer.renew(&place.vault, id, MARGIN));
            let attempt = place.get(id).attempt.unwrap();
            attempt.at.until(attempt.retry_at)
        };
        (0..6).map(wait).collect()
    };
    let place = Place::new();
    place.server.set_mode(Mode::Status(503, String::new()));
    let ids = ["one", "two", "three"].map(|name| place.account(name, 60));
    let all = ids.map(|id| waits(&place, &id));
    for waits in &all {
        for (number, wait) in (0_u32..).zip(waits) {
            let most = Duration::from_secs(5 * 2_u64.pow(number));
            assert!(*wait <= most && *wait >= most / 2, "{waits:?}");
        }
    }
    assert!(all[0] != all[1] || all[1] != all[2], "{all:?}");
}

#[test]
fn thirty_two_askers_of_one_expired_login_make_one_request() {
    let place = Place::new();
    let id = place.account("work", -60);
    let renewer = place.renewer();
    let outcomes = on_threads(32, |_| {
        let vault = support::open(&place.paths);
        let outcome = renewer.renew(&vault, &id, MARGIN).unwrap();
        let login = support::login_in(&vault, &id);
        (outcome, support::tokens(&login))
    });
    assert_eq!(place.server.request_count(), 1);
    let current = place.server.current("work");
    assert!(outcomes.iter().all(|(_, tokens)| *tokens == current));
    let renewed = |(outcome, _): &&(Outcome, _)| *outcome == Outcome::Renewed;
    assert_eq!(outcomes.iter().filter(renewed).count(), 1);
}

#[test]
fn thirty_two_askers_share_one_failure() {
    let place = Place::new();
    let id = place.account("work", -60);
    place.server.set_mode(Mode::Status(503, String::new()));
    place.server.hold();
    let renewer = place.renewer();
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            on_threads(32, |_| {
                let vault = support::open(&place.paths);
                unavailable(renewer.renew(&vault, &id, MARGIN))
            })
        });
        place.wait_for_renewals_at_the_lease(&id, 32);
        place.server.release();
        let failures = asking.join().unwrap();
        assert!(failures.iter().all(|failure| failure.1 == failures[0].1));
    });
    assert_eq!(place.server.request_count(), 1);
    assert_eq!(place.get(&id).attempt.unwrap().failures, 1);
}

#[test]
fn thirty_two_askers_of_a_dead_login_make_one_request() {
    let place = Place::new();
    let id = place.account("work", -60);
    place.server.revoke("work");
    let renewer = place.renewer();
    on_threads(32, |_| {
        sign_in_again(renewer.renew(&support::open(&place.paths), &id, MARGIN))
    });
    assert_eq!(place.server.request_count(), 1);
}

#[test]
fn two_accounts_do_not_wait_for_each_other() {
    let place = Place::new();
    let (slow, quick) = (place.account("slow", 0), place.account("quick", 0));
    let renewer = place.renewer();
    place.server.hold();
    let renew = |id: &AccountId| {
        renewer
            .renew(&support::open(&place.paths), id, MARGIN)
            .unwrap()
    };
    std::thread::scope(|scope| {
        let first = scope.spawn(|| renew(&slow));
        place.server.wait_for_requests(1);
        let second = scope.spawn(|| renew(&quick));
        place.server.wait_for_requests(2);
        place.server.release();
        assert_eq!(first.join().unwrap(), Outcome::Renewed);
        assert_eq!(second.join().unwrap(), Outcome::Renewed);
    });
}

#[test]
fn a_clock_that_was_set_back_does_not_keep_a_token_alive() {
    let place = Place::new();
    let id = place.account("work", 365 * 24 * HOUR);
    // The token was stored a year ahead of the present clock.
    let database = rusqlite_update(&place.vault, &id, after(364 * 24 * HOUR));
    assert_eq!(database, 1);
    let renewed = place.renewer().renew(&place.vault, &id, MARGIN);
    assert_eq!(renewed.unwrap(), Outcome::Renewed);
    assert!(place.get(&id).expires_at.unwrap() < Timestamp::from_millis(after(9 * HOUR)));
    assert_eq!(place.server.request_count(), 1);
}

/// Sets when a login was obtained, as the clock then had it.
fn rusqlite_update(vault: &Vault, id: &AccountId, obtained_at: i64) -> usize {
    let connection = rusqlite::Connection::open(vault.paths().database()).unwrap();
    let statement = "UPDATE accounts SET obtained_at = ?2 WHERE id = ?1";
    connection
        .execute(statement, rusqlite::params![id.as_str(), obtained_at])
        .unwrap()
}

#[test]
fn a_vault_that_cannot_be_written_spends_nothing() {
    isolated(
        "a_vault_that_cannot_be_written_spends_nothing",
        Isolation::MOUNTS,
        || {
            let disk = small_tmpfs(8 << 20).unwrap();
            let place = Place::with_vault_in(testkit::TestHome::new(), &disk.path().join("vault"));
            let id = place.account("work", 60);
            let (_, refresh) = place.tokens(&id);
            let renewer = place.renewer();

            let filler = disk.fill();
            let error = renewer.renew(&place.vault, &id, MARGIN).unwrap_err();
            assert!(
                matches!(error, RenewError::Vault(VaultError::Full(_))),
                "{error}"
            );
            std::fs::remove_file(filler).unwrap();

            let Place {
                paths,
                vault,
                server,
                home: _home,
                ..
            } = place;
            // A file system with a file open for writing cannot be made read-only.
            drop(vault);
            remount(disk.path(), true);
            let opened = Vault::open(&paths, Box::new(vault::NoPassphrase));
            let result = opened
                .map_err(RenewError::from)
                .and_then(|vault| renewer.renew(&vault, &id, MARGIN));
            let error = result.unwrap_err();
            let told = matches!(&error, RenewError::Vault(VaultError::ReadOnly(_)))
                || error.to_string().contains("Read-only file system");
            assert!(told, "{error:?}");
            remount(disk.path(), false);

            assert_eq!(server.request_count(), 0);
            assert!(server.is_current_refresh(&refresh));
            assert_eq!(
                renewer.renew(&support::open(&paths), &id, MARGIN).unwrap(),
                Outcome::Renewed
            );
        },
    );
}

fn remount(path: &std::path::Path, read_only: bool) {
    use rustix::mount::{MountFlags, mount_remount};
    let flags = if read_only {
        MountFlags::RDONLY
    } else {
        MountFlags::empty()
    };
    mount_remount(path, flags, c"").unwrap();
}

/// The disk fills up between the moment at which it was proven writable and the answer.
#[test]
fn an_answer_that_cannot_be_stored_is_not_lost() {
    isolated(
        "an_answer_that_cannot_be_stored_is_not_lost",
        Isolation::MOUNTS,
        || {
            let disk = small_tmpfs(8 << 20).unwrap();
            let place = Place::with_vault_in(testkit::TestHome::new(), &disk.path().join("vault"));
            let id = place.account("work", 60);
            let renewer = place.renewer();
            place.server.hold();
            let filler = std::thread::scope(|scope| {
                let renewing = scope.spawn(|| {
                    let vault = support::open(&place.paths);
                    renewer.renew(&vault, &id, MARGIN).unwrap_err()
                });
                place.server.wait_for_requests(1);
                let filler = disk.fill();
                place.server.release();
                let error = renewing.join().unwrap();
                assert!(matches!(error, RenewError::KeptAside { .. }), "{error}");
                filler
            });
            std::fs::remove_file(filler).unwrap();
            // A process that had the vault open all the time takes it in as well.
            assert_eq!(
                renewer.renew(&place.vault, &id, MARGIN).unwrap(),
                Outcome::RenewedElsewhere
            );
            assert!(place.is_current(&id, "work"));
            assert_eq!(place.server.request_count(), 1);
        },
    );
}

#[test]
fn a_renewal_waits_for_whoever_changes_the_login() {
    let place = Place::new();
    let id = place.account("work", 0);
    let renewer = place.renewer();
    let lease = Lease::acquire(&place.paths, &id, "work").unwrap();
    std::thread::scope(|scope| {
        let renewing = scope.spawn(|| {
            renewer
                .renew(&support::open(&place.paths), &id, MARGIN)
                .unwrap()
        });
        place.wait_for_renewals_at_the_lease(&id, 2);
        let login = place.server.issue("newer");
        place.sign_in(&id, &document(&login, 8 * HOUR), support::known("a"));
        drop(lease);
        assert_eq!(renewing.join().unwrap(), Outcome::RenewedElsewhere);
    });
    assert_eq!(place.server.request_count(), 0);
}

/// `remove` while the request is under way: nothing of the account comes back.
#[test]
fn an_account_removed_meanwhile_stays_removed() {
    let place = Place::new();
    let id = place.account("work", 0);
    let renewer = place.renewer();
    place.server.hold();
    std::thread::scope(|scope| {
        let renewing = scope.spawn(|| renewer.renew(&support::open(&place.paths), &id, MARGIN));
        place.server.wait_for_requests(1);
        place.vault.remove(&id).unwrap();
        place.server.release();
        assert!(renewing.join().unwrap().is_err());
    });
    assert!(place.vault.get(&id).is_err());
    assert!(place.vault.accounts().unwrap().is_empty());
}

#[test]
fn no_error_tells_a_secret() {
    let place = Place::new();
    let id = place.account("work", 0);
    let (access, refresh) = place.tokens(&id);
    for mode in [
        Mode::Garbage,
        Mode::DropConnection,
        Mode::Status(500, format!("{{\"error\":\"{refresh}\"}}")),
        Mode::Status(200, format!("{{\"refresh_token\":\"{refresh}\"}}")),
        Mode::Status(400, "{\"error\":\"invalid_grant\"}".to_owned()),
    ] {
        place.server.set_mode(mode);
        let error = place
            .renewer()
            .renew(&place.vault, &id, MARGIN)
            .unwrap_err();
        let said = format!("{error} {error:?} {:?}", place.get(&id));
        assert!(
            !said.contains(&refresh) && !said.contains(&access),
            "{said}"
        );
    }
}

#[test]
fn the_rest_of_the_document_survives_a_renewal() {
    let place = Place::new();
    let login = place.server.issue("work");
    let value = testkit::documents::credentials_with_unknown_keys(
        &login.access_token,
        &login.refresh_token,
        after(0).try_into().unwrap(),
    );
    let id = place.add("work", &support::parse(&value));
    place.renewer().renew(&place.vault, &id, MARGIN).unwrap();
    let renewed = place.login(&id).to_value();
    assert_eq!(renewed["inventedBeside"], value["inventedBeside"]);
    assert_eq!(
        renewed["claudeAiOauth"]["inventedInside"],
        value["claudeAiOauth"]["inventedInside"]
    );
    assert_eq!(renewed["claudeAiOauth"]["subscriptionType"], "max");
}

#[test]
fn the_views_of_all_sessions_follow() {
    use renew::{NewSession, Session, SessionKind};
    let place = Place::new();
    let id = place.account("work", 0);
    let other = place.account("other", 8 * HOUR);
    let open = |id: &AccountId| {
        let login = place.login(id);
        let kind = SessionKind::SecureStorage;
        NewSession::create(&place.runtime, id, kind, &login).unwrap()
    };
    let sessions = [open(&id), open(&id), open(&other)];
    place.renewer().renew(&place.vault, &id, MARGIN).unwrap();
    let view = |session: &NewSession| {
        let path = session.view_directory().join(".credentials.json");
        CredentialDocument::parse(&std::fs::read(path).unwrap()).unwrap()
    };
    let (access, _) = place.server.current("work");
    for session in &sessions[..2] {
        assert_eq!(view(session).access_token().expose(), access);
        assert!(view(session).refresh_token().is_empty());
    }
    assert_eq!(
        view(&sessions[2]).access_token(),
        place.login(&other).access_token()
    );
    drop(sessions);
    wait_until("sessions taken back", PATIENCE, || {
        Session::all(&place.runtime).is_empty()
    });
    assert_eq!(support::files_below(&place.runtime.sessions()).len(), 0);
}
