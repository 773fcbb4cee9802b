//! What was output, as a file that can be played: asciicast version 2
//! (<https://docs.asciinema.org/manual/asciicast/v2/>).

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::Size;
use crate::shared::lock;

/// How much may wait to be written, in bytes, before reading waits for it.
const MOST_WAITING: usize = 4 << 20;
/// How much is recorded, in bytes of the file: an endless output is not to fill the disk.
const MOST_RECORDED: usize = 256 << 20;
/// How many events may wait to be written; beyond, a change of size is not recorded.
const MOST_EVENTS: usize = 10_000;
/// How long reading waits for a slow disk. The recording then misses something, and says how much.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the end of a terminal waits for the end of its recording.
const FINISH_PATIENCE: Duration = Duration::from_secs(10);

/// A recording. The file is written by blocking tasks, one at a time and only while there is something to write.
pub(crate) struct Recording {
    waiting: Arc<Mutex<Waiting>>,
    written: Arc<Notify>,
    begun: Instant,
}

struct Waiting {
    /// With the writer while it writes.
    file: Option<File>,
    events: Vec<Happened>,
    bytes: usize,
    missed: u64,
    /// Of the file, in bytes.
    length: usize,
    /// Nothing more is recorded: the disk failed, or the file is as long as it may be.
    failed: bool,
}

struct Happened {
    after: Duration,
    what: What,
}

enum What {
    Output(Vec<u8>),
    Resized(Size),
    Missed(u64),
}

impl Recording {
    /// Begins a file that is not there yet, readable by its owner alone.
    pub(crate) fn create(path: &Path, size: Size) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        let timestamp = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let header = json!({
            "version": 2,
            "width": size.columns(),
            "height": size.rows(),
            "timestamp": timestamp,
        });
        file.write_all(format!("{header}\n").as_bytes())?;
        Ok(Self {
            waiting: Arc::new(Mutex::new(Waiting {
                file: Some(file),
                events: Vec::new(),
                bytes: 0,
                missed: 0,
                length: 0,
                failed: false,
            })),
            written: Arc::new(Notify::new()),
            begun: Instant::now(),
        })
    }

    pub(crate) fn output(&self, bytes: &[u8]) {
        let mut waiting = lock(&self.waiting);
        if waiting.bytes + bytes.len() > MOST_WAITING {
            waiting.missed += bytes.len() as u64;
        } else {
            waiting.bytes += bytes.len();
            self.add(&mut waiting, What::Output(bytes.to_vec()));
        }
    }

    pub(crate) fn resized(&self, size: Size) {
        let mut waiting = lock(&self.waiting);
        if waiting.events.len() < MOST_EVENTS {
            self.add(&mut waiting, What::Resized(size));
        }
    }

    /// Waits until more output can be recorded, but not for long.
    pub(crate) async fn room(&self) {
        self.wait_until(PATIENCE, |waiting| waiting.bytes < MOST_WAITING / 2)
            .await;
    }

    /// Waits until all is written.
    pub(crate) async fn finish(&self) {
        self.wait_until(FINISH_PATIENCE, |waiting| {
            waiting.events.is_empty() && waiting.file.is_some()
        })
        .await;
    }

    async fn wait_until(&self, patience: Duration, holds: impl Fn(&Waiting) -> bool) {
        let wait = async {
            loop {
                let written = self.written.notified();
                if self.is_failed_or(&holds) {
                    return;
                }
                written.await;
            }
        };
        // If it does not come about, the recording misses something: that is said in it.
        drop(timeout(patience, wait).await);
    }

    fn is_failed_or(&self, holds: impl Fn(&Waiting) -> bool) -> bool {
        let waiting = lock(&self.waiting);
        waiting.failed || holds(&waiting)
    }

    fn add(&self, waiting: &mut Waiting, what: What) {
        if waiting.failed {
            return;
        }
        let after = self.begun.elapsed();
        let missed = std::mem::take(&mut waiting.missed);
        if missed > 0 {
            let what = What::Missed(missed);
            waiting.events.push(Happened { after, what });
        }
        waiting.events.push(Happened { after, what });
        if let Some(file) = waiting.file.take() {
            let (shared, written) = (Arc::clone(&self.waiting), Arc::clone(&self.written));
            tokio::task::spawn_blocking(move || write(file, &shared, &written));
        }
    }
}

/// Writes until nothing waits, then gives the file back.
fn write(mut file: File, shared: &Mutex<Waiting>, written: &Notify) {
    loop {
        let mut waiting = lock(shared);
        let events = std::mem::take(&mut waiting.events);
        if events.is_empty() {
            waiting.file = Some(file);
            break;
        }
        waiting.bytes = 0;
        let room = MOST_RECORDED.saturating_sub(waiting.length);
        drop(waiting);
        let lines: String = events.iter().map(line).collect();
        let fits = lines.len() <= room;
        let lines = if fits { lines } else { last_line(&events) };
        if file.write_all(lines.as_bytes()).is_err() || !fits {
            // Too long, or the disk is full or gone: a recording is not worth a terminal.
            let mut waiting = lock(shared);
            waiting.failed = true;
            waiting.events.clear();
            break;
        }
        lock(shared).length += lines.len();
        written.notify_waiters();
    }
    written.notify_waiters();
}

/// What a recording that has become too long ends with.
fn last_line(events: &[Happened]) -> String {
    let after = events
        .first()
        .map_or(0.0, |event| event.after.as_secs_f64());
    format!(
        "{}\n",
        json!([
            after,
            "m",
            "the recording ends here: it is as long as it may be"
        ])
    )
}

fn line(happened: &Happened) -> String {
    let (code, data) = match &happened.what {
        What::Output(bytes) => ("o", String::from_utf8_lossy(bytes).into_owned()),
        What::Resized(size) => ("r", format!("{}x{}", size.columns(), size.rows())),
        What::Missed(bytes) => ("m", format!("{bytes} bytes were not recorded")),
    };
    format!("{}\n", json!([happened.after.as_secs_f64(), code, data]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_that_is_as_long_as_it_may_be_says_so_and_ends() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("recording");
        let recording = Recording::create(&path, Size::DEFAULT).unwrap();
        recording.output(b"before");
        recording.finish().await;
        lock(&recording.waiting).length = MOST_RECORDED;
        recording.output(b"too much");
        recording.finish().await;
        recording.output(b"after the end");
        recording.finish().await;
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[1].contains("before") && lines[2].contains("ends here"));
    }
}
