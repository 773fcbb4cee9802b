//! Runs a program in a [`testkit::Host`], from `/root`: `host-enter PID PROGRAM [ARGUMENT]…`, where PID is the number outside
//! of the machine's first process. Ends as the program does, and the program ends with it.
//!
//! Two processes: the first may be killed by the test at any time. The second then kills the program and reaps it. Without
//! it the outer machine's first process would have to, which may be slow at it or not do it at all, and a machine is not
//! gone before its last process has been reaped.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, getpid, getppid, kill_process, pidfd_open};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::ffi::OsString;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, ExitStatus};

/// In place of the process id, says that this is the second process; its parent's process id follows.
const SECOND: &str = "--second";
/// As shells have it.
const NOT_STARTED: u8 = 127;

type Result<T> = std::result::Result<T, String>;

fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let ended = if arguments.first().is_some_and(|first| first == SECOND) {
        run_inside(&arguments.split_off(1))
    } else {
        start_second(&arguments)
    };
    match ended {
        Ok(status) => end_as(status),
        Err(message) => {
            // Standard error may be gone; there is nobody else to tell.
            drop(writeln!(io::stderr(), "host-enter: {message}"));
            ExitCode::from(NOT_STARTED)
        }
    }
}

fn start_second(arguments: &[OsString]) -> Result<ExitStatus> {
    let mut command = Command::new("/proc/self/exe");
    command.arg(SECOND).arg(std::process::id().to_string());
    command.args(arguments).status().map_err(told("itself"))
}

fn run_inside(arguments: &[OsString]) -> Result<ExitStatus> {
    let [parent, machine, program, arguments @ ..] = arguments else {
        return Err("takes a process id and a program".to_owned());
    };
    let first = getppid().ok_or("has no parent")?;
    if first.to_string() != parent.to_string_lossy() {
        return Err("the test is gone".to_owned());
    }
    let first = pidfd_open(first, PidfdFlags::empty()).map_err(told("the parent"))?;
    enter(&machine.to_string_lossy())?;
    let child = Command::new(program).args(arguments).spawn();
    let mut child = child.map_err(told(program.display()))?;
    let number = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let ended = pidfd_open(number.ok_or("a strange process id")?, PidfdFlags::empty())
        .map_err(told("the program"))?;
    wait_for_one(&mut child, &first, &ended).map_err(told("the program"))
}

/// The process namespace is one for children only, the others are this process's from now on.
fn enter(machine: &str) -> Result<()> {
    let open = |name: &str| {
        let path = format!("/proc/{machine}/ns/{name}");
        File::open(&path).map_err(told(path))
    };
    let kinds = [
        (LinkNameSpaceType::ProcessID, "pid"),
        (LinkNameSpaceType::Network, "net"),
        (LinkNameSpaceType::HostNameAndNISDomainName, "uts"),
        (LinkNameSpaceType::InterProcessCommunication, "ipc"),
        // Last: there is no way to the others from there.
        (LinkNameSpaceType::Mount, "mnt"),
    ];
    for (kind, name) in kinds {
        move_into_link_name_space(open(name)?.as_fd(), Some(kind)).map_err(told(name))?;
    }
    std::env::set_current_dir("/root").map_err(told("/root"))
}

fn wait_for_one(child: &mut Child, first: impl AsFd, ended: impl AsFd) -> io::Result<ExitStatus> {
    let mut wanted = [
        PollFd::from_borrowed_fd(first.as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(ended.as_fd(), PollFlags::IN),
    ];
    rustix::io::retry_on_intr(|| poll(&mut wanted, None))?;
    if !wanted[0].revents().is_empty() {
        child.kill()?;
    }
    child.wait()
}

fn end_as(status: ExitStatus) -> ExitCode {
    if let Some(signal) = status.signal().and_then(Signal::from_named_raw) {
        kill_process(getpid(), signal).ok();
    }
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    ExitCode::from(
        code.and_then(|code| u8::try_from(code).ok())
            .unwrap_or(u8::MAX),
    )
}

fn told<E: Display>(what: impl Display) -> impl FnOnce(E) -> String {
    move |error| format!("{what}: {error}")
}
