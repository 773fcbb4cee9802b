//! Files and file systems of a machine.

use super::{Host, PATH};
use crate::{Ran, programs};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fchmod, openat2};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Stdio;
use std::thread;

/// By another process than the test's: a file that this one had open for writing could not be started while another thread
/// forks. By a rename: what runs already stays what it is.
const INSTALL: &str = "mkdir -p \"${1%/*}\" && cat > \"$1.new\" && chmod \"$2\" \"$1.new\" && mv -f \"$1.new\" \"$1\"";

impl Host {
    /// Opens `path` as a program inside would: links lead to where they do there.
    fn open(&self, path: &str, flags: OFlags, mode: Mode) -> Result<File, Errno> {
        let flags = flags | OFlags::CLOEXEC;
        openat2(&self.root, path, flags, mode, ResolveFlags::IN_ROOT).map(File::from)
    }

    /// What stands in the file `path`, links followed as inside. Nothing, at once, of a FIFO that nobody writes into.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    #[track_caller]
    pub fn read(&self, path: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let file = self.open(path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty());
        let read = file
            .map_err(std::io::Error::from)
            .and_then(|mut file| file.read_to_end(&mut bytes));
        read.unwrap_or_else(|error| panic!("{path} of {}: {error}", self.name()));
        bytes
    }

    /// The same as text, with what is not UTF-8 replaced.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    #[track_caller]
    pub fn read_text(&self, path: &str) -> String {
        String::from_utf8_lossy(&self.read(path)).into_owned()
    }

    /// Whether there is something at `path`, links followed as inside.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        self.open(path, OFlags::PATH, Mode::empty()).is_ok()
    }

    /// Writes a file of root's with exactly this mode, over what was there. Its directory has to be there.
    ///
    /// # Panics
    /// When it cannot.
    #[track_caller]
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>, mode: u32) {
        if mode & 0o111 != 0 {
            let script = ["sh", "-c", INSTALL, "sh", path, &format!("{mode:o}")];
            self.run_with_input(&script, bytes.as_ref()).success();
            return;
        }
        let mode = Mode::from_raw_mode(mode);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
        let written = self
            .open(path, flags, mode)
            .and_then(|file| fchmod(&file, mode).map(|()| file))
            .map_err(std::io::Error::from)
            .and_then(|mut file| file.write_all(bytes.as_ref()));
        written.unwrap_or_else(|error| panic!("{path} of {}: {error}", self.name()));
    }

    /// Makes a directory of root's with exactly this mode, and the ones above it with 0755.
    ///
    /// # Panics
    /// When it cannot, or it is there.
    #[track_caller]
    pub fn make_directory(&self, path: &str, mode: u32) {
        let script = "mkdir -p \"${1%/*}/\" && mkdir \"$1\" && chmod \"$2\" \"$1\"";
        self.run(&["sh", "-c", script, "sh", path, &format!("{mode:o}")])
            .success();
    }

    /// Copies the built program `built_name` to `at`, mode 0755, over what was there by a rename. Directories above it are
    /// made.
    ///
    /// # Panics
    /// When it has not been built or cannot be copied.
    #[track_caller]
    pub fn install_program(&self, built_name: &str, at: &str) {
        let program = File::open(programs::path(built_name)).expect("a built program");
        self.install(program, at);
    }

    #[track_caller]
    pub(super) fn install(&self, program: File, at: &str) {
        let mut command = self.command("sh");
        command.args(["-c", INSTALL, "sh", at, "755"]);
        command.stdin(Stdio::from(program));
        Ran::of(command).success();
    }

    /// Removes the program `name` from every directory of [`PATH`]; none need be there.
    ///
    /// # Panics
    /// When it cannot.
    #[track_caller]
    pub fn remove_program(&self, name: &str) {
        let places: Vec<String> = PATH
            .split(':')
            .map(|place| format!("{place}/{name}"))
            .collect();
        let mut command = self.command("rm");
        command.arg("-f").args(places);
        Ran::of(command).success();
    }

    /// Shows the outer machine's `file` at `at` without copying it: for big ones. It keeps its mode and cannot be removed
    /// or replaced there until [`Host::unmount`].
    ///
    /// # Panics
    /// When it cannot.
    #[track_caller]
    pub fn install_file(&self, file: &Path, at: &str) {
        let script = "mkdir -p \"${1%/*}/\" && : > \"$1\"";
        self.run(&["sh", "-c", script, "sh", at]).success();
        self.show(file, at);
    }

    /// The same of a directory with all that is in it; what is at `at` must be empty.
    ///
    /// # Panics
    /// When it cannot.
    #[track_caller]
    pub fn install_directory(&self, directory: &Path, at: &str) {
        self.run(&["mkdir", "-p", at]).success();
        self.show(directory, at);
    }

    #[track_caller]
    fn show(&self, path: &Path, at: &str) {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        let tree = open_tree(CWD, path, flags)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let attach = || move_mount(&tree, "", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH);
        let attached = self.in_mounts(attach);
        attached.unwrap_or_else(|error| panic!("{} at {at}: {error}", path.display()));
        self.lasting_mounts.lock().unwrap().push(at.to_owned());
    }

    /// Does `body` on a thread of its own, which sees the machine's files: for a library that takes a path and follows links
    /// itself. Network, processes and users are the outer machine's.
    ///
    /// # Panics
    /// When `body` does.
    pub fn in_mounts<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        let space = File::open(format!("/proc/{}/ns/mnt", self.pid())).expect("its mounts");
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                leave_shared_directories();
                move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Mount))
                    .expect("a way into the machine's mounts");
                body()
            });
            inside
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Mounts an empty file system of `bytes` bytes (rounded up to pages) on the directory `path`, with its owner and mode.
    ///
    /// # Panics
    /// When it cannot.
    #[track_caller]
    pub fn small_file_system(&self, path: &str, bytes: u64) {
        let script = "options=$(stat -c mode=%a,uid=%u,gid=%g -- \"$1\") &&
            mount -t tmpfs -o \"nosuid,nodev,size=$2,$options\" tmpfs \"$1\"";
        self.run(&["sh", "-c", script, "sh", path, &bytes.to_string()])
            .success();
    }

    /// Takes away what was mounted last at `path`, also while it is in use.
    ///
    /// # Panics
    /// When nothing is mounted there.
    #[track_caller]
    pub fn unmount(&self, path: &str) {
        self.run(&["umount", "--lazy", "--", path]).success();
        let mut lasting = self.lasting_mounts.lock().unwrap();
        if super::count(&lasting, path) > super::count(&self.mounts(), path) {
            let place = lasting.iter().rposition(|held| held == path);
            lasting.remove(place.expect("counted"));
        }
    }

    /// Where something is mounted now, in the order mounted. Spaces and the like are written as in `/proc/mounts`.
    #[must_use]
    pub fn mounts(&self) -> Vec<String> {
        let table = format!("/proc/{}/mounts", self.pid());
        let table = fs::read_to_string(table).expect("the mounts of the machine");
        let places = table.lines().filter_map(|line| line.split(' ').nth(1));
        places.map(str::to_owned).collect()
    }
}

/// The kernel lets no thread into other mounts that shares its working directory and root with others.
#[expect(
    deprecated,
    reason = "deprecated for what FILES does to descriptors; with FS alone it is safe, and the one that is not needs `unsafe`"
)]
fn leave_shared_directories() {
    rustix::thread::unshare(UnshareFlags::FS).expect("directories of its own");
}
