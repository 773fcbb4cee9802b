//! The client is asked what it supports.

use std::ffi::OsStr;
use std::fs;

use launch::{ClientIdentity, LaunchError, SupportCache, ViewSupport, probe};
use serde_json::{Value, json};
use testkit::{TestHome, in_loopback_only, skip};

fn probed(home: &TestHome, supports: &Value) -> ViewSupport {
    let client = home.install_stand_in_client();
    home.configure_stand_in_client(&json!({"supports": supports, "record": true}));
    let scratch = home.runtime().join("claude-accounts");
    let support = probe(&client, &scratch, Some(OsStr::new("/usr/bin:/bin"))).unwrap();
    assert_eq!(fs::read_dir(scratch).unwrap().count(), 0, "wiped");
    for call in home.client_calls() {
        assert_eq!(call.argv[1..], ["auth", "status", "--json"]);
        assert_eq!(call.env["ANTHROPIC_BASE_URL"], "http://127.0.0.1:9");
        assert!(call.env["HOME"].starts_with(home.runtime().to_str().unwrap()));
        assert!(!format!("{call:?}").contains("sk-ant-"));
    }
    support
}

#[test]
fn support_is_what_the_client_shows() {
    for (supports, expected, calls) in [
        (
            json!(["securestorage", "config-dir"]),
            ViewSupport::SecureStorage,
            2,
        ),
        (json!(["securestorage"]), ViewSupport::SecureStorage, 2),
        (json!(["config-dir"]), ViewSupport::ConfigDirectory, 3),
        (json!([]), ViewSupport::Neither, 3),
    ] {
        let home = TestHome::new();
        assert_eq!(probed(&home, &supports), expected, "{supports}");
        assert_eq!(home.client_calls().len(), calls);
    }
}

#[test]
fn support_is_remembered_for_this_very_client() {
    let home = TestHome::new();
    let support = probed(&home, &json!(["config-dir"]));
    let cache = SupportCache::new(home.root());
    let client = ClientIdentity::of(&home.bin().join("claude")).unwrap();
    assert_eq!(cache.lookup(&client), None);
    cache.remember(&client, support).unwrap();
    assert_eq!(
        SupportCache::new(home.root()).lookup(&client),
        Some(support)
    );
    let touched = ClientIdentity {
        mtime_ns: client.mtime_ns + 1,
        ..client
    };
    assert_eq!(cache.lookup(&touched), None);
}

#[test]
fn a_client_that_cannot_be_started_gives_no_answer() {
    let home = TestHome::new();
    let error = probe(&home.root().join("none"), &home.runtime(), None).unwrap_err();
    assert!(matches!(error, LaunchError::Start { .. }), "{error}");
}

#[test]
fn the_real_client_supports_secure_storage() {
    #[allow(
        clippy::disallowed_methods,
        reason = "the environment says where the real client is"
    )]
    let Some(client) = std::env::var_os("CLAUDE_ACCOUNTS_TEST_REAL_CLIENT") else {
        return skip("CLAUDE_ACCOUNTS_TEST_REAL_CLIENT names no client");
    };
    in_loopback_only("probe::the_real_client_supports_secure_storage", || {
        let home = TestHome::new();
        let path = Some(OsStr::new("/usr/local/bin:/usr/bin:/bin"));
        let support = probe(client.as_ref(), &home.runtime(), path).unwrap();
        assert_eq!(support, ViewSupport::SecureStorage);
    });
}
