use futures_util::future::join_all;
use serde_json::json;

use super::{OwnConnection, actions, status};
use crate::testing::{Ask, PASSWORD, TestDashboard, get, post};

fn set_up(code: Option<&str>) -> Ask {
    let body = match code {
        Some(code) => json!({"password": PASSWORD, "code": code}),
        None => json!({"password": PASSWORD}),
    };
    post("/api/auth/setup", &body)
}

#[tokio::test]
async fn from_elsewhere_only_with_the_code() {
    let dashboard = TestDashboard::new();
    let before = status(&dashboard, None).await;
    assert_eq!(before["setup_done"], false);
    assert_eq!(before["setup_code_needed"], true);
    for code in [
        None,
        Some(""),
        Some("AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAA"),
    ] {
        let answer = dashboard.ask(set_up(code)).await;
        assert_eq!(answer.refusal(), (403, "setup_code_needed"));
    }
    let code = dashboard.app.setup_code().unwrap();
    assert_eq!(code.len(), 39);
    // As somebody types it.
    let answer = dashboard
        .ask(set_up(Some(&code.to_lowercase().replace('-', " "))))
        .await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    assert!(
        answer.json["api_token"]
            .as_str()
            .unwrap()
            .starts_with("cat_")
    );
    assert!(
        answer
            .cookie()
            .unwrap()
            .starts_with("claude_accounts_session=")
    );
    let after = status(&dashboard, None).await;
    assert_eq!(
        (&after["setup_done"], &after["setup_code_needed"]),
        (&json!(true), &json!(false))
    );
    let again = dashboard.ask(set_up(Some(&code))).await;
    assert_eq!(again.status, 409);
}

#[tokio::test]
async fn the_code_cannot_be_tried_forever() {
    let dashboard = TestDashboard::new();
    for number in 0..10 {
        let answer = dashboard
            .ask(set_up(Some("AAAA")).from(&format!("203.0.113.{number}")))
            .await;
        assert_eq!(answer.refusal(), (403, "setup_code_needed"));
    }
    let code = dashboard.app.setup_code().unwrap();
    let answer = dashboard.ask(set_up(Some(&code))).await;
    assert_eq!(answer.refusal(), (429, "too_many_tries"));
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn the_user_of_this_machine_needs_no_code_unless_a_proxy_stands_between() {
    let dashboard = TestDashboard::new();
    let own = OwnConnection::new();
    let answer = dashboard.ask(own.over(get("/api/auth/status"))).await;
    assert_eq!(answer.json["setup_code_needed"], false);
    for header in ["x-forwarded-for", "forwarded", "via"] {
        let answer = dashboard
            .ask(own.over(set_up(None)).header(header, "127.0.0.1"))
            .await;
        assert_eq!(answer.refusal(), (403, "setup_code_needed"), "{header}");
    }
    // Another process's port.
    let other = "127.0.0.1:1".parse().unwrap();
    let answer = dashboard
        .ask(set_up(None).over(other, own.server.local_addr().unwrap()))
        .await;
    assert_eq!(answer.refusal(), (403, "setup_code_needed"));
    let answer = dashboard.ask(own.over(set_up(None))).await;
    assert_eq!(answer.status, 201, "{}", answer.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_exactly_one_succeeds() {
    let dashboard = TestDashboard::new();
    let code = dashboard.app.setup_code().unwrap();
    let attempt = |number: usize| {
        let body = json!({"password": format!("FAKE password {number}"), "code": code});
        dashboard.ask(post("/api/auth/setup", &body))
    };
    let answers = join_all((0..8).map(attempt)).await;
    let mut winners = Vec::new();
    for (number, answer) in answers.iter().enumerate() {
        match answer.status.as_u16() {
            201 => winners.push(number),
            status => assert_eq!(status, 409),
        }
    }
    let [winner] = winners[..] else {
        panic!("{winners:?} succeeded");
    };
    let answer = dashboard
        .ask(super::login(&format!("FAKE password {winner}")))
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_password_that_is_easy_to_guess_is_refused() {
    let dashboard = TestDashboard::new();
    let code = dashboard.app.setup_code().unwrap();
    for password in ["", "password", "12345678", &"x".repeat(1025)] {
        let body = json!({"password": password, "code": code});
        let answer = dashboard.ask(post("/api/auth/setup", &body)).await;
        assert_eq!(answer.status, 400, "{password}");
        let judged = dashboard
            .ask(post("/api/auth/strength", &json!({"password": password})))
            .await;
        assert!(
            judged.status == 400 || judged.json["acceptable"] == false,
            "{}",
            judged.json
        );
    }
    let judged = dashboard
        .ask(post("/api/auth/strength", &json!({"password": PASSWORD})))
        .await;
    assert_eq!(judged.json["acceptable"], true);
    assert!(judged.json["score"].as_u64().unwrap() <= 4);
}

#[tokio::test]
async fn after_a_restart_no_code_is_shown_and_none_counts() {
    let dashboard = TestDashboard::new();
    let code = dashboard.app.setup_code().unwrap();
    let browser = dashboard.set_up().await;
    assert_eq!(actions(&dashboard, &browser).await, ["browser: set-up"]);
    let dashboard = dashboard.restarted();
    assert_eq!(dashboard.app.setup_code(), None);
    assert_eq!(dashboard.ask(set_up(Some(&code))).await.status, 409);
}
