//! The documented events with the client that Python programs use, `python-socketio`.

use std::process::Stdio;

use testkit::skip;

use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn python_socketio_has_its_terminal() {
    let server = Server::start().await;
    let python = |server: &Server| {
        let mut command = server.home.command("python3");
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        if let Some(packages) = std::env::var_os("CLAUDE_ACCOUNTS_TEST_PYTHONPATH") {
            command.env("PYTHONPATH", packages);
        }
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    };
    let probe = python(&server)
        .args(["-c", "import socketio, requests, websocket"])
        .stderr(Stdio::null())
        .status();
    if !probe.is_ok_and(|status| status.success()) {
        return skip("python3 with python-socketio[client] is missing");
    }
    let directory = server.running(
        "project",
        "echo in $PWD; while read line; do echo got $line; stty size; done",
    );
    for transports in ["polling", "websocket", "polling,websocket"] {
        let mut command = python(&server);
        command
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/python/socketio_client.py"
            ))
            .arg(format!("http://{}", server.address))
            .args([&server.token, &server.account, &directory, transports]);
        // It gives up by itself.
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .unwrap()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && text.contains("all as documented"),
            "{transports}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
