use serde_json::{Value, json};

use super::{actions, login, status};
use crate::sign_in::totp::code_for_tests;
use crate::testing::{Browser, PASSWORD, TestDashboard, delete, post};

/// Sets codes up: the secret, and the recovery codes.
async fn set_up_totp(dashboard: &TestDashboard, browser: &Browser) -> (String, Vec<String>) {
    let started = dashboard
        .ask(post("/api/auth/totp/start", &json!({})).by(browser))
        .await;
    assert_eq!(started.status, 200, "{}", started.json);
    let secret = started.json["secret"].as_str().unwrap().to_owned();
    assert!(started.json["uri"].as_str().unwrap().contains(&secret));
    assert!(started.json["qr_svg"].as_str().unwrap().starts_with("<svg"));
    let body = json!({"code": code_for_tests(&secret, crate::clock::now() - 30_000)});
    let finished = dashboard
        .ask(post("/api/auth/totp/finish", &body).by(browser))
        .await;
    assert_eq!(finished.status, 200, "{}", finished.json);
    (secret, codes(&finished.json))
}

fn codes(json: &Value) -> Vec<String> {
    let codes = json["recovery_codes"].as_array().unwrap();
    codes
        .iter()
        .map(|code| code.as_str().unwrap().to_owned())
        .collect()
}

fn with_totp(code: &str) -> crate::testing::Ask {
    post(
        "/api/auth/login",
        &json!({"password": PASSWORD, "totp": code}),
    )
}

fn with_recovery_code(code: &str) -> crate::testing::Ask {
    post(
        "/api/auth/login",
        &json!({"password": PASSWORD, "recovery_code": code}),
    )
}

#[tokio::test]
async fn a_code_is_needed_and_counts_once() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    let (secret, _) = set_up_totp(&dashboard, &browser).await;
    assert_eq!(
        status(&dashboard, None).await["second_factors"],
        json!(["totp"])
    );
    let answer = dashboard.ask(login(PASSWORD)).await;
    assert_eq!(answer.refusal(), (401, "second_factor_needed"));
    assert_eq!(answer.json["second_factors"], json!(["totp"]));
    assert!(answer.cookie().is_none());
    // A wrong password says nothing of second factors.
    let answer = dashboard.ask(login("FAKE wrong one")).await;
    assert_eq!(answer.refusal(), (401, ""));
    // The code that put it in force was of the step before; a machine may be slow.
    let code = code_for_tests(&secret, crate::clock::now() + 30_000);
    let answer = dashboard.ask(with_totp(&code)).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    let again = dashboard.ask(with_totp(&code)).await;
    assert_eq!(again.refusal(), (401, "second_factor_needed"));
    // Nor over a restart.
    let dashboard = dashboard.restarted();
    assert_eq!(dashboard.ask(with_totp(&code)).await.status, 401);
    let log = actions(&dashboard, &browser).await;
    assert!(log.contains(&"browser: second factor added (authenticator app)".to_owned()));
    assert!(
        log.contains(&"browser: sign-in (with a code)".to_owned()),
        "{log:?}"
    );
}

#[tokio::test]
async fn codes_cannot_be_guessed_forever_and_a_missing_one_is_no_failure() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    set_up_totp(&dashboard, &browser).await;
    for _ in 0..20 {
        let answer = dashboard.ask(login(PASSWORD)).await;
        assert_eq!(answer.refusal(), (401, "second_factor_needed"));
    }
    for _ in 0..10 {
        let answer = dashboard.ask(with_totp("abcdef")).await;
        assert_eq!(answer.refusal(), (401, "second_factor_needed"));
    }
    assert_eq!(
        dashboard.ask(with_totp("abcdef")).await.refusal(),
        (429, "too_many_tries")
    );
}

#[tokio::test]
async fn recovery_codes_count_once_and_are_made_anew() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    let none = dashboard
        .ask(post("/api/auth/recovery-codes", &json!({})).by(&browser))
        .await;
    assert_eq!(none.status, 409);
    let (_, first) = set_up_totp(&dashboard, &browser).await;
    assert_eq!(first.len(), 10);
    let typed = first[0].to_lowercase().replace('-', "");
    assert_eq!(dashboard.ask(with_recovery_code(&typed)).await.status, 200);
    assert_eq!(
        dashboard.ask(with_recovery_code(&first[0])).await.status,
        401
    );
    let answer = dashboard
        .ask(post("/api/auth/recovery-codes", &json!({})).by(&browser))
        .await;
    let second = codes(&answer.json);
    assert_eq!(
        dashboard.ask(with_recovery_code(&first[1])).await.status,
        401
    );
    assert_eq!(
        dashboard.ask(with_recovery_code(&second[1])).await.status,
        200
    );
}

#[tokio::test]
async fn a_secret_is_in_force_only_after_a_code_of_it() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    let finish = |code: &str| post("/api/auth/totp/finish", &json!({"code": code})).by(&browser);
    assert_eq!(
        dashboard.ask(finish("123456")).await.status,
        400,
        "not begun"
    );
    let started = dashboard
        .ask(post("/api/auth/totp/start", &json!({})).by(&browser))
        .await;
    assert_eq!(dashboard.ask(finish("abcdef")).await.status, 400);
    assert_eq!(
        dashboard.ask(login(PASSWORD)).await.status,
        200,
        "not in force"
    );
    let secret = started.json["secret"].as_str().unwrap();
    let code = code_for_tests(secret, crate::clock::now());
    // What one browser began, another does not finish.
    let by_token = post("/api/auth/totp/finish", &json!({"code": code}));
    let answer = dashboard.ask(by_token.with_token(&browser.api_token)).await;
    assert_eq!(answer.status, 400);
    assert_eq!(dashboard.ask(finish(&code)).await.status, 200);
    assert_eq!(dashboard.ask(login(PASSWORD)).await.status, 401);
    let removed = dashboard.ask(delete("/api/auth/totp").by(&browser)).await;
    assert_eq!(removed.json, json!({"status": "removed"}));
    assert_eq!(dashboard.ask(login(PASSWORD)).await.status, 200);
    assert_eq!(
        dashboard
            .ask(delete("/api/auth/totp").by(&browser))
            .await
            .status,
        404
    );
    assert_eq!(dashboard.app.store.recovery_codes_left().unwrap(), 0);
}
