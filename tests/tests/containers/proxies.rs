//! The files for Caddy and nginx, as they stand in `packaging`: each serves the dashboard over TLS, terminals included.

use std::io::{Read as _, Write as _};
use std::process::Stdio;

use end_to_end::dashboard::PASSWORD;
use end_to_end::socket_io::{SocketIo, TlsConnection};
use end_to_end::{KEY, LIMIT, is_installed};
use serde_json::json;
use testkit::{Host, Process, host_or_skip, skip, wait_until};

use crate::scene::{ask, root, set_up};

/// The name in the file for nginx.
const NGINX_NAME: &str = "claude.example.com";
const NGINX_DIRECTORY: &str = "/etc/letsencrypt/live/claude.example.com";
/// The certificate is its own authority.
const CERTIFICATE: &str = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj /CN=proxy -addext subjectAltName=DNS:claude.example.com -keyout privkey.pem -out fullchain.pem";

#[test]
fn caddy_passes_on_what_the_dashboard_needs() {
    let Some((host, _dashboard)) = dashboard_behind("caddy") else {
        return;
    };
    let file = root().join("packaging/caddy/Caddyfile");
    host.install_file(&file, "/etc/caddy-test/Caddyfile");
    let arguments = [
        "--config",
        "/etc/caddy-test/Caddyfile",
        "--adapter",
        "caddyfile",
    ];
    host.run(&[&["caddy", "validate"], &arguments[..]].concat())
        .success();
    let mut command = host.command("caddy");
    command.arg("run").args(arguments);
    let _caddy = Process::spawn(silent(command));
    let authority = "/root/.local/share/caddy/pki/authorities/local/root.crt";
    wait_until("Caddy's own authority", LIMIT, || host.exists(authority));
    passes_on(&host, "localhost", authority);
}

#[test]
fn nginx_passes_on_what_the_dashboard_needs() {
    let Some((host, _dashboard)) = dashboard_behind("nginx") else {
        return;
    };
    host.make_directory(NGINX_DIRECTORY, 0o755);
    let words = [
        "env",
        &format!("--chdir={NGINX_DIRECTORY}"),
        "sh",
        "-c",
        CERTIFICATE,
    ];
    host.run(&words).success();
    let clear = "rm -f /etc/nginx/sites-enabled/* /etc/nginx/conf.d/*; mkdir -p /var/log/nginx";
    host.run(&["sh", "-c", clear]).success();
    let file = root().join("packaging/nginx/claude-accounts.conf");
    host.install_file(&file, "/etc/nginx/conf.d/claude-accounts.conf");
    let checked = host.run(&["nginx", "-t"]).success().stderr;
    assert!(!checked.contains("warn"), "{checked}");
    let mut command = host.command("nginx");
    command.args(["-g", "daemon off;"]);
    let _nginx = Process::spawn(silent(command));
    passes_on(
        &host,
        NGINX_NAME,
        &format!("{NGINX_DIRECTORY}/fullchain.pem"),
    );
    // It is written when the connection ends.
    let log = || host.read_text("/var/log/nginx/claude-accounts.log");
    wait_until("the terminal in the log", LIMIT, || {
        log().contains("GET /socket.io/")
    });
    assert!(!log().contains("EIO"), "{}", log());
}

fn silent(mut command: std::process::Command) -> std::process::Command {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A machine where `program` is, and a dashboard with one account that believes proxies on the same machine.
fn dashboard_behind(program: &str) -> Option<(Host, Process)> {
    let missing = ["/usr/sbin", "/usr/bin"]
        .iter()
        .all(|directory| !std::path::Path::new(directory).join(program).exists());
    if missing || !is_installed("openssl") {
        skip(format!("needs {program} and openssl"));
        return None;
    }
    let host = host_or_skip()?;
    host.install_program("claude-accounts", "/usr/local/bin/claude-accounts");
    host.install_program("stand-in-claude", "/usr/local/bin/claude");
    let mut command = host.command("claude-accounts");
    command.args(["serve", "--no-browser", "--behind-proxy", "127.0.0.1/32"]);
    let dashboard = Process::spawn_talking(command);
    let listening = dashboard.wait_for_line(0, LIMIT);
    assert_eq!(listening, "dashboard: http://localhost:5111/");
    Some((host, dashboard))
}

/// The page's origin is the proxy's; its cookie is for TLS alone; a terminal opens.
fn passes_on(host: &Host, name: &str, authority: &str) {
    let token = set_up(host, None);
    let account = json!({"name": "work", "api_key": KEY});
    let (status, added) = ask(host, &token, "POST", "/api/accounts", &account);
    assert_eq!(status, 201, "{added}");
    wait_until("the proxy", LIMIT, || {
        http(host, name, authority, "GET /healthz HTTP/1.1", "").contains("200 OK")
    });
    let body = json!({"password": PASSWORD}).to_string();
    let login = http(
        host,
        name,
        authority,
        "POST /api/auth/login HTTP/1.1",
        &body,
    );
    assert!(login.contains("200 OK"), "{login}");
    assert!(login.contains("__Host-claude_accounts_session="), "{login}");
    let (_, sign_ins) = ask(host, &token, "GET", "/api/auth/sessions", &json!(null));
    assert!(sign_ins.to_string().contains("127.0.0.1"), "{sign_ins}");
    let connection = TlsConnection::open(host, name, authority);
    let mut terminals = SocketIo::connect(connection, name, &token);
    let start = json!({"account_id": added["id"], "rows": 24, "cols": 80});
    terminals.emit("start_terminal", &start);
    assert_eq!(terminals.wait_for("terminal_started")["account"], "work");
}

/// The whole answer to one request over TLS; nothing where there is no connection.
fn http(host: &Host, name: &str, authority: &str, first_line: &str, body: &str) -> String {
    let mut connection = TlsConnection::open(host, name, authority);
    let length = body.len();
    let request = format!(
        "{first_line}\r\nHost: {name}\r\nOrigin: https://{name}\r\nX-Forwarded-For: 192.0.2.7\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let mut answer = Vec::new();
    if connection.write_all(request.as_bytes()).is_ok() {
        connection.read_to_end(&mut answer).ok();
    }
    String::from_utf8_lossy(&answer).into_owned()
}
