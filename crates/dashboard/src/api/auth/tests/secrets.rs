use std::fs;

use serde_json::json;

use crate::sign_in::totp::code_for_tests;
use crate::testing::{PASSWORD, TestDashboard, get, post};

#[tokio::test]
async fn no_file_answer_or_debug_text_holds_a_secret() {
    let dashboard = TestDashboard::new();
    let code = dashboard.app.setup_code().unwrap();
    let browser = dashboard.set_up().await;
    let started = dashboard
        .ask(post("/api/auth/totp/start", &json!({})).by(&browser))
        .await;
    let secret = started.json["secret"].as_str().unwrap().to_owned();
    let body = json!({"code": code_for_tests(&secret, crate::clock::now())});
    let finished = dashboard
        .ask(post("/api/auth/totp/finish", &body).by(&browser))
        .await;
    let recovery_code = finished.json["recovery_codes"][0]
        .as_str()
        .unwrap()
        .to_owned();
    let body = json!({"name": "ci", "scope": "read"});
    let made = dashboard
        .ask(post("/api/auth/tokens", &body).by(&browser))
        .await;
    let secrets = [
        PASSWORD.to_owned(),
        code,
        browser.cookie.split('=').nth(1).unwrap().to_owned(),
        browser.api_token.clone(),
        made.json["token"].as_str().unwrap().to_owned(),
        secret,
        recovery_code.replace('-', ""),
        recovery_code,
    ];
    let mut texts = Vec::new();
    for path in [
        "/api/auth/status",
        "/api/auth/tokens",
        "/api/auth/sessions",
        "/api/audit",
    ] {
        texts.push(dashboard.ask(get(path).by(&browser)).await.json.to_string());
    }
    for secret in &secrets {
        let body = json!({"password": secret, "totp": secret});
        let answer = dashboard.ask(post("/api/auth/login", &body)).await;
        texts.push(answer.json.to_string());
        let answer = dashboard
            .ask(
                get("/api/audit")
                    .with_token(secret)
                    .header("origin", "null"),
            )
            .await;
        texts.push(answer.json["error"].to_string());
    }
    texts.push(format!("{:?}", dashboard.app.store.credentials().unwrap()));
    dashboard.app.store.flush();
    for file in fs::read_dir(dashboard.home.vault_dir()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap_or_default();
        texts.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    for (number, secret) in secrets.iter().enumerate() {
        assert!(secret.len() >= 16);
        for text in &texts {
            assert!(!text.contains(secret.as_str()), "secret {number} in {text}");
        }
    }
}
