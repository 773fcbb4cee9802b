//! Logins of users' own, the same login signed in to again, and a login that has died.

use end_to_end::server::{Server, who};
use end_to_end::{HOURS_8, LIMIT};
use serde_json::{Value, json};
use testkit::documents::now_ms;
use testkit::wait_until;

use super::row;

/// Signs a user in by himself: the client writes tokens and identity into his home.
fn sign_in(server: &Server, user: &str, document: &Value, identity: &Value) {
    let home = if user == "root" {
        "/root".to_owned()
    } else {
        format!("/home/{user}")
    };
    let about = format!("{home}/.claude.json");
    let mut file: Value = match server.host.exists(&about) {
        true => super::json_of(server, &about),
        false => json!({}),
    };
    file["oauthAccount"] = identity.clone();
    put(server, user, &about, &file);
    put(
        server,
        user,
        &format!("{home}/.claude/.credentials.json"),
        document,
    );
}

/// As the client does: a file of the user's own, renamed into place.
fn put(server: &Server, user: &str, path: &str, document: &Value) {
    server
        .host
        .write("/root/on-its-way.json", document.to_string(), 0o600);
    let script = format!(
        "install -m 600 -o {user} -g $(id -g {user}) /root/on-its-way.json {path}.tmp && mv {path}.tmp {path}"
    );
    let _put = server.host.run(&["sh", "-c", &script]).success();
}

fn file_of(server: &Server, user: &str) -> Value {
    super::json_of(server, &format!("/home/{user}/.claude/.credentials.json"))
}

#[test]
fn a_login_of_his_own_stays_until_it_is_reclaimed() {
    let Some(server) = Server::with_users(&["usera", "userb"]) else {
        return;
    };
    let own = server.tokens.issue("own");
    let document = own.credentials_expiring_at(now_ms() + HOURS_8);
    sign_in(&server, "usera", &document, &who("own"));
    wait_until("the keeper tells", LIMIT, || {
        server
            .host
            .read_text("/var/lib/claude-share/keeper.log")
            .contains("a login of his own")
    });
    assert_eq!(row(&server, "usera")["credential"]["how"], "own_login");
    assert_eq!(row(&server, "usera")["needs_care"], false);
    drop(server.run(&["server", "sync"]).success());
    let vault = [
        "--vault",
        "/var/lib/claude-share/vault",
        "refresh",
        "default",
    ];
    server.refresh(&vault);
    server.wait_for_view("userb");
    assert_eq!(file_of(&server, "usera"), document, "nothing overwrites it");
    let about = super::json_of(&server, "/home/usera/.claude.json");
    assert_eq!(about["oauthAccount"], who("own"));
    assert_eq!(
        super::json_of(&server, "/home/userb/.claude.json")["oauthAccount"],
        who("shared")
    );

    let ran = server
        .run(&["server", "sync", "--reclaim", "usera"])
        .success();
    assert!(
        ran.stdout.contains("claude-share-backup-"),
        "where it is kept: {}",
        ran.stdout
    );
    server.wait_for_view("usera");
    let backups = server.host.run(&[
        "sh",
        "-c",
        "cat /home/usera/.claude/.credentials.json.claude-share-backup-*",
    ]);
    assert!(backups.success().stdout.contains(&own.refresh_token));
    assert_eq!(row(&server, "usera")["credential"]["how"], "view");
}

#[test]
fn the_same_login_is_taken_over_renewed_and_shown_to_all() {
    let Some(server) = Server::with_users(&["usera", "userb"]) else {
        return;
    };
    let again = server.tokens.issue("again");
    let document = again.credentials_expiring_at(now_ms() + 2 * HOURS_8);
    sign_in(&server, "usera", &document, &who("shared"));
    wait_until("the new login in both views", LIMIT, || {
        let current = Some(server.tokens.current("again").0);
        current != Some(again.access_token.clone())
            && server.shown_to("usera") == current
            && server.shown_to("userb") == current
    });
    assert_eq!(
        file_of(&server, "usera")["claudeAiOauth"]["refreshToken"],
        Value::Null
    );
    assert!(
        !server.tokens.is_current_refresh(&again.refresh_token),
        "what he held is spent"
    );
}

#[test]
fn one_that_proves_worthless_is_given_back() {
    let Some(server) = Server::with_users(&["usera", "userb"]) else {
        return;
    };
    let before = server.tokens.current("shared");
    let made_up = testkit::documents::credentials(
        "sk-ant-oat01-FAKE-made-up",
        "sk-ant-ort01-FAKE-made-up",
        now_ms() + 2 * HOURS_8,
    );
    sign_in(&server, "usera", &made_up, &who("shared"));
    wait_until("the keeper has tried it", LIMIT, || {
        server.tokens.request_count() > 0
    });
    wait_until("the old login for the others", LIMIT, || {
        server.shown_to("userb").as_deref() == Some(before.0.as_str())
    });
    wait_until("the account is well again", LIMIT, || {
        server.status()["accounts"][0]["needs_care"] != true
    });
    server.refresh(&[
        "--vault",
        "/var/lib/claude-share/vault",
        "refresh",
        "default",
    ]);
    server.wait_for_view("userb");
}

#[test]
fn a_dead_login_lives_again_when_root_signs_in() {
    let Some(server) = Server::with_users(&["usera"]) else {
        return;
    };
    server.tokens.revoke("shared");
    let mut refresh = server.host.command("/usr/local/bin/claude-accounts");
    refresh.args([
        "--vault",
        "/var/lib/claude-share/vault",
        "refresh",
        "default",
    ]);
    refresh.env("CLAUDE_ACCOUNTS_TOKEN_URL", server.tokens.url());
    assert!(!testkit::Ran::of(refresh).status.success());
    let ran = server.run(&["server", "status"]);
    assert_eq!(ran.status.code(), Some(1));
    assert!(
        ran.stdout.to_lowercase().contains("sign in"),
        "{}",
        ran.stdout
    );
    let again = server.tokens.issue("again");
    let document = again.credentials_expiring_at(now_ms() + HOURS_8);
    sign_in(&server, "root", &document, &who("shared"));
    wait_until("the new login in the view", LIMIT, || {
        server.shown_to("usera") == Some(server.tokens.current("again").0)
    });
    drop(server.run(&["server", "status"]).success());
    let root = server.host.read_text("/root/.claude/.credentials.json");
    assert!(!root.contains("refreshToken"), "{root}");
}

#[test]
fn a_keeper_killed_before_the_proof_goes_on_with_it() {
    let Some(server) = Server::with_users(&["usera", "userb"]) else {
        return;
    };
    let before = server.tokens.current("shared");
    server.tokens.hold();
    let made_up = testkit::documents::credentials(
        "sk-ant-oat01-FAKE-made-up",
        "sk-ant-ort01-FAKE-made-up",
        now_ms() + 2 * HOURS_8,
    );
    sign_in(&server, "usera", &made_up, &who("shared"));
    server.tokens.wait_for_requests(1);
    let pid = server.status()["keeper"]["pid"].to_string();
    let _killed = server.host.run(&["kill", "-KILL", &pid]).success();
    server.tokens.release();
    let keeper = server.start_keeper();
    assert_eq!(server.shown_to("userb"), Some(before.0.clone()));
    wait_until("the login before", LIMIT, || {
        keeper
            .lines()
            .iter()
            .any(|line| line.contains("the one before is back"))
            && server.shown_to("userb").as_ref() == Some(&before.0)
    });
    server.refresh(&[
        "--vault",
        "/var/lib/claude-share/vault",
        "refresh",
        "default",
    ]);
    server.wait_for_view("userb");
}
