use serde_json::json;

use super::{is_signed_in, login};
use crate::testing::{ORIGIN, PASSWORD, TestDashboard, delete, get, post};

#[tokio::test]
async fn other_sites_change_nothing_with_a_cookie_a_token_or_nothing() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    for origin in [
        "null",
        "http://localhost",
        "http://localhost:5112",
        "https://localhost:5111",
        "http://evil.localhost:5111",
        "http://localhost.:5111",
        "HTTP://LOCALHOST:5111",
        "http://evil.example",
    ] {
        for ask in [
            post("/api/auth/logout", &json!({})).by(&browser),
            post("/api/auth/tokens", &json!({"name": "a", "scope": "admin"})).by(&browser),
            delete("/api/auth/tokens/first").with_token(&browser.api_token),
            login(PASSWORD),
            post("/api/auth/setup", &json!({"password": PASSWORD})),
            post("/api/auth/strength", &json!({"password": PASSWORD})),
        ] {
            let answer = dashboard.ask(ask.header("origin", origin)).await;
            assert_eq!(answer.refusal(), (403, "wrong_origin"), "{origin}");
            assert!(answer.cookie().is_none());
        }
    }
    assert!(is_signed_in(&dashboard, &browser).await);
    let answer = dashboard
        .ask(get("/api/auth/tokens").with_token(&browser.api_token))
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn without_an_origin_a_browser_says_where_it_comes_from() {
    let dashboard = TestDashboard::new();
    dashboard.set_up().await;
    let ask = || login(PASSWORD).without("origin");
    assert_eq!(dashboard.ask(ask()).await.status, 200, "a program");
    for (site, status) in [
        ("same-origin", 200),
        ("none", 200),
        ("same-site", 403),
        ("cross-site", 403),
    ] {
        let answer = dashboard.ask(ask().header("sec-fetch-site", site)).await;
        assert_eq!(answer.status, status, "{site}");
    }
    // A form of another site.
    let form = login(PASSWORD).header("origin", ORIGIN);
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    assert_ne!(dashboard.ask(form).await.status, 200);
}

#[tokio::test]
async fn a_rebound_name_is_not_answered_not_even_a_question() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    for path in ["/api/auth/status", "/api/auth/tokens", "/api/audit"] {
        let ask = get(path)
            .by(&browser)
            .header("host", "rebound.example:5111");
        assert_eq!(
            dashboard.ask(ask).await.refusal(),
            (403, "wrong_origin"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_handshake_is_judged_by_its_origin_though_it_is_a_question() {
    let dashboard = TestDashboard::new();
    let check = |origin: Option<&str>| {
        let ask = get("/socket.io/?transport=websocket");
        let ask = match origin {
            Some(origin) => ask.header("origin", origin),
            None => ask.without("origin"),
        };
        let (parts, _) = ask.request().into_parts();
        dashboard.app.access.check_upgrade(&parts).is_ok()
    };
    assert!(check(Some(ORIGIN)));
    assert!(check(None));
    assert!(!check(Some("null")));
    assert!(!check(Some("http://evil.example")));
}
