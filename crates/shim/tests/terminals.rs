//! Commands on a terminal, typed into a shell.

#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests: they make files that nobody has to recover, and panic if they cannot go on"
)]

mod machinery;

use std::path::Path;

use live::commands::End;
use live::programs::Size;
use rustix::process::Signal;
use shim::protocol::{FromShim, ToShim};
use testkit::Terminal;

use machinery::{LIMIT, Session};

/// A shell with job control, once it asks for a line.
fn shell(session: &Session) -> Option<Terminal> {
    let bash = Path::new("/bin/bash");
    if !bash.exists() {
        testkit::skip("needs bash");
        return None;
    }
    let mut command = session.command("/usr/bin/setsid");
    command.arg("--ctty").arg(bash);
    command.args(["--norc", "--noprofile", "-i"]);
    command.env("PS1", "ready> ").env("TERM", "dumb");
    let terminal = Terminal::of(command);
    terminal.wait_for("ready> ", LIMIT);
    Some(terminal)
}

/// Until the shell has the terminal: what is typed before may be the command's.
fn wait_for_prompt(terminal: &Terminal) {
    testkit::wait_until("the shell asks", LIMIT, || {
        terminal.shown().ends_with("ready> ")
    });
}

/// The terminal is as a shell gives it to commands.
fn assert_cooked(terminal: &mut Terminal, mark: &str) {
    let count = "stty -a | tr -s ' ;' '\\n' | grep -cxE 'icanon|isig|opost|echo'";
    terminal.type_text(&format!("echo {mark}-$({count})\r"));
    terminal.wait_for(&format!("\n{mark}-4\r\n"), LIMIT);
    wait_for_prompt(terminal);
}

#[test]
fn keys_go_to_the_laptop_and_the_terminal_is_as_before_afterwards() {
    let session = Session::new();
    let Some(mut terminal) = shell(&session) else {
        return;
    };
    let agent = session.agent(|mut agent| {
        let typed = agent.started();
        assert_eq!(typed.streams, [End::Terminal; 3]);
        assert!(typed.size.is_some());
        agent.output("running\r\n");
        agent.wait_for_input(b"\x03\x1a\rq");
        agent.ended(None, Some(Signal::INT.as_raw()), 0);
    });
    terminal.type_text("npm\r");
    terminal.wait_for("running\r\n", LIMIT);
    terminal.type_text("\x03\x1a\rq");
    agent.join().unwrap();
    wait_for_prompt(&terminal);
    terminal.type_text("echo \"status $?\"\r");
    terminal.wait_for("status 130", LIMIT);
    assert_cooked(&mut terminal, "after");
    // Also when nobody knows how it has ended, and when the agent hangs up.
    let lost = ToShim::Lost("for good".to_owned());
    for (mark, lost) in [("lost", Some(lost)), ("hung-up", None)] {
        let agent = session.agent(move |mut agent| {
            agent.started();
            agent.output(&format!("{mark} soon\r\n"));
            agent.wait_for_input(b"x");
            if let Some(lost) = lost {
                agent.say(&lost);
            }
        });
        terminal.type_text("npm\r");
        terminal.wait_for(&format!("{mark} soon\r\n"), LIMIT);
        terminal.type_text("x");
        agent.join().unwrap();
        wait_for_prompt(&terminal);
        terminal.type_text(&format!("echo {mark} $?\r"));
        terminal.wait_for(&format!("{mark} 255"), LIMIT);
        assert_cooked(&mut terminal, mark);
    }
}

#[test]
fn it_stops_and_goes_on() {
    let session = Session::new();
    let Some(mut terminal) = shell(&session) else {
        return;
    };
    let agent = session.agent(|mut agent| {
        agent.started();
        agent.output("running\r\n");
        agent.wait_for_input(b"\x1a");
        agent.say(&ToShim::Stopped(Signal::TSTP.as_raw()));
        agent.wait_for_signal(Signal::CONT);
        agent.say(&ToShim::Continued);
        agent.output("going on\r\n");
        agent.wait_for_input(b"q");
        agent.exited(7);
    });
    terminal.type_text("npm\r");
    terminal.wait_for("running\r\n", LIMIT);
    terminal.type_text("\x1a");
    terminal.wait_for("Stopped", LIMIT);
    wait_for_prompt(&terminal);
    assert_cooked(&mut terminal, "stopped");
    terminal.type_text("fg\r");
    terminal.wait_for("going on\r\n", LIMIT);
    terminal.type_text("q");
    agent.join().unwrap();
    wait_for_prompt(&terminal);
    terminal.type_text("echo \"status $?\"\r");
    terminal.wait_for("status 7", LIMIT);
    assert_cooked(&mut terminal, "after");
}

#[test]
fn what_is_typed_before_it_goes_on_are_keys_and_no_end() {
    const ROUNDS: usize = 20;
    let session = Session::new();
    let Some(mut terminal) = shell(&session) else {
        return;
    };
    let agent = session.agent(|mut agent| {
        agent.started();
        agent.output("running\r\n");
        for round in 0..ROUNDS {
            agent.wait_for_input(b"\x1a");
            agent.say(&ToShim::Stopped(Signal::TSTP.as_raw()));
            assert_eq!(agent.line_and_signal(Signal::CONT), b"keys");
            agent.say(&ToShim::Continued);
            agent.output(&format!("heard-{round}\r\n"));
        }
        agent.exited(0);
    });
    terminal.type_text("npm\r");
    terminal.wait_for("running\r\n", LIMIT);
    for round in 0..ROUNDS {
        terminal.type_text("\x1a");
        testkit::wait_until("it stops", LIMIT, || {
            terminal.shown().matches("Stopped").count() > round
        });
        wait_for_prompt(&terminal);
        // At once: the shell has the terminal yet.
        terminal.type_text("fg\rkeys\r");
        terminal.wait_for(&format!("heard-{round}\r\n"), LIMIT);
    }
    agent.join().unwrap();
    wait_for_prompt(&terminal);
    assert_cooked(&mut terminal, "after");
}

#[test]
fn its_size_is_told() {
    let session = Session::new();
    let Some(mut terminal) = shell(&session) else {
        return;
    };
    let agent = session.agent(|mut agent| {
        agent.started();
        agent.output("running\r\n");
        let expected = Size {
            rows: 41,
            columns: 101,
        };
        while agent.next() != Some(FromShim::Resize(expected)) {}
        agent.exited(0);
    });
    terminal.type_text("(sleep 0.2; stty rows 41 cols 101 < $(tty)) & npm\r");
    agent.join().unwrap();
    wait_for_prompt(&terminal);
    terminal.type_text("echo \"status $?\"\r");
    terminal.wait_for("status 0", LIMIT);
}

#[test]
fn one_in_the_background_leaves_the_terminal_alone() {
    let session = Session::new();
    let Some(mut terminal) = shell(&session) else {
        return;
    };
    let agent = session.agent(|mut agent| {
        agent.started();
        agent.output("in the background\r\n");
        agent.wait_for_input(b"q");
        agent.exited(0);
    });
    terminal.type_text("npm &\r");
    terminal.wait_for("in the background\r\n", LIMIT);
    terminal.type_text("\r");
    assert_cooked(&mut terminal, "meanwhile");
    terminal.type_text("fg\r");
    terminal.wait_for("\r\nnpm\r\n", LIMIT);
    terminal.type_text("q");
    agent.join().unwrap();
    wait_for_prompt(&terminal);
    assert_cooked(&mut terminal, "after");
}

#[test]
fn a_script_stops_and_ends_with_its_command() {
    let session = Session::new();
    let Some(mut terminal) = shell(&session) else {
        return;
    };
    let agent = session.agent(|mut agent| {
        agent.started();
        agent.output("running\r\n");
        agent.wait_for_input(b"\x1a");
        agent.say(&ToShim::Stopped(Signal::TSTP.as_raw()));
        agent.wait_for_signal(Signal::CONT);
        agent.output("going on\r\n");
        agent.wait_for_input(b"\x03");
        agent.ended(None, Some(Signal::INT.as_raw()), 0);
    });
    terminal.type_text("sh -c 'npm; echo next-$?'\r");
    terminal.wait_for("running\r\n", LIMIT);
    terminal.type_text("\x1a");
    terminal.wait_for("Stopped", LIMIT);
    wait_for_prompt(&terminal);
    terminal.type_text("fg\r");
    terminal.wait_for("going on\r\n", LIMIT);
    terminal.type_text("\x03");
    agent.join().unwrap();
    wait_for_prompt(&terminal);
    terminal.type_text("echo \"status $?\"\r");
    terminal.wait_for("status 130", LIMIT);
    assert!(!terminal.shown().contains("next-1"));
}

#[test]
fn what_asks_it_to_end_is_passed_on() {
    let session = Session::new();
    let Some(mut terminal) = shell(&session) else {
        return;
    };
    let agent = session.agent(|mut agent| {
        agent.started();
        agent.output("running\r\n");
        agent.wait_for_input(b"x");
        agent.signal(Signal::TERM);
        agent.wait_for_signal(Signal::TERM);
        agent.ended(None, Some(Signal::TERM.as_raw()), 0);
    });
    terminal.type_text("npm\r");
    terminal.wait_for("running\r\n", LIMIT);
    terminal.type_text("x");
    agent.join().unwrap();
    wait_for_prompt(&terminal);
    terminal.type_text("echo \"status $?\"\r");
    terminal.wait_for("status 143", LIMIT);
    assert_cooked(&mut terminal, "after");
}

#[test]
fn a_terminal_that_is_others_too_stays_as_it_is() {
    let session = Session::new();
    let Some(mut terminal) = shell(&session) else {
        return;
    };
    let agent = session.agent(|mut agent| {
        let typed = agent.started();
        assert_eq!(typed.streams, [End::Terminal, End::Pipe, End::Terminal]);
        agent.output("running\n");
        agent.wait_for_input(b"line\n");
        agent.output("read\n");
        // It does not say that it has stopped.
        agent.wait_for_signal(Signal::TSTP);
        agent.wait_for_signal(Signal::CONT);
        agent.say(&ToShim::Stopped(Signal::TSTP.as_raw()));
        agent.output("going on\n");
        agent.wait_for_signal(Signal::INT);
        agent.ended(None, Some(Signal::INT.as_raw()), 0);
    });
    terminal.type_text("npm | (trap '' INT; cat)\r");
    terminal.wait_for("running\r\n", LIMIT);
    terminal.type_text("line\r");
    terminal.wait_for("read\r\n", LIMIT);
    terminal.type_text("\x1a");
    terminal.wait_for("Stopped", LIMIT);
    wait_for_prompt(&terminal);
    terminal.type_text("fg\r");
    terminal.wait_for("going on\r\n", LIMIT);
    terminal.type_text("\x03");
    agent.join().unwrap();
    wait_for_prompt(&terminal);
    assert_cooked(&mut terminal, "after");
}
