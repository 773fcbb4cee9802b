//! Users who are deleted, and others who get their numbers or their names.

use end_to_end::LIMIT;
use end_to_end::server::VAULT;
use testkit::{Ran, wait_until};

use crate::scene::{Scene, user_of};

const KEY: &str = "sk-ant-api03-FAKE-key-of-a-deleted-one";

/// Has asked before it says that it has begun.
const ASK: &str = r#"
import socket
one = socket.socket(socket.AF_UNIX)
one.connect('/run/claude-share/keeper.sock')
one.sendall(b'key\n')
print('begun', flush=True)
print(one.makefile().readline(), flush=True)
"#;

/// What is below `$1` of `$2`, that is not from the skeleton.
const LEFT: &str = "find \"$1\" -mindepth 1 -user \"$2\" ! -name '.bash*' ! -name .profile ! -name .face ! -name '.face.icon'";

/// What `user` is told when he asks for his key.
fn key_of(scene: &Scene, user: &str) -> Ran {
    scene.host().run_quickly_as(user, &["claude-share", "key"])
}

fn assert_gets_nothing(scene: &Scene, user: &str) {
    let ran = key_of(scene, user);
    assert!(
        !ran.status.success() && !ran.stdout.contains("FAKE"),
        "{ran:#?}"
    );
}

/// Deletes a user, as root has to: not while a process of his runs, and be it one of ours.
fn delete(scene: &Scene, command: &str) {
    let mut said = String::new();
    wait_until(command, LIMIT, || {
        let ran = scene.host().run(&["sh", "-c", command]);
        said.push_str(&ran.stderr);
        let name = command.rsplit(' ').next().unwrap();
        assert!(said.len() < 2000, "{said}");
        !scene.host().has_user(name)
    });
    eprintln!("{command}: {said}");
}

#[test]
fn deleted_users_and_their_numbers() {
    let Some(mut scene) = Scene::with(&["quit", "gone", "keyed", "renamed"]) else {
        return;
    };
    let mut command = scene.host().command("claude-accounts");
    command.args(["--vault", VAULT, "add", "billed", "--key-stdin"]);
    drop(Ran::with_input(command, KEY.as_bytes()).success());
    drop(
        scene
            .server
            .run(&["server", "assign", "keyed", "billed"])
            .success(),
    );
    assert_eq!(key_of(&scene, "keyed").success().stdout, format!("{KEY}\n"));

    // Deleted, with the home and without, while there is work for everybody.
    let numbers = ["quit", "gone", "keyed", "renamed"].map(|name| scene.host().uid_of(name));
    for command in [
        "userdel quit",
        "userdel -r gone",
        "userdel -r keyed",
        "userdel -r renamed",
    ] {
        scene.server.renew();
        delete(&scene, command);
    }
    // Others get their numbers, and one a name, as soon as they are free.
    for (number, name) in numbers.iter().zip(["mallory", "mallet", "eve"]) {
        let number = number.to_string();
        scene
            .host()
            .run(&["useradd", "-m", "-s", "/bin/bash", "-u", &number, name])
            .success();
        assert_gets_nothing(&scene, name);
    }
    scene
        .host()
        .run(&["useradd", "-m", "-s", "/bin/bash", "-u", "4000", "renamed"])
        .success();
    let before = scene.as_root("cat /home/quit/.claude/.credentials.json");
    scene.note_outside();
    for _renewal in 0..3 {
        scene.serve_the_honest("users deleted");
    }
    let status = scene.server.status();
    for name in ["quit", "gone", "keyed", "renamed"] {
        let told = user_of(&status, name);
        assert!(
            told["needs_care"] == true && told["problem"].is_string(),
            "{told}"
        );
        eprintln!("{name}: {}", told["problem"]);
    }
    drop(scene.server.run(&["server", "status"]).code(1));
    // Neither the keeper nor a command gives the new ones anything.
    drop(scene.server.run(&["server", "sync"]));
    scene.serve_the_honest("users deleted");
    for name in ["mallory", "mallet", "eve", "renamed"] {
        let home = format!("/home/{name}");
        let left = scene
            .host()
            .run(&["sh", "-c", LEFT, "sh", &home, name])
            .success();
        assert_eq!(left.stdout, "", "{name}");
        assert_gets_nothing(&scene, name);
    }
    // The home that was left is nobody's business any more: it now has the number of another user.
    assert_eq!(
        scene.as_root("cat /home/quit/.claude/.credentials.json"),
        before
    );
    scene.assert_harmless("users deleted");

    for name in ["quit", "gone", "keyed", "renamed"] {
        drop(
            scene
                .server
                .run(&["server", "remove-user", name, "-y"])
                .success(),
        );
    }
    scene.wait_until_all_is_well("users deleted");
    assert_eq!(
        scene.as_root("cat /home/quit/.claude/.credentials.json"),
        before
    );
}

/// Deleted in the midst of work in his home, many times.
#[test]
fn deleted_and_back_while_work_goes_on() {
    let Some(mut scene) = Scene::with(&["mallory"]) else {
        return;
    };
    let number = scene.host().uid_of("mallory").to_string();
    for round in 0..5 {
        scene.server.renew();
        // Without a word of the keeper's: it may be at work.
        scene.as_root("rm -f /home/mallory/.claude/.credentials.json");
        delete(
            &scene,
            if round % 2 == 0 {
                "userdel -r mallory"
            } else {
                "userdel mallory"
            },
        );
        let add = format!("useradd -m -s /bin/bash -u {number} mallory 2> /dev/null");
        scene.as_root(&add);
        scene.note_outside();
        scene.assert_harmless("deleted and back");
        // The same name and number is the same user.
        scene.server.wait_for_good_home("mallory");
    }
    // The group is root's to give.
    drop(scene.server.run(&["server", "sync"]).success());
    wait_until("a status without care", LIMIT, || {
        scene.server.run(&["server", "status"]).status.success()
    });
}

/// The keeper hears of the new user and of his question in the same moment.
#[test]
fn a_number_that_has_changed_hands_just_before_the_question() {
    let Some(scene) = Scene::with(&["keyed"]) else {
        return;
    };
    let mut command = scene.host().command("claude-accounts");
    command.args(["--vault", VAULT, "add", "billed", "--key-stdin"]);
    drop(Ran::with_input(command, KEY.as_bytes()).success());
    drop(
        scene
            .server
            .run(&["server", "assign", "keyed", "billed"])
            .success(),
    );
    assert_eq!(key_of(&scene, "keyed").success().stdout, format!("{KEY}\n"));
    let number = scene.host().uid_of("keyed");
    let signal = |name: &str| scene.as_root(&format!("kill -{name} {}", scene.keeper_pid()));
    signal("STOP");
    scene.as_root(&format!(
        "userdel -r keyed 2> /dev/null && useradd -m -u {number} eve"
    ));
    let mut asking = scene.script("eve", ASK, &[]);
    signal("CONT");
    assert!(asking.wait(LIMIT).success());
    let answer = asking.wait_for_line(1, LIMIT);
    assert!(
        answer.contains("not managed") && !answer.contains(KEY),
        "{answer}"
    );
    scene.serve_the_honest("a number that has changed hands");
    scene.assert_keeper_lives("a number that has changed hands");
}
