//! Measures `claude-accounts` beside the alternatives, in one run.
#![allow(clippy::print_stdout, reason = "a program whose output is its purpose")]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a failed measurement is to end with where it failed; what it writes nobody has to recover"
)]

mod dashboard;
mod live;
mod machine;
mod mount;
mod options;
mod results;
mod scene;
mod server;
mod timing;

use std::process::Command;

use machine::Machine;
use scene::Scene;
use timing::{Row, alternate};

/// Starts of each side in a comparison.
const ROUNDS: usize = 201;
/// The same for what takes a tenth of a second.
const SLOW_ROUNDS: usize = 21;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let parts: [(&str, fn()); 8] = [
        ("launch", launch),
        ("list", list),
        ("memory", memory),
        ("size", size),
        ("server", server::server),
        ("dashboard", dashboard::dashboard),
        ("live", live::live),
        ("mount", mount::mount),
    ];
    println!("{}", Machine::read());
    for (name, measure) in parts {
        if wanted.is_empty() || wanted.iter().any(|part| part == name) {
            measure();
        }
    }
}

/// `launch` until the client has run, beside the client alone.
fn launch() {
    println!("\nlaunch, until the client has run and ended (median of {ROUNDS}, ms)");
    for accounts in [10, 1_000] {
        let scene = Scene::new(accounts);
        let alone = || scene.client_alone();
        let label = |what: &str| format!("{what}, {accounts:>5} accounts");
        let environment = alternate(ROUNDS, alone, || scene.launch("key-1", "env"));
        Row::compared(&label("API key"), &environment)
            .print()
            .keep(&format!("launch/key/{accounts}"));
        let token = alternate(ROUNDS, alone, || scene.launch("login-1", "env"));
        Row::compared(&label("login, env"), &token)
            .print()
            .keep(&format!("launch/login-env/{accounts}"));
        let keeper = scene.keep_a_session();
        let view = alternate(ROUNDS, alone, || scene.launch("login-1", "view"));
        Row::compared(&label("login, view, keeper running"), &view)
            .print()
            .keep(&format!("launch/login-view/{accounts}"));
        drop(keeper);
        let line = alternate(ROUNDS, alone, || scene.command(&["statusline"]));
        Row::compared(&label("statusline"), &line)
            .print()
            .keep(&format!("statusline/{accounts}"));
        match scene.python(&["launch", "key-1"]) {
            Ok(_) => {
                let python = alternate(SLOW_ROUNDS, alone, || scene.python_launch("key-1"));
                Row::compared(&label("a Python program"), &python).print();
                environment
                    .beside(&python)
                    .keep(&format!("launch/key-python/{accounts}"));
            }
            Err(reason) => println!("  a Python program: left out, {reason}"),
        }
    }
}

/// Everything that touches every account: with the cost per account from two sizes.
fn list() {
    println!(
        "\nlist and export (median of {SLOW_ROUNDS}, ms; beside a Python program on the same files)"
    );
    for accounts in [10, 1_000, 4_000] {
        let scene = Scene::new(accounts);
        for verb in ["list", "export"] {
            let ours = || scene.command(&[verb]);
            let python = || scene.python(&[verb]);
            let label = format!("{verb}, {accounts:>5} accounts");
            match python() {
                Ok(_) => {
                    let pair = alternate(SLOW_ROUNDS, || python().unwrap(), ours);
                    Row::compared(&label, &pair)
                        .print()
                        .keep(&format!("{verb}/{accounts}"));
                }
                Err(reason) => {
                    let pair = alternate(SLOW_ROUNDS, || scene.client_alone(), ours);
                    Row::compared(&label, &pair).print();
                    println!("  a Python program: left out, {reason}");
                }
            }
        }
    }
}

/// Peak memory of a launch (the process that becomes the client) and of an idle keeper.
fn memory() {
    println!("\nmemory (KiB)");
    let scene = Scene::new(1_000);
    for injection in ["env", "view"] {
        println!(
            "  peak of launch, {injection}: {}",
            scene.peak_of_launch("login-1", injection)
        );
    }
    let session = scene.keep_a_session();
    println!(
        "  keeper, one session, resident: {}",
        session.keeper_resident()
    );
    println!("  keeper, one session, peak:     {}", session.keeper_peak());
    println!(
        "  keeper, CPU after its start:   {} ms",
        session.keeper_cpu_millis()
    );
}

fn size() {
    println!("\nsize of the stripped program");
    let program = testkit::programs::path("claude-accounts");
    let bytes = std::fs::metadata(&program).unwrap().len();
    println!("  {:.1} MiB", bytes as f64 / f64::from(1 << 20));
}

/// A command that prints nothing and must succeed.
fn quiet(command: &mut Command) -> &mut Command {
    use std::process::Stdio;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
}
