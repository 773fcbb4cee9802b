//! Accounts: listed, added, changed, removed and brought back.

use std::io::Read as _;

use axum::body::Body;
use axum::http::header;
use model::AccountId;
use serde_json::{Value, json};

use super::server::{READ, Server};

#[tokio::test]
async fn an_account_is_what_was_given() {
    let server = Server::new();
    assert!(server.accounts().await.is_empty());
    let added = server
        .post(
            "/api/accounts",
            json!({"name": "  my  work ", "api_key": " sk-ant-api03-FAKEaaaaaaaaaaaaaaabc123\n",
                "access_token": "", "expires_at": 0, "environment": {"ANTHROPIC_BASE_URL": "http://x"}}),
        )
        .await;
    assert_eq!(added.status, 201);
    let added = added.json();
    assert_eq!(added["name"], "my-work");
    let account = server.account(added["id"].as_str().unwrap()).await;
    for (key, value) in [
        ("name", json!("my-work")),
        ("auth_type", json!("api_key")),
        ("last_used", json!(null)),
        ("expires_at", json!(0)),
        ("masked_key", json!("sk-ant-...abc123")),
        ("state", json!("ok")),
        ("reason", json!(null)),
        ("default", json!(false)),
        ("bindings", json!([])),
        ("environment", json!(["ANTHROPIC_BASE_URL"])),
        ("sessions", json!(0)),
    ] {
        assert_eq!(account[key], value, "{key}");
    }
    for absent in ["has_refresh", "token_status", "expires_in_min"] {
        assert!(account.get(absent).is_none(), "{absent}");
    }
    assert_eq!(account["created_at"].as_str().unwrap().len(), 19);
    assert_eq!(server.followed(), 1);
}

#[tokio::test]
async fn a_login_tells_how_long_it_is_good() {
    let server = Server::new();
    let ends_at = testkit::documents::now_ms() + 3_600_000;
    let token = "sk-ant-oat01-FAKEaaaaaaaaaaaaaaabc123";
    let with_end = json!({"name": "a", "auth_type": "oauth", "access_token": token,
        "refresh_token": "sk-ant-ort01-FAKE", "expires_at": ends_at});
    let account = server.account(&server.add(with_end).await).await;
    assert_eq!(account["token_status"], "valid");
    assert_eq!(account["expires_in_min"], 59);
    assert_eq!(account["has_refresh"], true);
    assert_eq!(account["masked_key"], "sk-ant-oat01-...abc123");
    assert_eq!(account["renews_at"], ends_at - 15 * 60_000);
    let without = json!({"name": "b", "auth_type": "oauth", "access_token": token});
    let account = server.account(&server.add(without).await).await;
    assert_eq!(account["token_status"], "no_expiry");
    assert_eq!(account["renews_at"], Value::Null);
    let ended = json!({"name": "c", "auth_type": "oauth", "access_token": token, "expires_at": 1_600_000_000_000_i64});
    let account = server.account(&server.add(ended).await).await;
    assert_eq!(
        (&account["token_status"], &account["state"]),
        (&json!("expired"), &json!("expired"))
    );
    let empty = json!({"name": "d", "auth_type": "oauth"});
    let account = server.account(&server.add(empty).await).await;
    assert_eq!(account["state"], "no_credential");
    assert!(account.get("token_status").is_none());
}

#[tokio::test]
async fn what_cannot_be_an_account_is_refused() {
    let server = Server::new();
    server.add_key("Work").await;
    server
        .post("/api/accounts", json!({"name": "wORK"}))
        .await
        .refused(409);
    for body in [
        json!({}),
        json!({"name": ""}),
        json!({"name": "a/b"}),
        json!({"name": "a\u{0}b"}),
        json!({"name": "<b>"}),
        json!({"name": "x".repeat(65)}),
        json!({"name": 7}),
        json!({"name": "x", "auth_type": "FAKE"}),
        json!({"name": "x", "api_key": "FAKE two"}),
        json!({"name": "x", "api_key": "FAKE\u{0}"}),
        json!({"name": "x", "api_key": "sk-ant-oat01-FAKE"}),
        json!({"name": "x", "api_key": "F".repeat(20_000)}),
        json!({"name": "x", "access_token": "sk-ant-oat01-FAKE"}),
        json!({"name": "x", "auth_type": "oauth", "api_key": "FAKE"}),
        json!({"name": "x", "expires_at": -1}),
        json!({"name": "x", "expires_at": 1e300}),
        json!({"name": "x", "expires_at": i64::MAX}),
        json!({"name": "x", "environment": {"2FAKE": "x"}}),
        json!({"name": "x", "environment": {"A": "FAKE\u{0}"}}),
        json!({"name": "x", "environment": ["FAKE"]}),
    ] {
        let answer = server.post("/api/accounts", body.clone()).await;
        assert_eq!(answer.status, 400, "{body}");
        answer.refused(400);
    }
    assert_eq!(server.accounts().await.len(), 1);
}

#[tokio::test]
async fn names_come_back_as_they_are() {
    let server = Server::new();
    let id = server.add_key("仕事.équipe_2").await;
    assert_eq!(server.account(&id).await["name"], "仕事.équipe_2");
    for name in [
        "<img src=x onerror=alert(1)>",
        "a\"b'c\\",
        "two\nlines\t",
        "\u{202e}rtl\u{feff}",
        "💥\u{1}",
    ] {
        server.execute("UPDATE accounts SET name = ?1 WHERE id = ?2", [name, &id]);
        assert_eq!(server.accounts().await[0]["name"], name);
        assert_eq!(server.account(&id).await["name"], name);
        let command = server
            .post(&format!("/api/accounts/{id}/launch"), json!({}))
            .await
            .ok();
        assert_eq!(command["account"], name);
        assert_eq!(command["alias"], Value::Null);
        let history = server.get(&format!("/api/history/{id}")).await.ok();
        assert_eq!(history, json!([]));
    }
}

#[tokio::test]
async fn only_what_is_given_is_written() {
    let server = Server::new();
    let id = server.add_login("work").await;
    let path = format!("/api/accounts/{id}");
    let changed = async |body: Value| {
        let before = server.row(&id);
        assert_eq!(
            server.put(&path, body).await.ok(),
            json!({"status": "updated"})
        );
        let after = server.row(&id);
        let pairs = before.into_iter().zip(after);
        let other = pairs.filter(|(before, after)| before.1 != after.1);
        other.map(|((name, _), _)| name).collect::<Vec<_>>()
    };
    let nothing: [&str; 0] = [];
    assert_eq!(changed(json!({})).await, nothing);
    assert_eq!(
        changed(json!({"name": "work", "auth_type": "oauth"})).await,
        nothing
    );
    assert_eq!(
        changed(json!({"api_key": "", "access_token": "", "refresh_token": null})).await,
        nothing
    );
    assert_eq!(changed(json!({"name": "Other"})).await, ["name"]);
    assert_eq!(changed(json!({"default": true})).await, nothing);
    assert_eq!(
        changed(json!({"environment": {"A": "b"}})).await,
        ["environment_enc"]
    );
    let account = server.account(&id).await;
    assert_eq!(account["name"], "Other");
    assert_eq!(account["default"], true);
    assert_eq!(account["environment"], json!(["A"]));
    assert_eq!(
        server.put(&path, json!({"default": false})).await.ok()["status"],
        "updated"
    );
    assert_eq!(server.account(&id).await["default"], false);
}

#[tokio::test]
async fn new_tokens_are_a_generation_that_can_be_undone() {
    let server = Server::new();
    let id = server.add_login("work").await;
    let path = format!("/api/accounts/{id}");
    let before = server.account(&id).await;
    let token = "sk-ant-oat01-FAKEnewnewnewnewnewnew";
    server.put(&path, json!({"access_token": token})).await.ok();
    let after = server.account(&id).await;
    assert_eq!(after["masked_key"], "sk-ant-oat01-...newnew");
    assert_eq!(after["generation"], 2);
    assert_eq!(after["plan"], before["plan"]);
    assert_eq!(after["has_refresh"], true);
    let restore = format!("/api/history/{id}/restore");
    server.post(&restore, json!({"generation": 1})).await.ok();
    assert_eq!(
        server.account(&id).await["masked_key"],
        before["masked_key"]
    );
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_changes_nothing() {
    let server = Server::new();
    let key = server.add_key("key").await;
    let login = server.add_login("login").await;
    let (before_key, before_login) = (server.row(&key), server.row(&login));
    let put = async |id: &str, body: Value| server.put(&format!("/api/accounts/{id}"), body).await;
    put(&key, json!({"access_token": "sk-ant-oat01-FAKE"}))
        .await
        .refused(409);
    put(&key, json!({"auth_type": "oauth"})).await.refused(409);
    put(&key, json!({"name": "LOGIN"})).await.refused(409);
    put(&key, json!({"name": "x", "environment": {"": "FAKE"}}))
        .await
        .refused(400);
    put(&login, json!({"api_key": "sk-ant-api03-FAKE"}))
        .await
        .refused(409);
    put(&login, json!({"access_token": "FAKE\u{7f}"}))
        .await
        .refused(400);
    put("acc_none", json!({"name": "x"})).await.refused(404);
    put("acc_none", json!({"access_token": "sk-ant-oat01-FAKE"}))
        .await
        .refused(404);
    assert_eq!(server.row(&key), before_key);
    assert_eq!(server.row(&login), before_login);
    server
        .put(&format!("/api/accounts/{key}"), json!({"name": "KEY"}))
        .await
        .ok();
}

#[tokio::test]
async fn a_removed_account_can_be_had_back() {
    let server = Server::new();
    let id = server.add_login("work").await;
    server.vault().touch(&AccountId::from_stored(id.as_str()));
    server
        .put(&format!("/api/accounts/{id}"), json!({"default": true}))
        .await
        .ok();
    let before = server.account(&id).await;
    let deleted = server.delete(&format!("/api/accounts/{id}")).await.ok();
    assert_eq!(deleted["status"], "deleted");
    assert!(server.accounts().await.is_empty());
    server
        .delete(&format!("/api/accounts/{id}"))
        .await
        .refused(404);
    server
        .get(&format!("/api/accounts/{id}"))
        .await
        .refused(404);
    server
        .post("/api/accounts/undo-delete", json!({"undo": "0000"}))
        .await
        .refused(404);
    server.add_key("WORK").await;
    let undo = json!({"undo": deleted["undo"]});
    let restored = server
        .post("/api/accounts/undo-delete", undo.clone())
        .await
        .ok();
    assert_eq!(
        restored,
        json!({"status": "restored", "id": id, "name": "work-2"})
    );
    let mut after = server.account(&id).await;
    after["name"] = json!("work");
    assert_eq!(after, before);
    server
        .post("/api/accounts/undo-delete", undo)
        .await
        .refused(404);
}

#[tokio::test]
async fn many_removals_are_kept_in_bounded_memory() {
    let server = Server::new();
    let mut undo = Vec::new();
    for number in 0..66 {
        let id = server.add_key(&format!("a{number}")).await;
        let deleted = server.delete(&format!("/api/accounts/{id}")).await.ok();
        undo.push(json!({"undo": deleted["undo"]}));
    }
    server
        .post("/api/accounts/undo-delete", undo[0].clone())
        .await
        .refused(404);
    server
        .post("/api/accounts/undo-delete", undo[65].clone())
        .await
        .ok();
}

#[tokio::test]
async fn a_damaged_record_hides_no_other() {
    let server = Server::new();
    let good = server.add_key("good").await;
    let bad = server.add_login("bad").await;
    server.add_key("last").await;
    server.execute("UPDATE accounts SET document_enc = 'rubbish', created_at = x'ff00', expires_at = 'soon' WHERE id = ?1", [&bad]);
    let accounts = server.accounts().await;
    assert_eq!(accounts.len(), 3);
    let damaged = accounts
        .iter()
        .find(|account| account["id"] == json!(bad))
        .unwrap();
    assert_eq!(damaged["state"], "damaged");
    assert!(
        damaged["reason"]
            .as_str()
            .unwrap()
            .contains("cannot be opened")
    );
    assert_eq!(damaged["masked_key"], "");
    assert_eq!(server.account(&good).await["state"], "ok");
    let status = server
        .get(&format!("/api/accounts/{bad}/status"))
        .await
        .ok();
    assert_eq!(status["status"], "needs_login");
    server
        .call("GET", "/api/export", super::server::ADMIN, None)
        .await
        .refused(409);
    let path = format!("/api/export?accounts={good}");
    let exported = server
        .call("GET", &path, super::server::ADMIN, None)
        .await
        .ok();
    assert_eq!(exported.as_array().unwrap().len(), 1);
    damage_beside_accounts(&server, &good, &bad);
    let accounts = server.accounts().await;
    let found = |id: &str| accounts.iter().find(|account| account["id"] == json!(id));
    assert_eq!(
        found(&good).unwrap()["bindings"],
        json!(["/bound", "/text"])
    );
    let bound = server.get("/api/directories").await.ok();
    assert_eq!(bound.as_array().unwrap().len(), 2, "{bound}");
    let admin = async |path: &str| {
        let answer = server.call("GET", path, super::server::ADMIN, None).await;
        answer.ok()
    };
    admin("/api/recent-dirs").await;
    assert!(admin("/api/auth/passkeys").await[0]["name"].is_string());
    assert!(
        admin("/api/audit").await["entries"]
            .as_array()
            .unwrap()
            .len()
            > 1
    );
    let kept = admin(&format!("/api/history/{bad}")).await;
    let kept = kept.as_array().unwrap();
    assert!(
        kept.len() > 1 && kept.iter().any(|one| one["cause"] == "captured"),
        "{kept:?}"
    );
    // What another program bound can be unbound.
    server.delete("/api/directories?directory=/text").await.ok();
    let bound = server.get("/api/directories").await.ok();
    assert_eq!(bound.as_array().unwrap().len(), 1, "{bound}");
    // It is made good by a sign-in.
    let document = server.tokens.issue("bad").credentials();
    let path = format!("/api/accounts/{bad}/capture-oauth");
    server
        .post(&path, json!({"credentials": document}))
        .await
        .ok();
    assert_eq!(server.account(&bad).await["state"], "ok");
}

/// One odd record in each table beside that of the accounts.
fn damage_beside_accounts(server: &Server, good: &str, bad: &str) {
    let bind = "INSERT INTO bindings VALUES (?1, ?2)";
    let bound = b"/bound".as_slice();
    server.execute(bind, rusqlite::params![bound, good]);
    server.execute(bind, ["/text", good]);
    server.execute(bind, rusqlite::params![7, good]);
    server.execute(
        "INSERT INTO generations VALUES (?1, 'x', x'ff', 7, 'soon', x'00', 'then', x'ff')",
        [bad],
    );
    let dashboard = server.home.vault_dir().join("dashboard.db");
    let dashboard = rusqlite::Connection::open(dashboard).unwrap();
    dashboard
        .execute_batch(
            "INSERT INTO first_token VALUES (1, 'soon', 'never');
             INSERT INTO passkeys VALUES (x'ff', 7, x'ff', 'x', 'then', 'never');
             INSERT INTO audit VALUES (1000, 'then', x'ff', x'ff', x'ff', x'ff', x'ff');",
        )
        .unwrap();
}

#[tokio::test]
async fn changes_of_others_are_seen_at_once_and_the_other_way_round() {
    let server = Server::new();
    let id = server.add_key("work").await;
    assert_eq!(server.accounts().await.len(), 1);
    let vault = server.vault();
    let account = vault.find("WORK").unwrap();
    let name = model::AccountName::parse("renamed").unwrap();
    vault.rename(&account.id, &name).unwrap();
    assert_eq!(server.accounts().await[0]["name"], "renamed");
    vault.touch(&account.id);
    assert!(server.accounts().await[0]["last_used"].is_string());
    vault
        .bind(std::path::Path::new("/srv"), &account.id)
        .unwrap();
    assert_eq!(server.accounts().await[0]["bindings"], json!(["/srv"]));
    vault.rotate_key().unwrap();
    assert_eq!(server.accounts().await[0]["masked_key"], "sk-ant-...abc123");
    server
        .put(&format!("/api/accounts/{id}"), json!({"name": "again"}))
        .await
        .ok();
    assert_eq!(vault.find("again").unwrap().id, account.id);
}

#[tokio::test]
async fn an_unchanged_list_is_not_sent_again() {
    let server = Server::new();
    server.add_key("work").await;
    let first = server.get("/api/accounts").await;
    let etag = first.headers[header::ETAG].clone();
    let ask = async |etag: &str, encoding: &str| {
        let request = Server::request("GET", "/api/accounts", READ)
            .header(header::IF_NONE_MATCH, etag)
            .header(header::ACCEPT_ENCODING, encoding)
            .body(Body::empty());
        server.send(request.unwrap()).await
    };
    let known = etag.to_str().unwrap();
    for given in [
        known,
        &format!("W/{known}"),
        &format!("\"x\", {known}"),
        "*",
    ] {
        let answer = ask(given, "identity").await;
        assert_eq!(answer.status, 304, "{given}");
        assert!(answer.bytes.is_empty());
    }
    assert_eq!(ask("\"x\"", "identity").await.status, 200);
    let packed = ask("\"x\"", "br, gzip;q=0.5").await;
    assert_eq!(packed.headers[header::CONTENT_ENCODING], "gzip");
    assert_ne!(packed.headers[header::ETAG], etag);
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&packed.bytes[..])
        .read_to_end(&mut text)
        .unwrap();
    assert_eq!(text, first.bytes);
    let plain = ask("\"x\"", "gzip;q=0").await;
    assert!(!plain.headers.contains_key(header::CONTENT_ENCODING));
    server.add_key("other").await;
    assert_eq!(ask(known, "identity").await.status, 200);
}

#[tokio::test]
async fn the_status_has_the_words_of_existing_clients() {
    let server = Server::new();
    let status = async |body: Value| {
        let id = server.add(body).await;
        server.get(&format!("/api/accounts/{id}/status")).await.ok()
    };
    let key = status(json!({"name": "a", "api_key": "FAKE"})).await;
    assert_eq!(
        key,
        json!({"status": "ok", "type": "api_key", "state": "ok", "reason": null})
    );
    let missing = status(json!({"name": "b"})).await;
    assert_eq!(missing["status"], "missing");
    let login = status(json!({"name": "c", "auth_type": "oauth"})).await;
    assert_eq!(
        (&login["status"], &login["has_refresh"]),
        (&json!("needs_login"), &json!(false))
    );
    let ended = json!({"name": "d", "auth_type": "oauth", "access_token": "sk-ant-oat01-FAKE", "expires_at": 1_600_000_000_000_i64});
    let ended = status(ended).await;
    assert_eq!(ended["status"], "expired");
    assert!(ended["remaining_min"].as_i64().unwrap() < 0);
    let unknown = server
        .get("/api/accounts/acc_none/status")
        .await
        .refused(404);
    assert_eq!(unknown["status"], "not_found");
}
