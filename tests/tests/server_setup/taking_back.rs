//! `uninstall` leaves everybody with what he had.

use end_to_end::HOURS_8;
use end_to_end::server::Server;
use testkit::documents::now_ms;

#[test]
fn everybody_has_what_he_had() {
    let Some(server) = Server::or_skip() else {
        return;
    };
    let _login = server.sign_in_as_root(HOURS_8);
    server.host.add_user("frida");
    let as_frida = |script: &str| server.host.run_as("frida", &["sh", "-c", script]).success();
    let _made = as_frida(
        "umask 077; mkdir ~/.claude; echo '{\"model\":\"mine\"}' > ~/.claude/settings.json; \
         ln -s elsewhere.json ~/.claude/settings.local.json; printf 'alias x=y' >> ~/.bashrc",
    );
    let before = super::contents_of_home(&server, "frida");
    let passwd = server.host.read_text("/etc/passwd");
    let set_up = server.init(&[], &[]).success();
    assert!(
        set_up
            .stdout
            .contains("No user is managed yet: claude-share server add-user NAME"),
        "{}",
        set_up.stdout
    );
    drop(server.run(&["add-user", "frida", "--existing"]).success());
    server.wait_for_keeper();
    server.wait_for_view("frida");
    server.refresh(&[
        "--vault",
        "/var/lib/claude-share/vault",
        "refresh",
        "default",
    ]);

    let ran = server.run(&["server", "uninstall", "-y"]).success();
    assert!(
        ran.stdout.contains("/var/lib/claude-share/vault"),
        "what is left: {}",
        ran.stdout
    );
    let after: Vec<String> = super::contents_of_home(&server, "frida")
        .into_iter()
        .filter(|line| !line.contains(" .claude.json "))
        .collect();
    assert_eq!(after, before);
    assert_eq!(server.host.read_text("/etc/passwd"), passwd);
    assert!(!server.host.read_text("/etc/group").contains("claudeshare"));
    assert!(!server.host.exists("/etc/claude-share/config"));
    let root = super::json_of(&server, "/root/.claude/.credentials.json");
    let (access, refresh) = server.tokens.current("shared");
    assert_eq!(
        root["claudeAiOauth"]["accessToken"], access,
        "the newest generation"
    );
    assert_eq!(
        root["claudeAiOauth"]["refreshToken"], refresh,
        "whole again"
    );
    assert!(root["claudeAiOauth"]["expiresAt"].as_u64() > Some(now_ms()));
    let processes = server.host.run(&["ps", "-eo", "args"]).success().stdout;
    assert!(!processes.contains("claude-share"), "{processes}");
    // And it can be set up anew.
    drop(server.init(&["usera"], &[]).success());
    server.wait_for_keeper();
    server.wait_for_view("usera");
}
