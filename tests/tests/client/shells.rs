//! Login shells, and what users' own files do.

use crate::pair::{Pair, VERSION};

fn login_with(pair: &Pair, shell: &str) {
    pair.server.run(&["usermod", "-s", shell, "st"]).success();
    let ran = pair.init(&[]).success();
    assert!(
        ran.stdout.contains("✓ Claude Code: "),
        "{shell}: {}",
        ran.stdout
    );
    let status = pair.status(&["--check"]);
    assert_eq!(
        status["profiles"][0]["check"]["version"], VERSION,
        "{shell}: {status:#}"
    );
    drop(pair.run(&["remove", "--from-server"]).success());
}

#[test]
fn every_login_shell_does() {
    let Some(pair) = Pair::with_a_known_key() else {
        return;
    };
    let mut tried = 0;
    for shell in ["/bin/dash", "/usr/bin/zsh", "/usr/bin/fish", "/bin/tcsh"] {
        if pair.server.exists(shell) {
            login_with(&pair, shell);
            tried += 1;
        }
    }
    if tried == 0 {
        testkit::skip("there is no other login shell than bash");
    }
}

#[test]
fn what_users_files_print_and_where_the_home_is_does_not_matter() {
    let Some(pair) = Pair::with_a_known_key() else {
        return;
    };
    pair.server
        .run(&["usermod", "-m", "-d", "/home/s t'é $x", "st"])
        .success();
    let noise = "echo 'Welcome!'; printf 'claude-share:begin\\nhome=/wrong\\n'; printf 'no end'; echo oops >&2\n";
    pair.as_st_with(
        "cat - ~/.bashrc > ~/new && mv ~/new ~/.bashrc",
        noise.as_bytes(),
    );
    pair.as_st_with(
        "cat >> ~/.profile",
        format!("{noise}PATH=$HOME/tools:$PATH\n").as_bytes(),
    );
    pair.as_st(
        "mkdir ~/tools && printf '#!/bin/sh\\n' > ~/tools/claude && chmod 755 ~/tools/claude",
    );
    let ran = pair.init(&[]).success();
    assert!(
        ran.stdout
            .contains("✓ Claude Code: /home/s t'é $x/tools/claude"),
        "{}",
        ran.stdout
    );
    let program = "/home/s t'é $x/.local/bin/claude-share";
    pair.assert_copied(program);
    assert_eq!(pair.status(&[])["profiles"][0]["program"], program);
    drop(pair.run(&["remove", "--from-server"]).success());
    assert!(!pair.server.exists(program));
}

#[test]
fn a_user_without_a_shell_is_told() {
    let Some(pair) = Pair::with_a_known_key() else {
        return;
    };
    pair.server
        .run(&["usermod", "-s", "/usr/sbin/nologin", "st"])
        .success();
    let ran = pair.init(&[]).code(13);
    assert!(ran.stderr.contains("not available"), "{}", ran.stderr);
}
