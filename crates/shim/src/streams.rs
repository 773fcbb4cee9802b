//! The standard streams, as this process was given them.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use live::commands::End;
use live::programs::Size;
use rustix::fs::{FileType, Stat, fstat, major, minor};
use rustix::io::Errno;
use rustix::stdio;
use rustix::termios::{tcgetpgrp, tcgetwinsize};

/// The device `/dev/null`: major and minor.
const NULL: (u32, u32) = (1, 3);

/// What they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streams {
    /// Input, output and errors.
    pub(crate) ends: [End; 3],
    /// Input is a file in which one can go back.
    pub(crate) is_seekable: bool,
    /// Which are pipes in truth.
    are_pipes: [bool; 3],
}

impl Streams {
    pub(crate) fn look() -> Self {
        let descriptors = [stdio::stdin(), stdio::stdout(), stdio::stderr()];
        let facts = descriptors.map(|descriptor| fstat(descriptor).ok());
        let [input, output, mut errors] =
            [0, 1, 2].map(|index: usize| end(descriptors[index], facts[index].as_ref()));
        let file = |index: usize| {
            facts[index]
                .as_ref()
                .map(|facts| (facts.st_dev, facts.st_ino))
        };
        if (output, errors) == (End::Pipe, End::Pipe) && file(1) == file(2) {
            errors = End::AsOutput;
        }
        let is_seekable = facts[0].as_ref().is_some_and(|facts| {
            let kind = FileType::from_raw_mode(facts.st_mode);
            matches!(kind, FileType::RegularFile | FileType::BlockDevice)
        });
        let is_pipe = |facts: &Stat| FileType::from_raw_mode(facts.st_mode) == FileType::Fifo;
        Self {
            ends: [input, output, errors],
            is_seekable,
            are_pipes: facts.map(|facts| facts.as_ref().is_some_and(is_pipe)),
        }
    }

    /// Which of them the agent is given, to read and write them itself: pipes, which can be opened once more.
    pub(crate) fn are_sent(&self) -> [bool; 3] {
        [0, 1, 2].map(|index: usize| self.are_pipes[index] && self.ends[index] == End::Pipe)
    }

    /// Those.
    pub(crate) fn sent(&self) -> Vec<BorrowedFd<'static>> {
        let descriptors = [stdio::stdin(), stdio::stdout(), stdio::stderr()];
        let sent = descriptors.into_iter().zip(self.are_sent());
        sent.filter_map(|(descriptor, is_sent)| is_sent.then_some(descriptor))
            .collect()
    }

    /// The terminal, if any of them is it.
    pub(crate) fn terminal(&self) -> Option<BorrowedFd<'static>> {
        let descriptors = [stdio::stdin(), stdio::stdout(), stdio::stderr()];
        let index = self.ends.iter().position(|end| *end == End::Terminal)?;
        Some(descriptors[index])
    }

    /// The terminal's size.
    pub(crate) fn size(&self) -> Option<Size> {
        self.terminal().map(size)
    }
}

/// A terminal's size; zeroes if it does not tell.
pub(crate) fn size(terminal: BorrowedFd<'_>) -> Size {
    let (rows, columns) = tcgetwinsize(terminal).map_or((0, 0), |size| (size.ws_row, size.ws_col));
    Size { rows, columns }
}

/// A descriptor of the same file.
pub(crate) fn same(descriptor: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    descriptor.as_fd().try_clone_to_owned()
}

fn end(descriptor: BorrowedFd<'_>, facts: Option<&Stat>) -> End {
    let Some(facts) = facts else {
        return End::Nothing;
    };
    if FileType::from_raw_mode(facts.st_mode) != FileType::CharacterDevice {
        return End::Pipe;
    }
    if (major(facts.st_rdev), minor(facts.st_rdev)) == NULL {
        return End::Nothing;
    }
    // Is refused for a terminal that is not this session's own.
    match tcgetpgrp(descriptor) {
        Ok(_) | Err(Errno::OPNOTSUPP) => End::Terminal,
        Err(_) => End::Pipe,
    }
}
