//! Which key opens the server, and what becomes of the server's list of keys.

use crate::pair::{KEYS, Pair};
use end_to_end::LIMIT;

#[test]
fn a_key_that_works_is_used_as_it_is_and_stays() {
    let Some(pair) = Pair::with_a_known_key() else {
        return;
    };
    let before = pair.as_st("cat ~/.ssh/authorized_keys");
    let ran = pair.init(&["--name", "work", "--no-input"]).success();
    assert!(
        ran.stdout.contains("Saved the profile work (default)"),
        "{}",
        ran.stdout
    );
    assert_eq!(pair.as_st("cat ~/.ssh/authorized_keys"), before);
    assert_eq!(
        pair.status(&[])["profiles"][0]["identity"],
        "/home/dev/.ssh/mine"
    );
    // The profile knows the key from now on.
    let destination = pair.destination();
    let again = pair.run(&["init", &destination]).success();
    assert!(again.stdout.contains("Nothing to do."), "{}", again.stdout);
    drop(pair.run(&["remove", "work", "--from-server"]).success());
    assert_eq!(pair.as_st("cat ~/.ssh/authorized_keys"), before);
    assert!(pair.laptop.exists("/home/dev/.ssh/mine"));
    assert!(!pair.server.exists("/home/st/.local/bin/claude-share"));
}

#[test]
fn names_are_told_apart_and_a_shared_key_stays_with_the_last() {
    let Some(pair) = Pair::with_a_known_key() else {
        return;
    };
    drop(pair.init(&["--name", "one"]).success());
    let port = format!("{}:22", pair.destination());
    let identity = ["--identity", "/home/dev/.ssh/mine"];
    let taken = pair
        .run(&[&["init", &port, "--name", "One"], &identity[..]].concat())
        .code(4);
    assert!(taken.stderr.contains("another server"), "{}", taken.stderr);
    let two = [
        &["init", &port, "--name", "two", "--default"],
        &identity[..],
    ]
    .concat();
    drop(pair.run(&two).success());
    assert_eq!(pair.status(&[])["default"], "two");
    let table = pair.run(&["status"]).success().stdout;
    assert!(
        table.contains("*") && table.contains("~/.ssh/mine"),
        "{table}"
    );
    drop(pair.run(&["remove"]).success());
    assert_eq!(pair.status(&[])["default"], "one");
    pair.run(&["remove", "two"]).code(3);
}

#[test]
fn the_servers_list_keeps_what_it_has() {
    let Some(pair) = Pair::or_skip() else { return };
    // The last line has no end, the file is a link, and the directory can be written by the group.
    pair.as_st("mkdir -m 0775 ~/.ssh && mkdir -m 0700 ~/keys && printf '# mine\\nssh-ed25519 AAAAother other' > ~/keys/list && chmod 640 ~/keys/list && ln -s ../keys/list ~/.ssh/authorized_keys");
    let mut terminal = pair.init_with_password(&["--restrict-key"]);
    assert!(terminal.wait(LIMIT).success(), "{}", terminal.shown());
    let list = pair.as_st("cat ~/keys/list");
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines[..2], ["# mine", "ssh-ed25519 AAAAother other"]);
    assert!(
        lines[2].starts_with("restrict ssh-ed25519 AAAA") && lines.len() == 3,
        "{list}"
    );
    drop(pair.run(&["remove", "--from-server"]).success());
    assert_eq!(
        pair.as_st("cat ~/keys/list"),
        "# mine\nssh-ed25519 AAAAother other\n"
    );
    assert_eq!(
        pair.as_st("stat -c %a ~/keys/list; readlink ~/.ssh/authorized_keys"),
        "640\n../keys/list\n"
    );
    assert_eq!(pair.names("/home/st/keys"), ["list"]);
}

#[test]
fn a_key_that_was_taken_off_the_server_is_added_again_with_another_that_works() {
    let Some(pair) = Pair::with_a_known_key() else {
        return;
    };
    // ssh finds this one by itself, so no password is asked for.
    pair.as_dev("cp ~/.ssh/mine ~/.ssh/id_ed25519");
    let destination = pair.destination();
    let ran = pair.run(&["init", &destination]).success();
    assert!(ran.stdout.contains("Added the key to"), "{}", ran.stdout);
    assert_eq!(pair.as_st("wc -l < ~/.ssh/authorized_keys").trim(), "2");
    pair.as_st("sed -i '/claude-share/d' ~/.ssh/authorized_keys");
    let check = pair.run(&["status", "--check"]).code(13);
    assert!(
        check.stdout.contains("does not take the key"),
        "{}",
        check.stdout
    );
    drop(pair.run(&["init", &destination]).success());
    assert_eq!(pair.as_st("wc -l < ~/.ssh/authorized_keys").trim(), "2");
}

#[test]
fn a_key_with_a_passphrase_needs_an_agent() {
    let Some(pair) = Pair::with_a_known_key() else {
        return;
    };
    pair.as_dev("cp ~/.ssh/mine ~/.ssh/id_ed25519 && ssh-keygen -q -t ed25519 -N secret-FAKE -f ~/.ssh/closed");
    let destination = pair.destination();
    let ran = pair
        .run(&["init", &destination, "--identity", "/home/dev/.ssh/closed"])
        .code(8);
    assert!(ran.stderr.contains("ssh-add"), "{}", ran.stderr);
    let missing = pair
        .run(&["init", &destination, "--identity", "/home/dev/none"])
        .code(9);
    assert!(
        missing.stderr.contains("/home/dev/none"),
        "{}",
        missing.stderr
    );
    assert!(pair.server.exists(KEYS));
}

#[test]
fn a_name_of_sshs_own_configuration_does_and_its_key_lets_the_new_one_in() {
    let Some(pair) = Pair::with_a_known_key() else {
        return;
    };
    let address = pair.address;
    // With a master connection, of which nothing is to be left, and a forwarding that is not ours to make.
    pair.as_dev(&format!(
        "printf 'Host box\\n HostName {address}\\n User st\\n IdentityFile ~/.ssh/mine\\n ControlMaster auto\\n ControlPath ~/.ssh/%%C\\n ControlPersist yes\\n RemoteCommand false\\n' > ~/.ssh/config"
    ));
    let ran = pair.run(&["init", "box"]).success();
    assert!(
        ran.stdout.contains("Added the key to box"),
        "{}",
        ran.stdout
    );
    assert_eq!(pair.status(&[])["default"], "box");
    assert_eq!(
        pair.status(&["--check"])["profiles"][0]["check"]["is_ready"],
        true
    );
    drop(pair.run(&["remove", "--from-server"]).success());
    let names = pair.as_dev("ls ~/.ssh");
    assert_eq!(names, "config\nknown_hosts\nmine\nmine.pub\n");
}
