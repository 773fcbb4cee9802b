//! A dashboard of its own for a test: `claude-accounts serve` on a free port, set up.

use std::net::TcpListener;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::{Value, json};
use testkit::http::send;
use testkit::{Process, wait_until};

use crate::{LIMIT, Machine};

/// The password of every dashboard in the tests.
pub const PASSWORD: &str = "correct horse battery staple";

/// A running dashboard. Ended when dropped.
pub struct Dashboard {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    /// An API token of the scope `admin`.
    pub token: String,
    process: Process,
}

impl Dashboard {
    /// Starts it on this machine, and sets its password.
    ///
    /// # Panics
    /// When it cannot be started or set up.
    #[must_use]
    pub fn start(machine: &Machine) -> Dashboard {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let number = port.to_string();
        let arguments = ["serve", "--no-browser", "--port", &number];
        let mut command = machine.home.claude_accounts_command(&arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut dashboard = Dashboard {
            url: format!("http://127.0.0.1:{port}"),
            token: String::new(),
            process: Process::spawn(command),
        };
        let health = format!("{}/healthz", dashboard.url);
        wait_until("the dashboard to answer", LIMIT, || {
            send("GET", &health, &[], b"", LIMIT).is_ok_and(|answer| answer.status == 200)
        });
        let password = json!({"password": PASSWORD});
        let (status, body) = dashboard.ask("POST", "/api/auth/setup", &password);
        assert_eq!(status, 201, "{body}");
        dashboard.token = body["api_token"].as_str().unwrap().to_owned();
        dashboard
    }

    /// The status and the JSON of an answer, asked for with the token.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}{path}", self.url);
        let headers = [("x-auth-token", self.token.as_str())];
        let answer = send(method, &url, &headers, body.to_string().as_bytes(), LIMIT).unwrap();
        let body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        (answer.status, body)
    }

    /// The process, to signal it.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }
}

impl Drop for Dashboard {
    /// Asked to, it ends its terminals as well.
    fn drop(&mut self) {
        self.process.signal(Signal::TERM);
        let _status = self.process.wait(LIMIT);
    }
}
