//! Logins: taken over, renewed, their history.

use serde_json::{Value, json};
use testkit::documents::{credentials, now_ms, write_private};

use super::server::{LAUNCH, Server};

#[tokio::test]
async fn the_users_own_login_is_taken_over_and_no_file_that_a_caller_names() {
    let server = Server::new();
    let id = server
        .add(json!({"name": "work", "auth_type": "oauth"}))
        .await;
    let path = format!("/api/accounts/{id}/capture-oauth");
    server.post(&path, json!({})).await.refused(404);
    let file = server.home.claude_dir().join(".credentials.json");
    write_private(&file, "{}");
    server.post(&path, json!({})).await.refused(409);
    let issued = server.tokens.issue("me");
    write_private(&file, issued.credentials().to_string());
    let whose = json!({"oauthAccount": {"emailAddress": "me@example.com", "accountUuid": "u", "organizationName": "<b>O</b>"}});
    write_private(&server.home.home().join(".claude.json"), whose.to_string());
    let named = json!({"credentials_path": file.to_str().unwrap()});
    let refusal = server.post(&path, named).await.refused(400);
    assert!(
        refusal["error"]
            .as_str()
            .unwrap()
            .contains("credentials_path")
    );
    let captured = server
        .call("POST", &path, super::server::ADMIN, None)
        .await
        .ok();
    assert_eq!(captured["captured"], true);
    assert_eq!(captured["has_refresh"], true);
    assert!(
        captured["token_preview"]
            .as_str()
            .unwrap()
            .starts_with("sk-ant-oat01-...")
    );
    assert!(captured["expires_in_min"].as_i64().unwrap() > 0);
    let account = server.account(&id).await;
    assert_eq!(account["email"], "me@example.com");
    assert_eq!(account["organization"], "<b>O</b>");
    let linked = server.vault().linked_client_file().unwrap();
    assert_eq!(linked.unwrap().as_str(), id);
}

#[tokio::test]
async fn a_login_in_the_body_is_taken_whole_or_refused() {
    let server = Server::new();
    let key = server.add_key("key").await;
    let id = server
        .add(json!({"name": "work", "auth_type": "oauth"}))
        .await;
    let path = format!("/api/accounts/{id}/capture-oauth");
    for wrong in [
        json!({}),
        json!({"claudeAiOauth": null}),
        json!({"claudeAiOauth": {"accessToken": ""}}),
        json!({"claudeAiOauth": {"accessToken": "FAKE FAKE"}}),
        json!({"claudeAiOauth": {"accessToken": "FAKE", "refreshToken": 7}}),
    ] {
        server
            .post(&path, json!({"credentials": wrong}))
            .await
            .refused(400);
    }
    server
        .post(&path, json!({"credentials": "FAKE"}))
        .await
        .refused(400);
    let document = credentials("sk-ant-oat01-FAKE", "", now_ms() + 3_600_000);
    let body = json!({"credentials": document});
    let other = format!("/api/accounts/{key}/capture-oauth");
    server.post(&other, body.clone()).await.refused(409);
    server
        .post("/api/accounts/acc_none/capture-oauth", body.clone())
        .await
        .refused(404);
    let captured = server.post(&path, body).await.ok();
    assert_eq!(captured["has_refresh"], false);
    assert_eq!(server.account(&id).await["plan"], "max");
}

#[tokio::test]
async fn whoever_asks_for_a_renewal_makes_a_request_or_has_anothers_answer() {
    let server = Server::new();
    let id = server.add_login("work").await;
    let path = format!("/api/accounts/{id}/refresh-oauth");
    let ask = || server.call("POST", &path, LAUNCH, None);
    let before = server.account(&id).await;
    let answers = futures_util::future::join_all((0..4).map(|_| ask())).await;
    let outcomes: Vec<Value> = answers
        .into_iter()
        .map(|answer| answer.ok()["outcome"].clone())
        .collect();
    let renewed = outcomes
        .iter()
        .filter(|outcome| *outcome == "renewed")
        .count();
    assert_eq!(server.tokens.request_count(), renewed, "{outcomes:?}");
    assert!(server.tokens.is_current_refresh(&server.refresh_token(&id)));
    let after = server.account(&id).await;
    assert_ne!(after["masked_key"], before["masked_key"]);
    assert!(after["renewed_at"].is_i64());
    // A renewal is not a launch.
    assert_eq!(after["last_used"], Value::Null);
}

#[tokio::test]
async fn what_cannot_be_renewed_is_said() {
    let server = Server::new();
    let refresh = async |id: &str| {
        let path = format!("/api/accounts/{id}/refresh-oauth");
        server.call("POST", &path, LAUNCH, None).await
    };
    refresh("acc_none").await.refused(404);
    refresh(&server.add_key("key").await).await.refused(400);
    refresh(
        &server
            .add(json!({"name": "empty", "auth_type": "oauth"}))
            .await,
    )
    .await
    .refused(400);
    let id = server.add_login("work").await;
    server.tokens.fail_next(1, 500);
    refresh(&id).await.refused(502);
    assert!(server.account(&id).await["last_error"].is_string());
    server.tokens.revoke("work");
    refresh(&id).await.refused(400);
    let account = server.account(&id).await;
    assert_eq!(account["state"], "sign_in_again");
    assert_eq!(account["last_error"], Value::Null);
    let status = server.get(&format!("/api/accounts/{id}/status")).await.ok();
    assert_eq!(status["status"], "needs_login");
}

#[tokio::test]
async fn all_are_renewed_and_one_that_fails_holds_up_none() {
    let server = Server::new();
    server.add_key("key").await;
    for name in ["a", "b", "c", "d", "e", "f"] {
        server.add_login(name).await;
    }
    server.tokens.revoke("c");
    let answer = server
        .call("POST", "/api/refresh-all", LAUNCH, None)
        .await
        .ok();
    let results = answer["results"].as_array().unwrap();
    let failed: Vec<&Value> = results.iter().filter(|one| one["ok"] == false).collect();
    assert_eq!((results.len(), failed.len()), (6, 1));
    assert_eq!(failed[0]["name"], "c");
    assert!(failed[0]["error"].is_string());
}

#[tokio::test]
async fn history_shows_every_generation_and_gives_it_back() {
    let server = Server::new();
    let id = server.add_login("work").await;
    let path = format!("/api/accounts/{id}/refresh-oauth");
    server.call("POST", &path, LAUNCH, None).await.ok();
    let history = server.get(&format!("/api/history/{id}")).await;
    assert!(!history.text().contains("sk-ant-ort"));
    let history = history.ok();
    assert_eq!(history[0]["generation"], 2);
    assert_eq!(history[0]["current"], true);
    assert_eq!(history[0]["cause"], "renewed");
    assert_eq!(history[1]["current"], false);
    assert!(history[1]["recorded_at"].is_i64() && history[1]["has_refresh"] == true);
    let restore = format!("/api/history/{id}/restore");
    server
        .post(&restore, json!({"generation": 99}))
        .await
        .refused(404);
    server
        .post(&restore, json!({"generation": "1"}))
        .await
        .refused(400);
    server.post(&restore, json!({})).await.refused(400);
    let restored = server.post(&restore, json!({"generation": 1})).await.ok();
    assert_eq!(restored, json!({"status": "restored", "generation": 3}));
    server.get("/api/history/acc_none").await.refused(404);
    let key = server.add_key("key").await;
    server
        .post(
            &format!("/api/history/{key}/restore"),
            json!({"generation": 1}),
        )
        .await
        .refused(404);
}
