//! What sshd starts: it joins the laptop and the agent.

use std::io;
use std::path::Path;

use connection::relay::{self, PlaceError};

use super::{AgentError, AgentOptions, log_name, socket_name, starting_name};
use crate::detached::Starting;
use crate::lock::{self, Lock};
use crate::record::hexadecimal;

/// Joins this process's standard streams to the session's agent, which is started first if there is none. Blocks
/// until either hangs up.
///
/// # Errors
/// If there is no agent and none can be started.
pub fn connect(options: &AgentOptions) -> Result<(), AgentError> {
    let directory = options.places.make_agents()?;
    let name = socket_name(&options.session);
    if !is_there(&directory, &name)? {
        // Of two who come at once, the second finds what the first has started.
        let make = || options.places.make_agents();
        let starting = starting_name(&options.session);
        let _starting = lock::in_directory(make, &starting, Lock::wait)?;
        if !is_there(&directory, &name)? {
            start(options, &directory)?;
        }
    }
    Ok(relay::join_standard_streams(&directory, &name)?)
}

/// Whether somebody listens there.
fn is_there(directory: &Path, name: &str) -> Result<bool, PlaceError> {
    let is_nobody = |error: &io::Error| {
        let kind = error.kind();
        kind == io::ErrorKind::NotFound || kind == io::ErrorKind::ConnectionRefused
    };
    match relay::connect(directory, name) {
        Ok(_) => Ok(true),
        Err(PlaceError::System(error)) if is_nobody(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn start(options: &AgentOptions, directory: &Path) -> Result<(), AgentError> {
    let grace = options.grace.as_secs().to_string();
    let patience = options.patience.as_secs().to_string();
    let id = hexadecimal(options.id);
    let arguments = ["agent", "serve", "--session", options.session.as_str()];
    let arguments =
        arguments
            .into_iter()
            .chain(["--id", &id, "--grace", &grace, "--patience", &patience]);
    let starting = Starting {
        program: &options.program,
        arguments: arguments.map(Into::into).collect(),
        // What programs on this server get is what the user's login has.
        environment: None,
        input: b"",
        log: directory.join(log_name(&options.session)),
    };
    starting.start().map_err(AgentError::NotStarted)
}
