//! Things in the places of files.

use crate::scene::{CARELESS, OF_ROOT, OPEN, Scene};

/// What is made at `$1`, to be moved to `$2` in a home.
struct Plant {
    what: &'static str,
    script: &'static str,
    /// Whether it can be in the place of `~/.claude` and be no trouble that his user could not end.
    fits_directory: bool,
}

const fn plant(what: &'static str, script: &'static str) -> Plant {
    Plant {
        what,
        script,
        fits_directory: true,
    }
}

/// `$3` is below the home.
const PLANTS: [Plant; 22] = [
    plant("a link to /etc/shadow", "ln -s /etc/shadow $1"),
    plant(
        "a link to what another has there",
        "ln -s /home/carol/$3 $1",
    ),
    plant(
        "a link to a file of another's",
        "ln -s /home/carol/notes $1",
    ),
    plant(
        "a link to a directory of another's",
        "ln -s /home/carol/.claude $1",
    ),
    plant("a link to a file of root's", "ln -s /home/of-root $1"),
    plant("a link to a directory for all", "ln -s /srv/open $1"),
    plant("a dangling link", "ln -s /srv/open/nothing $1"),
    plant("a link to itself", "ln -s $2 $1"),
    plant("a FIFO", "mkfifo $1"),
    plant(
        "a socket",
        "perl -e 'use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un($ARGV[0])) or die' $1",
    ),
    plant("/dev/null", "mknod $1 c 1 3"),
    plant("/dev/zero", "mknod $1 c 1 5 && chmod 666 $1"),
    plant("/dev/tty", "mknod $1 c 5 0"),
    plant("a hard link to a file of root's", "ln /home/of-root $1"),
    plant(
        "a hard link to a file of another's",
        "ln /home/carol/notes $1",
    ),
    plant("an empty directory", "mkdir $1 && chown mallory: $1"),
    plant(
        "a directory with something in it",
        "mkdir $1 && echo x > $1/x && chown -R mallory: $1",
    ),
    plant(
        "a directory that nobody may enter",
        "mkdir -m 0 $1 && chown mallory: $1",
    ),
    plant(
        "100 MB that take no space",
        "truncate -s 100M $1 && chown mallory: $1",
    ),
    plant("100 MB", "head -c 100M /dev/zero > $1 && chown mallory: $1"),
    plant(
        "a file that nobody may read",
        "echo {} > $1 && chmod 0 $1 && chown mallory: $1",
    ),
    plant("a file of root's", "echo {} > $1 && chmod 600 $1"),
];

/// By a rename, again and again: the keeper may put something right in between.
const MOVE: &str = "until mv -fT $1 $2 2> /dev/null; do rm -rf $2 || true; done";

const CLEAR: &str = "rm -rf /home/mallory/*.claude-share-backup-* /home/mallory/.*.claude-share-backup-* /home/mallory/.claude/.*.claude-share-backup-* /home/mallory/.claude/*.claude-share-backup-*
    rm -rf /home/trudy/.*.claude-share-backup-*";

#[test]
fn what_stands_in_the_place_of_a_file() {
    let Some(scene) = Scene::with(&["mallory", "trudy"]) else {
        return;
    };
    assert_eq!(
        (CARELESS, OPEN, OF_ROOT),
        ("carol", "/srv/open", "/home/of-root")
    );
    for plant in PLANTS {
        for (user, path) in [
            ("mallory", ".claude/.credentials.json"),
            ("mallory", ".claude/settings.json"),
            ("mallory", ".claude.json"),
            ("trudy", ".claude"),
        ] {
            if user == "trudy" && !plant.fits_directory {
                continue;
            }
            let script =
                format!("{}\n{MOVE}", plant.script).replace("mallory:", &format!("{user}:"));
            let (made, to) = (
                format!("/home/{user}/plant"),
                format!("/home/{user}/{path}"),
            );
            let words = ["sh", "-ec", &script, "sh", &made, &to, path];
            scene.host().run(&words).success();
        }
        scene.serve_the_honest(plant.what);
        for user in ["mallory", "trudy"] {
            scene.server.wait_for_good_home(user);
        }
        scene.assert_untouched_outside(plant.what);
        scene.wait_until_all_is_well(plant.what);
        scene.assert_keeper_lives(plant.what);
        scene.as_root(CLEAR);
    }
}

/// As a client that was started with sudo once leaves it: nobody but root can end that.
#[test]
fn a_directory_of_roots_is_told() {
    let Some(scene) = Scene::with(&["mallory"]) else {
        return;
    };
    scene.as_root("mv /home/mallory/.claude /home/mallory/mine && mkdir -m 0700 /home/mallory/plant
        until mv -fT /home/mallory/plant /home/mallory/.claude 2> /dev/null; do rm -rf /home/mallory/.claude || true; done");
    scene.assert_harmless("a directory of root's");
    let told = scene.wait_for_trouble("mallory");
    assert!(told.contains(".claude"), "{told}");
    scene.as_root("rmdir /home/mallory/.claude && mv /home/mallory/mine /home/mallory/.claude");
    scene.server.wait_for_good_home("mallory");
    scene.wait_until_all_is_well("a directory of root's");
}
