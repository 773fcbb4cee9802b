//! What a command is on this laptop: its program, its words, and where it runs.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use live::Bytes;
use live::commands::Start;
use proxy::{Name, Paths};
use publish::Service;
use runner::{Sandbox, Spec};

use super::decision::{Answer, arguments, environment};
use super::options::{CommandLine, CommandOptions};
use super::published::{Directories, Published};
use super::search::find;

/// A command that can run.
pub(super) struct Resolved {
    pub(super) spec: Spec,
    pub(super) directory: OwnedFd,
    pub(super) line: CommandLine,
    pub(super) paths: Paths,
}

/// Finds the program and the directory. Blocks.
pub(super) fn resolve(
    options: &CommandOptions,
    service: &Service,
    published: Vec<Published>,
    name: &Name,
    start: &Start,
) -> Result<Resolved, Answer> {
    let published = Directories::resolve(published);
    let opened = service.open_directory(start.root, &start.directory);
    let directory = opened.map_err(|_| Answer::Here)?;
    let path = fs::read_link(format!("/proc/self/fd/{}", directory.as_raw_fd()));
    let path = path.map_err(|_| Answer::Here)?;
    let program = find(name, search_path(&options.environment), &published);
    let program = program.ok_or(Answer::Here)?;
    let paths = published.paths();
    let arguments = arguments(&paths, &start.arguments);
    let sandbox = options.sandbox.clone().map(|sandbox| Sandbox {
        published: published.writable(),
        ..sandbox
    });
    let spec = Spec {
        program: bytes(program),
        name: Bytes::copy_from_slice(name.as_str().as_bytes()),
        arguments: arguments.clone(),
        environment: environment(&options.environment, &start.environment, &path),
        umask: start.umask & 0o777,
        limits: options.limits,
        sandbox,
    };
    let line = CommandLine {
        name: name.as_str().to_owned(),
        arguments,
        directory: path,
    };
    Ok(Resolved {
        spec,
        directory,
        line,
        paths,
    })
}

/// Where programs are looked for.
pub(super) fn search_path(environment: &[(OsString, OsString)]) -> &OsStr {
    let mut variables = environment.iter();
    let path = variables.find(|(name, _)| name == "PATH");
    path.map_or(OsStr::new(""), |(_, value)| value)
}

fn bytes(path: PathBuf) -> Bytes {
    path.into_os_string().into_vec().into()
}
