//! git on a repository in the mount.

use crate::programs::{command, find, run};
use crate::session::{FAR, Session, with_far_session, with_session};

/// `$1` is where the repository comes from, `$2` where it goes.
const SCRIPT: &str = include_str!("git.sh");

pub(crate) fn script(session: &Session) {
    let mut shell = command(session, "sh", &session.beside(""));
    shell.args(["-euc", SCRIPT, "sh"]);
    shell
        .arg(session.beside("origin"))
        .arg(session.server("clone"));
    shell
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_EDITOR", "true");
    for role in ["AUTHOR", "COMMITTER"] {
        shell.env(format!("GIT_{role}_NAME"), "Test");
        shell.env(format!("GIT_{role}_EMAIL"), "test@example.org");
    }
    run(shell);
    // The laptop's own git finds nothing to say about it either.
    for arguments in [
        &["fsck", "--strict", "--full"][..],
        &["diff", "--exit-code"],
    ] {
        let mut git = command(session, "git", &session.laptop("clone"));
        git.args(arguments).env("GIT_CONFIG_NOSYSTEM", "1");
        run(git);
    }
}

#[test]
fn a_repository_is_cloned_committed_to_rebased_and_collected() {
    with_session(
        "git::a_repository_is_cloned_committed_to_rebased_and_collected",
        |session| {
            if find("git", "apt-get install git").is_some() {
                script(session);
            }
        },
    );
}

#[test]
fn a_repository_is_whole_while_the_connection_breaks() {
    with_session(
        "git::a_repository_is_whole_while_the_connection_breaks",
        |session| {
            if find("git", "apt-get install git").is_some() {
                let _cutting = session.cutting();
                script(session);
            }
        },
    );
}

#[test]
fn a_repository_is_whole_far_away() {
    // Thousands of round trips: at all of that distance it takes more than a minute.
    let round_trip = FAR / 2;
    with_far_session(
        "git::a_repository_is_whole_far_away",
        round_trip,
        |session| {
            if find("git", "apt-get install git").is_some() {
                script(session);
            }
        },
    );
}
