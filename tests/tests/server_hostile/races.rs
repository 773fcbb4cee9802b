//! Files that change all the time while the keeper works.

use crate::scene::Scene;

/// So many renewals while somebody is at it.
const RENEWALS: usize = 10;

/// Exchanges two names as often as the machine can; the second one is a link to `$3`.
const EXCHANGE: &str = r#"
import ctypes, os, sys
mine, other, target = sys.argv[1:4]
libc = ctypes.CDLL(None)
begun = 0
while True:
    if libc.renameat2(-100, mine.encode(), -100, other.encode(), 2):
        # The keeper has put the link aside, or something in its place.
        try:
            os.symlink(target, other)
        except FileExistsError:
            pass
        try:
            os.mkdir(mine, 0o700)
        except FileExistsError:
            pass
    begun += 1
    if begun == 100:
        print('begun', flush=True)
"#;

/// Writes everything that is shared anew, by writing into it and by renames.
const REWRITE: &str = r#"
import os
home = os.environ['HOME']
number = 0
print('begun', flush=True)
while True:
    for name in ('.claude/.credentials.json', '.claude/settings.json', '.claude/settings.local.json', '.claude.json'):
        path = os.path.join(home, name)
        number += 1
        text = '{"number": %d}' % number if number % 3 else 'garbage' * (number % 7)
        try:
            if number % 2:
                with open(path + '.new', 'w') as file:
                    file.write(text)
                os.rename(path + '.new', path)
            else:
                with open(path, 'w') as file:
                    file.write(text)
        except OSError:
            pass
"#;

/// Makes directories go and come.
const REMOVE: &str = r#"
import os, shutil
claude = os.path.join(os.environ['HOME'], '.claude')
print('begun', flush=True)
while True:
    shutil.rmtree(claude, ignore_errors=True)
    try:
        os.rename(claude, claude + '.away')
        os.rename(claude + '.away', claude)
    except OSError:
        pass
"#;

/// What a user of our tests leaves of a race: nothing that fills the machine.
// A worker may still be at work in what was moved away.
const CLEAR: &str =
    "until rm -rf /home/mallory/.claude.other /home/mallory/.claude.away; do :; done
    find /home/mallory -name '*claude-share-*' -prune -exec rm -rf {} + || true";

#[test]
fn what_changes_all_the_time() {
    let Some(scene) = Scene::with(&["mallory"]) else {
        return;
    };
    let exchange = |target| {
        [
            "/home/mallory/.claude",
            "/home/mallory/.claude.other",
            target,
        ]
    };
    let races: [(&str, &str, Vec<&str>); 5] = [
        (
            "exchanged with a link to another's",
            EXCHANGE,
            exchange("/home/carol/.claude").to_vec(),
        ),
        (
            "exchanged with a link to a directory for all",
            EXCHANGE,
            exchange("/srv/open").to_vec(),
        ),
        (
            "exchanged with a link to root's",
            EXCHANGE,
            exchange("/root").to_vec(),
        ),
        ("written all the time", REWRITE, Vec::new()),
        ("removed all the time", REMOVE, Vec::new()),
    ];
    for (what, script, arguments) in races {
        let hostile = scene.script("mallory", script, &arguments);
        for _renewal in 0..RENEWALS {
            scene.serve_the_honest(what);
        }
        scene.assert_untouched_outside(what);
        scene.assert_keeper_lives(what);
        drop(hostile);
        scene.as_root(CLEAR);
        scene.server.wait_for_good_home("mallory");
        scene.wait_until_all_is_well(what);
        scene.assert_untouched_outside(what);
    }
}

/// The file itself changes between a link and a file.
#[test]
fn a_file_that_is_a_link_every_other_moment() {
    let Some(scene) = Scene::with(&["mallory"]) else {
        return;
    };
    let names = [
        ".claude/.credentials.json",
        ".claude/settings.json",
        ".claude.json",
    ];
    let targets = [
        "/home/carol/.claude/.credentials.json",
        "/srv/open/made",
        "/home/carol/notes",
    ];
    let paths = names.map(|name| {
        (
            format!("/home/mallory/{name}"),
            format!("/home/mallory/{name}.other"),
        )
    });
    let hostile: Vec<_> = paths
        .iter()
        .zip(targets)
        .map(|((mine, other), target)| scene.script("mallory", EXCHANGE, &[mine, other, target]))
        .collect();
    for _renewal in 0..RENEWALS {
        scene.serve_the_honest("files exchanged with links");
    }
    scene.assert_untouched_outside("files exchanged with links");
    scene.assert_keeper_lives("files exchanged with links");
    drop(hostile);
    scene.as_root(
        "rm -rf /home/mallory/.claude.json /home/mallory/.claude /home/mallory/.claude.json.other",
    );
    scene.as_root(CLEAR);
    scene.server.wait_for_good_home("mallory");
    scene.wait_until_all_is_well("files exchanged with links");
}
