use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Map, Value, json};

use super::servers::{MOST_BYTES, MOST_SERVERS};
use super::*;
use crate::ShareError;

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

/// Merges the file of a user who shares the login of the account `main`, and applies the patch.
fn round(common: &mut Common, user: &str, file: &mut Map<String, Value>) -> Merged {
    round_as(common, user, (Some("main"), true), file)
}

fn round_as(
    common: &mut Common,
    user: &str,
    (account, shares_login): (Option<&str>, bool),
    file: &mut Map<String, Value>,
) -> Merged {
    let merged = merge(common, user, account, shares_login, &extract(file));
    if let Some(patch) = &merged.patch {
        assert!(patch.apply(file));
        confirm(common, user, patch);
    }
    merged
}

fn anna() -> Value {
    json!({ "accountUuid": "a", "organizationUuid": "o", "displayName": "Anna" })
}

fn bert() -> Value {
    json!({ "accountUuid": "b", "organizationUuid": "o", "displayName": "Bert" })
}

#[test]
fn a_file_begun_anew_takes_nothing_from_the_others() {
    let mut common = Common::default();
    let mut file = map(json!({
        "hasCompletedOnboarding": true, "lastOnboardingVersion": "2.1", "mcpServers": { "x": { "command": "x" } },
    }));
    let whole = file.clone();
    drop(round(&mut common, "anna", &mut file));
    // As the client leaves it after damage and `mcp add`, and as other programs may.
    for damaged in [
        json!({ "installMethod": "unknown", "mcpServers": { "z": {} } }),
        json!({}),
        json!({ "hasCompletedOnboarding": true, "mcpServers": "damage" }),
        json!({ "hasCompletedOnboarding": true, "mcpServers": null }),
        json!({ "hasCompletedOnboarding": true }),
    ] {
        let mut file = map(damaged);
        drop(round(&mut common, "anna", &mut file));
        assert_eq!(file["mcpServers"]["x"], whole["mcpServers"]["x"]);
        assert_eq!(file["mcpServers"]["z"], json!({}));
        assert_eq!(file["hasCompletedOnboarding"], true);
        assert_eq!(file["lastOnboardingVersion"], "2.1");
    }
    file["mcpServers"] = json!({});
    drop(round(&mut common, "anna", &mut file));
    assert!(
        common.mcp_servers().is_empty(),
        "an empty object is a removal"
    );
}

#[test]
fn damage_stays_where_there_is_nothing_to_carry() {
    let mut common = Common::default();
    let mut file =
        map(json!({ "mcpServers": [1], "lastOnboardingVersion": 7, "oauthAccount": "?" }));
    assert_eq!(round(&mut common, "anna", &mut file).patch, None);
}

#[test]
fn what_is_no_server_stays_in_its_file() {
    let mut common = Common::default();
    let mut annas = map(json!({ "mcpServers": { "x": { "command": "x" }, "odd": 5, "y": {} } }));
    let mut berts = Map::new();
    drop(round(&mut common, "anna", &mut annas));
    drop(round(&mut common, "bert", &mut berts));
    assert_eq!(
        berts["mcpServers"],
        json!({ "x": { "command": "x" }, "y": {} })
    );

    annas["mcpServers"]["x"] = Value::Null;
    assert!(!round(&mut common, "anna", &mut annas).common_changed);
    berts["mcpServers"] = json!({ "x": { "command": "x" } });
    drop(round(&mut common, "bert", &mut berts));
    drop(round(&mut common, "anna", &mut annas));
    assert_eq!(annas["mcpServers"], json!({ "x": null, "odd": 5 }));
}

#[test]
fn a_user_never_seen_adds_and_does_not_overrule() {
    let mut common = Common::default();
    let mut annas =
        map(json!({ "mcpServers": { "x": { "command": 1 } }, "lastOnboardingVersion": "1" }));
    let mut berts = map(json!({
        "mcpServers": { "x": { "command": 2 }, "y": {} }, "lastOnboardingVersion": "2",
    }));
    drop(round(&mut common, "anna", &mut annas));
    drop(round(&mut common, "bert", &mut berts));
    drop(round(&mut common, "anna", &mut annas));
    assert_eq!(
        annas["mcpServers"],
        json!({ "x": { "command": 1 }, "y": {} })
    );
    assert_eq!(extract(&annas), extract(&berts));

    berts["lastOnboardingVersion"] = json!("3");
    annas["lastOnboardingVersion"] = json!("x".repeat(LONGEST_VERSION + 1));
    drop(round(&mut common, "bert", &mut berts));
    drop(round(&mut common, "anna", &mut annas));
    assert_eq!(annas["lastOnboardingVersion"], "3");

    // Known by an empty file is known: his later change wins.
    let mut common = Common::default();
    let mut annas = Map::new();
    drop(round_as(&mut common, "anna", (None, false), &mut annas));
    drop(round(&mut common, "bert", &mut berts));
    annas.insert("mcpServers".to_owned(), json!({ "x": { "command": 4 } }));
    drop(round_as(&mut common, "anna", (None, false), &mut annas));
    assert_eq!(common.mcp_servers()["x"], json!({ "command": 4 }));
}

#[test]
fn too_much_is_not_carried_and_not_taken_away() {
    let mut common = Common::default();
    let servers = (0..=MOST_SERVERS).map(|number| (format!("{number}"), json!({})));
    let mut annas = map(json!({ "mcpServers": servers.collect::<Map<_, _>>() }));
    let merged = round(&mut common, "anna", &mut annas);
    assert!(merged.refused.unwrap().contains("`1000` is not carried"));
    assert_eq!(merged.patch, None);
    assert_eq!(common.mcp_servers().len(), MOST_SERVERS);

    let mut berts = map(json!({ "mcpServers": { "big": { "command": "x".repeat(MOST_BYTES) } } }));
    let before = berts.clone();
    let refused = round(&mut common, "bert", &mut berts).refused;
    assert!(refused.unwrap().contains("1000 already"));
    assert_eq!(berts["mcpServers"]["big"], before["mcpServers"]["big"]);
    berts["mcpServers"] = before["mcpServers"].clone();
    berts["mcpServers"]["0"] = json!({});
    let refused = round(&mut common, "bert", &mut berts).refused;
    assert!(refused.unwrap().contains("bytes"));
    assert_eq!(common.mcp_servers().len(), 1);

    // Now there is room for what Anna could not add, and the rest is gone.
    let merged = round(&mut common, "anna", &mut annas);
    assert_eq!(merged.refused, None);
    assert_eq!(annas["mcpServers"], json!({ "0": {}, "1000": {} }));
}

#[test]
fn the_shared_account_is_shown_kept_up_to_date_and_put_back() {
    let mut common = Common::default();
    assert!(common.set_account("main", anna()));
    assert!(!common.set_account("main", anna()) && !common.set_account("main", json!(7)));
    let (mut one, mut two) = (map(json!({ "a": 1, "oauthAccount": bert() })), Map::new());
    drop(round(&mut common, "one", &mut one));
    drop(round(&mut common, "two", &mut two));
    assert_eq!(
        (&one["oauthAccount"], &two["oauthAccount"]),
        (&anna(), &anna())
    );

    one["oauthAccount"]["displayName"] = json!("Anna B.");
    assert!(round(&mut common, "one", &mut one).common_changed);
    drop(round(&mut common, "two", &mut two));
    assert_eq!(one["oauthAccount"], two["oauthAccount"]);
    assert_eq!(common.account("main"), Some(&one["oauthAccount"]));

    for other in [
        bert(),
        json!("damage"),
        Value::Null,
        json!({}),
        json!({ "a": "x".repeat(20_000) }),
    ] {
        two["oauthAccount"] = other;
        assert!(!round(&mut common, "two", &mut two).common_changed);
        assert_eq!(one["oauthAccount"], two["oauthAccount"]);
    }
}

#[test]
fn another_accounts_identity_is_replaced_or_removed_and_a_login_of_his_own_is_left_alone() {
    let mut common = Common::default();
    common.set_account("main", anna());
    common.set_account("second", bert());
    let file = map(json!({ "first": 1, "oauthAccount": anna(), "last": 1 }));
    let after = |common: &mut Common, account, shares| {
        let mut file = file.clone();
        drop(round_as(common, "user", (account, shares), &mut file));
        assert_eq!(file.keys().next_back().unwrap(), "last");
        file.get("oauthAccount").cloned()
    };
    assert_eq!(after(&mut common, Some("second"), true), Some(bert()));
    assert_eq!(after(&mut common, Some("key"), false), None);
    assert_eq!(after(&mut common, Some("no record"), true), None);
    assert_eq!(after(&mut common, Some("main"), false), Some(anna()));
    assert_eq!(after(&mut common, None, false), Some(anna()));
    let mut own = map(json!({ "oauthAccount": { "accountUuid": "own" } }));
    assert_eq!(
        round_as(&mut common, "own", (Some("key"), false), &mut own).patch,
        None
    );
}

#[test]
fn an_unknown_account_is_learned_only_from_what_its_login_wrote() {
    let mut common = Common::default();
    let mut file = map(json!({ "oauthAccount": anna() }));
    drop(round(&mut common, "user", &mut file));
    assert_eq!(
        common.account("main"),
        None,
        "it may be from a login that he had before"
    );
    file["oauthAccount"] = bert();
    assert!(round(&mut common, "user", &mut file).common_changed);
    assert_eq!(common.account("main"), Some(&bert()));
}

#[test]
fn a_patch_is_for_the_file_that_it_was_made_from() {
    let patch = ClaudeJsonPatch {
        expected: map(json!({ "hasCompletedOnboarding": false, "oauthAccount": {} })),
        set: map(json!({ "hasCompletedOnboarding": true, "oauthAccount": null, "projects": 1 })),
    };
    let mut file = map(json!({
        "a": 1, "oauthAccount": {}, "projects": {}, "hasCompletedOnboarding": false, "z": 1,
    }));
    assert!(patch.apply(&mut file));
    let text = serde_json::to_string(&file).unwrap();
    assert_eq!(
        text,
        r#"{"a":1,"projects":{},"hasCompletedOnboarding":true,"z":1}"#
    );
    assert!(!patch.apply(&mut file));
    assert_eq!(serde_json::to_string(&file).unwrap(), text);
}

#[test]
fn nothing_secret_is_shown() {
    let mut common = Common::default();
    let mut file = map(json!({ "mcpServers": { "x": { "env": { "KEY": "s3cret" } } } }));
    drop(round(&mut common, "anna", &mut file));
    let merged = merge(&mut common, "bert", None, false, &Map::new());
    let shown = format!("{common:?} {merged:?} {:?}", merged.patch.clone().unwrap());
    assert!(
        merged.patch.is_some() && !shown.contains("s3cret"),
        "{shown}"
    );
}

#[test]
fn the_file_is_private_and_comes_back_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("claude-json.json");
    let mut common = Common::load(&path).unwrap();
    assert_eq!(common, Common::default());
    common.set_account("main", anna());
    let mut file = map(json!({ "hasCompletedOnboarding": true, "mcpServers": { "x": {} } }));
    drop(round(&mut common, "anna", &mut file));
    drop(merge(&mut common, "bert", Some("main"), true, &Map::new()));
    common.store(&path).unwrap();
    assert_eq!(Common::load(&path).unwrap(), common);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(common.remove_user("bert") && !common.remove_user("bert"));

    for damage in [
        r#"{"format":1,"onboarded":"s3cret"}"#,
        r#"{"format":9}"#,
        "{",
        "",
    ] {
        vault::durable::write(
            &path,
            damage.as_bytes(),
            0o600,
            vault::durable::Placing::Replace,
        )
        .unwrap();
        let error = Common::load(&path).unwrap_err();
        assert!(
            matches!(error, ShareError::State { .. }) && !error.to_string().contains("s3cret"),
            "{error}"
        );
    }
}

#[test]
fn a_thousand_users_stay_small() {
    let mut common = Common::default();
    let servers = (0..20).map(|number| (format!("server {number}"), json!({ "command": number })));
    let mut file = map(json!({ "mcpServers": servers.collect::<Map<_, _>>() }));
    for user in 0..1_000 {
        drop(round(&mut common, &format!("user{user}"), &mut file));
    }
    let bytes = serde_json::to_vec(&common).unwrap().len();
    assert!(bytes < 800_000, "{bytes}");
}
