//! What the command outputs.

use std::borrow::Cow;
use std::os::fd::BorrowedFd;

use live::commands::End;
use live::programs::Stream;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, write};
use rustix::stdio;

use crate::streams::Streams;
use crate::terminal::Terminal;

/// Writes it where it is for.
///
/// # Errors
/// Those of `write(2)`: `PIPE` if nobody reads it. A terminal that is gone is none.
pub(crate) fn pass_on(
    streams: &Streams,
    terminal: Option<&Terminal>,
    stream: Stream,
    bytes: &[u8],
) -> Result<(), Errno> {
    let [_, output, errors] = streams.ends;
    let (descriptor, end) = match stream {
        Stream::Out => (stdio::stdout(), output),
        Stream::Err => (stdio::stderr(), errors),
    };
    if end != End::Terminal {
        return write_all(descriptor, bytes);
    }
    let adds_returns = terminal.is_some_and(Terminal::adds_returns);
    let bytes = match adds_returns {
        true => without_returns(bytes),
        false => Cow::Borrowed(bytes),
    };
    // A terminal that has hung up says so with a signal.
    match write_all(descriptor, &bytes) {
        Err(Errno::IO) => Ok(()),
        written => written,
    }
}

fn write_all(descriptor: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match write(descriptor, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            // Somebody who has it, too, has asked for that.
            Err(Errno::AGAIN) => wait(descriptor, PollFlags::OUT),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Until something can be done with it.
pub(crate) fn wait(descriptor: BorrowedFd<'_>, what: PollFlags) {
    // What fails here fails again where it is used.
    poll(&mut [PollFd::from_borrowed_fd(descriptor, what)], None).ok();
}

/// Without what the laptop's terminal has put before the ends of lines, since this one will.
fn without_returns(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.windows(2).any(|pair| pair == b"\r\n") {
        return Cow::Borrowed(bytes);
    }
    let is_kept = |index: usize| !(bytes[index] == b'\r' && bytes.get(index + 1) == Some(&b'\n'));
    let kept = (0..bytes.len()).filter(|index| is_kept(*index));
    Cow::Owned(kept.map(|index| bytes[index]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_return_before_an_end_of_line_is_taken_away() {
        for (written, expected) in [
            ("", ""),
            ("a\r\nb\r\n", "a\nb\n"),
            ("10%\r20%\r\n", "10%\r20%\n"),
            ("a\r\r\n", "a\r\n"),
            ("a\nb\r", "a\nb\r"),
        ] {
            assert_eq!(*without_returns(written.as_bytes()), *expected.as_bytes());
        }
    }
}
