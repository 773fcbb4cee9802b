use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::Ordering;

use vault::durable::Placing;

use super::*;
use crate::access::Scope;

const MINUTE: i64 = 60_000;
const NOW: i64 = 1_800_000_000_000;

fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    (directory, store)
}

fn sign_in(id: &str, created_at: i64) -> NewSignIn {
    NewSignIn {
        id: id.to_owned(),
        hash: Digest::of(id.as_bytes()),
        password: Digest::of(b"password"),
        created_at,
        expires_at: created_at + 1000 * MINUTE,
        fresh_until: created_at,
        address: "192.0.2.1".to_owned(),
        agent: "test".to_owned(),
    }
}

fn entry(action: &str) -> Entry {
    Entry {
        id: 0,
        at: NOW,
        action: action.to_owned(),
        account: None,
        detail: None,
        address: None,
        who: "browser".to_owned(),
    }
}

#[test]
fn its_files_are_the_owners_alone() {
    let (directory, store) = store();
    store.forget_attempts().unwrap();
    let mut names = Vec::new();
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, 0o600, "{:?}", file.file_name());
        names.push(file.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(
        names,
        ["dashboard.db", "dashboard.db-shm", "dashboard.db-wal"]
    );
}

#[test]
fn what_is_no_database_of_ours_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dashboard.db");
    let text = "no database at all, but a long text".repeat(100);
    vault::durable::write(&path, text.as_bytes(), 0o600, Placing::New).unwrap();
    assert!(matches!(
        Store::open(directory.path()),
        Err(StoreError::Database { .. })
    ));
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
    assert!(matches!(
        Store::open(directory.path()),
        Err(StoreError::File(_))
    ));
    std::fs::remove_file(&path).unwrap();
    drop(Store::open(directory.path()).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    assert!(matches!(
        Store::open(directory.path()),
        Err(StoreError::TooNew(_))
    ));
}

#[test]
fn credentials_are_read_again_only_when_something_has_changed() {
    let (directory, store) = store();
    let before = store.credentials().unwrap();
    assert!(Arc::ptr_eq(&before, &store.credentials().unwrap()));
    store.add_sign_in(&sign_in("one", NOW), &[]).unwrap();
    let after = store.credentials().unwrap();
    assert!(!Arc::ptr_eq(&before, &after));
    assert!(after.sign_in(&Digest::of(b"one")).is_some());
    // Another process.
    let other = Store::open(directory.path()).unwrap();
    assert!(other.end_sign_in("one").unwrap());
    assert!(
        store
            .credentials()
            .unwrap()
            .sign_in(&Digest::of(b"one"))
            .is_none()
    );
}

#[test]
fn a_row_that_is_no_sign_in_or_token_does_not_break_the_others() {
    let (directory, store) = store();
    store.add_sign_in(&sign_in("one", NOW), &[]).unwrap();
    let connection = rusqlite::Connection::open(directory.path().join("dashboard.db")).unwrap();
    connection
        .execute_batch(
            "INSERT INTO sign_ins VALUES ('bad', x'00', x'00', 'x', 0, 0, 0, 1, 2);
             INSERT INTO tokens VALUES ('bad', zeroblob(32), 'n', 'emperor', 0, NULL, NULL);",
        )
        .unwrap();
    let known = store.credentials().unwrap();
    assert_eq!(known.sign_ins().count(), 1);
    assert_eq!(known.tokens().count(), 0);
}

#[test]
fn an_odd_value_hides_no_other_row() {
    let (directory, store) = store();
    store.note(entry("good"));
    store.flush();
    store.first_token_made(NOW).unwrap();
    let passkey = |id: &str| StoredPasskey {
        id: id.to_owned(),
        name: id.to_owned(),
        host: "localhost".to_owned(),
        credential: "{}".to_owned(),
        created_at: NOW,
        last_used_at: None,
    };
    assert!(store.add_passkey(&passkey("one")).unwrap());
    assert!(store.add_passkey(&passkey("two")).unwrap());
    let connection = rusqlite::Connection::open(directory.path().join("dashboard.db")).unwrap();
    connection
        .execute_batch(
            "UPDATE first_token SET created_at = 'soon', last_used_at = x'ff';
             UPDATE passkeys SET created_at = 'soon', last_used_at = 'never' WHERE id = 'one';
             INSERT INTO passkeys VALUES (x'ff00', x'ff', 7, x'00', 'x', x'00');
             INSERT INTO audit VALUES (77, 'soon', x'ff', 1.5, x'00', 7, x'ff');
             INSERT INTO settings VALUES ('odd', x'6f6e');
             INSERT INTO sign_ins VALUES (x'ff', x'00', x'00', 'x', 'x', 0, 0, 1, 2);",
        )
        .unwrap();
    let first = store.credentials().unwrap();
    assert_eq!(first.first_token().created_at, None);
    assert_eq!(first.first_token().used_at(), None);
    let passkeys = store.passkeys().unwrap();
    assert_eq!(passkeys.len(), 3);
    let two = passkeys.iter().find(|passkey| passkey.id == "two").unwrap();
    assert_eq!((two.created_at, two.host.as_str()), (NOW, "localhost"));
    assert!(store.passkey_used("one", "{}", NOW).unwrap());
    let entries = store.audit(None, 10).unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1].action, "good");
    assert_eq!(store.setting("odd").unwrap().as_deref(), Some("on"));
    // One that has ended long ago is cleared away by the next sign-in, whatever it is called.
    store.add_sign_in(&sign_in("new", NOW), &[]).unwrap();
    assert_eq!(store.credentials().unwrap().sign_ins().count(), 1);
}

#[test]
fn sign_ins_end_by_rotation_by_time_and_by_number() {
    let (_directory, store) = store();
    let ids = |store: &Store| {
        let known = store.credentials().unwrap();
        let mut ids: Vec<String> = known.sign_ins().map(|record| record.id.clone()).collect();
        ids.sort();
        ids
    };
    store.add_sign_in(&sign_in("one", NOW), &[]).unwrap();
    let ended = store
        .add_sign_in(&sign_in("two", NOW), &[Digest::of(b"one")])
        .unwrap();
    assert_eq!(
        (ended, ids(&store)),
        (vec!["one".to_owned()], vec!["two".to_owned()])
    );
    let late = NOW + 2000 * MINUTE;
    let ended = store.add_sign_in(&sign_in("three", late), &[]).unwrap();
    assert_eq!(
        (ended, ids(&store)),
        (vec!["two".to_owned()], vec!["three".to_owned()])
    );
    for number in 0..1000 {
        store
            .add_sign_in(&sign_in(&number.to_string(), late + 1 + number), &[])
            .unwrap();
    }
    let ids = ids(&store);
    assert_eq!(ids.len(), 1000);
    assert!(!ids.contains(&"three".to_owned()));
}

#[test]
fn what_was_seen_is_written_at_most_once_a_minute() {
    let (directory, store) = store();
    let now = crate::clock::now();
    store
        .add_sign_in(&sign_in("one", now - 5 * MINUTE), &[])
        .unwrap();
    let known = store.credentials().unwrap();
    let record = known.sign_in(&Digest::of(b"one")).unwrap();
    assert!(record.use_now(MINUTE));
    assert!(!record.use_now(MINUTE));
    store.sign_in_seen("one", now);
    let reopened = Store::open(directory.path()).unwrap();
    let known = reopened.credentials().unwrap();
    let record = known.sign_in(&Digest::of(b"one")).unwrap();
    assert_eq!(record.last_seen_at.load(Ordering::Relaxed), now);
}

#[test]
fn tokens_are_kept_by_hash_and_bounded() {
    let (_directory, store) = store();
    let token = |id: String| NewToken {
        hash: Digest::of(id.as_bytes()),
        id,
        name: "ci".to_owned(),
        scope: Scope::Launch,
        created_at: NOW,
        expires_at: Some(NOW + MINUTE),
    };
    assert!(store.add_token(&token("a".to_owned())).unwrap());
    let known = store.credentials().unwrap();
    let record = known.token(&Digest::of(b"a")).unwrap();
    assert_eq!(
        (record.scope, record.has_expired(NOW)),
        (Scope::Launch, false)
    );
    assert!(record.has_expired(NOW + MINUTE));
    assert!(known.token(&Digest::of(b"b")).is_none());
    assert!(known.token(&Digest::NOBODY).is_none());
    assert_eq!(store.remove_token("a").unwrap().as_deref(), Some("ci"));
    assert_eq!(store.remove_token("a").unwrap(), None);
    for number in 0..500 {
        assert!(store.add_token(&token(number.to_string())).unwrap());
    }
    assert!(!store.add_token(&token("more".to_owned())).unwrap());
}

#[test]
fn ten_failures_of_one_address_within_fifteen_minutes() {
    let (directory, store) = store();
    let source = Source::address("192.0.2.1".parse().unwrap());
    for second in 0..10 {
        let attempt = store
            .reserve_attempt(&source, || NOW + second * 1000)
            .unwrap();
        assert!(matches!(attempt, Attempt::Reserved(_)));
    }
    // Also after a restart.
    drop(store);
    let store = Store::open(directory.path()).unwrap();
    let refused = store.reserve_attempt(&source, || NOW + 10_000).unwrap();
    assert_eq!(
        refused,
        Attempt::Refused {
            retry_after: 15 * 60 - 10
        }
    );
    let later = NOW + 15 * MINUTE;
    assert!(matches!(
        store.reserve_attempt(&source, || later).unwrap(),
        Attempt::Reserved(_)
    ));
    // That was the place of the first one; the second one's is free a second later.
    let refused = store.reserve_attempt(&source, || later).unwrap();
    assert_eq!(refused, Attempt::Refused { retry_after: 1 });
}

#[test]
fn what_is_given_back_does_not_count() {
    let (_directory, store) = store();
    let source = Source::address("192.0.2.1".parse().unwrap());
    for _ in 0..100 {
        let Attempt::Reserved(number) = store.reserve_attempt(&source, || NOW).unwrap() else {
            panic!("refused");
        };
        store.give_attempt_back(number).unwrap();
    }
}

#[test]
fn strangers_lock_out_strangers_not_those_who_have_signed_in() {
    let (_directory, store) = store();
    let known = Source::address("198.51.100.1".parse().unwrap());
    store.know_source(&known, NOW).unwrap();
    for number in 0..10 {
        let source = Source::address(format!("203.0.113.{number}").parse().unwrap());
        assert!(matches!(
            store.reserve_attempt(&source, || NOW).unwrap(),
            Attempt::Reserved(_)
        ));
    }
    let stranger = Source::address("192.0.2.77".parse().unwrap());
    assert!(matches!(
        store.reserve_attempt(&stranger, || NOW).unwrap(),
        Attempt::Refused { .. }
    ));
    for source in [known.clone(), Source::same_user(), Source::sign_in("a")] {
        for _ in 0..10 {
            let attempt = store.reserve_attempt(&source, || NOW).unwrap();
            assert!(matches!(attempt, Attempt::Reserved(_)), "{source}");
        }
        let attempt = store.reserve_attempt(&source, || NOW).unwrap();
        assert!(matches!(attempt, Attempt::Refused { .. }), "{source}");
    }
    // Seven days later it is a stranger like any other.
    let later = NOW + 7 * 24 * 60 * MINUTE;
    for number in 0..10 {
        let source = Source::address(format!("203.0.113.{number}").parse().unwrap());
        assert!(matches!(
            store.reserve_attempt(&source, || later).unwrap(),
            Attempt::Reserved(_)
        ));
    }
    assert!(matches!(
        store.reserve_attempt(&known, || later).unwrap(),
        Attempt::Refused { .. }
    ));
}

#[test]
fn one_customer_has_a_whole_network_of_ipv6() {
    let source = |text: &str| Source::address(text.parse().unwrap());
    assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::9"));
    assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
    assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
}

#[test]
fn a_flood_leaves_a_bounded_number_of_rows() {
    let (_directory, store) = store();
    for number in 0..2000_u32 {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + number);
        drop(
            store
                .reserve_attempt(&Source::address(address.into()), || NOW)
                .unwrap(),
        );
        store
            .know_source(&Source::address(address.into()), NOW + i64::from(number))
            .unwrap();
    }
    let count = |table: &str| {
        let statement = format!("SELECT count(*) FROM {table}");
        store.read(|connection| connection.query_row(&statement, [], |row| row.get::<_, i64>(0)))
    };
    assert_eq!(count("attempts").unwrap(), 10);
    assert_eq!(count("known_sources").unwrap(), 1000);
}

#[test]
fn a_clock_that_is_set_back_locks_nobody_out() {
    let (_directory, store) = store();
    let source = Source::address("192.0.2.1".parse().unwrap());
    for _ in 0..10 {
        drop(
            store
                .reserve_attempt(&source, || NOW + 1_000_000 * MINUTE)
                .unwrap(),
        );
    }
    assert!(matches!(
        store.reserve_attempt(&source, || NOW).unwrap(),
        Attempt::Reserved(_)
    ));
}

#[test]
fn codes_and_steps_count_once() {
    let (_directory, store) = store();
    assert!(store.take_totp_step(7).unwrap());
    assert!(!store.take_totp_step(7).unwrap());
    assert!(!store.take_totp_step(6).unwrap());
    assert!(store.take_totp_step(8).unwrap());
    let codes = [Digest::of(b"one"), Digest::of(b"two")];
    store.replace_recovery_codes(&codes).unwrap();
    assert!(store.take_recovery_code(&codes[0]).unwrap());
    assert!(!store.take_recovery_code(&codes[0]).unwrap());
    assert_eq!(store.recovery_codes_left().unwrap(), 1);
    store
        .replace_recovery_codes(&[Digest::of(b"three")])
        .unwrap();
    assert!(!store.take_recovery_code(&codes[1]).unwrap());
}

#[test]
fn the_audit_log_is_in_order_and_bounded() {
    let (_directory, store) = store();
    for number in 0..5 {
        store.note(entry(&number.to_string()));
    }
    let actions = |entries: Vec<Entry>| -> Vec<String> {
        entries.into_iter().map(|entry| entry.action).collect()
    };
    let newest = store.audit(None, 2).unwrap();
    let before = newest[1].id;
    assert_eq!(actions(newest), ["4", "3"]);
    assert_eq!(
        actions(store.audit(Some(before), 10).unwrap()),
        ["2", "1", "0"]
    );
    // As if there had been a hundred thousand since.
    store
        .write(|transaction| {
            let statement = "INSERT INTO audit (id, at, action, who) VALUES (100003, 0, 'x', 'y')";
            transaction.execute(statement, []).map(drop)
        })
        .unwrap();
    store.note(entry("last"));
    assert_eq!(actions(store.audit(None, 10).unwrap()), ["last", "x", "4"]);
    let mut long = entry("long");
    long.detail = Some("é".repeat(10_000));
    store.note(long);
    let detail = store.audit(None, 1).unwrap().remove(0).detail.unwrap();
    assert_eq!(detail.chars().count(), 500);
}
