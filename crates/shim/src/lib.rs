//! What stands in the place of a command on the server, and has it run on the laptop.
//!
//! A *shim* is this program under another name: a link in a directory that is first in `PATH`. It asks the session's agent,
//! over a unix socket, for the command to run on the laptop; passes on what is typed, signals and the size of the terminal;
//! and ends as the command has. What is not for the laptop it becomes itself: the server's own program of that name.
//!
//! [`run`] is a shim; [`protocol`] is what is said over the socket.

mod agent;
mod called;
mod ending;
mod following;
mod input;
mod output;
mod own;
pub mod protocol;
mod shared;
mod signals;
mod streams;
mod terminal;
mod typed;

use std::ffi::OsString;
use std::process::ExitCode;

use agent::Answer;
use called::Called;
use ending::Ending;
use streams::Streams;

/// Is a shim, if this program was started through a link whose name is none of `own_names`, and the directory above the
/// link's has a `socket`; returns when the command has ended, with its exit status. A command that was killed by a signal
/// kills this process, too.
///
/// `None`, and nothing was done, if this program is to be itself. For a process that has one thread, and that has read
/// nothing from its standard input. `environment` is all of the process's, name and value; it is asked for only if needed.
pub fn run(
    own_names: &[&str],
    environment: impl FnOnce() -> Vec<(OsString, OsString)>,
) -> Option<ExitCode> {
    let called = Called::find(own_names)?;
    let environment = environment();
    let path = environment.iter().find(|(name, _)| name == "PATH");
    let path = path.map(|(_, value)| value.as_os_str());
    if !called.has_socket() {
        // A link that somebody has made to this program under another name, or one whose session has ended.
        let program = own::find(&called, path).program()?;
        return Some(own::become_it(&called, &program));
    }
    let streams = Streams::look();
    let ending = match ask(&called, environment.as_slice(), &streams) {
        Answer::Here => return Some(own::run(&called, path)),
        Answer::Started {
            connection,
            reads_input,
        } => following::follow(connection, &streams, reads_input),
        Answer::Ending(ending) => ending,
    };
    Some(ending.end(&called.name))
}

fn ask(called: &Called, environment: &[(OsString, OsString)], streams: &Streams) -> Answer {
    let Some(socket) = agent::connect(called) else {
        return Answer::Here;
    };
    let Some(typed) = typed::typed(called, environment, streams) else {
        return Answer::Here;
    };
    agent::ask(socket, typed, streams).unwrap_or_else(|_| Answer::Ending(Ending::HungUp))
}
