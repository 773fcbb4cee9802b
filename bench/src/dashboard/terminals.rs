//! Terminals: throughput, echo, an interrupt, what one costs that nobody uses.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::server::{Server, python};
use super::socket::Socket;
use crate::results;

/// As in the table that it is compared with.
const FLOOD: usize = 50_000_000;
const KEYS: usize = 1_000;
const INTERRUPTS: usize = 50;
/// What a page has read of a flood when it is interrupted: every queue between is full by then.
const DEEP: usize = 4 << 20;
const IDLE: usize = 20;
const STARTS: usize = 9;
const END: &str = "the end of it";
/// ttyd 1.7.7 where the bare pseudo-terminal gave 56 MB/s: it is in no Debian release that can be relied on.
const TTYD: &str = "ttyd, measured elsewhere";

pub(crate) fn terminals() {
    println!("\nterminals, raw WebSocket client");
    let server = Server::with_accounts(10);
    let account = account(&server);
    throughput(&server, &account);
    echo(&server, &account);
    interrupt(&server, &account);
}

fn account(server: &Server) -> String {
    server.get("/api/accounts")[0]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn throughput(server: &Server, account: &str) {
    let text: String = (0..)
        .map(|line: u64| {
            format!(
                "{line:08} the quick brown fox jumps over the lazy dog, again and again and again\n"
            )
        })
        .take(FLOOD / 84)
        .collect();
    let file = server.home.home().join("flood");
    fs::write(&file, &text).unwrap();
    let script = format!("read go\ncat {}\necho '{END}'\nread stay\n", file.display());
    let directory = server.directory_that_runs("flooding", &script);
    let bare = bare_terminal(&script, text.len());
    let mut rates = Vec::new();
    let mut costs = Vec::new();
    for _ in 0..3 {
        let mut socket = Socket::start(server, account, &directory);
        socket.type_text("\r");
        let (began, cpu) = (Instant::now(), server.cpu_millis());
        let bytes = socket.read_until(&format!("\n{END}"));
        rates.push(bytes as f64 / 1e6 / began.elapsed().as_secs_f64());
        costs.push(server.cpu_millis() - cpu);
        socket.emit("stop_terminal", &serde_json::json!({}));
    }
    rates.sort_by(f64::total_cmp);
    costs.sort_by(f64::total_cmp);
    println!(
        "  {} MB: {:.1} MB/s, {:.2} s of the server's CPU; a bare pseudo-terminal in this run: {bare:.1} MB/s, so {:.2} of it ({TTYD}: 23.1 of 56 MB/s, 0.41; 0.7 s)",
        FLOOD / 1_000_000,
        rates[1],
        costs[1] / 1_000.0,
        rates[1] / bare,
    );
    results::keep("dashboard/terminal", rates[1], bare);
    results::keep_alone("dashboard/terminal/cpu", costs[1] / 1_000.0);
}

/// The same text through a pseudo-terminal that is read and thrown away.
fn bare_terminal(script: &str, length: usize) -> f64 {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
    let open = || {
        fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&name)
            .unwrap()
    };
    let mut child = std::process::Command::new("setsid")
        .args(["--ctty", "/bin/sh", "-c", script])
        .stdin(open())
        .stdout(open())
        .stderr(open())
        .spawn()
        .unwrap();
    let mut ours = fs::File::from(ours);
    std::io::Write::write_all(&mut ours, b"\r").unwrap();
    let began = Instant::now();
    let mut total = 0;
    let mut buffer = [0; 65_536];
    while total < length {
        total += ours.read(&mut buffer).unwrap();
    }
    let rate = total as f64 / 1e6 / began.elapsed().as_secs_f64();
    drop(child.kill());
    drop(child.wait());
    rate
}

fn echo(server: &Server, account: &str) {
    let quiet = server.directory_that_runs("echoing", "exec cat\n");
    let flooding = server.directory_that_runs(
        "endless",
        "exec yes the quick brown fox jumps over the lazy dog\n",
    );
    let mut socket = Socket::start(server, account, &quiet);
    let idle = keys(&mut socket);
    let mut flood = Socket::start(server, account, &flooding);
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = std::sync::Arc::clone(&stop);
    let reader = std::thread::spawn(move || {
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            flood.event();
        }
        flood.emit("stop_terminal", &serde_json::json!({}));
    });
    let busy = keys(&mut socket);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    reader.join().unwrap();
    println!(
        "  {KEYS} keys, echo p50 / p99: {:.3} / {:.3} ms ({TTYD}: 0.22 / 1.14)",
        idle.0, idle.1
    );
    println!(
        "  while another session floods: {:.3} / {:.3} ms ({TTYD}: 0.4 / 2.9)",
        busy.0, busy.1
    );
    for (when, (p50, p99)) in [("idle", idle), ("flooded", busy)] {
        results::keep_alone(&format!("dashboard/echo/{when}/p50"), p50);
        results::keep_alone(&format!("dashboard/echo/{when}/p99"), p99);
    }
}

fn keys(socket: &mut Socket) -> (f64, f64) {
    let times = (0..KEYS)
        .map(|number| {
            let key = char::from(b'a' + u8::try_from(number % 26).unwrap()).to_string();
            let began = Instant::now();
            socket.type_text(&key);
            socket.read_until(&key);
            let took = began.elapsed();
            // Keys do not come back to back.
            std::thread::sleep(Duration::from_millis(1));
            took
        })
        .collect();
    percentiles(times)
}

/// The median and the 99th percentile, in milliseconds.
fn percentiles(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort_unstable();
    let at = |part: f64| {
        times[((times.len() - 1) as f64 * part).round() as usize].as_secs_f64() * 1_000.0
    };
    (at(0.5), at(0.99))
}

/// From Ctrl-C in a flood until what the shell says after it is there.
fn interrupt(server: &Server, account: &str) {
    let script = format!(
        "trap : INT\nwhile read go; do yes the quick brown fox jumps over the lazy dog; echo '{END}'; done\n"
    );
    let directory = server.directory_that_runs("interrupted", &script);
    let mut socket = Socket::start(server, account, &directory);
    let times = (0..INTERRUPTS)
        .map(|_| {
            socket.type_text("\r");
            let mut read = 0;
            while read < DEEP {
                read += socket.read_until("lazy dog");
            }
            let began = Instant::now();
            socket.type_text(testkit::terminal::CONTROL_C);
            socket.read_until(END);
            began.elapsed()
        })
        .collect();
    socket.emit("stop_terminal", &serde_json::json!({}));
    let (p50, p99) = percentiles(times);
    println!(
        "  Ctrl-C in a flood until the next line of the shell, {INTERRUPTS} times, p50 / p99: {p50:.1} / {p99:.1} ms (bar 100)"
    );
    results::keep_alone("dashboard/interrupt/p50", p50);
    results::keep_alone("dashboard/interrupt/p99", p99);
}

/// Start, idle memory, and each terminal that nobody uses.
pub(crate) fn standing() {
    println!("\nbeing there");
    let mut server = Server::with_accounts(10);
    let after_set_up = mebibytes(server.resident_kib());
    let (ready, beside) = readiness(&server);
    server.start_again();
    let account = account(&server);
    let directory = server.directory_that_runs("idle", "exec cat\n");
    let idle = mebibytes(server.resident_kib());
    println!(
        "  ready to answer {ready:.0} ms after its start (bar 50); idle {idle:.1} MiB (bar 25); {after_set_up:.1} MiB in the process that was set up in",
    );
    match beside {
        Err(reason) => {
            println!("        a Python program: left out, {reason}");
            results::keep_alone("dashboard/ready", ready);
            results::keep_alone("dashboard/idle-memory", idle);
        }
        Ok((python_ready, python_idle)) => {
            println!("        a Python program: {python_ready:.0} ms; {python_idle:.1} MiB");
            results::keep("dashboard/ready", ready, python_ready);
            results::keep("dashboard/idle-memory", idle, python_idle);
        }
    }
    idle_terminals(&server, &account, &directory);
}

/// How long a start takes until the first answer, in milliseconds, and the same of the Python program with its memory in
/// MiB when it has been asked once, as ours has; in turn, and the median.
fn readiness(server: &Server) -> (f64, Result<(f64, f64), String>) {
    let (mut ours, mut beside) = (Vec::new(), Vec::new());
    let mut memory = Vec::new();
    let mut reason = String::new();
    for _ in 0..STARTS {
        ours.push(Server::with_accounts(10).ready_after.as_secs_f64() * 1_000.0);
        match python(&server.home, &server.token) {
            Err(why) => reason = why,
            Ok(program) => {
                beside.push(program.ready_after.as_secs_f64() * 1_000.0);
                program.ask_for_accounts(&server.token);
                memory.push(mebibytes(program.resident_kib()));
            }
        }
    }
    let python = match beside.is_empty() {
        true => Err(reason),
        false => Ok((median(&mut beside), median(&mut memory))),
    };
    (median(&mut ours), python)
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn mebibytes(kib: u64) -> f64 {
    kib as f64 / 1_024.0
}

fn idle_terminals(server: &Server, account: &str, directory: &Path) {
    // The first one brings in what all share.
    let first = Socket::start(server, account, directory);
    std::thread::sleep(Duration::from_millis(500));
    let (before, threads) = (server.resident_kib(), server.threads());
    let sockets: Vec<Socket> = (0..IDLE)
        .map(|_| Socket::start(server, account, directory))
        .collect();
    std::thread::sleep(Duration::from_millis(500));
    let each = server.resident_kib().saturating_sub(before) as f64 / IDLE as f64;
    println!(
        "  each idle terminal with its viewer: {each:.0} KiB (bar 64), {} threads more for {IDLE} of them",
        server.threads().saturating_sub(threads),
    );
    results::keep_alone("dashboard/idle-terminal", each);
    drop((first, sockets));
}
