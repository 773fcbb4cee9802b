//! A client of the dashboard's terminals: Socket.IO over a WebSocket, spoken by hand, over any connection.

use std::io::{self, Read, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use testkit::{Host, Process};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::{Message, WebSocket};

use crate::LIMIT;

/// A connection that is signed in.
pub struct SocketIo<Connection> {
    stream: WebSocket<Connection>,
}

impl<Connection: Read + Write> SocketIo<Connection> {
    /// Over `connection`, which leads to the dashboard at `authority` (`localhost:5111`), with an API token.
    ///
    /// # Panics
    /// When the upgrade or the token is refused.
    #[must_use]
    #[track_caller]
    pub fn connect(connection: Connection, authority: &str, token: &str) -> Self {
        let address = format!("ws://{authority}/socket.io/?EIO=4&transport=websocket");
        let mut request = address.into_client_request().unwrap();
        let token = token.parse().unwrap();
        request.headers_mut().insert("X-Auth-Token", token);
        let (stream, _) = tungstenite::client(request, connection)
            .unwrap_or_else(|error| panic!("no WebSocket to {authority}: {error}"));
        let mut socket = Self { stream };
        assert!(socket.packet().starts_with("0{"));
        socket.send("40");
        let answer = socket.packet();
        assert!(answer.starts_with("40{"), "{answer}");
        socket
    }

    /// Sends an event.
    ///
    /// # Panics
    /// When the server has hung up.
    pub fn emit(&mut self, event: &str, payload: &Value) {
        self.send(&format!("42{}", json!([event, payload])));
    }

    /// The payload of the next event of that name; others before it are dropped.
    ///
    /// # Panics
    /// When the server hangs up, says `terminal_error`, or sends other events for too long.
    #[track_caller]
    pub fn wait_for(&mut self, event: &str) -> Value {
        let start = Instant::now();
        while start.elapsed() < LIMIT {
            let (name, payload) = self.next_event();
            if name == event {
                return payload;
            }
            assert_ne!(name, "terminal_error", "{payload}");
        }
        panic!("no {event} came");
    }

    /// Reads what the terminal shows until `shown` holds of all of it, and gives that.
    ///
    /// # Panics
    /// When the terminal ends before, or writes other things for too long.
    #[track_caller]
    pub fn read_until(&mut self, shown: impl Fn(&str) -> bool) -> String {
        let (start, mut output) = (Instant::now(), String::new());
        while start.elapsed() < LIMIT {
            let (name, payload) = self.next_event();
            assert_ne!(name, "terminal_error", "{payload}");
            assert_ne!(name, "terminal_exit", "{payload}, after: {output}");
            if name == "terminal_output" {
                output.push_str(payload["data"].as_str().unwrap());
            }
            if shown(&output) {
                return output;
            }
        }
        panic!("the terminal shows only: {output}");
    }

    #[track_caller]
    fn next_event(&mut self) -> (String, Value) {
        loop {
            let packet = self.packet();
            let Some(event) = packet.strip_prefix("42") else {
                continue;
            };
            return serde_json::from_str(event).unwrap();
        }
    }

    fn send(&mut self, packet: &str) {
        self.stream.send(Message::text(packet)).unwrap();
    }

    /// The next packet but pings, which are answered.
    #[track_caller]
    fn packet(&mut self) -> String {
        loop {
            match self.stream.read().expect("a connection that stands") {
                Message::Text(text) if text.as_str() == "2" => self.send("3"),
                Message::Text(text) => return text.to_string(),
                _ => {}
            }
        }
    }
}

/// A connection over TLS to a port of a machine's own, made by its `openssl`, which checks the certificate.
pub struct TlsConnection {
    input: ChildStdin,
    output: ChildStdout,
    _process: Process,
}

impl TlsConnection {
    /// To port 443 of `name`, whose certificate is `authority`'s, a file in PEM on the machine.
    ///
    /// # Panics
    /// When `openssl` cannot be started.
    #[must_use]
    pub fn open(host: &Host, name: &str, authority: &str) -> TlsConnection {
        let mut command: Command = host.command("openssl");
        command
            .args(["s_client", "-quiet", "-verify_return_error"])
            .args(["-connect", "127.0.0.1:443", "-servername", name])
            .args(["-verify_hostname", name, "-CAfile", authority])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = Process::spawn(command);
        let (input, output) = (process.child().stdin.take(), process.child().stdout.take());
        TlsConnection {
            input: input.unwrap(),
            output: output.unwrap(),
            _process: process,
        }
    }
}

impl Read for TlsConnection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.output.read(buffer)
    }
}

impl Write for TlsConnection {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.input.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.input.flush()
    }
}
