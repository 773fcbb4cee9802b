//! The shared directory, in which every member of the group may write.

use std::time::Instant;

use crate::scene::{CARELESS, OF_ROOT, Scene};

/// What a member does there, and where it shows. `$S` is the directory.
const HARMS: [(&str, &str); 15] = [
    (
        "a link to /etc/shadow",
        "rm -f $S/home/.claude/settings.json; ln -s /etc/shadow $S/home/.claude/settings.json",
    ),
    (
        "a link to a file of another's",
        "rm -f $S/home/.claude/settings.json; ln -s /home/carol/notes $S/home/.claude/settings.json",
    ),
    (
        "a dangling link",
        "rm -f $S/home/.claude/settings.local.json; ln -s /srv/open/made $S/home/.claude/settings.local.json",
    ),
    (
        "a link to itself",
        "rm -f $S/home/.claude/settings.json; ln -s settings.json $S/home/.claude/settings.json",
    ),
    (
        "a FIFO",
        "rm -f $S/home/.claude/settings.json; mkfifo $S/home/.claude/settings.json",
    ),
    (
        "a FIFO of the group's",
        "rm -f $S/home/.claude/settings.json; mkfifo -m 0660 $S/home/.claude/settings.json; chgrp claudeshare $S/home/.claude/settings.json",
    ),
    (
        "a directory",
        "rm -f $S/home/.claude/settings.json; mkdir $S/home/.claude/settings.json",
    ),
    (
        "a hard link to a file of another's",
        "rm -f $S/home/.claude/settings.json; ln /home/carol/notes $S/home/.claude/settings.json",
    ),
    ("home renamed", "mv $S/home $S/away"),
    ("home a link", "mv $S/home $S/away; ln -s /srv/open $S/home"),
    (
        ".claude a link",
        "mv $S/home/.claude $S/home/away; ln -s /home/carol/.claude $S/home/.claude",
    ),
    (
        ".claude a link to root's",
        "mv $S/home/.claude $S/home/away; ln -s /root $S/home/.claude",
    ),
    ("home a file", "mv $S/home $S/away; echo x > $S/home"),
    (
        "modes",
        "chmod 0600 $S/home/.claude/settings.json 2> /dev/null; rm -f $S/home/.claude/settings.local.json; umask 0; echo '{}' > $S/home/.claude/settings.local.json",
    ),
    (
        "what is on its way",
        "rm -f $S/home/.claude/settings.json; ln -s /srv/open/made $S/home/.claude/settings.json.claude-share-on-its-way",
    ),
];

/// Only root can, where the system protects hard links.
const BY_ROOT: &str = "rm -f $S/home/.claude/settings.json; touch $S/of-root; chmod 600 $S/of-root; ln $S/of-root $S/home/.claude/settings.json";

/// Exchanges what is shared with links to elsewhere; goes itself through no link.
const EXCHANGE: &str = r#"
import ctypes, os
libc = ctypes.CDLL(None)
ways = [
    ([], b'home', '/srv/open'),
    (['home'], b'.claude', '/home/carol/.claude'),
    (['home', '.claude'], b'settings.json', '/home/carol/notes'),
    (['home', '.claude'], b'settings.local.json', '/srv/open/made'),
]
def reach(names):
    place = os.open('/shared/claude-share', os.O_RDONLY)
    try:
        for name in names:
            above = place
            try:
                place = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
            finally:
                os.close(above)
    except OSError:
        return None
    return place
print('begun', flush=True)
while True:
    for names, name, target in ways:
        place = reach(names)
        if place is None:
            continue
        for _ in range(101):
            if libc.renameat2(place, name, place, name + b'.other', 2):
                try:
                    os.symlink(target, name + b'.other', dir_fd=place)
                except OSError:
                    pass
        os.close(place)
"#;

const SHARED: &str = "/shared/claude-share";

#[test]
fn what_members_of_the_group_can_do() {
    let Some(scene) = Scene::with(&["mallory"]) else {
        return;
    };
    assert_eq!((CARELESS, OF_ROOT), ("carol", "/home/of-root"));
    let run = |harm: &str| harm.replace("$S", SHARED);
    for (what, harm) in HARMS {
        let ran = scene
            .host()
            .run_quickly_as("mallory", &["sh", "-c", &run(harm)]);
        eprintln!("{what}: {}", ran.stderr.trim());
        repaired(&scene, what);
    }
    scene.as_root(&run(BY_ROOT));
    repaired(&scene, "a hard link to a file of root's");
    let of_root = scene.as_root(&run("stat -c '%U %a' $S/of-root && rm $S/of-root"));
    assert_eq!(of_root, "root 600\n");
}

#[track_caller]
fn repaired(scene: &Scene, what: &str) {
    let begun = Instant::now();
    let ran = scene.server.run(&["server", "status"]).code(1);
    assert!(
        ran.stdout.contains("✗ shared directory"),
        "{what}: {}",
        ran.stdout
    );
    let synced = scene.server.run(&["server", "sync"]).success();
    eprintln!(
        "{what}: put right after {:?}: {}",
        begun.elapsed(),
        synced.stdout.trim()
    );
    let ran = scene.server.run(&["server", "status"]);
    assert!(ran.status.success(), "{what}: {}", ran.stdout);
    let script = "cd /shared/claude-share && stat -c '%a %G %F' home home/.claude home/.claude/settings.json home/.claude/settings.local.json";
    assert_eq!(
        scene.as_root(script),
        "2770 claudeshare directory\n2770 claudeshare directory\n660 claudeshare regular file\n660 claudeshare regular file\n"
            .to_owned(),
        "{what}"
    );
    scene.assert_harmless(what);
    let clear = "cd /shared/claude-share && rm -rf away home/away *claude-share-backup* home/*claude-share-backup* home/.*claude-share-backup* home/.claude/*claude-share-backup*";
    scene.as_root(clear);
}

/// All of it changes between what it is to be and a link, while root puts it right.
#[test]
fn what_changes_while_root_works_there() {
    let Some(scene) = Scene::with(&["mallory"]) else {
        return;
    };
    let hostile = scene.script("mallory", EXCHANGE, &[]);
    let begun = Instant::now();
    for _round in 0..8 {
        let status = scene.server.run(&["server", "status"]);
        assert!(
            status.status.code().is_some_and(|code| code <= 1),
            "{status:#?}"
        );
        // It may lose the race, and then says so.
        let synced = scene.server.run(&["server", "sync"]);
        assert!(
            synced.status.code().is_some_and(|code| code < 101),
            "{synced:#?}"
        );
        assert!(!synced.stderr.contains("panicked"), "{synced:#?}");
    }
    eprintln!("8 times status and sync: {:?}", begun.elapsed());
    scene.assert_harmless("the shared directory changes all the time");
    drop(hostile);
    scene.as_root("cd /shared/claude-share && rm -rf home home.other *claude-share-backup*");
    drop(scene.server.run(&["server", "sync"]).success());
    scene.wait_until_all_is_well("the shared directory changes all the time");
    for user in ["anna", "bert", "mallory"] {
        scene.server.wait_for_good_home(user);
    }
    scene.assert_untouched_outside("the shared directory changes all the time");
}
