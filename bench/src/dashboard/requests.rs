//! `GET /api/accounts` from several connections at once.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::server::{self, Server};
use crate::results;

const CONNECTIONS: usize = 8;
const LASTS: Duration = Duration::from_secs(5);

struct Load {
    per_second: f64,
    p50: Duration,
    p99: Duration,
    bytes: usize,
}

pub(crate) fn requests() {
    println!(
        "\nGET /api/accounts, {CONNECTIONS} connections, {} s each side",
        LASTS.as_secs()
    );
    for accounts in [10, 1_000] {
        let server = Server::with_accounts(accounts);
        let ours = load(&server.address, &server.token);
        println!(
            "  {accounts:>5} accounts ({} bytes): {:>9.0} requests/s, p50 {:.3} ms, p99 {:.3} ms",
            ours.bytes,
            ours.per_second,
            millis(ours.p50),
            millis(ours.p99),
        );
        match server::python(&server.home, &server.token) {
            Err(reason) => println!("        a Python program: left out, {reason}"),
            Ok(program) => {
                let python = load(&program.address, &server.token);
                println!(
                    "        a Python program: {:>9.0} requests/s, p50 {:.3} ms, p99 {:.3} ms; ours: {:.0} times, p99 1/{:.0}",
                    python.per_second,
                    millis(python.p50),
                    millis(python.p99),
                    ours.per_second / python.per_second,
                    python.p99.as_secs_f64() / ours.p99.as_secs_f64(),
                );
                results::keep(
                    &format!("dashboard/requests/{accounts}"),
                    ours.per_second,
                    python.per_second,
                );
                results::keep(
                    &format!("dashboard/requests/{accounts}/p99"),
                    millis(ours.p99),
                    millis(python.p99),
                );
            }
        }
    }
}

fn load(address: &str, token: &str) -> Load {
    let until = Instant::now() + LASTS;
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (address, token) = (address.to_owned(), token.to_owned());
            std::thread::spawn(move || one_connection(&address, &token, until))
        })
        .collect();
    let mut times = Vec::new();
    let mut bytes = 0;
    for worker in workers {
        let (took, length) = worker.join().unwrap();
        times.extend(took);
        bytes = length;
    }
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part).round() as usize];
    Load {
        per_second: times.len() as f64 / LASTS.as_secs_f64(),
        p50: at(0.5),
        p99: at(0.99),
        bytes,
    }
}

fn one_connection(address: &str, token: &str, until: Instant) -> (Vec<Duration>, usize) {
    let request =
        format!("GET /api/accounts HTTP/1.1\r\nHost: {address}\r\nX-Auth-Token: {token}\r\n\r\n");
    let mut times = Vec::new();
    let mut length = 0;
    let mut stream = None;
    let mut buffer = vec![0; 1 << 20];
    while Instant::now() < until {
        let began = Instant::now();
        let open: &mut TcpStream = stream.get_or_insert_with(|| {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            stream
        });
        open.write_all(request.as_bytes()).unwrap();
        let (body, keeps) = read_answer(open, &mut buffer);
        length = body;
        times.push(began.elapsed());
        if !keeps {
            stream = None;
        }
    }
    (times, length)
}

/// The length of the body, and whether the connection stays open.
fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> (usize, bool) {
    let mut filled = 0;
    let head = loop {
        let read = stream.read(&mut buffer[filled..]).unwrap();
        assert!(read > 0, "closed before an answer");
        filled += read;
        if let Some(end) = buffer[..filled]
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
        {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
    assert!(text.starts_with("http/1.1 200"), "{text}");
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let length: usize = value("content-length").expect("a length").parse().unwrap();
    let keeps = value("connection").is_none_or(|words| !words.contains("close"));
    let mut missing = head + length - filled;
    while missing > 0 {
        let room = missing.min(buffer.len());
        let read = stream.read(&mut buffer[..room]).unwrap();
        assert!(read > 0, "closed in the middle of an answer");
        missing -= read;
    }
    (length, keeps)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
