use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use serde_json::json;

use super::{OwnConnection, is_signed_in, login};
use crate::options::Network;
use crate::testing::{PASSWORD, TestDashboard, loopback, post};

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_once_do_not_slip_through() {
    let dashboard = TestDashboard::new();
    dashboard.set_up().await;
    let wrong = || dashboard.ask(login("FAKE wrong one").from("198.51.100.1"));
    let answers = join_all((0..60).map(|_| wrong())).await;
    let statuses: Vec<u16> = answers
        .iter()
        .map(|answer| answer.status.as_u16())
        .collect();
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(401), count(429)), (10, 50), "{statuses:?}");
}

#[tokio::test]
async fn ten_failures_also_over_a_restart_then_the_right_password_does_not_help() {
    let dashboard = TestDashboard::new();
    dashboard.set_up().await;
    let from = "198.51.100.1";
    for _ in 0..5 {
        assert_eq!(
            dashboard
                .ask(login("FAKE wrong one").from(from))
                .await
                .status,
            401
        );
    }
    let dashboard = dashboard.restarted();
    for _ in 0..5 {
        assert_eq!(
            dashboard
                .ask(login("FAKE wrong one").from(from))
                .await
                .status,
            401
        );
    }
    let answer = dashboard.ask(login(PASSWORD).from(from)).await;
    assert_eq!(answer.refusal(), (429, "too_many_tries"));
    let seconds: u64 = answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=900).contains(&seconds));
}

#[tokio::test]
async fn an_owner_is_not_locked_out_by_strangers() {
    let dashboard = TestDashboard::new();
    // From 192.0.2.1, which is known from then on.
    let browser = dashboard.set_up().await;
    for number in 0..10 {
        let from = format!("203.0.113.{number}");
        assert_eq!(
            dashboard
                .ask(login("FAKE wrong one").from(&from))
                .await
                .status,
            401
        );
    }
    let stranger = dashboard.ask(login(PASSWORD).from("198.51.100.1")).await;
    assert_eq!(stranger.refusal(), (429, "too_many_tries"));
    assert_eq!(dashboard.ask(login(PASSWORD)).await.status, 200);
    let own = OwnConnection::new();
    assert_eq!(dashboard.ask(own.over(login(PASSWORD))).await.status, 200);
    // Whoever is signed in is not signed out by it, and may confirm.
    assert!(is_signed_in(&dashboard, &browser).await);
    let confirm = post("/api/auth/confirm", &json!({"password": PASSWORD}));
    let answer = dashboard
        .ask(confirm.by(&browser).from("198.51.100.1"))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.json);
}

#[tokio::test]
async fn a_stolen_cookie_does_not_buy_guesses() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    for number in 0..10 {
        let confirm = post("/api/auth/confirm", &json!({"password": "FAKE wrong one"}));
        let answer = dashboard
            .ask(confirm.by(&browser).from(&format!("203.0.113.{number}")))
            .await;
        assert_eq!(answer.status, 401, "{}", answer.json);
    }
    for (path, body) in [
        ("/api/auth/confirm", json!({"password": PASSWORD})),
        (
            "/api/auth/change-password",
            json!({"current_password": PASSWORD, "new_password": "FAKE another one"}),
        ),
    ] {
        let answer = dashboard
            .ask(post(path, &body).by(&browser).from("203.0.113.99"))
            .await;
        assert_eq!(answer.refusal(), (429, "too_many_tries"), "{path}");
    }
}

#[tokio::test]
async fn a_header_that_anybody_can_write_makes_no_new_address() {
    let dashboard = TestDashboard::new();
    dashboard.set_up().await;
    let wrong = |number: u32| {
        let forwarded = format!("203.0.113.{number}");
        login("FAKE wrong one")
            .from("198.51.100.1")
            .header("x-forwarded-for", &forwarded)
    };
    for number in 0..10 {
        assert_eq!(dashboard.ask(wrong(number)).await.status, 401);
    }
    assert_eq!(dashboard.ask(wrong(10)).await.status, 429);
}

#[tokio::test]
async fn behind_a_believed_proxy_each_client_counts_for_himself() {
    let proxies = vec!["198.51.100.0/24".parse().unwrap()];
    let dashboard = TestDashboard::with_network(Network {
        proxies,
        ..loopback()
    });
    let ask = |password: &str, client: &str| {
        login(password)
            .from("198.51.100.1")
            .header("x-forwarded-for", client)
    };
    let code = dashboard.app.setup_code().unwrap();
    let body = json!({"password": PASSWORD, "code": code});
    let set_up = post("/api/auth/setup", &body).from("198.51.100.1");
    let set_up = dashboard
        .ask(set_up.header("x-forwarded-for", "192.0.2.50"))
        .await;
    assert_eq!(set_up.status, 201, "{}", set_up.json);
    for _ in 0..10 {
        assert_eq!(
            dashboard
                .ask(ask("FAKE wrong one", "203.0.113.1"))
                .await
                .status,
            401
        );
    }
    assert_eq!(
        dashboard.ask(ask(PASSWORD, "203.0.113.1")).await.status,
        429
    );
    assert_eq!(dashboard.ask(ask(PASSWORD, "192.0.2.50")).await.status, 200);
}

#[tokio::test]
async fn a_wrong_password_is_stretched_once_whether_or_not_there_is_a_right_one() {
    let stretched = async |dashboard: &TestDashboard| {
        let begun = || dashboard.app.sign_in.slots.begun.load(Ordering::SeqCst);
        let before = begun();
        let answer = dashboard.ask(login("FAKE wrong one")).await;
        (begun() - before, answer.status, answer.json)
    };
    let unknown = stretched(&TestDashboard::new()).await;
    let known = TestDashboard::new();
    known.set_up().await;
    assert_eq!(stretched(&known).await, unknown);
    assert_eq!((unknown.0, unknown.1.as_u16()), (1, 401));
}
