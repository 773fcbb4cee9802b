use serde_json::{Value, json};
use vault::{NoPassphrase, Vault, VaultPaths};

use super::{actions, ended};
use crate::access::Who;
use crate::store::Digest;
use crate::testing::{Browser, TestDashboard, delete, get, post};

async fn make(dashboard: &TestDashboard, browser: &Browser, body: Value) -> Value {
    let answer = dashboard
        .ask(post("/api/auth/tokens", &body).by(browser))
        .await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    answer.json
}

#[tokio::test]
async fn a_token_has_a_name_a_scope_and_an_end() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    let body = json!({"name": " ci ", "scope": "launch", "expires_in_days": 7});
    let made = make(&dashboard, &browser, body).await;
    let token = made["token"].as_str().unwrap();
    assert_eq!(
        (&made["name"], &made["scope"]),
        (&json!("ci"), &json!("launch"))
    );
    let left = made["expires_at"].as_i64().unwrap() - crate::clock::now();
    assert!(
        (7 * 86_400_000 - 60_000..=7 * 86_400_000).contains(&left),
        "{left}"
    );
    let list = dashboard
        .ask(get("/api/auth/tokens").by(&browser))
        .await
        .json;
    assert_eq!(list[0]["id"], "first");
    assert_eq!(list[1]["id"], made["id"]);
    assert!(!list.to_string().contains(token));
    // It is known, and may not do what needs more.
    for header in [
        ("x-auth-token", token.to_owned()),
        ("authorization", format!("Bearer {token}")),
    ] {
        let answer = dashboard
            .ask(get("/api/auth/tokens").header(header.0, &header.1))
            .await;
        assert_eq!(answer.refusal(), (403, "wrong_scope"));
        let answer = dashboard
            .ask(get("/api/auth/status").header(header.0, &header.1))
            .await;
        assert_eq!(
            (&answer.json["authenticated"], &answer.json["scope"]),
            (&json!(true), &json!("launch"))
        );
    }
    let used = dashboard
        .ask(get("/api/auth/tokens").by(&browser))
        .await
        .json;
    assert!(used[1]["last_used_at"].as_i64().is_some());
    let path = dashboard.home.vault_dir().join("dashboard.db");
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .execute("UPDATE tokens SET expires_at = ?1", [crate::clock::now()])
        .unwrap();
    let answer = dashboard
        .ask(get("/api/auth/tokens").with_token(token))
        .await;
    assert_eq!(answer.refusal(), (401, "not_signed_in"));
    let list = dashboard
        .ask(get("/api/auth/tokens").by(&browser))
        .await
        .json;
    assert_eq!(list.as_array().unwrap().len(), 2, "it stays in the list");
}

#[tokio::test]
async fn a_token_is_revoked_and_its_sockets_are_told() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    let made = make(
        &dashboard,
        &browser,
        json!({"name": "ci", "scope": "admin"}),
    )
    .await;
    let (id, token) = (
        made["id"].as_str().unwrap(),
        made["token"].as_str().unwrap(),
    );
    assert_eq!(made["expires_at"], Value::Null);
    let tokens = || get("/api/auth/tokens").with_token(token);
    assert_eq!(dashboard.ask(tokens()).await.status, 200);
    let mut changes = dashboard.app.events.listen();
    let path = format!("/api/auth/tokens/{id}");
    let answer = dashboard.ask(delete(&path).by(&browser)).await;
    assert_eq!(answer.json, json!({"status": "revoked"}));
    let gone = Who::Token {
        id: id.to_owned(),
        name: "ci".to_owned(),
    };
    assert_eq!(ended(&mut changes), [gone]);
    assert_eq!(
        dashboard.ask(tokens()).await.refusal(),
        (401, "not_signed_in")
    );
    assert_eq!(dashboard.ask(delete(&path).by(&browser)).await.status, 404);
    let log = actions(&dashboard, &browser).await;
    assert_eq!(
        log[1..],
        [
            "browser: token made (ci, admin)",
            "browser: token revoked (ci)"
        ]
    );
}

#[tokio::test]
async fn the_first_token_is_listed_used_and_revoked() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    let tokens = || get("/api/auth/tokens").with_token(&browser.api_token);
    let list = dashboard.ask(tokens()).await.json;
    assert_eq!(
        (&list[0]["id"], &list[0]["scope"]),
        (&json!("first"), &json!("admin"))
    );
    assert!(list[0]["created_at"].as_i64().is_some());
    // With every right, also where a browser would be asked for its password.
    let body = json!({"name": "by token", "scope": "read"});
    let answer = dashboard
        .ask(post("/api/auth/tokens", &body).with_token(&browser.api_token))
        .await;
    assert_eq!(answer.status, 201);
    let log = actions(&dashboard, &browser).await;
    assert!(
        log.contains(&"token first: token made (by token, read)".to_owned()),
        "{log:?}"
    );
    let answer = dashboard
        .ask(delete("/api/auth/tokens/first").by(&browser))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        dashboard.ask(tokens()).await.refusal(),
        (401, "not_signed_in")
    );
    let list = dashboard
        .ask(get("/api/auth/tokens").by(&browser))
        .await
        .json;
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(
        dashboard
            .ask(delete("/api/auth/tokens/first").by(&browser))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn the_python_programs_token_goes_on_working() {
    let dashboard = TestDashboard::new();
    let paths = VaultPaths::new(dashboard.home.vault_dir());
    let vault = Vault::open(&paths, Box::new(NoPassphrase)).unwrap();
    let hash = Digest::of(b"FAKEpythontoken").to_hex();
    assert!(vault.replace_api_token_hash(None, Some(&hash)).unwrap());
    let answer = dashboard
        .ask(get("/api/auth/tokens").with_token("FAKEpythontoken"))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json[0]["created_at"], Value::Null);
    let answer = dashboard
        .ask(get("/api/auth/tokens").with_token("FAKEpythontoke"))
        .await;
    assert_eq!(answer.refusal(), (401, "not_signed_in"));
    // What is stored is no token itself.
    let answer = dashboard
        .ask(get("/api/auth/tokens").with_token(&hash))
        .await;
    assert_eq!(answer.refusal(), (401, "not_signed_in"));
}

#[tokio::test]
async fn bad_wishes_for_a_token_are_refused() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    for body in [
        json!({}),
        json!({"name": "", "scope": "read"}),
        json!({"name": "  ", "scope": "read"}),
        json!({"name": "a\nb", "scope": "read"}),
        json!({"name": "x".repeat(65), "scope": "read"}),
        json!({"name": "a", "scope": "emperor"}),
        json!({"name": "a", "scope": "read", "expires_in_days": 0}),
        json!({"name": "a", "scope": "read", "expires_in_days": 3651}),
        json!({"name": "a", "scope": "read", "expires_in_days": -1}),
        json!({"name": "a", "scope": "read", "expires": 1}),
    ] {
        let answer = dashboard
            .ask(post("/api/auth/tokens", &body).by(&browser))
            .await;
        assert_eq!(answer.status, 400, "{body}");
    }
}

#[tokio::test]
async fn unknown_empty_and_foreign_credentials_are_all_the_same_answer() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    let unknown = dashboard
        .ask(get("/api/auth/tokens").with_token("cat_FAKE"))
        .await;
    assert_eq!(unknown.refusal(), (401, "not_signed_in"));
    let empty = dashboard.ask(get("/api/auth/tokens").with_token("")).await;
    assert_eq!((empty.status, empty.json), (unknown.status, unknown.json));
    // A cookie is no token, and a token no cookie.
    let cookie = browser.cookie.split('=').nth(1).unwrap();
    let answer = dashboard
        .ask(get("/api/auth/tokens").with_token(cookie))
        .await;
    assert_eq!(answer.refusal(), (401, "not_signed_in"));
    let cookie = format!("claude_accounts_session={}", browser.api_token);
    let answer = dashboard
        .ask(get("/api/auth/tokens").header("cookie", &cookie))
        .await;
    assert_eq!(answer.refusal(), (401, "not_signed_in"));
    // A token in the address is none.
    let path = format!("/api/auth/status?token={}", browser.api_token);
    assert_eq!(dashboard.ask(get(&path)).await.json["authenticated"], false);
}
