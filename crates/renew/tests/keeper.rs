//! The keeper: one, for as long as there are sessions, and every view right.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test program that starts itself tells its child by the environment"
)]

mod support;

use model::{AccountId, LoginState, Secret};
use renew::{
    Keeper, KeeperError, KeeperEvent, Kept, Lease, NewSession, Session, SessionKind,
    ask_keeper_to_stop, keeper_status, wake_keeper,
};
use rustix::process::Signal;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::running_keeper::{Client, RunningKeeper, Start, session_count};
use support::{PATIENCE, Place, document, json_of, known};
use testkit::token_book::IssuedLogin;
use testkit::{Mode, Process, TestHome, wait_until};
use vault::{Cause, Protection};

const HOUR: i64 = 3600;

fn renewed(event: &KeeperEvent) -> bool {
    matches!(event, KeeperEvent::Renewed { .. })
}

fn failed(event: &KeeperEvent) -> bool {
    matches!(event, KeeperEvent::RenewalFailed { .. })
}

fn ended(event: &KeeperEvent) -> bool {
    matches!(event, KeeperEvent::SessionEnded { .. })
}

fn signed_in(kept: Kept) -> impl Fn(&KeeperEvent) -> bool {
    move |event| matches!(event, KeeperEvent::SignedIn { kept: found, .. } if *found == kept)
}

/// A keeper with one client of an account whose login is good for hours.
fn kept(place: &Place) -> (RunningKeeper, AccountId, Client) {
    let id = place.account("work", 8 * HOUR);
    let keeper = Start::of(place).start().wait_until_started();
    let client = Client::new(place, &id);
    wait_until("the session taken up", PATIENCE, || {
        keeper_status(&place.runtime).is_some_and(|status| status.sessions.len() == 1)
    });
    (keeper, id, client)
}

#[test]
fn one_request_serves_all_sessions_of_a_login() {
    let place = Place::new();
    let (work, other) = (place.account("work", 60), place.account("other", 8 * HOUR));
    let stale = place.tokens(&work).0;
    let clients: Vec<Client> = (0..5).map(|_| Client::new(&place, &work)).collect();
    let bystander = Client::new(&place, &other);
    assert!(clients.iter().all(|client| client.shows(&stale)));
    let keeper = Start::of(&place).start();
    keeper.events.wait_for("renewal", renewed);
    let (access, _) = place.server.current("work");
    for client in &clients {
        client.wait_for(&access);
    }
    assert!(bystander.shows(&place.tokens(&other).0));
    assert!(place.is_current(&work, "work"));
    assert_eq!(place.server.request_count(), 1);
    let mode = fs::metadata(&clients[0].view).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn a_login_is_renewed_before_it_ends_and_again() {
    let place = Place::new();
    // Tokens that live for 6 s are renewed with a third of it left.
    place.server.set_mode(Mode::WithExpiresIn(6));
    let id = place.account("work", 60);
    let client = Client::new(&place, &id);
    let keeper = Start::of(&place).start();
    for count in 1..=3 {
        place.server.wait_for_requests(count);
    }
    keeper.events.wait_for("renewals", |event| {
        renewed(event) && keeper.events.count(renewed) >= 3
    });
    wait_until("the newest token in the view", PATIENCE, || {
        client.shows(&place.server.current("work").0)
    });
    let history = place.vault.history(&place.get(&id)).unwrap();
    for pair in history
        .windows(2)
        .filter(|pair| pair[1].cause == Cause::Renewed)
    {
        assert!(
            pair[0].recorded_at < pair[1].expires_at.unwrap(),
            "renewed in time"
        );
    }
}

#[test]
fn damage_is_mended_within_moments() {
    type Damage = fn(&Path);
    // The keeper is quick: what takes two steps may be mended after the first.
    let damages: [(&str, Damage); 12] = [
        ("deleted", |view| fs::remove_file(view).unwrap()),
        ("emptied", |view| {
            support::write(view, b"");
        }),
        ("blanked", |view| {
            let blank =
                json!({"claudeAiOauth": {"accessToken": "", "refreshToken": "", "expiresAt": 0}});
            support::write(view, blank.to_string().as_bytes());
        }),
        ("garbage", |view| support::write(view, &[0xff; 100])),
        ("an old token", |view| {
            let old = testkit::documents::credentials("sk-ant-oat01-FAKEold", "", 1);
            support::write(view, old.to_string().as_bytes());
        }),
        ("a link", |view| {
            fs::remove_file(view).unwrap();
            // It may be mended before the link is there.
            drop(symlink("/dev/null", view));
        }),
        ("a renamed link", |view| {
            let link = view.with_file_name("link");
            symlink("/nowhere", &link).unwrap();
            fs::rename(link, view).unwrap();
        }),
        ("a directory", |view| {
            fs::remove_file(view).unwrap();
            drop(fs::create_dir_all(view.join("below")));
        }),
        ("no directory", |view| {
            drop(fs::remove_dir_all(view.parent().unwrap()));
        }),
        ("a moved directory", |view| {
            let directory = view.parent().unwrap();
            let elsewhere = directory.with_file_name("moved");
            drop(fs::remove_dir_all(&elsewhere));
            fs::rename(directory, elsewhere).unwrap();
        }),
        ("a directory that is a link", |view| {
            let directory = view.parent().unwrap();
            drop(fs::remove_dir_all(directory));
            drop(symlink("/nowhere", directory));
        }),
        ("a read-only directory", |view| {
            let directory = view.parent().unwrap();
            fs::set_permissions(directory, fs::Permissions::from_mode(0o500)).unwrap();
            drop(fs::remove_file(view));
            fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).unwrap();
            drop(fs::remove_file(view));
            fs::set_permissions(directory, fs::Permissions::from_mode(0o500)).unwrap();
        }),
    ];
    let place = Place::new();
    let (keeper, id, client) = kept(&place);
    let (access, _) = place.tokens(&id);
    for (name, damage) in damages {
        let began = Instant::now();
        damage(&client.view);
        wait_until(name, PATIENCE, || client.shows(&access));
        // The keeper looks by itself after ten seconds: this was faster, so it was told.
        assert!(began.elapsed() < Duration::from_secs(8), "{name}");
    }
    // All of it again: the mended directory is watched as the first one was.
    for (name, damage) in damages {
        damage(&client.view);
        wait_until(name, PATIENCE, || client.shows(&access));
    }
    assert_eq!(place.server.request_count(), 0);
    assert_eq!(keeper.events.count(ended), 0);
}

/// The client keeps the tokens of MCP servers in the same file.
#[test]
fn what_else_the_client_keeps_in_its_view_survives_a_renewal() {
    let place = Place::new();
    let (keeper, id, client) = kept(&place);
    let mut view = client.read().unwrap().to_value();
    view["mcpOAuth"] = json!({"server": {"accessToken": "sk-FAKE-mcp"}});
    support::write(&client.view, view.to_string().as_bytes());
    place.let_expire(&id, 60);
    let _woken = wake_keeper(&place.runtime);
    keeper.events.wait_for("renewal", renewed);
    client.wait_for(&place.server.current("work").0);
    let view = client.read().unwrap().to_value();
    assert_eq!(view["mcpOAuth"]["server"]["accessToken"], "sk-FAKE-mcp");
}

#[test]
fn an_ended_session_leaves_nothing_and_the_keeper_leaves_after_the_last() {
    let place = Place::new();
    let id = place.account("work", 8 * HOUR);
    let (one, two) = (Client::new(&place, &id), Client::new(&place, &id));
    let mut keeper = Start {
        linger: Duration::from_millis(300),
        ..Start::of(&place)
    }
    .start();
    wait_until("both sessions", PATIENCE, || {
        keeper_status(&place.runtime).is_some_and(|status| status.sessions.len() == 2)
    });
    let directory = one.session_directory();
    one.end();
    wait_until("the end of one", PATIENCE, || !directory.exists());
    assert!(!keeper.has_ended() && two.view.exists());
    two.process.signal(Signal::KILL);
    keeper.join().unwrap();
    assert_eq!(keeper.events.count(ended), 2);
    assert_eq!(keeper.events.all().last(), Some(&KeeperEvent::Left));
    assert_eq!(fs::read_dir(place.runtime.sessions()).unwrap().count(), 0);
    assert!(!place.runtime.socket().exists());
    assert!(!wake_keeper(&place.runtime) && keeper_status(&place.runtime).is_none());
}

/// A parent that does not ask how its child ended keeps it in the process table.
#[test]
fn a_client_that_ended_unnoticed_by_its_parent_has_ended() {
    let place = Place::new();
    let (keeper, _, client) = kept(&place);
    client.process.signal(Signal::KILL);
    keeper.events.wait_for("end of the session", ended);
    wait_until("no session", PATIENCE, || session_count(&place) == 0);
    drop(client);
}

#[test]
fn there_is_one_keeper() {
    let place = Place::new();
    let (keeper, _, _client) = kept(&place);
    let second = Start::of(&place).start().join();
    assert!(
        matches!(second, Err(KeeperError::AlreadyRunning)),
        "{second:?}"
    );
    assert!(keeper_status(&place.runtime).is_some() && !keeper.has_ended());
    let many: Vec<RunningKeeper> = (0..8).map(|_| Start::of(&place).start()).collect();
    for mut one in many {
        assert!(matches!(one.join(), Err(KeeperError::AlreadyRunning)));
    }
}

#[test]
fn the_status_tells_what_is_kept() {
    let place = Place::new();
    let (keeper, id, client) = kept(&place);
    let second = Client::of_kind(&place, &id, SessionKind::ConfigDirectory);
    wait_until("both sessions", PATIENCE, || {
        keeper_status(&place.runtime).is_some_and(|status| status.sessions.len() == 2)
    });
    let status = keeper_status(&place.runtime).unwrap();
    assert_eq!(status.pid, std::process::id());
    assert!(status.started_at <= support::after(0) && status.started_at > support::after(-600));
    let told = |pid: i32| {
        status
            .sessions
            .iter()
            .find(|session| session.pid == pid)
            .unwrap()
    };
    assert_eq!(told(client.pid()).account_id, id.as_str());
    assert_eq!(told(client.pid()).kind, SessionKind::SecureStorage);
    assert_eq!(told(second.pid()).kind, SessionKind::ConfigDirectory);
    let said = format!("{status:?} {:?}", keeper.events.all());
    assert!(!said.contains("FAKE"), "{said}");
}

#[test]
fn it_stops_when_it_is_asked_to_and_leaves_the_views() {
    let place = Place::new();
    let (mut keeper, id, client) = kept(&place);
    assert!(ask_keeper_to_stop(&place.runtime));
    keeper.join().unwrap();
    assert!(client.shows(&place.tokens(&id).0));
    assert!(!ask_keeper_to_stop(&place.runtime));
    assert_eq!(session_count(&place), 1);
    // Another one goes on where it stopped.
    let next = Start::of(&place).start().wait_until_started();
    fs::remove_file(&client.view).unwrap();
    client.wait_for(&place.tokens(&id).0);
    drop(next);
}

#[test]
fn it_answers_while_a_renewal_hangs() {
    let place = Place::new();
    let id = place.account("work", 60);
    place.server.hold();
    let client = Client::new(&place, &id);
    let keeper = Start::of(&place).start();
    place.server.wait_for_requests(1);
    // Also with a sign-in at hand, for which it would need what the renewal holds.
    sign_in(&place, &client, "other");
    let began = Instant::now();
    for _ in 0..20 {
        assert!(keeper_status(&place.runtime).is_some());
    }
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    place.server.release();
    keeper
        .events
        .wait_for("sign-in", signed_in(Kept::InHistory));
}

/// Puts a login where a view is, as the client does: by a rename.
fn write_login(client: &Client, login: &IssuedLogin) -> std::path::PathBuf {
    let temporary = client.view.with_file_name("by-the-client.tmp");
    let value = json_of(login, 8 * HOUR).to_string();
    support::write(&temporary, value.as_bytes());
    temporary
}

/// Somebody signs in as `subject`, and a minute passes: long enough for the client to have written
/// down who it was.
fn sign_in(place: &Place, client: &Client, subject: &str) -> (String, String) {
    let login = place.server.issue(subject);
    let written = write_login(client, &login);
    age(&written);
    fs::rename(written, &client.view).unwrap();
    (login.access_token, login.refresh_token)
}

/// The same, and nothing has passed.
fn sign_in_now(place: &Place, client: &Client, subject: &str) -> (String, String) {
    let login = place.server.issue(subject);
    fs::rename(write_login(client, &login), &client.view).unwrap();
    (login.access_token, login.refresh_token)
}

fn age(path: &Path) {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
    let then = Timespec {
        tv_sec: support::after(-60) / 1000,
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: then,
        last_modification: then,
    };
    utimensat(CWD, path, &times, AtFlags::empty()).unwrap();
}

fn kept_with_identity(place: &Place) -> (RunningKeeper, AccountId, Client) {
    let login = document(&place.server.issue("work"), 8 * HOUR);
    let id = place.add_with_identity("work", &login, known("work"));
    place.write_identity("work");
    let start = Start {
        files: Some(place.files()),
        ..Start::of(place)
    };
    let keeper = start.start().wait_until_started();
    (keeper, id.clone(), Client::new(place, &id))
}

#[test]
fn a_sign_in_saves_an_account_that_needs_one() {
    let place = Place::new();
    let (keeper, id, client) = kept(&place);
    let second = Client::new(&place, &id);
    place.vault.mark_refused(&id, "for a test").unwrap();
    let tokens = sign_in(&place, &client, "again");
    keeper.events.wait_for("sign-in", signed_in(Kept::AsLogin));
    assert_eq!(place.tokens(&id), tokens);
    let account = place.get(&id);
    assert_eq!(account.state, LoginState::Alive);
    let cause = place.vault.history(&account).unwrap()[0].cause;
    assert_eq!(cause, Cause::SignedInInSession);
    // Both sessions have a view of it: the refresh token is in the vault alone.
    client.wait_for(&tokens.0);
    second.wait_for(&tokens.0);
}

#[test]
fn a_sign_in_of_the_same_person_becomes_the_accounts() {
    let place = Place::new();
    let (keeper, id, client) = kept_with_identity(&place);
    let tokens = sign_in(&place, &client, "again");
    keeper.events.wait_for("sign-in", signed_in(Kept::AsLogin));
    client.wait_for(&tokens.0);
    assert_eq!(place.tokens(&id), tokens);
}

#[test]
fn a_sign_in_of_somebody_else_is_kept_aside_and_left_alone() {
    let place = Place::new();
    let (keeper, id, client) = kept_with_identity(&place);
    let second = Client::new(&place, &id);
    let own = place.tokens(&id);
    place.write_identity("somebody-else");
    let tokens = sign_in(&place, &client, "other");
    keeper
        .events
        .wait_for("sign-in", signed_in(Kept::InHistory));
    assert_eq!(place.tokens(&id), own);
    let history = place.vault.history(&place.get(&id)).unwrap();
    assert_eq!(history[0].cause, Cause::KeptAside);
    assert_eq!(
        support::tokens(history[0].document.as_ref().unwrap()),
        tokens
    );
    // A renewal of the account's own login goes past it.
    place.let_expire(&id, 60);
    let _woken = wake_keeper(&place.runtime);
    keeper.events.wait_for("renewal", renewed);
    second.wait_for(&place.server.current("work").0);
    assert_eq!(support::tokens(&client.read().unwrap()), tokens);
    assert_eq!(keeper.events.count(signed_in(Kept::InHistory)), 1);
    // Logged out again, the session has the account's login.
    fs::remove_file(&client.view).unwrap();
    client.wait_for(&place.server.current("work").0);
}

/// The client has written the tokens and not yet whose they are.
#[test]
fn an_identity_is_not_believed_before_the_client_can_have_written_it() {
    let place = Place::new();
    let (keeper, id, client) = kept_with_identity(&place);
    let own = place.tokens(&id);
    sign_in_now(&place, &client, "other");
    for _ in 0..5 {
        assert!(keeper_status(&place.runtime).is_some());
    }
    assert_eq!(place.tokens(&id), own);
    place.write_identity("somebody-else");
    keeper
        .events
        .wait_for("sign-in", signed_in(Kept::InHistory));
    assert_eq!(place.tokens(&id), own);
}

#[test]
fn a_sign_in_is_kept_when_the_session_ends_at_once() {
    let place = Place::new();
    let (keeper, id, client) = kept(&place);
    let lease = Lease::acquire(&place.paths, &id, "work").unwrap();
    sign_in_now(&place, &client, "last-words");
    let directory = client.session_directory();
    client.end();
    // It cannot be kept while somebody else changes the account, and is not thrown away.
    for _ in 0..5 {
        assert!(keeper_status(&place.runtime).is_some() && directory.exists());
    }
    drop(lease);
    keeper
        .events
        .wait_for("sign-in", signed_in(Kept::InHistory));
    wait_until("the session's end", PATIENCE, || !directory.exists());
}

#[test]
fn a_sign_in_is_kept_also_if_no_keeper_ran_then() {
    let place = Place::new();
    let id = place.account("work", 8 * HOUR);
    let client = Client::new(&place, &id);
    place.vault.mark_refused(&id, "for a test").unwrap();
    let tokens = sign_in_now(&place, &client, "again");
    client.end();
    let mut keeper = Start {
        linger: Duration::ZERO,
        ..Start::of(&place)
    }
    .start();
    keeper.join().unwrap();
    assert_eq!(place.tokens(&id), tokens);
    assert_eq!(session_count(&place), 0);
}

#[test]
fn a_server_that_was_down_is_tried_again() {
    let place = Place::new();
    let id = place.account("work", 60);
    place.server.set_mode(Mode::Status(503, String::new()));
    let client = Client::new(&place, &id);
    let stale = place.tokens(&id).0;
    let keeper = Start::of(&place).start();
    keeper.events.wait_for("failure", failed);
    assert!(client.shows(&stale));
    place.server.set_mode(Mode::Normal);
    keeper.events.wait_for("renewal", renewed);
    client.wait_for(&place.server.current("work").0);
    assert_eq!(place.server.request_count(), 2);
    let times = place.server.requests();
    let pause = times[1].at.duration_since(times[0].at).unwrap();
    assert!(pause >= Duration::from_millis(2400), "{pause:?}");
}

/// Without a note in the vault there is nothing but the keeper's memory to hold it back.
#[test]
fn a_failure_that_cannot_be_noted_is_not_repeated_at_once() {
    let place = Place::new();
    let id = place.account("work", 60);
    let _client = Client::new(&place, &id);
    // No lease can be had where a file is in the way of its directory.
    support::write(&place.paths.locks(), b"");
    let keeper = Start::of(&place).start();
    keeper.events.wait_for("failure", failed);
    for _ in 0..50 {
        assert!(wake_keeper(&place.runtime));
    }
    assert_eq!(keeper.events.count(failed), 1);
    fs::remove_file(place.paths.locks()).unwrap();
    keeper.events.wait_for("renewal", renewed);
}

#[test]
fn a_dead_login_is_left_in_peace() {
    let place = Place::new();
    let id = place.account("work", 60);
    place.server.revoke("work");
    let stale = place.tokens(&id).0;
    let client = Client::new(&place, &id);
    let keeper = Start::of(&place).start();
    keeper.events.wait_for("failure", failed);
    assert!(matches!(
        place.get(&id).state,
        LoginState::SignInAgain { .. }
    ));
    assert!(client.shows(&stale));
    assert_eq!(place.server.request_count(), 1);
}

#[test]
fn a_new_login_in_the_vault_reaches_the_views() {
    let place = Place::new();
    let (_keeper, id, client) = kept(&place);
    let login = document(&place.server.issue("again"), 8 * HOUR);
    place.sign_in(&id, &login, known("a"));
    let _woken = wake_keeper(&place.runtime);
    client.wait_for(login.access_token().expose());
}

#[test]
fn a_launch_that_came_to_nothing_is_taken_back() {
    let place = Place::new();
    let id = place.account("work", 8 * HOUR);
    let keeper = Start::of(&place).start().wait_until_started();
    let kind = SessionKind::SecureStorage;
    let session = NewSession::create(&place.runtime, &id, kind, &place.login(&id)).unwrap();
    keeper.events.wait_for("session", |event| {
        matches!(event, KeeperEvent::SessionBegan { .. })
    });
    drop(session);
    keeper.events.wait_for("end of the session", ended);
    assert_eq!(fs::read_dir(place.runtime.sessions()).unwrap().count(), 0);
    let none = NewSession::create_for(&place.runtime, &id, kind, &place.login(&id), i32::MAX);
    assert!(none.is_err());
}

#[test]
fn the_hook_sees_what_the_client_made_in_its_directory() {
    let place = Place::new();
    let id = place.account("work", 8 * HOUR);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let keeper = Start {
        on_session_end: Some(Box::new(move |view| {
            let made = fs::read_to_string(view.join("made")).unwrap_or_default();
            told.lock().unwrap().push(made);
        })),
        ..Start::of(&place)
    }
    .start();
    let plain = Client::new(&place, &id);
    let whole = Client::of_kind(&place, &id, SessionKind::ConfigDirectory);
    for client in [&plain, &whole] {
        support::write(&client.view.with_file_name("made"), b"by the client");
    }
    plain.end();
    whole.end();
    wait_until("both ends", PATIENCE, || keeper.events.count(ended) == 2);
    wait_until("no sessions", PATIENCE, || session_count(&place) == 0);
    assert_eq!(*seen.lock().unwrap(), ["by the client"]);
}

#[test]
fn what_killed_processes_left_is_swept_up() {
    let place = Place::new();
    let id = place.account("work", 8 * HOUR);
    place.runtime.create().unwrap();
    let sessions = place.runtime.sessions();
    let us = std::process::id();
    for name in [
        ".2147483646-aaaa",
        "2147483646-bbbb",
        "strange",
        &format!(".{us}-cccc"),
    ] {
        fs::create_dir(sessions.join(name)).unwrap();
        support::write(&sessions.join(name).join("session.json"), b"{");
    }
    let _keeper = Start::of(&place).start().wait_until_started();
    let left: Vec<_> = fs::read_dir(&sessions).unwrap().flatten().collect();
    assert_eq!(
        left.len(),
        1,
        "of a living process, perhaps still at it: {left:?}"
    );
    drop(Client::new(&place, &id));
}

#[test]
fn a_session_that_comes_while_the_keeper_leaves_is_not_lost() {
    let place = Place::new();
    let id = place.account("work", 8 * HOUR);
    let mut keepers: Vec<RunningKeeper> = Vec::new();
    for round in 0..300 {
        let process = Process::spawn_talking(Command::new("cat"));
        let pid = process.id().try_into().unwrap();
        let kind = SessionKind::SecureStorage;
        let login = place.login(&id);
        let session = NewSession::create_for(&place.runtime, &id, kind, &login, pid).unwrap();
        let view = session.view_directory().join(".credentials.json");
        session.keep();
        // As a launch does: whoever hears nothing starts one.
        if !wake_keeper(&place.runtime) {
            let start = Start {
                linger: Duration::ZERO,
                lock_patience: PATIENCE,
                ..Start::of(&place)
            };
            keepers.push(start.start());
        }
        if round % 2 == 0 {
            fs::remove_file(&view).unwrap();
            wait_until("a keeper that mends", PATIENCE, || view.exists());
        }
        let directory = view.parent().unwrap().parent().unwrap().to_owned();
        drop(process);
        if round % 3 == 0 {
            wait_until("a keeper that clears up", PATIENCE, || !directory.exists());
        }
        keepers.retain_mut(|keeper| !keeper.has_ended() || keeper.join().is_err());
    }
    wait_until("no session", PATIENCE, || session_count(&place) == 0);
    for mut keeper in keepers {
        keeper.join().unwrap();
    }
}

#[test]
fn a_directory_too_deep_for_a_socket_works() {
    let home = TestHome::new();
    let deep = home.vault_dir().join("d".repeat(100)).join("e".repeat(60));
    fs::create_dir_all(&deep).unwrap();
    let mut place = Place::with_vault_in(home, &deep);
    place.runtime = renew::RuntimeDirectory::locate(None, &place.paths);
    assert!(place.runtime.socket().as_os_str().len() > 108);
    let (mut keeper, id, client) = kept(&place);
    fs::remove_file(&client.view).unwrap();
    client.wait_for(&place.tokens(&id).0);
    assert!(ask_keeper_to_stop(&place.runtime));
    keeper.join().unwrap();
}

#[test]
fn a_vault_with_a_passphrase_is_kept_with_its_key() {
    let place = Place::new();
    let id = place.account("work", 60);
    let passphrase = Secret::new("correct horse");
    let protected = place
        .vault
        .protect(Protection::Passphrase, Some(&passphrase));
    protected.unwrap();
    let mut locked = Start::of(&place).start();
    assert!(matches!(locked.join(), Err(KeeperError::Vault(_))));
    let client = Client::new(&place, &id);
    let keeper = Start {
        key: Some(place.vault.expose_key().unwrap()),
        ..Start::of(&place)
    }
    .start();
    keeper.events.wait_for("renewal", renewed);
    client.wait_for(&place.server.current("work").0);
}

#[test]
fn a_key_that_was_rotated_is_followed() {
    let place = Place::new();
    let (keeper, id, client) = kept(&place);
    place.vault.rotate_key().unwrap();
    place.let_expire(&id, 60);
    let _woken = wake_keeper(&place.runtime);
    keeper.events.wait_for("renewal", renewed);
    client.wait_for(&place.server.current("work").0);
}

#[test]
fn a_runtime_directory_that_vanishes_ends_the_keeper_and_spares_the_next() {
    let place = Place::new();
    let (mut keeper, id, client) = kept(&place);
    let base = place.runtime.path().to_owned();
    let gone = base.with_file_name("gone");
    fs::rename(&base, &gone).unwrap();
    let next = Start::of(&place).start().wait_until_started();
    let second = Client::new(&place, &id);
    keeper.join().unwrap();
    // The next one's door is not the old one's to close.
    assert!(keeper_status(&place.runtime).is_some());
    fs::remove_file(&second.view).unwrap();
    second.wait_for(&place.tokens(&id).0);
    drop((next, client));
}

const KEEPER_IN: &str = "RENEW_TEST_KEEPER_IN";
const KEEPER_URL: &str = "RENEW_TEST_KEEPER_URL";

/// Is a keeper until it is killed, when another test starts it for that.
#[test]
fn stands_in_for_a_keeper_process() {
    let (Some(vault), Ok(url)) = (std::env::var_os(KEEPER_IN), std::env::var(KEEPER_URL)) else {
        return;
    };
    let paths = vault::VaultPaths::new(vault);
    let runtime = renew::RuntimeDirectory::locate(None, &paths);
    let start = Start {
        paths,
        key: None,
        runtime,
        files: None,
        url: renew::TokenUrl::parse(&url).unwrap(),
        linger: PATIENCE,
        lock_patience: PATIENCE,
        on_session_end: None,
    };
    let observer = Box::new(|event: &KeeperEvent| println!("\n{event:?}"));
    Keeper::start(start.options(), observer)
        .unwrap()
        .run()
        .unwrap();
}

fn keeper_process(place: &Place) -> Process {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["stands_in_for_a_keeper_process", "--exact", "--nocapture"])
        .env(KEEPER_IN, place.paths.directory())
        .env(KEEPER_URL, place.server.url());
    let process = Process::spawn_talking(command);
    let us = process.id();
    wait_until("the keeper", PATIENCE, || {
        keeper_status(&place.runtime).is_some_and(|status| status.pid == us)
    });
    process
}

#[test]
fn a_killed_keeper_is_replaced_and_its_sessions_are_taken_up() {
    let mut place = Place::new();
    place.runtime = renew::RuntimeDirectory::locate(None, &place.paths);
    let id = place.account("work", 8 * HOUR);
    let client = Client::new(&place, &id);
    for _ in 0..5 {
        let keeper = keeper_process(&place);
        fs::remove_file(&client.view).unwrap();
        client.wait_for(&place.tokens(&id).0);
        keeper.signal(Signal::KILL);
        drop(keeper);
        assert!(!wake_keeper(&place.runtime));
        assert_eq!(Session::all(&place.runtime).len(), 1);
    }
    let mut keeper = keeper_process(&place);
    assert!(ask_keeper_to_stop(&place.runtime));
    assert!(keeper.wait(PATIENCE).success());
}

/// Killed with the request under way, the next one finds a spent token and says so.
#[test]
fn a_keeper_killed_in_the_middle_of_a_renewal_leaves_an_account_that_says_so() {
    let mut place = Place::new();
    place.runtime = renew::RuntimeDirectory::locate(None, &place.paths);
    let id = place.account("work", 60);
    let client = Client::new(&place, &id);
    place.server.hold_answers();
    let keeper = keeper_process(&place);
    place.server.wait_for_answers(1);
    keeper.signal(Signal::KILL);
    drop(keeper);
    place.server.release();
    assert!(place.vault.pending_renewal(&id).unwrap().is_some());
    let keeper = keeper_process(&place);
    wait_until(
        "the mark",
        PATIENCE,
        || matches!(&place.get(&id).state, LoginState::SignInAgain { reason } if reason.contains("cut off")),
    );
    assert!(client.read().is_some());
    assert_eq!(place.server.request_count(), 2);
    drop(keeper);
}

#[test]
fn an_idle_keeper_is_small_and_quiet() {
    let mut place = Place::new();
    place.runtime = renew::RuntimeDirectory::locate(None, &place.paths);
    let id = place.account("work", 60);
    // Logins that are due and cannot be renewed, and a client that ended unnoticed.
    let dead = place.account("dead", 60);
    place.server.revoke("dead");
    let bare = place.add("bare", &document(&place.server.issue("bare"), 60).view());
    let clients = [&id, &dead, &bare, &bare].map(|id| Client::new(&place, id));
    let keeper = keeper_process(&place);
    wait_until("the renewal", PATIENCE, || place.is_current(&id, "work"));
    wait_until("the refusal", PATIENCE, || {
        place.get(&dead).state != LoginState::Alive
    });
    clients[0].wait_for(&place.tokens(&id).0);
    clients[3].process.signal(Signal::KILL);
    wait_until("three sessions", PATIENCE, || session_count(&place) == 3);

    let began = (Instant::now(), processor_ticks(&keeper));
    wait_until("some time", PATIENCE, || {
        began.0.elapsed() > Duration::from_secs(2)
    });
    let used = processor_ticks(&keeper) - began.1;
    assert!(used <= 10, "{used} of about 200 ticks");

    let status = fs::read_to_string(format!("/proc/{}/status", keeper.id())).unwrap();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kib: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    println!("peak of a keeper that has renewed once: {kib} KiB");
    assert!(kib < 20 * 1024, "{kib} KiB");
}

/// Hundredths of a second that a process has computed so far (proc_pid_stat(5)).
fn processor_ticks(process: &Process) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    let fields = stat.rsplit(')').next().unwrap().split_whitespace();
    fields
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().unwrap())
        .sum()
}
