//! From nothing to a server that is ready, with a password that is typed once; and back.

use crate::pair::{BIN, KEYS, Pair, VERSION};
use end_to_end::LIMIT;

#[test]
fn a_server_is_made_ready_again_and_given_back() {
    let Some(pair) = Pair::or_skip() else { return };
    let mut terminal = pair.init_with_password(&[]);
    let ended = terminal.wait(LIMIT);
    let shown = terminal.shown();
    assert!(ended.success(), "{shown}");
    assert_eq!(shown.matches("password:").count(), 1, "{shown}");
    let address = pair.address;
    for line in [
        "✓ Copied claude-share, claude-accounts, cs to /home/dev/.local/bin".to_owned(),
        "✓ Made a key: /home/dev/.ssh/id_ed25519_claude_share".to_owned(),
        format!("✓ Added the key to st@{address}"),
        format!("✓ st@{address} takes the key"),
        format!("✓ Saved the profile {address} (default)"),
        format!("✓ Copied claude-share {VERSION} to ~/.local/bin on the server"),
        "✓ FUSE: /dev/fuse can be used".to_owned(),
        "✓ fusermount3: /usr/local/bin/fusermount3".to_owned(),
        "✓ Claude Code: /usr/local/bin/claude".to_owned(),
        "Done. In a project, type: cs live".to_owned(),
    ] {
        assert!(shown.contains(&line), "{line:?} is missing:\n{shown}");
    }
    assert_made(&pair);
    assert_nothing_to_do(&pair);
    let ran = pair.run(&["remove", "--from-server"]).success();
    assert!(
        ran.stdout.contains("Removed the key from the server"),
        "{}",
        ran.stdout
    );
    assert_eq!(pair.as_st("cat ~/.ssh/authorized_keys"), "");
    assert!(pair.names(BIN).is_empty(), "{:?}", pair.names(BIN));
    assert_eq!(pair.status(&[])["profiles"].as_array().unwrap().len(), 0);
    assert_eq!(pair.as_dev("ls ~/.ssh").trim(), "known_hosts");
    pair.run(&["remove"]).code(3);
}

#[track_caller]
fn assert_made(pair: &Pair) {
    let line = pair.as_st("cat ~/.ssh/authorized_keys");
    let public = pair
        .laptop
        .read_text("/home/dev/.ssh/id_ed25519_claude_share.pub");
    assert_eq!(line, public, "one line, with the comment of the key itself");
    assert!(line.trim_end().ends_with(" claude-share host"), "{line}");
    let modes = pair.as_st("stat -c '%a %n' ~/.ssh ~/.ssh/* ~/.local/bin/*");
    assert_eq!(
        modes,
        format!(
            "700 /home/st/.ssh\n600 {KEYS}\n755 {BIN}/claude-accounts\n755 {BIN}/claude-share\n755 {BIN}/cs\n"
        )
    );
    assert_eq!(pair.names(BIN).len(), 3, "nothing else is left");
    pair.assert_copied(&format!("{BIN}/claude-share"));
    let status = pair.status(&["--check"]);
    let profile = &status["profiles"][0];
    assert_eq!(status["default"], pair.address.to_string());
    assert_eq!(profile["program"], format!("{BIN}/claude-share"));
    assert_eq!(profile["check"]["is_ready"], true, "{status:#}");
    assert_eq!(profile["check"]["version"], VERSION);
    let modes = pair.as_dev(
        "stat -c %a ~/.claude-share ~/.claude-share/client.json ~/.ssh/id_ed25519_claude_share",
    );
    assert_eq!(modes, "700\n600\n600\n");
}

/// Not even a time changes.
#[track_caller]
fn assert_nothing_to_do(pair: &Pair) {
    let times = "find ~/.ssh ~/.local ~/.claude-share -printf '%p %T@ %C@\\n' 2>/dev/null | sort";
    let look = || (pair.as_st(times), pair.as_dev(times));
    let before = look();
    let destination = pair.destination();
    let ran = pair.run(&["init", &destination, "--no-input"]).success();
    assert!(ran.stdout.contains("Nothing to do."), "{}", ran.stdout);
    assert_eq!(look(), before);
}

#[test]
fn who_may_not_be_asked_is_told() {
    let Some(pair) = Pair::or_skip() else { return };
    let destination = pair.destination();
    let ran = pair.run(&["init", &destination, "--no-input"]).code(8);
    assert!(ran.stderr.contains("ssh may not ask"), "{}", ran.stderr);
    // Known, but the key is not: no terminal is there to ask on.
    pair.know_the_server();
    let ran = pair.run(&["init", &destination]).code(8);
    assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
    assert!(!pair.server.exists(KEYS));
    assert_eq!(pair.status(&[])["profiles"].as_array().unwrap().len(), 0);
}

#[test]
fn a_server_that_is_not_there_or_is_another_one_is_refused() {
    let Some(pair) = Pair::or_skip() else { return };
    let closed = format!("{}:2222", pair.destination());
    let ran = pair.run(&["init", &closed]).code(8);
    assert!(ran.stderr.contains("Connection refused"), "{}", ran.stderr);
    pair.as_dev("ssh-keygen -q -t ed25519 -N '' -f ~/other && umask 077 && mkdir -p ~/.ssh");
    let line = format!("{} $(cat ~/other.pub)", pair.address);
    pair.as_dev(&format!("echo \"{line}\" > ~/.ssh/known_hosts"));
    let destination = pair.destination();
    let mut terminal = pair.terminal(&["init", &destination]);
    assert_eq!(terminal.wait(LIMIT).code(), Some(8), "{}", terminal.shown());
    assert!(
        !terminal.shown().contains("password:"),
        "{}",
        terminal.shown()
    );
    for wrong in ["st@", "st@host:0", "st@::1"] {
        pair.run(&["init", wrong]).code(9);
    }
    pair.run(&["init", "--", "-oProxyCommand=touch /tmp/x"])
        .code(9);
}

#[test]
fn a_wrong_password_changes_nothing() {
    let Some(pair) = Pair::or_skip() else { return };
    pair.know_the_server();
    let destination = pair.destination();
    let mut terminal = pair.terminal(&["init", &destination]);
    for attempt in 1..=3 {
        testkit::wait_until("ssh's question", LIMIT, || {
            terminal.shown().matches("password:").count() >= attempt
        });
        terminal.type_text("wrong\r");
    }
    assert_eq!(terminal.wait(LIMIT).code(), Some(8), "{}", terminal.shown());
    assert!(!pair.server.exists("/home/st/.ssh"));
}
