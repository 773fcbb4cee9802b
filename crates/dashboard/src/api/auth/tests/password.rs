use model::Secret;
use serde_json::json;
use vault::{NoPassphrase, Vault, VaultPaths};

use super::{actions, ended, ids, is_signed_in, login};
use crate::access::Who;
use crate::sign_in::reset::{Reset, ResetError, reset_password};
use crate::sign_in::werkzeug::{VECTOR_PASSWORD, VECTORS};
use crate::testing::{Browser, PASSWORD, TestDashboard, get, post};

const OTHER: &str = "FAKE another one";

fn change(current: &str, new: &str) -> crate::testing::Ask {
    let body = json!({"current_password": current, "new_password": new});
    post("/api/auth/change-password", &body)
}

fn vault(dashboard: &TestDashboard) -> Vault {
    let paths = VaultPaths::new(dashboard.home.vault_dir());
    Vault::open(&paths, Box::new(NoPassphrase)).unwrap()
}

#[tokio::test]
async fn a_change_ends_all_other_sign_ins_and_tells_their_sockets() {
    let dashboard = TestDashboard::new();
    let own = dashboard.set_up().await;
    let other = dashboard.sign_in().await;
    let [own_id, other_id] = ids(&dashboard, &own).await.try_into().unwrap();
    let mut changes = dashboard.app.events.listen();
    let answer = dashboard.ask(change(PASSWORD, OTHER).by(&own)).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    assert_eq!(answer.json, json!({"status": "password_changed"}));
    let renewed = Browser {
        cookie: answer.cookie().unwrap(),
        ..own.clone()
    };
    assert!(!is_signed_in(&dashboard, &other).await);
    assert!(
        !is_signed_in(&dashboard, &own).await,
        "the cookie before the change"
    );
    assert!(is_signed_in(&dashboard, &renewed).await);
    let told = ended(&mut changes);
    assert_eq!(told.len(), 2, "{told:?}");
    // Somebody may have copied the cookie before the change, and opened sockets with it.
    for id in [&own_id, &other_id] {
        assert!(told.contains(&Who::Browser(id.clone())), "{told:?}");
    }
    assert_eq!(ids(&dashboard, &renewed).await, [own_id]);
    assert_eq!(dashboard.ask(login(PASSWORD)).await.status, 401);
    assert_eq!(dashboard.ask(login(OTHER)).await.status, 200);
    // Tokens stay.
    let answer = dashboard
        .ask(get("/api/auth/tokens").with_token(&own.api_token))
        .await;
    assert_eq!(answer.status, 200);
    let log = actions(&dashboard, &renewed).await;
    assert!(
        log.contains(&"browser: password changed".to_owned()),
        "{log:?}"
    );
}

#[tokio::test]
async fn a_change_needs_the_present_password_and_a_good_new_one() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    assert_eq!(
        dashboard
            .ask(change("FAKE wrong one", OTHER).by(&browser))
            .await
            .status,
        401
    );
    assert_eq!(
        dashboard
            .ask(change(PASSWORD, "short").by(&browser))
            .await
            .status,
        400
    );
    assert_eq!(
        dashboard.ask(change(PASSWORD, OTHER)).await.refusal(),
        (401, "not_signed_in")
    );
    assert!(is_signed_in(&dashboard, &browser).await);
    // As older clients call it.
    let body = json!({"old_password": PASSWORD, "new_password": OTHER});
    let answer = dashboard
        .ask(post("/api/auth/change-password", &body).by(&browser))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.json);
}

#[tokio::test]
async fn a_change_by_another_process_counts_at_the_next_request() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    let vault = vault(&dashboard);
    let before = vault.password_hash().unwrap();
    // The Python program, or an older version of this one: `dashboard.db` knows nothing of it.
    assert!(
        vault
            .replace_password_hash(before.as_deref(), Some(VECTORS[0]))
            .unwrap()
    );
    assert!(!is_signed_in(&dashboard, &browser).await);
}

#[tokio::test]
async fn a_reset_works_while_the_dashboard_runs() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    for _ in 0..10 {
        dashboard.ask(login("FAKE wrong one")).await;
    }
    assert_eq!(dashboard.ask(login(PASSWORD)).await.status, 429);
    let vault = vault(&dashboard);
    let error = reset_password(&vault, &Secret::new("short"), Reset::default()).unwrap_err();
    assert!(matches!(error, ResetError::Password { .. }));
    reset_password(&vault, &Secret::new(OTHER), Reset::default()).unwrap();
    assert!(!is_signed_in(&dashboard, &browser).await);
    let answer = dashboard.ask(login(OTHER)).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    let renewed = Browser {
        cookie: answer.cookie().unwrap(),
        api_token: String::new(),
    };
    let tokens = get("/api/auth/tokens").with_token(&browser.api_token);
    assert_eq!(dashboard.ask(tokens.clone()).await.status, 200);
    let log = actions(&dashboard, &renewed).await;
    assert!(
        log.contains(&"this machine: password changed".to_owned()),
        "{log:?}"
    );
    let all = Reset {
        remove_second_factors: true,
        revoke_tokens: true,
    };
    reset_password(&vault, &Secret::new(PASSWORD), all).unwrap();
    assert_eq!(
        dashboard.ask(tokens).await.refusal(),
        (401, "not_signed_in")
    );
}

#[tokio::test]
async fn hashes_of_the_python_program_open_once_and_are_replaced() {
    for stored in VECTORS {
        let dashboard = TestDashboard::new();
        let vault = vault(&dashboard);
        assert!(vault.replace_password_hash(None, Some(stored)).unwrap());
        assert_eq!(dashboard.ask(login("FAKE wrong one")).await.status, 401);
        assert_eq!(vault.password_hash().unwrap().as_deref(), Some(stored));
        let answer = dashboard.ask(login(VECTOR_PASSWORD)).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        let browser = Browser {
            cookie: answer.cookie().unwrap(),
            api_token: String::new(),
        };
        assert!(is_signed_in(&dashboard, &browser).await);
        let replaced = vault.password_hash().unwrap().unwrap();
        assert!(replaced.starts_with("$argon2id$"), "{replaced}");
        assert_eq!(dashboard.ask(login(VECTOR_PASSWORD)).await.status, 200);
        assert_eq!(vault.password_hash().unwrap(), Some(replaced));
    }
}

#[tokio::test]
async fn a_password_given_again_makes_the_sign_in_fresh() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    let path = dashboard.home.vault_dir().join("dashboard.db");
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .execute("UPDATE sign_ins SET fresh_until = 0", [])
        .unwrap();
    let make = || {
        let body = json!({"name": "ci", "scope": "read"});
        post("/api/auth/tokens", &body).by(&browser)
    };
    assert_eq!(
        dashboard.ask(make()).await.refusal(),
        (403, "fresh_sign_in_needed")
    );
    let confirm =
        |password: &str| post("/api/auth/confirm", &json!({"password": password})).by(&browser);
    assert_eq!(dashboard.ask(confirm("FAKE wrong one")).await.status, 401);
    assert_eq!(
        dashboard.ask(make()).await.refusal(),
        (403, "fresh_sign_in_needed")
    );
    let answer = dashboard.ask(confirm(PASSWORD)).await;
    let until = answer.json["fresh_until"].as_i64().unwrap() - crate::clock::now();
    assert!((290_000..=300_000).contains(&until), "{until}");
    assert_eq!(dashboard.ask(make()).await.status, 201);
    // A clock that was set back does not make it fresh for longer.
    let until = crate::clock::now() + 3_600_000;
    connection
        .execute("UPDATE sign_ins SET fresh_until = ?1", [until])
        .unwrap();
    assert_eq!(
        dashboard.ask(make()).await.refusal(),
        (403, "fresh_sign_in_needed")
    );
    // A token is no sign-in.
    let by_token = post("/api/auth/confirm", &json!({"password": PASSWORD}));
    let answer = dashboard.ask(by_token.with_token(&browser.api_token)).await;
    assert_eq!(answer.refusal(), (403, "wrong_scope"));
}

#[tokio::test]
async fn an_export_needs_a_fresh_sign_in_or_a_token_for_everything() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    let key = "sk-ant-api03-FAKEaaaaaaaaaaaaaaabc123";
    let account = json!({"name": "work", "api_key": key});
    let added = dashboard.ask(post("/api/accounts", &account).by(&browser));
    assert_eq!(added.await.status, 201);
    let path = dashboard.home.vault_dir().join("dashboard.db");
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .execute("UPDATE sign_ins SET fresh_until = 0", [])
        .unwrap();
    let export = || get("/api/export").by(&browser);
    let refused = dashboard.ask(export()).await;
    assert_eq!(refused.refusal(), (403, "fresh_sign_in_needed"));
    assert!(!refused.json.to_string().contains(key));
    let by_token = get("/api/export").with_token(&browser.api_token);
    assert_eq!(dashboard.ask(by_token).await.json[0]["api_key"], key);
    // A token beside it makes the browser no fresher: nothing was confirmed.
    assert_eq!(dashboard.ask(export()).await.status, 403);
    let confirm = post("/api/auth/confirm", &json!({"password": PASSWORD}));
    assert_eq!(dashboard.ask(confirm.by(&browser)).await.status, 200);
    let exported = dashboard.ask(export()).await;
    assert_eq!(exported.status, 200);
    assert_eq!(exported.json[0]["api_key"], key);
}
