use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;

use renew::{Renewer, RuntimeDirectory};
use rustix::pipe::{PipeFlags, pipe_with};
use share::desired::key_command;
use share::keeper::{Keeper, KeeperEvent, KeeperOptions};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use super::context::Context;
use crate::environment::Variable;
use crate::error::{CliError, Kind, redacted};
use crate::{program, time};

/// Be the keeper, in the foreground: renew logins and keep every user's files as they are to be
///
/// For systemd, whose unit `init` installs, or another supervisor. SIGTERM and Ctrl-C end it after
/// a renewal that is under way; SIGHUP has it read anew what is set up. It tells what it does on
/// standard output, a line each.
#[derive(clap::Args)]
pub(crate) struct KeeperArgs {}

/// What the keeper takes for "read anew what is set up".
const RELOAD: &[u8] = b"r";

pub(crate) fn run(_args: &KeeperArgs, context: &Context) -> Result<(), CliError> {
    context.require_root()?;
    context.state()?;
    // Files of root's are root's alone, also where a mode is forgotten.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let with_time = context.environment.get(Variable::JournalStream).is_none();
    let keeper = Keeper::start(
        options(context)?,
        Box::new(move |event: &KeeperEvent| tell(event, with_time)),
    )?;
    Ok(keeper.run()?)
}

fn options(context: &Context) -> Result<KeeperOptions, CliError> {
    let paths = context.paths.clone();
    let runtime = RuntimeDirectory::locate(None, &paths.vault());
    let url = program::token_url(&context.environment)?;
    let notify = context.environment.get(Variable::NotifySocket);
    Ok(KeeperOptions {
        program: context.itself().to_owned(),
        // No user's own file of the client is root's business: views are written by their users.
        renewer: Arc::new(Renewer::new(url, None, runtime)),
        key_command: key_command(&context.program()?),
        notify: notify.map(ToOwned::to_owned),
        signals: signals().map_err(|error| {
            let message = format!("cannot listen to signals: {error}");
            CliError::new(Kind::Internal, message, "Check limits of this system.")
        })?,
        paths,
    })
}

/// A pipe with a byte for each signal: [`RELOAD`] for SIGHUP, another one for what ends a keeper.
fn signals() -> io::Result<OwnedFd> {
    let (keeper_end, end) = pipe_with(PipeFlags::CLOEXEC)?;
    let (hang_ups, hang_up_end) = pipe_with(PipeFlags::CLOEXEC)?;
    for signal in [SIGTERM, SIGINT] {
        pipe::register(signal, io::PipeWriter::from(end.try_clone()?))?;
    }
    pipe::register(SIGHUP, io::PipeWriter::from(hang_up_end))?;
    let relay = move || {
        let (mut hang_ups, mut end) = (io::PipeReader::from(hang_ups), io::PipeWriter::from(end));
        let mut byte = [0];
        while hang_ups.read_exact(&mut byte).is_ok() && end.write_all(RELOAD).is_ok() {}
    };
    thread::Builder::new()
        .name("hang-ups".to_owned())
        .spawn(relay)?;
    Ok(keeper_end)
}

/// A keeper whose output nobody takes goes on keeping.
fn tell(event: &KeeperEvent, with_time: bool) {
    let line = line(
        event,
        with_time
            .then(|| time::rfc3339(time::now()))
            .flatten()
            .as_deref(),
    );
    let mut stdout = io::stdout().lock();
    drop(
        stdout
            .write_all(line.as_bytes())
            .and_then(|()| stdout.flush()),
    );
}

/// Users choose what their files are called and hold; a line is one line.
fn line(event: &KeeperEvent, at: Option<&str>) -> String {
    let text = redacted(&event.to_string());
    let text = model::printable(&text);
    match at {
        Some(at) => format!("{at} {text}\n"),
        None => format!("{text}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_whatever_a_user_has_put_into_it() {
        let event = KeeperEvent::Trouble {
            user: "usera".to_owned(),
            problem: "a link to \n\x1b sk-ant-oat01-FAKE-abcdefghijklmnop".to_owned(),
        };
        let line = line(&event, Some("2026-01-31T12:05:09Z"));
        assert!(
            line.starts_with("2026-01-31T12:05:09Z usera: a link to \\n"),
            "{line}"
        );
        assert_eq!(line.matches('\n').count(), 1);
        assert!(!line.contains("abcdefgh") && !line.contains('\x1b'));
    }

    #[test]
    fn a_hang_up_is_told_from_an_end() {
        let mut signals = io::PipeReader::from(signals().unwrap());
        let mut byte = [0];
        signal_hook::low_level::raise(SIGHUP).unwrap();
        signals.read_exact(&mut byte).unwrap();
        assert_eq!(byte, RELOAD);
        signal_hook::low_level::raise(SIGTERM).unwrap();
        signals.read_exact(&mut byte).unwrap();
        assert_ne!(byte, RELOAD);
    }
}
