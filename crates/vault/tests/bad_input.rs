//! What the vault finds when it is not as it left it: a full or read-only disk, a key or database
//! that is missing, cut short or somebody else's. Each is told for what it is, and nothing is lost.

#![allow(
    clippy::unwrap_used,
    reason = "what must not fail in a test ends the test"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "damages files on purpose, which nobody has to recover"
)]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use model::Secret;
use rusqlite::Connection;
use rustix::mount::{MountFlags, mount_remount};
use support::{access, api_key, contents, key_account, login, login_account, name, refresh};
use testkit::{Isolation, PlantedSecrets, Ran, TestHome, isolated, skip, small_tmpfs};
use vault::{
    ConflictPolicy, NoPassphrase, Protection, Vault, VaultError, VaultKey, VaultPaths, export_json,
};

const DISK: u64 = 512 * 1024;

fn fill_vault(paths: &VaultPaths) -> Vault {
    let vault = support::open_at(paths);
    vault.add(&login_account("work", "work")).unwrap();
    vault.add(&key_account("perso", "perso")).unwrap();
    vault
}

fn open(paths: &VaultPaths) -> Result<Vault, VaultError> {
    Vault::open(paths, Box::new(NoPassphrase))
}

/// The error, once it is known to repeat nothing that is secret.
#[track_caller]
fn told<T>(outcome: Result<T, VaultError>) -> VaultError {
    let Err(error) = outcome else {
        panic!("it was not noticed")
    };
    let mut planted = PlantedSecrets::new();
    for tag in ["work", "perso", "newest"] {
        for secret in [access(tag), refresh(tag), api_key(tag)] {
            planted.plant(secret);
        }
    }
    let text = format!("{error} {error:?} {error:#?}");
    assert!(planted.find_in_bytes(text.as_bytes()).is_empty(), "{text}");
    error
}

macro_rules! assert_told {
    ($outcome:expr, $pattern:pat) => {
        let error = told($outcome);
        assert!(matches!(error, $pattern), "{error} ({error:?})");
    };
}

#[test]
fn a_full_disk() {
    isolated("a_full_disk", Isolation::MOUNTS, || {
        let disk = small_tmpfs(DISK).unwrap();
        let paths = VaultPaths::new(disk.path().join("vault"));
        let vault = fill_vault(&paths);
        let id = vault.find("work").unwrap().id;
        let before = contents(&vault);
        let filler = disk.fill();
        let many: Vec<_> = (0..300)
            .map(|number| login_account(&format!("imported-{number}"), "imported"))
            .collect();
        let passphrase = Secret::new("FAKE passphrase");
        let attempts = || -> Vec<(&str, Result<(), VaultError>)> {
            vec![
                ("add", vault.add(&login_account("more", "more")).map(drop)),
                (
                    "import",
                    vault.import(&many, ConflictPolicy::Skip).map(drop),
                ),
                ("store", vault.store_login(&id, &login("newest")).map(drop)),
                ("begin", vault.begin_renewal(&id, 1)),
                ("rescue", vault.prepare_rescue(&id).map(drop)),
                ("rename", vault.rename(&id, &name("other"))),
                ("rotate", vault.rotate_key()),
                (
                    "protect",
                    vault.protect(Protection::Passphrase, Some(&passphrase)),
                ),
            ]
        };
        // Some find room in what is there already; until nothing does.
        let mut refused = std::collections::BTreeSet::new();
        for _turn in 0..8 {
            for (verb, outcome) in attempts() {
                if outcome.is_err() {
                    assert_told!(outcome, VaultError::Full(_) | VaultError::Exists(_));
                    refused.insert(verb);
                }
            }
            vault.accounts().unwrap();
        }
        for verb in ["add", "import", "store", "rescue", "rotate"] {
            assert!(
                refused.contains(verb),
                "{verb} was not refused: {refused:?}"
            );
        }
        drop(export_json(&vault).unwrap());
        fs::remove_file(filler).unwrap();
        let vault = open(&paths).unwrap();
        let after = contents(&vault);
        assert!(after.len() >= before.len());
        vault.rotate_key().unwrap();
        assert_eq!(contents(&vault), after);
    });
}

#[test]
fn a_disk_that_is_full_from_one_moment_to_the_next_changes_nothing() {
    isolated(
        "a_disk_that_is_full_from_one_moment_to_the_next_changes_nothing",
        Isolation::MOUNTS,
        || {
            let disk = small_tmpfs(DISK).unwrap();
            let paths = VaultPaths::new(disk.path().join("vault"));
            let vault = fill_vault(&paths);
            let before = contents(&vault);
            let many: Vec<_> = (0..300)
                .map(|number| login_account(&format!("imported-{number}"), "imported"))
                .collect();
            assert_told!(
                vault.import(&many, ConflictPolicy::Skip),
                VaultError::Full(_)
            );
            assert_eq!(contents(&vault), before);
            assert_eq!(contents(&open(&paths).unwrap()), before);
            vault.add(&key_account("more", "more")).unwrap();
            assert_eq!(contents(&vault)[..2], before);
        },
    );
}

#[test]
fn a_renewed_login_survives_a_disk_that_fills_up_meanwhile() {
    isolated(
        "a_renewed_login_survives_a_disk_that_fills_up_meanwhile",
        Isolation::MOUNTS,
        || {
            let disk = small_tmpfs(DISK).unwrap();
            let paths = VaultPaths::new(disk.path().join("vault"));
            let vault = fill_vault(&paths);
            let account = vault.find("work").unwrap();
            vault
                .begin_renewal(&account.id, account.generation)
                .unwrap();
            let mut rescue = vault.prepare_rescue(&account.id).unwrap();
            let filler = disk.fill();
            // Pages that the log has room for are used up first.
            let mut newest = login("newest");
            let error = loop {
                match vault.store_login(&account.id, &newest) {
                    Ok(_) => newest = login("newest"),
                    Err(error) => break error,
                }
            };
            assert_told!(Err::<(), _>(error), VaultError::Full(_));
            let generation = vault.find("work").unwrap().generation;
            let newest = login("rescued");
            vault
                .keep_rescued(&mut rescue, &account.id, generation, &newest)
                .unwrap();
            drop(rescue);
            drop(vault);
            // Still full: what was rescued waits.
            let vault = open(&paths).unwrap();
            assert_eq!(vault.find("work").unwrap().generation, generation);
            drop(vault);
            fs::remove_file(filler).unwrap();
            let vault = open(&paths).unwrap();
            let account = vault.find("work").unwrap();
            let unsealed = vault.unseal(&account).unwrap();
            let token = unsealed.login().unwrap().refresh_token();
            assert_eq!(token.expose(), refresh("rescued"));
            assert_eq!(vault.pending_renewal(&account.id).unwrap(), None);
            assert_eq!(fs::read_dir(paths.rescue()).unwrap().count(), 0);
        },
    );
}

/// Whoever rotates the key does not leave behind what only the old one opens.
#[test]
fn what_was_rescued_survives_a_rotation() {
    let home = TestHome::new();
    let paths = support::paths(&home);
    let vault = fill_vault(&paths);
    let other = support::open_at(&paths);
    other.unlock().unwrap();
    let account = vault.find("work").unwrap();
    let mut rescue = other.prepare_rescue(&account.id).unwrap();
    vault.rotate_key().unwrap();
    other
        .keep_rescued(
            &mut rescue,
            &account.id,
            account.generation,
            &login("newest"),
        )
        .unwrap();
    // Opened before there was something to recover: the rotation itself has to do it.
    vault.rotate_key().unwrap();
    assert_eq!(fs::read_dir(paths.rescue()).unwrap().count(), 0);
    let account = vault.find("work").unwrap();
    let token = vault
        .unseal(&account)
        .unwrap()
        .login()
        .unwrap()
        .refresh_token();
    assert_eq!(token.expose(), refresh("newest"));
}

#[test]
fn a_read_only_disk_can_be_read() {
    isolated("a_read_only_disk_can_be_read", Isolation::MOUNTS, || {
        let disk = small_tmpfs(DISK).unwrap();
        let paths = VaultPaths::new(disk.path().join("vault"));
        let before = contents(&fill_vault(&paths));
        mount_remount(disk.path(), MountFlags::RDONLY, "").unwrap();
        let vault = open(&paths).unwrap();
        assert_eq!(contents(&vault), before);
        let id = vault.find("work").unwrap().id;
        vault.touch(&id);
        refuses_all(&vault);
        assert_told!(vault.prepare_rescue(&id), VaultError::ReadOnly(_));
        // A wrong key is told as such also here, where no lock can be made.
        mount_remount(disk.path(), MountFlags::empty(), "").unwrap();
        fs::write(paths.key(), VaultKey::generate().unwrap().expose()).unwrap();
        fs::remove_file(paths.key_lock()).unwrap();
        mount_remount(disk.path(), MountFlags::RDONLY, "").unwrap();
        assert_told!(open(&paths).unwrap().unlock(), VaultError::KeyWrong(_));
        let fresh = VaultPaths::new(disk.path().join("fresh"));
        assert_told!(
            Vault::open_or_create(&fresh, Box::new(NoPassphrase)),
            VaultError::ReadOnly(_)
        );
    });
}

#[track_caller]
fn refuses_all(vault: &Vault) {
    let id = vault.find("work").unwrap().id;
    for outcome in [
        vault.add(&login_account("more", "more")).map(drop),
        vault
            .import(&[login_account("more", "more")], ConflictPolicy::Skip)
            .map(drop),
        vault.store_login(&id, &login("newest")).map(drop),
        vault.begin_renewal(&id, 1),
        vault.rename(&id, &name("other")),
        vault.remove(&id),
        vault.rotate_key(),
        vault.protect(Protection::File, None),
    ] {
        let refused = told(outcome);
        let denied = match &refused {
            VaultError::ReadOnly(_) => true,
            VaultError::File { source, .. } => {
                source.kind() == std::io::ErrorKind::PermissionDenied
            }
            _ => false,
        };
        assert!(denied, "{refused:?}");
    }
}

/// Does something only as a child of the next test.
#[test]
fn child() {
    if let Some(directory) = support::message() {
        let vault = open(&VaultPaths::new(directory)).unwrap();
        assert_eq!(contents(&vault).len(), 2);
        refuses_all(&vault);
    }
}

#[test]
fn a_read_only_directory_can_be_read() {
    let home = TestHome::new();
    let paths = support::paths(&home);
    drop(fill_vault(&paths));
    let mode =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let mut command = home.command("setpriv");
    if rustix::process::geteuid().is_root() {
        if !support::has_program("setpriv") {
            return skip("needs setpriv: root is allowed everything");
        }
        let nobody = Some(rustix::fs::Uid::from_raw(65534));
        for entry in fs::read_dir(paths.directory()).unwrap() {
            rustix::fs::chown(entry.unwrap().path(), nobody, None).unwrap();
        }
        for path in [paths.directory(), &home.home()] {
            rustix::fs::chown(path, nobody, None).unwrap();
        }
        mode(home.root(), 0o755);
        command.args(["--reuid=65534", "--clear-groups"]);
    } else {
        command = home.command("env");
    }
    // Where the test was built, others may not be allowed to look.
    let program = home.root().join("test");
    let copied = Ran::of({
        let mut copy = home.command("cp");
        copy.arg(std::env::current_exe().unwrap()).arg(&program);
        copy
    });
    drop(copied.success());
    for entry in fs::read_dir(paths.directory()).unwrap() {
        mode(&entry.unwrap().path(), 0o400);
    }
    mode(paths.directory(), 0o500);
    command.arg(program);
    let child = support::as_child(command, "child", paths.directory().to_str().unwrap());
    let ran = Ran::of(child);
    mode(paths.directory(), 0o700);
    drop(ran.success());
}

#[test]
fn a_key_that_is_missing_wrong_or_none() {
    let home = TestHome::new();
    let paths = support::paths(&home);
    let before = contents(&fill_vault(&paths));
    let right = fs::read(paths.key()).unwrap();
    let database = fs::read(paths.database()).unwrap();

    fs::remove_file(paths.key()).unwrap();
    let vault = open(&paths).unwrap();
    assert_eq!(vault.names().unwrap().len(), 2, "names are not sealed");
    assert_told!(vault.unlock(), VaultError::KeyMissing(_));
    assert_told!(vault.protection(), VaultError::KeyMissing(_));
    assert_told!(
        vault.add(&key_account("more", "more")),
        VaultError::KeyMissing(_)
    );
    assert_told!(vault.rotate_key(), VaultError::KeyMissing(_));
    assert!(!paths.key().exists(), "a key that opens nothing was made");

    fs::write(paths.key(), VaultKey::generate().unwrap().expose()).unwrap();
    for outcome in [
        vault.unlock(),
        vault.add(&key_account("more", "more")).map(drop),
        vault.expose_key().map(drop),
        vault.rotate_key(),
        vault.protect(Protection::File, None),
        export_json(&vault).map(drop),
    ] {
        assert_told!(outcome, VaultError::KeyWrong(_));
    }

    let cost = |memory: u32, salt: &str| {
        format!(
            "{{\"protection\":\"passphrase\",\"id\":\"00\",\"argon2id\":{{\"memory_kib\":{memory},\"passes\":1,\
             \"lanes\":1}},\"salt\":\"{salt}\",\"sealed\":\"x\"}}"
        )
    };
    for rubbish in [
        String::new(),
        "\n".to_owned(),
        "A".repeat(44),
        String::from_utf8_lossy(&right[..43]).into_owned(),
        "{\"protection\":\"keyring\"}".to_owned(),
        cost(u32::MAX, "0123456789abcdef"),
        cost(0, "0123456789abcdef"),
        cost(64, "short"),
        "[".repeat(4096),
    ] {
        fs::write(paths.key(), &rubbish).unwrap();
        let vault = Vault::open(&paths, Box::new(support::Knows("FAKE"))).unwrap();
        assert_told!(vault.unlock(), VaultError::KeyMalformed(_));
    }
    fs::write(paths.key(), "x".repeat(5000)).unwrap();
    assert_told!(
        open(&paths).unwrap().unlock(),
        VaultError::Unsuitable { .. }
    );
    fs::remove_file(paths.key()).unwrap();
    symlink("/dev/zero", paths.key()).unwrap();
    assert_told!(
        open(&paths).unwrap().unlock(),
        VaultError::Unsuitable { .. }
    );
    fs::remove_file(paths.key()).unwrap();
    fs::create_dir(paths.key()).unwrap();
    assert_told!(
        open(&paths).unwrap().unlock(),
        VaultError::Unsuitable { .. }
    );

    fs::remove_dir(paths.key()).unwrap();
    fs::write(paths.key(), right).unwrap();
    assert_eq!(contents(&open(&paths).unwrap()), before);
    assert_eq!(
        fs::read(paths.database()).unwrap(),
        database,
        "the database was written"
    );
}

/// Into one file, as after a clean end, so that it can be cut anywhere.
fn checkpointed(paths: &VaultPaths) -> Vec<u8> {
    let connection = Connection::open(paths.database()).unwrap();
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    drop(connection);
    fs::read(paths.database()).unwrap()
}

fn replace_database(paths: &VaultPaths, bytes: &[u8]) {
    for end in ["", "-wal", "-shm"] {
        drop(fs::remove_file(format!(
            "{}{end}",
            paths.database().display()
        )));
    }
    fs::write(paths.database(), bytes).unwrap();
}

/// Reads all there is to read, and writes.
fn use_all(paths: &VaultPaths) -> Result<(), VaultError> {
    let vault = open(paths)?;
    for account in vault.accounts()? {
        vault.unseal(&account)?;
        vault.history(&account)?;
    }
    vault.add(&key_account("more", "more"))?;
    vault.rotate_key()
}

#[test]
fn a_database_cut_short_anywhere() {
    let home = TestHome::new();
    let paths = support::paths(&home);
    let vault = fill_vault(&paths);
    let id = vault.find("work").unwrap().id;
    for _generation in 0..20 {
        vault.store_login(&id, &login("newest")).unwrap();
    }
    let before = contents(&vault);
    drop(vault);
    let key = fs::read(paths.key()).unwrap();
    let whole = checkpointed(&paths);
    let lengths = [0, 1]
        .into_iter()
        .chain((2..600).step_by(7))
        .chain((600..whole.len()).step_by(1021));
    for length in lengths {
        replace_database(&paths, &whole[..length]);
        let place = format!("cut at {length} of {}", whole.len());
        match use_all(&paths) {
            // The end of the last page may be empty.
            Ok(()) => {
                assert_eq!(contents(&open(&paths).unwrap())[..2], before, "{place}");
                fs::write(paths.key(), &key).unwrap();
            }
            Err(error) => match told(Err::<(), _>(error)) {
                VaultError::Corrupt(_) | VaultError::Foreign { .. } => {}
                other => panic!("{place}: {other:?}"),
            },
        }
        assert_eq!(fs::read(paths.key()).unwrap(), key, "{place}: another key");
    }
    replace_database(&paths, &whole);
    use_all(&paths).unwrap();
}

#[test]
fn a_database_with_bytes_changed_makes_nothing_panic() {
    let home = TestHome::new();
    let paths = support::paths(&home);
    drop(fill_vault(&paths));
    let whole = checkpointed(&paths);
    for position in (0..whole.len()).step_by(97) {
        let mut bytes = whole.clone();
        bytes[position] ^= 0xa5;
        replace_database(&paths, &bytes);
        if let Err(error) = use_all(&paths) {
            drop(told(Err::<(), _>(error)));
        }
    }
}

#[test]
fn a_record_that_is_damaged_leaves_the_others() {
    let home = TestHome::new();
    let paths = support::paths(&home);
    let vault = fill_vault(&paths);
    let raw = Connection::open(paths.database()).unwrap();
    let damage =
        "UPDATE accounts SET access_token_enc = 'gAAAAA' || substr(access_token_enc, 7, 40)
        WHERE name = 'work'";
    raw.execute_batch(damage).unwrap();
    let unseal = |name: &str| vault.unseal(&vault.find(name).unwrap());
    assert_told!(unseal("work"), VaultError::Damaged { .. });
    assert_told!(export_json(&vault), VaultError::Damaged { .. });
    unseal("perso").unwrap();
    vault.rotate_key().unwrap();
    unseal("perso").unwrap();
    // What it was is still in its history.
    let account = vault.find("work").unwrap();
    vault.restore(&account, 1).unwrap();
    unseal("work").unwrap();
}

#[test]
fn what_is_no_database_of_ours() {
    let home = TestHome::new();
    let paths = support::paths(&home);
    drop(fill_vault(&paths));
    let key = fs::read(paths.key()).unwrap();
    let sqlite = |statements: &str| {
        replace_database(&paths, b"");
        let connection = Connection::open(paths.database()).unwrap();
        connection.execute_batch(statements).unwrap();
    };
    replace_database(&paths, &[0x5a; 10_000]);
    assert_told!(open(&paths), VaultError::Corrupt(_));
    replace_database(&paths, b"{\"accounts\": []}");
    assert_told!(open(&paths), VaultError::Corrupt(_));
    for layout in [0, 1, 7] {
        let layout = format!("PRAGMA user_version = {layout};");
        sqlite(&format!("CREATE TABLE songs (title TEXT); {layout}"));
        assert_told!(open(&paths), VaultError::Foreign { .. });
        sqlite(&format!(
            "CREATE TABLE accounts (id TEXT, name TEXT); {layout}"
        ));
        assert_told!(open(&paths), VaultError::Foreign { .. });
    }
    let before = fs::read(paths.database()).unwrap();
    drop(told(open(&paths)));
    assert_eq!(
        fs::read(paths.database()).unwrap(),
        before,
        "somebody else's was written"
    );
    drop(fs::remove_file(paths.database()));
    drop(fill_vault(&paths));
    let connection = Connection::open(paths.database()).unwrap();
    connection.pragma_update(None, "user_version", 3).unwrap();
    drop(connection);
    assert_told!(open(&paths), VaultError::TooNew { found: 3, .. });
    // Cut to nothing: the key tells that there was more.
    replace_database(&paths, b"");
    assert_told!(open(&paths), VaultError::Corrupt(_));
    assert_eq!(fs::metadata(paths.database()).unwrap().len(), 0);
    // No file at all, or one without tables: a new vault with the key that there is.
    fs::remove_file(paths.database()).unwrap();
    drop(fill_vault(&paths));
    sqlite("PRAGMA user_version = 1");
    drop(fill_vault(&paths));
    assert_eq!(fs::read(paths.key()).unwrap(), key);
}

#[test]
fn a_database_that_is_no_file() {
    let home = TestHome::new();
    let paths = support::paths(&home);
    assert_told!(open(&paths), VaultError::NoVault(_));
    let elsewhere = home.home().join("elsewhere");
    drop(fill_vault(&VaultPaths::new(&elsewhere)));
    fs::create_dir(paths.directory()).unwrap();
    let database = paths.database();
    symlink(elsewhere.join("accounts.db"), &database).unwrap();
    assert_told!(open(&paths), VaultError::Unsuitable { .. });
    fs::remove_file(&database).unwrap();
    fs::create_dir(&database).unwrap();
    assert_told!(open(&paths), VaultError::Unsuitable { .. });
    fs::remove_dir(&database).unwrap();
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &database, fifo, 0o600.into(), 0).unwrap();
    assert_told!(open(&paths), VaultError::Unsuitable { .. });
    fs::remove_file(&database).unwrap();
    symlink("nowhere", &database).unwrap();
    assert_told!(open(&paths), VaultError::Unsuitable { .. });
    // The directory itself may be a link: people move such things.
    fs::remove_file(&database).unwrap();
    fs::remove_dir(paths.directory()).unwrap();
    symlink(&elsewhere, paths.directory()).unwrap();
    assert_eq!(contents(&open(&paths).unwrap()).len(), 2);
    fs::remove_file(paths.directory()).unwrap();
    fs::write(paths.directory(), "a file").unwrap();
    drop(told(Vault::open_or_create(&paths, Box::new(NoPassphrase))));
}
