use serde_json::json;
use vault::{NoPassphrase, Vault, VaultPaths};

use super::{actions, ended, ids, is_signed_in, login, status};
use crate::access::Who;
use crate::access::endings::Endings;
use crate::store::Store;
use crate::testing::{Browser, PASSWORD, TestDashboard, delete, get, post};

#[tokio::test]
async fn the_right_password_opens_and_a_wrong_one_does_not() {
    let dashboard = TestDashboard::new();
    // Nobody has set one: the answer is the same.
    let before = dashboard.ask(login("FAKE wrong one")).await;
    assert_eq!(before.status, 401);
    dashboard.set_up().await;
    let answer = dashboard.ask(login("FAKE wrong one")).await;
    assert_eq!((answer.status, &answer.json), (before.status, &before.json));
    assert!(answer.cookie().is_none());
    let answer = dashboard.ask(login(PASSWORD)).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json),
        (200, &json!({"status": "ok"}))
    );
    let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
    for attribute in ["Path=/", "Max-Age=604800", "HttpOnly", "SameSite=Strict"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Secure"));
    assert_eq!(dashboard.ask(login("")).await.status, 400);
    assert_eq!(dashboard.ask(login(&"x".repeat(1025))).await.status, 400);
    let body = json!({"password": PASSWORD, "totp": "1", "recovery_code": "1"});
    assert_eq!(
        dashboard.ask(post("/api/auth/login", &body)).await.status,
        400
    );
    let body = json!({"password": PASSWORD, "remember": true});
    assert_eq!(
        dashboard.ask(post("/api/auth/login", &body)).await.status,
        400
    );
}

#[tokio::test]
async fn under_tls_the_cookie_is_for_this_host_and_tls_only() {
    let dashboard = TestDashboard::new();
    dashboard.set_up().await;
    let answer = dashboard.ask(login(PASSWORD).over_tls()).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    let cookie = answer.cookie().unwrap();
    assert!(cookie.starts_with("__Host-claude_accounts_session="));
    assert!(
        answer.headers["set-cookie"]
            .to_str()
            .unwrap()
            .ends_with("; Secure")
    );
    let ask = |cookie: &str| get("/api/auth/tokens").over_tls().header("cookie", cookie);
    assert_eq!(dashboard.ask(ask(&cookie)).await.status, 200);
    // Another site on this host could set the plain one.
    let plain = cookie.trim_start_matches("__Host-");
    assert_eq!(
        dashboard.ask(ask(plain)).await.refusal(),
        (401, "not_signed_in")
    );
}

#[tokio::test]
async fn a_planted_cookie_is_not_adopted_and_the_one_before_ends() {
    let dashboard = TestDashboard::new();
    dashboard.set_up().await;
    let planted = "claude_accounts_session=FAKEplanted";
    let answer = dashboard
        .ask(login(PASSWORD).header("cookie", planted))
        .await;
    let first = Browser {
        cookie: answer.cookie().unwrap(),
        api_token: String::new(),
    };
    assert_ne!(first.cookie, planted);
    let planted = Browser {
        cookie: planted.to_owned(),
        api_token: String::new(),
    };
    assert!(!is_signed_in(&dashboard, &planted).await);
    let id = ids(&dashboard, &first).await.remove(0);
    let mut changes = dashboard.app.events.listen();
    let answer = dashboard.ask(login(PASSWORD).by(&first)).await;
    let second = Browser {
        cookie: answer.cookie().unwrap(),
        api_token: String::new(),
    };
    assert_ne!(second.cookie, first.cookie);
    assert!(!is_signed_in(&dashboard, &first).await);
    assert!(is_signed_in(&dashboard, &second).await);
    assert_eq!(ended(&mut changes), [Who::Browser(id)]);
    // A wrong password ends nothing.
    dashboard.ask(login("FAKE wrong one").by(&second)).await;
    assert!(is_signed_in(&dashboard, &second).await);
}

#[tokio::test]
async fn signing_out_ends_the_sign_in_and_tells_sockets() {
    let dashboard = TestDashboard::new();
    let one = dashboard.set_up().await;
    let two = dashboard.sign_in().await;
    let id = ids(&dashboard, &two).await.remove(0);
    let mut changes = dashboard.app.events.listen();
    let answer = dashboard
        .ask(post("/api/auth/logout", &json!({})).by(&two))
        .await;
    assert_eq!(answer.json, json!({"status": "logged_out"}));
    assert!(
        answer.headers["set-cookie"]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    assert_eq!(ended(&mut changes), [Who::Browser(id)]);
    assert!(!is_signed_in(&dashboard, &two).await);
    assert!(is_signed_in(&dashboard, &one).await);
    // Twice, and by nobody: nothing happens.
    assert_eq!(
        dashboard
            .ask(post("/api/auth/logout", &json!({})).by(&two))
            .await
            .status,
        200
    );
    assert_eq!(
        dashboard
            .ask(post("/api/auth/logout", &json!({})))
            .await
            .status,
        200
    );
    assert!(ended(&mut changes).is_empty());
    let actions = actions(&dashboard, &one).await;
    assert_eq!(
        actions,
        ["browser: set-up", "browser: sign-in", "browser: sign-out"]
    );
}

#[tokio::test]
async fn sign_ins_are_listed_and_revoked() {
    let dashboard = TestDashboard::new();
    let one = dashboard.set_up().await;
    let ask = login(PASSWORD)
        .from("198.51.100.7")
        .header("user-agent", &"x".repeat(300));
    let two = dashboard.ask(ask).await.cookie().unwrap();
    let two = Browser {
        cookie: two,
        api_token: String::new(),
    };
    let answer = dashboard.ask(get("/api/auth/sessions").by(&one)).await;
    let list = answer.json.as_array().unwrap();
    assert_eq!(list.len(), 2);
    let other = list
        .iter()
        .find(|object| object["current"] == false)
        .unwrap();
    assert_eq!(other["address"], "198.51.100.7");
    assert_eq!(other["agent"].as_str().unwrap().len(), 200);
    let path = format!("/api/auth/sessions/{}", other["id"].as_str().unwrap());
    let mut changes = dashboard.app.events.listen();
    let answer = dashboard.ask(delete(&path).by(&one)).await;
    assert_eq!(answer.json, json!({"status": "ended"}));
    assert_eq!(ended(&mut changes).len(), 1);
    assert!(!is_signed_in(&dashboard, &two).await);
    assert_eq!(dashboard.ask(delete(&path).by(&one)).await.status, 404);
    assert_eq!(
        dashboard.ask(delete(&path)).await.refusal(),
        (401, "not_signed_in")
    );
}

#[tokio::test]
async fn a_sign_in_survives_a_restart_and_ends_with_its_time() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    let dashboard = dashboard.restarted();
    assert!(is_signed_in(&dashboard, &browser).await);
    let state = status(&dashboard, Some(&browser)).await;
    assert_eq!(state["scope"], "admin");
    assert!(state["fresh_until"].as_i64().unwrap() > crate::clock::now());
    let path = dashboard.home.vault_dir().join("dashboard.db");
    let connection = rusqlite::Connection::open(path).unwrap();
    let now = crate::clock::now();
    connection
        .execute("UPDATE sign_ins SET expires_at = ?1", [now])
        .unwrap();
    assert!(!is_signed_in(&dashboard, &browser).await);
    let state = status(&dashboard, Some(&browser)).await;
    assert_eq!(
        (&state["scope"], &state["fresh_until"]),
        (&json!(null), &json!(null))
    );
}

#[tokio::test]
async fn whose_rights_end_by_time_or_elsewhere_is_noticed() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    let other = dashboard.sign_in().await;
    let [own_id, other_id] = ids(&dashboard, &browser).await.try_into().unwrap();
    let mut endings = Endings::default();
    assert!(endings.look(&dashboard.app).is_empty());
    assert!(endings.look(&dashboard.app).is_empty());
    // Another process.
    let store = Store::open(&dashboard.home.vault_dir()).unwrap();
    store.end_sign_in(&other_id).unwrap();
    assert_eq!(endings.look(&dashboard.app), [Who::Browser(other_id)]);
    let path = dashboard.home.vault_dir().join("dashboard.db");
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .execute("UPDATE sign_ins SET expires_at = 1", [])
        .unwrap();
    assert_eq!(endings.look(&dashboard.app), [Who::Browser(own_id)]);
    assert!(!is_signed_in(&dashboard, &other).await);
    let paths = VaultPaths::new(dashboard.home.vault_dir());
    let vault = Vault::open(&paths, Box::new(NoPassphrase)).unwrap();
    let hash = vault.api_token_hash().unwrap();
    assert!(vault.replace_api_token_hash(hash.as_deref(), None).unwrap());
    let first = Who::Token {
        id: "first".to_owned(),
        name: "first".to_owned(),
    };
    assert_eq!(endings.look(&dashboard.app), [first]);
}
