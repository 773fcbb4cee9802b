//! The token server: single use, reuse detection, gates, and every way to misbehave.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use serde_json::{Value, json};
use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use testkit::http::{Response, send};
use testkit::token_server::{CLIENT_ID, Mode, TokenServer};
use testkit::{Process, TestHome, programs};

const PATIENCE: Duration = Duration::from_secs(20);

fn body(refresh_token: &str) -> Value {
    json!({
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "client_id": CLIENT_ID,
        "scope": "user:inference user:profile",
    })
}

fn post(url: &str, body: &Value) -> io::Result<Response> {
    send("POST", url, &[], body.to_string().as_bytes(), PATIENCE)
}

fn refresh(url: &str, token: &str) -> (u16, Value) {
    let answer = post(url, &body(token)).unwrap();
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

fn refresh_meanwhile(server: &TokenServer, token: &str) -> JoinHandle<(u16, Value)> {
    let (url, token) = (server.url(), token.to_owned());
    thread::spawn(move || refresh(&url, &token))
}

#[test]
fn a_refresh_token_buys_once() {
    let server = TokenServer::start();
    let login = server.issue("alice");
    let (status, answer) = refresh(&server.url(), &login.refresh_token);
    assert_eq!(status, 200);
    assert_eq!(answer["expires_in"], 28800);
    assert_eq!(answer["scope"], "user:inference user:profile");
    let (access, newest) = server.current("alice");
    assert_eq!(
        (
            answer["access_token"].as_str(),
            answer["refresh_token"].as_str()
        ),
        (Some(&*access), Some(&*newest))
    );
    assert!(server.is_valid_access(&access) && server.is_valid_access(&login.access_token));
    assert!(server.is_current_refresh(&newest) && !server.is_current_refresh(&login.refresh_token));

    assert_eq!(
        refresh(&server.url(), &login.refresh_token).1["error"],
        "invalid_grant"
    );
    assert_eq!(refresh(&server.url(), "sk-ant-ort01-FAKEunknown").0, 400);
    assert_eq!(refresh(&server.url(), &newest).0, 200);
    let statuses: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.answered_status)
        .collect();
    assert_eq!(statuses, [Some(200), Some(400), Some(400), Some(200)]);
}

#[test]
fn reuse_can_end_the_whole_chain() {
    let server = TokenServer::start();
    server.revoke_on_reuse(true);
    let (login, other) = (server.issue("alice"), server.issue("bob"));
    assert_eq!(refresh(&server.url(), &login.refresh_token).0, 200);
    assert_eq!(refresh(&server.url(), &login.refresh_token).0, 400);
    let (access, newest) = server.current("alice");
    assert!(!server.is_current_refresh(&newest) && !server.is_valid_access(&access));
    assert_eq!(refresh(&server.url(), &newest).0, 400);
    assert_eq!(refresh(&server.url(), &other.refresh_token).0, 200);
}

#[test]
fn a_request_that_the_client_would_not_send_is_refused() {
    let server = TokenServer::start();
    let login = server.issue("alice");
    for (key, wrong) in [
        ("grant_type", json!("password")),
        ("client_id", json!("x")),
        ("scope", Value::Null),
    ] {
        let mut asked = body(&login.refresh_token);
        asked[key] = wrong;
        assert_eq!(post(&server.url(), &asked).unwrap().status, 400, "{key}");
    }
    assert!(server.is_current_refresh(&login.refresh_token));
}

#[test]
fn a_held_request_has_spent_nothing_and_a_held_answer_has() {
    let server = TokenServer::start();
    let login = server.issue("alice");
    server.hold();
    let held = refresh_meanwhile(&server, &login.refresh_token);
    server.wait_for_requests(1);
    assert!(server.is_current_refresh(&login.refresh_token));
    server.release();
    assert_eq!(held.join().unwrap().0, 200);

    server.hold_answers();
    let (_, second) = server.current("alice");
    let held = refresh_meanwhile(&server, &second);
    server.wait_for_answers(2);
    assert!(!server.is_current_refresh(&second));
    assert!(!held.is_finished());
    server.release();
    assert_eq!(held.join().unwrap().0, 200);
}

#[test]
fn scripted_failures_spend_nothing_and_end() {
    let server = TokenServer::start();
    let login = server.issue("alice");
    server.fail_next(2, 503);
    assert_eq!(refresh(&server.url(), &login.refresh_token).0, 503);
    assert_eq!(refresh(&server.url(), &login.refresh_token).0, 503);
    server.set_mode(Mode::Status(429, "{}".to_owned()));
    assert_eq!(refresh(&server.url(), &login.refresh_token).0, 429);
    server.set_mode(Mode::Garbage);
    assert!(
        serde_json::from_slice::<Value>(
            &post(&server.url(), &body(&login.refresh_token))
                .unwrap()
                .body
        )
        .is_err()
    );
    server.set_mode(Mode::DropConnection);
    assert!(post(&server.url(), &body(&login.refresh_token)).is_err());
    assert!(server.is_current_refresh(&login.refresh_token));
    server.set_mode(Mode::WithExpiresIn(60));
    assert_eq!(
        refresh(&server.url(), &login.refresh_token).1["expires_in"],
        60
    );
}

#[test]
fn a_lost_answer_has_spent_the_token() {
    let server = TokenServer::start();
    let login = server.issue("alice");
    server.set_mode(Mode::DropAfterConsuming);
    assert!(post(&server.url(), &body(&login.refresh_token)).is_err());
    server.set_mode(Mode::Normal);
    assert_eq!(refresh(&server.url(), &login.refresh_token).0, 400);
    assert_eq!(server.requests()[0].answered_status, None);
}

#[test]
fn without_a_refresh_token_in_the_answer_the_old_one_stays_good() {
    let server = TokenServer::start();
    let login = server.issue("alice");
    server.set_mode(Mode::WithoutRefreshToken);
    let (status, answer) = refresh(&server.url(), &login.refresh_token);
    assert_eq!((status, answer.get("refresh_token")), (200, None));
    assert!(server.is_current_refresh(&login.refresh_token));
    assert!(server.is_valid_access(answer["access_token"].as_str().unwrap()));
}

#[test]
fn dropping_the_server_frees_what_hangs_and_what_is_held() {
    for mode in [
        Mode::Hang,
        Mode::SlowlyAnswer(Duration::from_secs(3600)),
        Mode::Normal,
    ] {
        let server = TokenServer::start();
        let login = server.issue("alice");
        if mode == Mode::Normal {
            server.hold();
        }
        server.set_mode(mode);
        let url = server.url();
        let waiting = thread::spawn(move || {
            post(&url, &body(&login.refresh_token)).map(|answer| answer.status)
        });
        server.wait_for_requests(1);
        drop(server);
        drop(waiting.join().unwrap());
    }
}

#[test]
fn a_huge_body_can_be_left_unread() {
    let server = TokenServer::start();
    let login = server.issue("alice");
    server.set_mode(Mode::HugeBody);
    let address = server
        .url()
        .replace("http://", "")
        .replace("/v1/oauth/token", "");
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let body = body(&login.refresh_token).to_string();
    io::Write::write_all(
        &mut stream,
        format!(
            "POST /v1/oauth/token HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .as_bytes(),
    )
    .unwrap();
    let mut start = [0; 65536];
    io::Read::read_exact(&mut stream, &mut start).unwrap();
    assert!(start.starts_with(b"HTTP/1.1 200"));
}

#[test]
fn the_program_seeds_logs_and_ends_with_its_input() {
    let home = TestHome::new();
    let mut command = home.command(programs::path("stand-in-token-server"));
    command.args(["--seed-login", "alice", "--expires-in", "60"]);
    let mut program = Process::spawn_talking(command);
    let url = program.wait_for_line(0, PATIENCE);
    let seed: Value = serde_json::from_str(&program.wait_for_line(1, PATIENCE)).unwrap();
    let token = seed["claudeAiOauth"]["refreshToken"].as_str().unwrap();
    let (status, answer) = refresh(&url, token);
    assert_eq!((status, &answer["expires_in"]), (200, &json!(60)));
    let logged = program.wait_for_line(2, PATIENCE);
    let logged: Value = serde_json::from_str(&logged).unwrap();
    assert_eq!(logged["status"], 200);
    assert!(
        token.ends_with(logged["refresh_token_ends"].as_str().unwrap())
            && !logged.to_string().contains(token)
    );
    drop(program.take_stdin());
    assert!(program.wait(PATIENCE).success());
}

#[test]
fn held_requests_can_be_lost_on_their_way() {
    let server = TokenServer::start();
    let login = server.issue("alice");
    server.hold();
    let (url, sent) = (server.url(), body(&login.refresh_token));
    let lost = thread::spawn(move || post(&url, &sent));
    server.wait_for_requests(1);
    server.lose_held(1);
    assert!(lost.join().unwrap().is_err());
    assert!(server.is_current_refresh(&login.refresh_token));
    let kept = refresh_meanwhile(&server, &login.refresh_token);
    server.wait_for_requests(2);
    server.release();
    assert_eq!(kept.join().unwrap().0, 200);
}
