//! The client's own locks: directories, touched while held, stale after a minute.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

const STALE_AFTER: Duration = Duration::from_secs(60);
const TOUCH_EVERY: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);
/// Longer than a lock can be held by a process that has died.
const PATIENCE: Duration = Duration::from_secs(90);

/// A held lock, given back when dropped.
pub(super) struct Lock {
    path: PathBuf,
    ended: Arc<(Mutex<bool>, Condvar)>,
    touching: Option<JoinHandle<()>>,
}

/// Waits for the lock and takes it.
pub(super) fn take(path: &Path) -> io::Result<Lock> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match fs::create_dir(path) {
            Ok(()) => return Ok(Lock::new(path)),
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Err(_) if is_stale(path) => drop(fs::remove_dir(path)),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

fn is_stale(path: &Path) -> bool {
    let Ok(modified) = fs::metadata(path).and_then(|metadata| metadata.modified()) else {
        return false;
    };
    SystemTime::now()
        .duration_since(modified)
        .is_ok_and(|age| age > STALE_AFTER)
}

impl Lock {
    fn new(path: &Path) -> Lock {
        let ended = Arc::new((Mutex::new(false), Condvar::new()));
        let (touched, ending) = (path.to_owned(), Arc::clone(&ended));
        let touching = thread::spawn(move || {
            let (state, changed) = &*ending;
            let mut ended = state.lock().unwrap();
            while !*ended {
                ended = changed
                    .wait_timeout_while(ended, TOUCH_EVERY, |ended| !*ended)
                    .unwrap()
                    .0;
                if !*ended {
                    touch(&touched);
                }
            }
        });
        Lock {
            path: path.to_owned(),
            ended,
            touching: Some(touching),
        }
    }
}

fn touch(path: &Path) {
    let now = SystemTime::now();
    let times = fs::FileTimes::new().set_modified(now).set_accessed(now);
    // A lock that somebody took for stale is gone; so it is with the real client.
    drop(fs::File::open(path).and_then(|directory| directory.set_times(times)));
}

impl Drop for Lock {
    fn drop(&mut self) {
        *self.ended.0.lock().unwrap() = true;
        self.ended.1.notify_all();
        if let Some(touching) = self.touching.take() {
            drop(touching.join());
        }
        drop(fs::remove_dir(&self.path));
    }
}
