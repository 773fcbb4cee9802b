//! Tests in a network of loopback only, and in mounts of their own.
//!
//! The running test executable is started again for one test inside new namespaces: threads that other tests share cannot
//! be moved, and no `unsafe` is needed. The namespaces end with the last process in them, so that nothing is left behind
//! even after kill -9. Processes are not isolated: a daemon that the body leaves running outlives it.

use crate::skip::skip_named;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, mount_remount, unmount};
use rustix::process::{Signal, set_parent_process_death_signal};
use std::env;
use std::ffi::CString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const INSIDE_VARIABLE: &str = "TESTKIT_INSIDE_NAMESPACE";

/// What a test wants for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isolation {
    /// A network with nothing but a loopback interface that is up.
    pub network: bool,
    /// Mounts that nobody else sees.
    pub mounts: bool,
}

impl Isolation {
    /// A network with loopback only.
    pub const NETWORK: Isolation = Isolation {
        network: true,
        mounts: false,
    };
    /// Mounts of its own.
    pub const MOUNTS: Isolation = Isolation {
        network: false,
        mounts: true,
    };
    /// Both.
    pub const BOTH: Isolation = Isolation {
        network: true,
        mounts: true,
    };

    /// Whether the caller may have it here.
    ///
    /// # Errors
    /// The reason why not.
    pub fn available(self) -> Result<(), String> {
        if !rustix::process::geteuid().is_root() {
            return Err("needs root for namespaces of its own".to_owned());
        }
        let mut command = self.command();
        command.arg("true").stdin(Stdio::null());
        let output = command
            .output()
            .map_err(|error| format!("cannot start unshare: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!(
            "unshare does not work here: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ))
    }

    /// A command that takes program and arguments and runs them inside.
    fn command(self) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(self.network.then_some("--net"))
            .args(self.mounts.then_some("--mount"));
        let up = if self.network {
            "ip link set lo up && "
        } else {
            ""
        };
        command.args(["sh", "-c", &format!("{up}exec \"$@\""), "sh"]);
        command
    }
}

/// Whether a network of loopback only can be had.
///
/// # Errors
/// The reason why not.
pub fn loopback_only_available() -> Result<(), String> {
    Isolation::NETWORK.available()
}

/// [`isolated`] in a network of loopback only.
pub fn in_loopback_only(test_name: &str, body: impl FnOnce()) {
    isolated(test_name, Isolation::NETWORK, body);
}

/// Runs `body` inside namespaces of its own by starting this test alone again there, or skips the test, with its reason,
/// where that cannot be had. `test_name` is the test's whole name as `--list` prints it (`module::name`).
///
/// # Panics
/// When the body does, and when no test of that name ran.
pub fn isolated(test_name: &str, isolation: Isolation, body: impl FnOnce()) {
    if let Some(mark) = env::var_os(INSIDE_VARIABLE) {
        // Ends with the test that started it, should that be killed.
        set_parent_process_death_signal(Some(Signal::KILL)).expect("a signal to die by");
        fs::write(mark, b"").expect("the mark that the body ran");
        return body();
    }
    if let Err(reason) = isolation.available() {
        return skip_named(test_name, reason);
    }
    run_inside(test_name, isolation);
}

fn run_inside(test_name: &str, isolation: Isolation) {
    // Removed from outside, where nothing that is still mounted in it is in the way.
    let temporary = TempDir::with_prefix("ca").expect("a temporary directory");
    fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o1777))
        .expect("a temporary directory for every user");
    let mark = temporary.path().join("ran");
    let mut command = isolation.command();
    command.arg(env::current_exe().expect("the path of the running test"));
    command.args([
        test_name,
        "--exact",
        "--include-ignored",
        "--nocapture",
        "--test-threads=1",
    ]);
    command.env(INSIDE_VARIABLE, &mark).stdin(Stdio::null());
    command.env("TMPDIR", temporary.path());
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    eprint!("{said}");
    assert!(
        mark.exists(),
        "no test is named {test_name}; inside: {said}"
    );
    assert!(
        output.status.success(),
        "{test_name} failed inside its namespaces ({})",
        output.status
    );
}

/// A small file system in memory, unmounted and removed when dropped.
#[derive(Debug)]
pub struct TmpfsMount {
    directory: TempDir,
}

impl TmpfsMount {
    /// Where it is mounted; mode 0700.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Fills it until not a byte is left, and gives the file that does it: removing that makes room again.
    ///
    /// # Panics
    /// When writing fails for another reason than a full disk.
    #[must_use]
    pub fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = fs::File::create(&path).expect("a file to fill the disk with");
        let error =
            std::io::copy(&mut std::io::repeat(0), &mut file).expect_err("an end of the disk");
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull, "{error}");
        path
    }
}

impl Drop for TmpfsMount {
    fn drop(&mut self) {
        // Detached: an open file of a failed test must not keep the mount. Nothing better can be done about a failure here.
        unmount(self.path(), UnmountFlags::DETACH).ok();
    }
}

/// Mounts a file system of `bytes` bytes (rounded up to pages) for tests of full disks. Use it inside [`isolated`] with
/// [`Isolation::MOUNTS`], which unmounts it even after kill -9.
///
/// # Errors
/// The reason why it cannot be had here: not root, mostly.
pub fn small_tmpfs(bytes: u64) -> Result<TmpfsMount, String> {
    let directory =
        TempDir::with_prefix("ca").map_err(|error| format!("no temporary directory: {error}"))?;
    let options =
        CString::new(format!("size={bytes},mode=0700")).map_err(|error| error.to_string())?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount(
        "tmpfs",
        directory.path(),
        "tmpfs",
        flags,
        Some(options.as_c_str()),
    )
    .map_err(|error| format!("cannot mount a tmpfs: {error}"))?;
    Ok(TmpfsMount { directory })
}

/// A directory that nobody can write into, root included, until this is dropped.
#[derive(Debug)]
pub struct ReadOnly {
    directory: PathBuf,
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        unmount(&self.directory, UnmountFlags::DETACH).ok();
    }
}

/// Makes `directory` read-only with everything in it. Use it inside [`isolated`] with [`Isolation::MOUNTS`].
///
/// # Errors
/// The reason why it cannot be had here: not root, mostly.
pub fn read_only(directory: &Path) -> Result<ReadOnly, String> {
    let explain = |error| format!("cannot make {} read-only: {error}", directory.display());
    mount_bind(directory, directory).map_err(explain)?;
    let mounted = ReadOnly {
        directory: directory.to_owned(),
    };
    let flags = MountFlags::BIND | MountFlags::RDONLY;
    mount_remount(directory, flags, c"").map_err(explain)?;
    Ok(mounted)
}
