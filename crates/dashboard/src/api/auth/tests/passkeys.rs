use serde_json::{Value, json};

use super::authenticator::Authenticator;
use super::{actions, is_signed_in, login, status};
use crate::options::Network;
use crate::testing::{
    Answer, Browser, ORIGIN, PASSWORD, TestDashboard, delete, get, loopback, post,
};

async fn start(dashboard: &TestDashboard, browser: &Browser) -> Value {
    let body = json!({"name": "laptop"});
    let answer = dashboard
        .ask(post("/api/auth/passkeys/start", &body).by(browser))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json
}

async fn register(
    dashboard: &TestDashboard,
    browser: &Browser,
    seed: u8,
) -> (Authenticator, Answer) {
    let started = start(dashboard, browser).await;
    let authenticator = Authenticator::new(seed);
    let credential = authenticator.create(&started["options"], ORIGIN);
    let body = json!({"state": started["state"], "credential": credential});
    let answer = dashboard
        .ask(post("/api/auth/passkeys/finish", &body).by(browser))
        .await;
    (authenticator, answer)
}

async fn begin_sign_in(dashboard: &TestDashboard) -> Value {
    let body = json!({"password": PASSWORD});
    let answer = dashboard
        .ask(post("/api/auth/login/passkey/start", &body))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json
}

async fn finish_sign_in(dashboard: &TestDashboard, state: &Value, credential: &Value) -> Answer {
    let body = json!({"state": state, "credential": credential});
    dashboard
        .ask(post("/api/auth/login/passkey/finish", &body))
        .await
}

#[tokio::test]
async fn a_passkey_is_made_needed_used_and_removed() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    let (mut authenticator, made) = register(&dashboard, &browser, 7).await;
    assert_eq!(made.status, 201, "{}", made.json);
    assert_eq!(made.json["recovery_codes"].as_array().unwrap().len(), 10);
    assert_eq!(
        status(&dashboard, None).await["second_factors"],
        json!(["passkey"])
    );
    assert_eq!(
        dashboard.ask(login(PASSWORD)).await.refusal(),
        (401, "second_factor_needed")
    );
    let dashboard = dashboard.restarted();
    let begun = begin_sign_in(&dashboard).await;
    authenticator.counter += 1;
    let credential = authenticator.get(&begun["options"], ORIGIN);
    let answer = finish_sign_in(&dashboard, &begun["state"], &credential).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    let signed_in = Browser {
        cookie: answer.cookie().unwrap(),
        api_token: String::new(),
    };
    assert!(is_signed_in(&dashboard, &signed_in).await);
    let again = finish_sign_in(&dashboard, &begun["state"], &credential).await;
    assert_eq!(again.status, 400, "an answer counts once");
    let list = dashboard
        .ask(get("/api/auth/passkeys").by(&browser))
        .await
        .json;
    assert_eq!(
        (&list[0]["name"], &list[0]["host"]),
        (&json!("laptop"), &json!("localhost"))
    );
    assert!(list[0]["last_used_at"].as_i64().is_some());
    let path = format!("/api/auth/passkeys/{}", list[0]["id"].as_str().unwrap());
    let removed = dashboard.ask(delete(&path).by(&browser)).await;
    assert_eq!(removed.json, json!({"status": "removed"}));
    assert_eq!(dashboard.ask(delete(&path).by(&browser)).await.status, 404);
    assert_eq!(dashboard.ask(login(PASSWORD)).await.status, 200);
    let log = actions(&dashboard, &browser).await;
    for expected in [
        "second factor added (passkey laptop)",
        "sign-in (with a passkey)",
        "second factor removed (passkey laptop)",
    ] {
        assert!(log.contains(&format!("browser: {expected}")), "{log:?}");
    }
}

#[tokio::test]
async fn wrong_answers_are_refused_and_count() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    let (authenticator, made) = register(&dashboard, &browser, 7).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let stranger = Authenticator::new(9);
    for attempt in 0..10 {
        let begun = begin_sign_in(&dashboard).await;
        let credential = match attempt {
            0 => authenticator.get(&begun["options"], "http://evil.example"),
            1 => authenticator.get(&begun["options"], "http://localhost:5112"),
            2 => {
                let mut other = begun["options"].clone();
                other["challenge"] = json!("AAAAAAAAAAAAAAAAAAAAAA");
                authenticator.get(&other, ORIGIN)
            }
            _ => stranger.get(&begun["options"], ORIGIN),
        };
        let answer = finish_sign_in(&dashboard, &begun["state"], &credential).await;
        assert_eq!(answer.status, 401, "{attempt}: {}", answer.json);
        assert!(answer.cookie().is_none());
    }
    let body = json!({"password": PASSWORD});
    let answer = dashboard
        .ask(post("/api/auth/login/passkey/start", &body))
        .await;
    assert_eq!(answer.refusal(), (429, "too_many_tries"));
}

#[tokio::test]
async fn a_second_one_makes_no_codes_and_recovery_codes_stand_for_it() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    let (_, first) = register(&dashboard, &browser, 7).await;
    let (_, second) = register(&dashboard, &browser, 8).await;
    assert_eq!(second.status, 201, "{}", second.json);
    assert_eq!(second.json["recovery_codes"], Value::Null);
    let code = &first.json["recovery_codes"][0];
    let body = json!({"password": PASSWORD, "recovery_code": code});
    assert_eq!(
        dashboard.ask(post("/api/auth/login", &body)).await.status,
        200
    );
    assert_eq!(
        dashboard.ask(post("/api/auth/login", &body)).await.status,
        401
    );
}

#[tokio::test]
async fn what_was_not_begun_here_is_not_finished() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    let started = start(&dashboard, &browser).await;
    let credential = Authenticator::new(7).create(&started["options"], ORIGIN);
    let body = json!({"state": started["state"], "credential": credential});
    let finish = || post("/api/auth/passkeys/finish", &body);
    let by_other = dashboard.ask(finish().with_token(&browser.api_token)).await;
    assert_eq!(by_other.status, 400);
    // Taken away by that.
    assert_eq!(dashboard.ask(finish().by(&browser)).await.status, 400);
    let started = start(&dashboard, &browser).await;
    let credential = Authenticator::new(7).create(&started["options"], "http://evil.example");
    let body = json!({"state": started["state"], "credential": credential});
    let answer = dashboard
        .ask(post("/api/auth/passkeys/finish", &body).by(&browser))
        .await;
    assert_eq!(answer.status, 400);
    for credential in [json!({}), json!("x"), json!({"id": 1})] {
        let started = start(&dashboard, &browser).await;
        let body = json!({"state": started["state"], "credential": credential});
        let answer = dashboard
            .ask(post("/api/auth/passkeys/finish", &body).by(&browser))
            .await;
        assert_eq!(answer.status, 400);
    }
    assert_eq!(dashboard.ask(login(PASSWORD)).await.status, 200);
}

#[tokio::test]
async fn an_address_or_another_host_name_has_none() {
    let network = Network {
        remote: true,
        ..loopback()
    };
    let dashboard = TestDashboard::with_network(network);
    let browser = dashboard.set_up().await;
    for host in ["127.0.0.1:5111", "[::1]:5111", "192.0.2.9"] {
        let ask = post("/api/auth/passkeys/start", &json!({"name": "a"})).by(&browser);
        let ask = ask
            .header("host", host)
            .header("origin", &format!("http://{host}"));
        let answer = dashboard.ask(ask).await;
        assert_eq!(answer.status, 400, "{host}");
        assert!(answer.json["hint"].as_str().unwrap().contains("localhost"));
    }
    let (_, made) = register(&dashboard, &browser, 7).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let ask = post(
        "/api/auth/login/passkey/start",
        &json!({"password": PASSWORD}),
    );
    let ask = ask
        .header("host", "dash.example")
        .header("origin", "http://dash.example");
    let answer = dashboard.ask(ask).await;
    assert_eq!(answer.status, 400);
    // The password was right: that is no failure, and a wrong one is told first.
    let ask = post(
        "/api/auth/login/passkey/start",
        &json!({"password": "FAKE wrong one"}),
    );
    assert_eq!(dashboard.ask(ask).await.status, 401);
}
