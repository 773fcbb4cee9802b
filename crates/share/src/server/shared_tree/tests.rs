//! What members of the group can do to the shared directory, and what root makes of it. As root:
//! others cannot give files away.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};

use super::*;

const GID: u32 = 4242;
const STAMP: &str = "20260102-030405";

/// A directory of root's below one of root's, or none where this is not root.
fn machine() -> Option<tempfile::TempDir> {
    rustix::process::geteuid()
        .is_root()
        .then(|| tempfile::tempdir().unwrap())
}

fn wish(machine: &tempfile::TempDir) -> TreeWish {
    TreeWish {
        directory: machine.path().join("above/shared"),
        files: BTreeMap::from([
            (Item::Settings, "{\"a\":1}\n".to_owned()),
            (Item::ClaudeJson, "{}\n".to_owned()),
        ]),
        without_credentials: true,
    }
}

fn made(wish: &TreeWish) -> TreeChanges {
    let mut changes = TreeChanges::default();
    mend(wish, GID, STAMP, &mut changes).unwrap();
    assert_eq!(look(wish, Some(GID)).unwrap(), [""; 0]);
    changes
}

#[test]
fn it_is_made_as_documented_once_and_goes_again() {
    let Some(machine) = machine() else { return };
    let wish = wish(&machine);
    assert_eq!(look(&wish, None).unwrap().len(), 1);
    let changes = made(&wish);
    for (path, mode) in [
        ("", 0o2770),
        ("home/.claude", 0o2770),
        ("home/.claude.json", 0o660),
    ] {
        let found = fs::metadata(wish.directory.join(path)).unwrap();
        assert_eq!(
            (found.mode() & 0o7777, found.uid(), found.gid()),
            (mode, 0, GID),
            "{path}"
        );
    }
    assert_eq!(made(&wish), TreeChanges::default());
    assert_eq!(unmake(&wish.directory, &changes), [""; 0]);
    assert!(!machine.path().join("above").exists());
}

#[test]
fn what_is_not_plainly_ours_is_moved_aside_and_never_changed() {
    let Some(machine) = machine() else { return };
    let wish = wish(&machine);
    made(&wish);
    let secret = machine.path().join("secret");
    fs::copy("/proc/self/stat", &secret).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let before = fs::read(&secret).unwrap();
    let settings = wish.directory.join("home/.claude/settings.json");
    let attacks: [fn(&Path, &Path); 4] = [
        |secret, at| symlink(secret, at).unwrap(),
        |secret, at| fs::hard_link(secret, at).unwrap(),
        |_, at| {
            let (kind, mode) = (rustix::fs::FileType::Fifo, 0o666.into());
            rustix::fs::mknodat(rustix::fs::CWD, at, kind, mode, 0).unwrap();
        },
        |_, at| fs::create_dir(at).unwrap(),
    ];
    for attack in attacks {
        fs::remove_file(&settings).unwrap();
        attack(&secret, &settings);
        assert!(read(&wish.directory, Item::Settings, GID).is_none());
        let changes = made(&wish);
        assert_eq!(changes.kept.len(), 1, "{changes:?}");
        let found = fs::metadata(&secret).unwrap();
        assert_eq!((found.mode() & 0o7777, found.gid()), (0o600, 0));
        assert_eq!(fs::read(&secret).unwrap(), before);
    }
}

#[test]
fn a_directory_replaced_by_a_link_leads_nowhere() {
    let Some(machine) = machine() else { return };
    let wish = wish(&machine);
    let changes = made(&wish);
    let elsewhere = machine.path().join("elsewhere");
    fs::create_dir_all(elsewhere.join(".claude")).unwrap();
    let home = wish.directory.join("home");
    fs::rename(&home, wish.directory.join("moved")).unwrap();
    symlink(&elsewhere, &home).unwrap();
    // Taking away what was made does not go through it either.
    fs::copy("/proc/self/stat", elsewhere.join(".claude/settings.json")).unwrap();
    assert!(!unmake(&wish.directory, &changes).is_empty());
    assert!(elsewhere.join(".claude/settings.json").exists());
    symlink(&elsewhere, &home).ok();
    made(&wish);
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 1);
}

#[test]
fn files_that_a_member_wrote_get_the_mode_and_stay_his() {
    let Some(machine) = machine() else { return };
    let wish = wish(&machine);
    made(&wish);
    let settings = wish.directory.join("home/.claude/settings.json");
    chown(&settings, Some(1234), Some(GID)).unwrap();
    fs::set_permissions(&settings, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(made(&wish).repaired, std::slice::from_ref(&settings));
    let found = fs::metadata(&settings).unwrap();
    assert_eq!((found.mode() & 0o7777, found.uid()), (0o660, 1234));
}

#[test]
fn a_path_that_somebody_else_can_redirect_is_refused() {
    let Some(machine) = machine() else { return };
    let wish = wish(&machine);
    let above = machine.path().join("above");
    fs::create_dir(&above).unwrap();
    chown(&above, Some(1234), None).unwrap();
    assert!(
        look(&wish, None)
            .unwrap_err()
            .to_string()
            .contains("belongs to uid 1234")
    );
    chown(&above, Some(0), None).unwrap();
    fs::set_permissions(&above, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(look(&wish, None).is_err());
    fs::remove_dir(&above).unwrap();
    symlink("/usr", &above).unwrap();
    assert!(
        look(&wish, None)
            .unwrap_err()
            .to_string()
            .contains("without links")
    );
}

#[test]
fn a_login_is_taken_out_of_reach_and_kept() {
    let Some(machine) = machine() else { return };
    let wish = wish(&machine);
    made(&wish);
    let credentials = wish.directory.join("home/.claude/.credentials.json");
    fs::copy("/proc/self/stat", &credentials).unwrap();
    chown(&credentials, None, Some(GID)).unwrap();
    assert!(has_credentials(&wish.directory) && look(&wish, Some(GID)).unwrap().len() == 1);
    let removed = machine.path().join("removed");
    let kept = remove_credentials(&wish.directory, GID, STAMP, &removed)
        .unwrap()
        .unwrap();
    assert_eq!(fs::metadata(&kept).unwrap().mode() & 0o777, 0o600);
    assert!(!has_credentials(&wish.directory));
    assert_eq!(
        remove_credentials(&wish.directory, GID, STAMP, &removed).unwrap(),
        None
    );
}
