//! Stories played in a real browser: `web/tests/browser/stories`, one a test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use end_to_end::{HOURS_8, Machine};
use serde_json::json;
use testkit::documents::now_ms;
use testkit::{Process, programs, skip};

/// A browser on a machine that builds at the same time is slow.
const LIMIT: Duration = Duration::from_secs(240);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Why no story can be played here; `None` if one can.
fn missing() -> Option<String> {
    if std::env::var_os("CLAUDE_ACCOUNTS_TEST_CHROMIUM").is_none() {
        return Some("CLAUDE_ACCOUNTS_TEST_CHROMIUM does not name a browser".to_owned());
    }
    let modules = root().join("web/node_modules/playwright-core");
    (!modules.exists()).then(|| format!("{} is not there (npm ci)", modules.display()))
}

fn play(story: &str) {
    if let Some(reason) = missing() {
        return skip(&reason);
    }
    let machine = Machine::new();
    play_on(&machine, story);
}

fn play_on(machine: &Machine, story: &str) {
    install_client(machine);
    let mut command: Command = machine.home.command("node");
    let script = root().join("web/tests/browser/run.mjs");
    command.arg(script).arg(story);
    command
        .env(
            "CLAUDE_ACCOUNTS_TEST_PROGRAM",
            programs::path("claude-accounts"),
        )
        .env(
            "CLAUDE_ACCOUNTS_TEST_CHROMIUM",
            std::env::var_os("CLAUDE_ACCOUNTS_TEST_CHROMIUM").unwrap(),
        )
        .env(
            "CLAUDE_ACCOUNTS_CLAUDE",
            machine.home.bin().join("claude-shell"),
        );
    let mut process = Process::spawn(command);
    let status = process.wait(LIMIT);
    assert!(status.success(), "the story {story} failed: {status}");
}

/// The stand-in that signs in as the real one does, and has a shell where the real one has its conversation.
fn install_client(machine: &Machine) {
    let path = machine.home.bin().join("claude-shell");
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = auth ]; then exec '{}' \"$@\"; fi\nPS1='claude> ' exec /bin/bash --norc -i\n",
        machine.home.bin().join("claude").display()
    );
    testkit::documents::write_private(&path, script);
    let mut command = machine.home.command("chmod");
    command.arg("700").arg(&path);
    drop(testkit::Ran::of(command).success());
}

#[test]
fn capture_expiry_and_refresh() {
    if let Some(reason) = missing() {
        return skip(&reason);
    }
    let machine = Machine::new();
    let _ = machine.add_expired_login("work");
    let mine = machine.tokens.issue("mine");
    machine.write_own_login(&mine.credentials_expiring_at(now_ms() + HOURS_8));
    let fresh = machine.tokens.issue("fresh");
    machine.home.configure_stand_in_client(&json!({
        "supports": ["securestorage", "config-dir"],
        "login": {"credentials": fresh.credentials_expiring_at(now_ms() + HOURS_8)},
    }));
    play_on(&machine, "logins");
}

macro_rules! stories {
    ($($story:ident $file:literal)*) => {
        $(#[test] fn $story() { play($file); })*
    };
}

stories! {
    first_visit_to_a_running_terminal "first-visit"
    accounts_added_changed_and_removed "accounts"
    import_and_export "import"
    two_tabs_on_one_terminal "two-tabs"
    reload_in_the_middle_of_output "reload"
    the_server_is_restarted "restart"
    on_a_phone "phone"
    names_are_text "names"
    every_screen_is_accessible "accessible"
    by_keyboard_alone "keyboard"
    settings_and_second_factor "settings"
    a_passkey_as_second_factor "passkeys"
    terminals_as_a_workplace "terminals"
    many_accounts_at_a_glance "overview"
    a_flood_leaves_the_page_small "flood"
}
