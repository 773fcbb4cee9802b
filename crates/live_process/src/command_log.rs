//! What is written down of the commands that run on the laptop: a line of JSON each, in the session's directory.
//!
//! The file is begun anew when it is [`LARGEST`], and the one before is kept beside it. What is written goes through a queue
//! and a thread of its own: no command waits for a disk. Where commands come faster than that is, some are only counted.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use crate::{detached, text};

/// What it is called in a session's directory.
const FILE: &str = "commands.log";
/// The one before.
const BEFORE: &str = "commands.log.1";
/// How large it may be, in bytes.
const LARGEST: u64 = 8 << 20;
/// How much of a command's words is written down, in bytes.
const LONGEST: usize = 4 << 10;
/// How many commands may wait to be written down.
const WAITING: usize = 1024;
/// For its owner alone: words may be secrets.
const MODE: u32 = 0o600;

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogEntry {
    /// A command that has run, or was refused.
    Command(LoggedCommand),
    /// So many have not been written down.
    Missed(u64),
}

/// A command that has run on the laptop, or was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedCommand {
    /// When it was asked for: milliseconds since 1970.
    pub at: i64,
    /// Where, on the laptop. Of one that was refused it may be empty.
    #[serde(with = "text::path")]
    pub directory: PathBuf,
    /// Its name and its arguments, as far as they are written down.
    pub words: Vec<String>,
    /// There were more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cut: bool,
    /// How long it has run, in milliseconds.
    pub duration_ms: u64,
    /// What came of it.
    pub outcome: CommandOutcome,
    /// How much it was given to read, in bytes.
    pub input: u64,
    /// How much it has output, in bytes.
    pub output: u64,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandOutcome {
    /// It has exited, with this status.
    Exited(i32),
    /// This signal has killed it, by its number.
    Killed(i32),
    /// It was not run; why, in words.
    Refused(String),
}

impl LoggedCommand {
    /// The same with no more words than are written down.
    fn cut(mut self) -> Self {
        self.is_cut = cut(&mut self.words);
        self
    }
}

/// Leaves no more of a command's words than are written down; whether there were more.
pub(crate) fn cut(words: &mut Vec<String>) -> bool {
    let mut room = LONGEST;
    for (place, word) in words.iter_mut().enumerate() {
        if word.len() >= room {
            word.truncate(word.floor_char_boundary(room));
            words.truncate(place + 1);
            return true;
        }
        room -= word.len() + 1;
    }
    false
}

/// Writes commands down.
#[derive(Debug)]
pub(crate) struct CommandLog {
    queue: Mutex<Option<SyncSender<LoggedCommand>>>,
    missed: Arc<AtomicU64>,
    writing: Mutex<Option<JoinHandle<()>>>,
}

impl CommandLog {
    /// One that writes to a session's `directory`.
    ///
    /// # Errors
    /// If the file cannot be made, or the thread not be started.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        let file = LogFile::open(directory)?;
        let (queue, waiting) = mpsc::sync_channel(WAITING);
        let missed = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&missed);
        let writing = thread::Builder::new()
            .name("commands' log".to_owned())
            .spawn(move || write_all(file, &waiting, &counted))?;
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            missed,
            writing: Mutex::new(Some(writing)),
        })
    }

    /// Has `command` written down. Waits for nothing: it is only counted where too many wait.
    pub(crate) fn write(&self, command: LoggedCommand) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = &*queue else {
            return;
        };
        if queue.try_send(command.cut()).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything is written; nothing is from then on.
    pub(crate) fn close(&self) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        drop(queue.take());
        drop(queue);
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writing) = writing.take() {
            // Fails if that has panicked, and then nothing is written either.
            drop(writing.join());
        }
    }
}

fn write_all(mut file: LogFile, waiting: &Receiver<LoggedCommand>, missed: &AtomicU64) {
    let mut has_failed = false;
    while let Ok(command) = waiting.recv() {
        let before = missed.swap(0, Ordering::Relaxed);
        let note = (before > 0).then_some(LogEntry::Missed(before));
        for entry in note.into_iter().chain([LogEntry::Command(command)]) {
            let Err(error) = file.write(&entry) else {
                continue;
            };
            let lost = match entry {
                LogEntry::Command(_) => 1,
                LogEntry::Missed(count) => count,
            };
            missed.fetch_add(lost, Ordering::Relaxed);
            if !has_failed {
                detached::log(&format!("commands cannot be written down: {error}"));
                has_failed = true;
            }
        }
    }
}

/// The file that is written to.
struct LogFile {
    directory: PathBuf,
    file: File,
    length: u64,
    largest: u64,
    /// The last line may have no end.
    is_torn: bool,
}

impl LogFile {
    fn open(directory: &Path) -> io::Result<Self> {
        let file = open(&directory.join(FILE))?;
        let length = file.metadata()?.len();
        Ok(Self {
            directory: directory.to_owned(),
            file,
            length,
            largest: LARGEST,
            is_torn: length > 0,
        })
    }

    fn write(&mut self, entry: &LogEntry) -> io::Result<()> {
        let mut line = if self.is_torn {
            vec![b'\n']
        } else {
            Vec::new()
        };
        serde_json::to_writer(&mut line, entry)?;
        line.push(b'\n');
        let length = line.len() as u64;
        if self.length > 0 && self.length + length > self.largest {
            self.begin_anew()?;
        }
        self.is_torn = true;
        self.file.write_all(&line)?;
        self.is_torn = false;
        self.length += length;
        Ok(())
    }

    fn begin_anew(&mut self) -> io::Result<()> {
        let path = self.directory.join(FILE);
        fs::rename(&path, self.directory.join(BEFORE))?;
        self.file = open(&path)?;
        self.length = 0;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(MODE);
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    options.custom_flags(flags).open(path)
}

/// What is written down in a session's `directory`, the oldest first. A line that is damaged, because the disk was full or
/// this machine stopped, is left out.
///
/// # Errors
/// If it cannot be read. None if there is no such file.
pub(crate) fn read(directory: &Path) -> io::Result<Vec<LogEntry>> {
    // In this order: a file that is begun anew meanwhile is found once at least.
    let now = open_to_read(&directory.join(FILE))?;
    let before = open_to_read(&directory.join(BEFORE))?;
    let identity = |file: &File| file.metadata().map(|facts| (facts.dev(), facts.ino()));
    let is_same = match (&now, &before) {
        (Some(now), Some(before)) => identity(now)? == identity(before)?,
        _ => false,
    };
    let before = before.filter(|_| !is_same);
    let mut entries = Vec::new();
    for file in before.into_iter().chain(now) {
        let mut bytes = Vec::new();
        // Bounded: nothing else writes it.
        file.take(2 * LARGEST).read_to_end(&mut bytes)?;
        let lines = bytes.split(|byte| *byte == b'\n');
        entries.extend(lines.filter_map(|line| serde_json::from_slice(line).ok()));
    }
    Ok(entries)
}

fn open_to_read(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(number: i64) -> LoggedCommand {
        LoggedCommand {
            at: number,
            directory: "/home/dev/project".into(),
            words: ["cargo", "test", "été\n"].map(ToOwned::to_owned).to_vec(),
            is_cut: false,
            duration_ms: 1_500,
            outcome: CommandOutcome::Exited(0),
            input: 0,
            output: 7,
        }
    }

    fn times(entries: &[LogEntry]) -> Vec<i64> {
        let at = |entry: &LogEntry| match entry {
            LogEntry::Command(command) => Some(command.at),
            LogEntry::Missed(_) => None,
        };
        entries.iter().filter_map(at).collect()
    }

    #[test]
    fn what_is_written_is_read_and_no_other_user_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        assert!(read(directory.path()).unwrap().is_empty());
        let log = CommandLog::open(directory.path()).unwrap();
        let mut refused = command(2);
        refused.outcome = CommandOutcome::Refused("no".to_owned());
        refused.directory = PathBuf::new();
        log.write(command(1));
        log.write(refused.clone());
        log.close();
        // Nothing is begun anew in a directory that is being removed.
        log.write(command(3));
        log.close();
        let expected = [command(1), refused].map(LogEntry::Command);
        assert_eq!(read(directory.path()).unwrap(), expected);
        let facts = fs::metadata(directory.path().join(FILE)).unwrap();
        assert_eq!(facts.mode() & 0o777, MODE);
    }

    #[test]
    fn it_is_begun_anew_once_it_is_large_and_the_one_before_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = LogFile::open(directory.path()).unwrap();
        file.largest = 1000;
        let mut number = 0;
        while file.length < 1000 && !directory.path().join(BEFORE).exists() {
            number += 1;
            file.write(&LogEntry::Command(command(number))).unwrap();
        }
        // The last one began the new file.
        let all: Vec<i64> = (1..=number).collect();
        assert_eq!(times(&read(directory.path()).unwrap()), all);
        for _ in 0..20 {
            number += 1;
            file.write(&LogEntry::Command(command(number))).unwrap();
        }
        let left = times(&read(directory.path()).unwrap());
        assert_eq!(left.last(), Some(&number));
        assert!(left.len() > 4 && left.is_sorted(), "{left:?}");
        for name in [FILE, BEFORE] {
            assert!(fs::metadata(directory.path().join(name)).unwrap().len() <= 1000);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_line_that_was_cut_off_is_left_out_and_the_next_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = LogFile::open(directory.path()).unwrap();
        file.write(&LogEntry::Command(command(1))).unwrap();
        file.file.write_all(b"{\"command\":{\"at\":").unwrap();
        drop(file);
        let mut file = LogFile::open(directory.path()).unwrap();
        file.write(&LogEntry::Missed(3)).unwrap();
        let expected = [LogEntry::Command(command(1)), LogEntry::Missed(3)];
        assert_eq!(read(directory.path()).unwrap(), expected);
    }

    #[test]
    fn a_command_line_without_end_takes_little_room() {
        let mut long = command(1);
        long.words = vec!["é".repeat(LONGEST), "more".to_owned()];
        let cut = long.cut();
        assert!(cut.is_cut && cut.words.len() == 1 && cut.words[0].len() <= LONGEST);
        let mut many = command(1);
        many.words = vec![String::new(); 10 * LONGEST];
        let cut = many.cut();
        assert!(cut.is_cut && cut.words.len() <= LONGEST + 1);
        assert_eq!(command(1).cut(), command(1));
    }

    #[test]
    fn what_cannot_be_written_is_counted() {
        let directory = tempfile::tempdir().unwrap();
        let file = LogFile {
            file: File::open("/dev/null").unwrap(),
            ..LogFile::open(directory.path()).unwrap()
        };
        let (queue, waiting) = mpsc::sync_channel(2);
        let missed = AtomicU64::new(4);
        queue.send(command(1)).unwrap();
        drop(queue);
        write_all(file, &waiting, &missed);
        assert_eq!(missed.into_inner(), 5);
    }
}
