//! The dashboard's own database.

use std::net::TcpListener;
use std::process::Stdio;

use end_to_end::{LIMIT, Machine};
use rustix::process::Signal;
use serde_json::{Value, json};
use testkit::http::send;
use testkit::{Process, wait_until};

use crate::Sample;

#[test]
fn password_tokens_settings_and_audit_log_stay() {
    for sample in Sample::all() {
        let machine = Machine::new();
        sample.copy("vault", &machine.home.vault_dir());
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port().to_string();
        drop(free);
        let words = ["serve", "--no-browser", "--port", &port];
        let mut command = machine.home.claude_accounts_command(&words);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut process = Process::spawn(command);
        let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
        wait_until("the dashboard to answer", LIMIT, || {
            send("GET", &url("/healthz"), &[], b"", LIMIT).is_ok_and(|answer| answer.status == 200)
        });

        let made_with = &sample.contents["dashboard"];
        let ask = |token: &Value, path: &str| {
            let headers = [("x-auth-token", token.as_str().unwrap())];
            let answer = send("GET", &url(path), &headers, b"", LIMIT).unwrap();
            let body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
            (answer.status, body)
        };
        let (first, reader) = (&made_with["token"], &made_with["reader"]["token"]);
        let (status, settings) = ask(first, "/api/settings");
        assert_eq!((status, &settings["recording"]), (200, &json!(true)));
        let (_, audit) = ask(first, "/api/audit");
        let entries = audit["entries"].as_array().unwrap();
        for entry in made_with["audit"]["entries"].as_array().unwrap() {
            assert!(entries.contains(entry), "{entry} is not in {audit:#}");
        }
        assert_eq!(ask(reader, "/api/accounts").0, 200);
        assert_eq!(ask(reader, "/api/audit").0, 403);
        let password = json!({"password": made_with["password"]}).to_string();
        let headers = [("content-type", "application/json")];
        let path = url("/api/auth/login");
        let answer = send("POST", &path, &headers, password.as_bytes(), LIMIT).unwrap();
        assert_eq!(answer.status, 200);

        process.signal(Signal::TERM);
        assert!(process.wait(LIMIT).success());
    }
}
