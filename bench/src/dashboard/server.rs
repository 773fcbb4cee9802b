//! A running dashboard with accounts.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{TestHome, documents};

/// What stands in for Claude Code: runs the file `run` of the directory that it is started in.
const CLIENT: &str = "#!/bin/sh\nexec /bin/sh ./run\n";

pub(crate) struct Server {
    pub(crate) home: TestHome,
    pub(crate) address: String,
    pub(crate) token: String,
    /// From the start of the process to its first answer.
    pub(crate) ready_after: Duration,
    process: Child,
}

impl Server {
    pub(crate) fn with_accounts(accounts: usize) -> Self {
        let mut home = TestHome::new();
        let client = home.bin().join("claude");
        fs::write(&client, CLIENT).unwrap();
        make_executable(&client);
        home.set("CLAUDE_ACCOUNTS_CLAUDE", &client);
        import(&home, accounts);
        let (process, address, ready_after) = start(&home);
        let mut server = Self {
            home,
            address,
            token: String::new(),
            ready_after,
            process,
        };
        let answer = server.post(
            "/api/auth/setup",
            &json!({"password": "correct horse battery staple"}),
        );
        server.token = answer["api_token"]
            .as_str()
            .expect("an API token")
            .to_owned();
        server
    }

    /// The same one started anew: what only the set-up needs is not in its memory.
    pub(crate) fn start_again(&mut self) {
        self.stop();
        let (process, address, ready_after) = start(&self.home);
        (self.process, self.address, self.ready_after) = (process, address, ready_after);
    }

    fn stop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.process);
        let _signalled = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        drop(self.process.wait());
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        self.ask(&format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nX-Auth-Token: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address, self.token, body.len(),
        ))
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.ask(&format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nX-Auth-Token: {}\r\nConnection: close\r\n\r\n",
            self.address, self.token,
        ))
    }

    fn ask(&self, request: &str) -> Value {
        ask(&self.address, request)
    }

    /// A directory in which the stand-in for the client runs `script`.
    pub(crate) fn directory_that_runs(&self, name: &str, script: &str) -> PathBuf {
        let directory = self.home.home().join(name);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("run"), script).unwrap();
        directory
    }

    /// Of user and system, in milliseconds.
    pub(crate) fn cpu_millis(&self) -> f64 {
        cpu_millis(self.pid())
    }

    pub(crate) fn resident_kib(&self) -> u64 {
        resident_kib(self.pid())
    }

    pub(crate) fn threads(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.pid()))
            .unwrap()
            .count()
    }
}

/// The JSON that is answered.
fn ask(address: &str, request: &str) -> Value {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let text = String::from_utf8_lossy(&answer);
    let body = text.split_once("\r\n\r\n").expect("an answer").1;
    let start = body
        .find(['{', '['])
        .unwrap_or_else(|| panic!("no JSON: {text}"));
    let end = body.rfind(['}', ']']).unwrap();
    serde_json::from_str(&body[start..=end]).unwrap()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn import(home: &TestHome, accounts: usize) {
    let expires_at = documents::now_ms() + 8 * 3_600_000;
    let entry = |number: usize| -> Value {
        let tail =
            format!("{number:024}-aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789aBcDeFgHiJkLmNoPqRsTuVwXyZ");
        if number.is_multiple_of(2) {
            json!({"name": format!("key-{number}"), "auth_type": "api_key", "api_key": format!("sk-ant-api03-FAKE{tail}")})
        } else {
            json!({"name": format!("login-{number}"), "auth_type": "oauth", "expires_at": expires_at,
                "access_token": format!("sk-ant-oat01-FAKE{tail}"), "refresh_token": format!("sk-ant-ort01-FAKE{tail}")})
        }
    };
    let entries: Vec<Value> = (0..accounts).map(entry).collect();
    home.claude_accounts_with_input(&["import", "-"], json!(entries).to_string().as_bytes())
        .success();
}

/// Starts `serve` on a free port and waits for its first answer.
fn start(home: &TestHome) -> (Child, String, Duration) {
    let port = free_port();
    let mut command =
        home.claude_accounts_command(&["serve", "--no-browser", "--port", &port.to_string()]);
    let began = Instant::now();
    let mut process = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let address = format!("127.0.0.1:{port}");
    let ready_after = answers(&address, began);
    // What it prints is read away, so that it never waits for room.
    let printed = BufReader::new(process.stdout.take().unwrap());
    std::thread::spawn(move || printed.lines().map_while(Result::ok).for_each(drop));
    (process, address, ready_after)
}

/// Until `/healthz` answers, from `began`.
pub(crate) fn answers(address: &str, began: Instant) -> Duration {
    loop {
        if let Ok(mut stream) = TcpStream::connect(address) {
            let request =
                format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
            let mut answer = String::new();
            if stream.write_all(request.as_bytes()).is_ok()
                && stream.read_to_string(&mut answer).is_ok()
                && answer.starts_with("HTTP/1.1")
            {
                return began.elapsed();
            }
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{address} does not answer"
        );
        std::thread::sleep(Duration::from_micros(200));
    }
}

pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

pub(crate) fn cpu_millis(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks as f64 * 1_000.0 / rustix::param::clock_ticks_per_second() as f64
}

pub(crate) fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn make_executable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The Python program, running. Ended when dropped.
pub(crate) struct Python {
    pub(crate) address: String,
    /// From the start of the process to its first answer.
    pub(crate) ready_after: Duration,
    process: Child,
}

impl Python {
    pub(crate) fn ask_for_accounts(&self, token: &str) {
        ask(
            &self.address,
            &format!(
                "GET /api/accounts HTTP/1.1\r\nHost: {}\r\nX-Auth-Token: {token}\r\nConnection: close\r\n\r\n",
                self.address,
            ),
        );
    }

    pub(crate) fn resident_kib(&self) -> u64 {
        resident_kib(self.process.id())
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The Python program in the same home; why not, if it cannot be run here.
pub(crate) fn python(home: &TestHome, token: &str) -> Result<Python, String> {
    #[allow(clippy::disallowed_methods, reason = "a program reads its environment")]
    let search_path = std::env::var_os("PATH").unwrap_or_default();
    let command = || {
        let mut command = home.command("python3");
        command
            .env("PATH", &search_path)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    };
    let mut probe: Command = command();
    let works = probe.args(["-c", "import cryptography, flask"]).status();
    if !works.is_ok_and(|status| status.success()) {
        return Err("python3 with `cryptography` and `flask` is missing".to_owned());
    }
    let port = free_port();
    let began = Instant::now();
    let process = command()
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/dashboard.py"))
        .arg(home.vault_dir())
        .args([&port.to_string(), token])
        .spawn()
        .map_err(|error| error.to_string())?;
    let address = format!("127.0.0.1:{port}");
    let ready_after = answers(&address, began);
    Ok(Python {
        address,
        ready_after,
        process,
    })
}
