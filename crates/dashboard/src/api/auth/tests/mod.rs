//! Every rule of signing in, through the routes.

use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};
use tokio::sync::broadcast::Receiver;

use crate::access::Who;
use crate::events::Change;
use crate::testing::{Ask, Browser, TestDashboard, get, post};

mod authenticator;
mod limits;
mod origins;
mod passkeys;
mod password;
mod second_factors;
mod secrets;
mod set_up;
mod sign_ins;
mod tokens;

/// A login request.
fn login(password: &str) -> Ask {
    post("/api/auth/login", &json!({"password": password}))
}

async fn status(dashboard: &TestDashboard, browser: Option<&Browser>) -> Value {
    let ask = get("/api/auth/status");
    let ask = match browser {
        Some(browser) => ask.by(browser),
        None => ask,
    };
    let answer = dashboard.ask(ask).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json
}

async fn is_signed_in(dashboard: &TestDashboard, browser: &Browser) -> bool {
    let listed = dashboard.ask(get("/api/auth/sessions").by(browser)).await;
    let authenticated = status(dashboard, Some(browser)).await["authenticated"] == true;
    assert_eq!(listed.status == 200, authenticated, "{}", listed.json);
    authenticated
}

/// The identifiers of the browsers that are signed in, the present one first.
async fn ids(dashboard: &TestDashboard, browser: &Browser) -> Vec<String> {
    let answer = dashboard.ask(get("/api/auth/sessions").by(browser)).await;
    let mut list = answer.json.as_array().unwrap().clone();
    list.sort_by_key(|object| object["current"] != true);
    list.iter()
        .map(|object| object["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Everybody whose end was told so far.
fn ended(changes: &mut Receiver<Change>) -> Vec<Who> {
    let mut all = Vec::new();
    while let Ok(change) = changes.try_recv() {
        if let Change::Ended(who) = change {
            all.extend(who);
        }
    }
    all
}

/// The actions in the audit log, oldest first, with detail.
async fn actions(dashboard: &TestDashboard, browser: &Browser) -> Vec<String> {
    let answer = dashboard.ask(get("/api/audit?limit=500").by(browser)).await;
    let entries = answer.json["entries"].as_array().unwrap();
    let words = entries.iter().rev().map(|entry| {
        let who = entry["who"].as_str().unwrap();
        let action = entry["action"].as_str().unwrap();
        match entry["detail"].as_str() {
            Some(detail) => format!("{who}: {action} ({detail})"),
            None => format!("{who}: {action}"),
        }
    });
    words.collect()
}

/// A real connection of this very process to itself.
struct OwnConnection {
    client: TcpStream,
    server: TcpStream,
}

impl OwnConnection {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        Self { client, server }
    }

    fn over(&self, ask: Ask) -> Ask {
        ask.over(
            self.client.local_addr().unwrap(),
            self.server.local_addr().unwrap(),
        )
    }
}

#[tokio::test]
async fn the_audit_log_says_who_from_where_and_is_read_in_parts() {
    let dashboard = TestDashboard::new();
    let browser = dashboard.set_up().await;
    let wrong = dashboard
        .ask(login("FAKE wrong").from("198.51.100.9"))
        .await;
    assert_eq!(wrong.status, 401);
    dashboard
        .ask(post("/api/auth/logout", &json!({})).by(&dashboard.sign_in().await))
        .await;
    let answer = dashboard.ask(get("/api/audit?limit=2").by(&browser)).await;
    let entries = answer.json["entries"].as_array().unwrap();
    assert_eq!(entries[0]["action"], "sign-out");
    assert_eq!(entries[1]["action"], "sign-in");
    let next = answer.json["next"].as_i64().unwrap();
    let answer = dashboard
        .ask(get(&format!("/api/audit?before={next}")).by(&browser))
        .await;
    let entries = answer.json["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0]["action"], "sign-in failed");
    assert_eq!(entries[0]["address"], "198.51.100.9");
    assert_eq!(
        (&entries[1]["action"], &entries[1]["who"]),
        (&json!("set-up"), &json!("browser"))
    );
    assert_eq!(answer.json["next"], Value::Null);
    for query in ["limit=0", "limit=501", "limit=x", "befor=1"] {
        let answer = dashboard
            .ask(get(&format!("/api/audit?{query}")).by(&browser))
            .await;
        assert_eq!(answer.status, 400, "{query}");
    }
}
