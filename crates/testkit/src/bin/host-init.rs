//! The first process of a [`testkit::Host`]: makes the machine's file systems around itself, says so, and stays until its
//! standard input closes, which it does with the test, however that ends. Every process of the machine ends with it.
//!
//! `host-init NAME`, started by [`testkit::Host`] inside new namespaces and with SIGCHLD ignored: so the kernel itself reaps
//! what is orphaned here. Prints `ready PID`, the process id as the test sees it.

use rustix::fs::{CWD, Dev, FileType, Mode, makedev, mknodat};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change,
    mount_remount, unmount,
};
use rustix::process::{pivot_root, umask};
use std::ffi::CString;
use std::fmt::Display;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Everything else at the top of the outer machine (a checkout, a build directory) is not there inside.
const TOP: [&str; 23] = [
    "bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "libexec", "media",
    "mnt", "opt", "proc", "root", "run", "sbin", "selinux", "srv", "sys", "tmp", "usr", "var",
];
/// What the outer machine may have of the product and of the real client, and a test must not find.
const FORGOTTEN: [&str; 4] = [
    "etc/claude-share",
    "etc/claude-code",
    "var/lib/claude-share",
    "var/lib/claude-accounts",
];
/// `UID_MIN` to `UID_MAX` of `login.defs`: people, not services.
const PEOPLE: std::ops::RangeInclusive<u32> = 1000..=60000;
/// Of each file system in memory. Only what is used is taken.
const SIZE: &str = "size=512m";

type Result<T> = std::result::Result<T, String>;

fn main() -> ExitCode {
    match live() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Standard error may be gone; there is nobody else to tell.
            drop(writeln!(io::stderr(), "host-init: {message}"));
            ExitCode::FAILURE
        }
    }
}

fn live() -> Result<()> {
    let name = std::env::args()
        .nth(1)
        .ok_or_else(|| "takes the machine's name".to_owned())?;
    // The outer /proc is still mounted: it knows this process by its number there.
    let pid = fs::read_link("/proc/self").map_err(told("/proc/self"))?;
    umask(Mode::empty());
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )
    .map_err(told("private mounts"))?;
    write("/proc/sys/kernel/hostname", &name)?;
    let root = overlay()?;
    forget(&root)?;
    forget_people(&root.join("etc"))?;
    name_machine(&root.join("etc"), &name)?;
    file_systems(&root)?;
    devices(&root.join("dev"))?;
    home_of_root(&root)?;
    enter(&root)?;
    umask(Mode::from_raw_mode(0o022));
    let mut output = io::stdout();
    writeln!(output, "ready {}", pid.display()).map_err(told("standard output"))?;
    io::copy(&mut io::stdin().lock(), &mut io::sink()).map_err(told("standard input"))?;
    Ok(())
}

/// `/` of the outer machine below, memory above. The directories are on a file system that only this namespace sees.
fn overlay() -> Result<PathBuf> {
    let base = Path::new("/tmp");
    tmpfs(base, "mode=0700")?;
    let (upper, work, root) = (base.join("upper"), base.join("work"), base.join("root"));
    for directory in [&upper, &work, &root] {
        make_directory(directory, 0o755)?;
    }
    for entry in fs::read_dir("/").map_err(told("/"))?.flatten() {
        if !TOP.iter().any(|known| entry.file_name() == *known) {
            // A device 0:0 in the upper layer says that the name is not there.
            device(&upper.join(entry.file_name()), 0, 0)?;
        }
    }
    let options = format!(
        "lowerdir=/,upperdir={},workdir={},redirect_dir=on",
        upper.display(),
        work.display()
    );
    let options = CString::new(options).map_err(told("options"))?;
    mount(
        "overlay",
        &root,
        "overlay",
        MountFlags::empty(),
        options.as_c_str(),
    )
    .map_err(told("overlay"))?;
    Ok(root)
}

fn forget(root: &Path) -> Result<()> {
    for name in FORGOTTEN {
        let path = root.join(name);
        let removed = match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
            Err(_) => Ok(()),
        };
        removed.map_err(told(name))?;
    }
    Ok(())
}

/// People of the outer machine: their homes are not there, and the first one added here is to be the first.
fn forget_people(etc: &Path) -> Result<()> {
    let is_person = |line: &str| {
        let id = line.split(':').nth(2).and_then(|id| id.parse().ok());
        id.is_some_and(|id: u32| PEOPLE.contains(&id))
    };
    let mut names = Vec::new();
    for file in ["passwd", "group"] {
        let text = fs::read_to_string(etc.join(file)).map_err(told(file))?;
        let lines = text.lines().filter(|line| is_person(line));
        names.extend(lines.filter_map(|line| line.split(':').next().map(str::to_owned)));
    }
    for file in ["passwd", "shadow", "group", "gshadow", "subuid", "subgid"] {
        let path = etc.join(file);
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let stays = |line: &&str| {
            let name = line.split(':').next().unwrap_or_default();
            !names.iter().any(|person| person == name)
        };
        let kept: String = text
            .lines()
            .filter(stays)
            .map(|line| format!("{line}\n"))
            .collect();
        write(&path, &kept)?;
        // The copy that the tools keep of the file before its last change.
        fs::remove_file(etc.join(format!("{file}-"))).ok();
    }
    Ok(())
}

fn name_machine(etc: &Path, name: &str) -> Result<()> {
    write(etc.join("hostname"), &format!("{name}\n"))?;
    let hosts = format!("127.0.0.1\tlocalhost\n127.0.1.1\t{name}\n::1\tlocalhost ip6-localhost\n");
    write(etc.join("hosts"), &hosts)?;
    // Proxies and the like would get into every login.
    write(etc.join("environment"), "")
}

fn file_systems(root: &Path) -> Result<()> {
    for (directory, mode) in [
        ("dev", 0o755),
        ("run", 0o755),
        ("tmp", 0o1777),
        ("var/tmp", 0o1777),
        ("home", 0o755),
        ("root", 0o700),
    ] {
        tmpfs(&root.join(directory), &format!("mode={mode:o}"))?;
    }
    make_directory(&root.join("run/lock"), 0o1777)?;
    let quiet = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", root.join("proc"), "proc", quiet, None).map_err(told("/proc"))?;
    let sys = root.join("sys");
    mount_bind("/sys", &sys).map_err(told("/sys"))?;
    mount_remount(&sys, MountFlags::BIND | MountFlags::RDONLY | quiet, c"").map_err(told("/sys"))
}

fn devices(dev: &Path) -> Result<()> {
    for (name, major, minor) in [
        ("null", 1, 3),
        ("zero", 1, 5),
        ("full", 1, 7),
        ("random", 1, 8),
        ("urandom", 1, 9),
        ("tty", 5, 0),
    ] {
        device(&dev.join(name), makedev(major, minor), 0o666)?;
    }
    if let Ok(fuse) = fs::metadata("/dev/fuse") {
        device(&dev.join("fuse"), fuse.rdev(), 0o666)?;
    }
    for (name, target) in [
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        symlink(target, dev.join(name)).map_err(told(name))?;
    }
    make_directory(&dev.join("shm"), 0o1777)?;
    tmpfs(&dev.join("shm"), "mode=1777")?;
    let pts = dev.join("pts");
    make_directory(&pts, 0o755)?;
    let options = c"newinstance,ptmxmode=0666,mode=620,gid=5";
    mount(
        "devpts",
        &pts,
        "devpts",
        MountFlags::NOSUID | MountFlags::NOEXEC,
        options,
    )
    .map_err(told("devpts"))
}

fn home_of_root(root: &Path) -> Result<()> {
    let Ok(skeleton) = fs::read_dir(root.join("etc/skel")) else {
        return Ok(());
    };
    for entry in skeleton.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let copy = root.join("root").join(entry.file_name());
            fs::copy(entry.path(), copy).map_err(told("/etc/skel"))?;
        }
    }
    Ok(())
}

fn enter(root: &Path) -> Result<()> {
    let enter = |path: &Path| std::env::set_current_dir(path).map_err(told(path.display()));
    enter(root)?;
    // The old root lands on top of the new one, and goes from there.
    pivot_root(".", ".").map_err(told("pivot_root"))?;
    unmount(".", UnmountFlags::DETACH).map_err(told("the old root"))?;
    enter(Path::new("/"))?;
    // Whoever enters begins here.
    enter(Path::new("/root"))
}

fn tmpfs(target: &Path, options: &str) -> Result<()> {
    let options = CString::new(format!("{SIZE},{options}")).map_err(told("options"))?;
    mount(
        "tmpfs",
        target,
        "tmpfs",
        MountFlags::NOSUID,
        options.as_c_str(),
    )
    .map_err(told(target.display()))
}

fn device(path: &Path, number: Dev, mode: u32) -> Result<()> {
    let mode = Mode::from_raw_mode(mode);
    mknodat(CWD, path, FileType::CharacterDevice, mode, number).map_err(told(path.display()))
}

fn make_directory(path: &Path, mode: u32) -> Result<()> {
    DirBuilder::new()
        .mode(mode)
        .create(path)
        .map_err(told(path.display()))
}

/// In place: a file that is there keeps owner and mode.
fn write(path: impl AsRef<Path>, text: &str) -> Result<()> {
    let path = path.as_ref();
    let options = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path);
    options
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(told(path.display()))
}

fn told<E: Display>(what: impl Display) -> impl FnOnce(E) -> String {
    move |error| format!("{what}: {error}")
}
