//! What was typed, as the agent is told.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use bytes::Bytes;
use live::commands::MOST_VARIABLES;
use proxy::environment;
use rustix::fs::Mode;
use rustix::process::{getcwd, umask};

use crate::called::Called;
use crate::protocol::Typed;
use crate::streams::Streams;

/// `None` if the working directory has no path any more.
pub(crate) fn typed(
    called: &Called,
    environment: &[(OsString, OsString)],
    streams: &Streams,
) -> Option<Typed> {
    let directory = getcwd(Vec::new()).ok()?;
    let passed = environment
        .iter()
        .filter(|(name, value)| environment::passes(name.as_bytes(), value.as_bytes()));
    let passed = passed.map(|(name, value)| (bytes(name), bytes(value)));
    Some(Typed {
        name: bytes(&called.name),
        arguments: called
            .words
            .iter()
            .skip(1)
            .map(|word| bytes(word))
            .collect(),
        directory: directory.into_bytes().into(),
        environment: passed.take(MOST_VARIABLES).collect(),
        streams: streams.ends,
        size: streams.size(),
        umask: own_umask(),
        are_sent: streams.are_sent(),
    })
}

fn bytes(text: &OsStr) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// Can only be learned by setting it: while there is one thread.
fn own_umask() -> u32 {
    let own = umask(Mode::empty());
    umask(own);
    own.bits()
}
