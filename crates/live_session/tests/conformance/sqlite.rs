//! SQLite's locks, journals and shared memory.

use crate::programs::{command, find, run};
use crate::session::with_session;

const SCRIPT: &str = include_str!("sqlite.py");

#[test]
fn processes_write_into_one_database() {
    with_session("sqlite::processes_write_into_one_database", |session| {
        if find("python3", "apt-get install python3").is_none() {
            return;
        }
        for journal in ["delete", "truncate", "persist", "wal"] {
            let name = format!("{journal}.db");
            let mut python = command(session, "python3", &session.beside(""));
            python.args(["-c", SCRIPT]).arg(session.server(&name));
            run({
                python.args([journal, "write"]);
                python
            });
            // On the laptop it is whole too.
            let mut python = command(session, "python3", &session.beside(""));
            python.args(["-c", SCRIPT]).arg(session.laptop(&name));
            run({
                python.args([journal, "check"]);
                python
            });
        }
    });
}
