//! The runner.

use std::ffi::OsString;
use std::io;
use std::mem;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus, getpid, ioctl_tiocsctty,
    kill_process_group, set_child_subreaper, setsid, umask, wait, waitid,
};

use crate::channel::{self, Receiver};
use crate::descendants;
use crate::foreground;
use crate::protocol::{Order, Report, Spec};
use crate::sandbox::Sandbox;
use crate::survival::{Typed, survive};

/// How long what is told to end has for that.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often what cannot be waited for is killed again.
const AGAIN: Duration = Duration::from_millis(50);

/// Is a runner, whose other end is this process's standard input: runs one command, and returns when nothing of it is
/// left. For a process that does nothing else, and has one thread.
///
/// # Errors
/// If there is no such socket, or what comes over it cannot be understood.
pub fn run() -> io::Result<()> {
    // Fails for who leads one already, from a terminal by hand.
    setsid()?;
    set_child_subreaper(Some(getpid()))?;
    let typed = survive()?;
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    let mut orders = Receiver::new(socket.try_clone()?);
    let Some(Order::Start { spec, has_terminal }) = orders.next()? else {
        return Ok(());
    };
    let descriptors = orders.take_descriptors();
    let terminal = match has_terminal {
        true => descriptors.last().map(OwnedFd::try_clone).transpose()?,
        false => None,
    };
    let main = match start(*spec, descriptors, terminal.as_ref(), &typed) {
        Ok(main) => main,
        Err(report) => return say(&socket, &report),
    };
    say(&socket, &Report::Started)?;
    let running = Arc::new(Running {
        socket,
        state: Mutex::new(State {
            main: Some(main),
            is_stopped: false,
            is_gone: false,
        }),
        gone: Condvar::new(),
    });
    let waiting = Arc::clone(&running);
    thread::spawn(move || waiting.wait());
    let heard = running.obey(&mut orders);
    running.end();
    heard
}

/// Starts the command in a process group of its own, in the foreground of its terminal.
fn start(
    mut spec: Spec,
    descriptors: Vec<OwnedFd>,
    terminal: Option<&OwnedFd>,
    typed: &Typed,
) -> Result<Pid, Report> {
    spec.limits.set(spec.sandbox.is_some());
    umask(Mode::from_raw_mode(spec.umask & 0o777));
    let sandbox = spec.sandbox.take();
    let mut descriptors = descriptors.into_iter();
    // Open until the command is in it.
    let directory = descriptors.next();
    let command = command(spec, directory.as_ref(), descriptors, terminal).map_err(not_started)?;
    let child = match sandbox {
        Some(sandbox) => spawn_inside(&sandbox, command)?,
        None => spawn(command).map_err(not_started)?,
    };
    let main = Pid::from_child(&child);
    if terminal.is_some() {
        typed.pass_on(main);
    }
    Ok(main)
}

fn command(
    spec: Spec,
    directory: Option<&OwnedFd>,
    mut streams: impl Iterator<Item = OwnedFd>,
    terminal: Option<&OwnedFd>,
) -> io::Result<Command> {
    let directory = directory.ok_or(Errno::BADF)?;
    let mut next = || streams.next().ok_or(Errno::BADF);
    let (input, output, errors) = (next()?, next()?, next()?);
    if let Some(terminal) = terminal {
        ioctl_tiocsctty(terminal)?;
    }
    let text = |bytes: Bytes| OsString::from_vec(bytes.into());
    let mut command = Command::new(text(spec.program));
    command
        .arg0(text(spec.name))
        .args(spec.arguments.into_iter().map(text))
        .env_clear()
        .envs(
            spec.environment
                .into_iter()
                .map(|(name, value)| (text(name), text(value))),
        )
        // By its descriptor: whatever has become of its name.
        .current_dir(format!("/proc/self/fd/{}", directory.as_raw_fd()))
        .process_group(0)
        .stdin(Stdio::from(input))
        .stdout(Stdio::from(output))
        .stderr(Stdio::from(errors));
    if let Some(terminal) = terminal {
        foreground::take(&mut command, terminal.try_clone()?);
    }
    Ok(command)
}

/// Our copies of its streams are closed then.
fn spawn(mut command: Command) -> io::Result<Child> {
    command.spawn()
}

/// From a thread that has given the rights up, and ends: the command has what that thread had. The runner keeps its own, so
/// nothing inside can stop it, or look into it.
fn spawn_inside(sandbox: &Sandbox, command: Command) -> Result<Child, Report> {
    let inside = || {
        sandbox.enter().map_err(|()| Report::NotSandboxed)?;
        spawn(command).map_err(not_started)
    };
    let spawned = thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, inside);
        thread.map(thread::ScopedJoinHandle::join)
    });
    match spawned.map_err(not_started)? {
        Ok(spawned) => spawned,
        Err(_) => Err(Report::NotSandboxed),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn not_started(error: io::Error) -> Report {
    Report::NotStarted(error.raw_os_error().unwrap_or_default())
}

struct Running {
    socket: OwnedFd,
    state: Mutex<State>,
    gone: Condvar,
}

struct State {
    /// The command's process and group, until it has been waited for: the number is its own as long.
    main: Option<Pid>,
    /// That it is stopped is the last that was told of it.
    is_stopped: bool,
    /// No process is left.
    is_gone: bool,
}

impl Running {
    /// Passes signals on until the other end hangs up.
    fn obey(&self, orders: &mut Receiver) -> io::Result<()> {
        while let Some(order) = orders.next()? {
            if let Order::Signal(number) = order
                && let Some(signal) = Signal::from_named_raw(number)
            {
                self.signal(signal);
            }
        }
        Ok(())
    }

    fn signal(&self, signal: Signal) {
        if let Some(main) = self.state().main {
            // Fails if all of the group have ended.
            kill_process_group(main, signal).ok();
        }
    }

    /// Waits for every process until there is none.
    fn wait(&self) {
        let any = WaitIdOptions::EXITED | WaitIdOptions::STOPPED | WaitIdOptions::CONTINUED;
        loop {
            // Without taking it: that is done under the lock.
            match waitid(WaitId::All, any | WaitIdOptions::NOWAIT) {
                Ok(_) => self.take(),
                Err(Errno::INTR) => {}
                Err(_) => break,
            }
        }
        self.tell(&Report::Gone);
        self.state().is_gone = true;
        self.gone.notify_all();
        // Nothing more is to be obeyed. Fails if the other end has hung up.
        shutdown(&self.socket, Shutdown::Read).ok();
    }

    fn take(&self) {
        let mut state = self.state();
        let any = WaitOptions::NOHANG | WaitOptions::UNTRACED | WaitOptions::CONTINUED;
        while let Ok(Some((pid, status))) = wait(any) {
            if state.main == Some(pid)
                && let Some(report) = report(&mut state, status)
            {
                if let Report::Ended { .. } = report {
                    state.main = None;
                }
                self.tell(&report);
            }
        }
    }

    /// Ends all that is left: asked to first.
    fn end(&self) {
        if self.state().is_gone {
            return;
        }
        for signal in [Signal::HUP, Signal::TERM, Signal::CONT] {
            descendants::signal_all(signal);
        }
        let mut patience = PATIENCE;
        loop {
            let state = self.state();
            let waited = self
                .gone
                .wait_timeout_while(state, patience, |state| !state.is_gone);
            let (state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            if !waited.timed_out() {
                return;
            }
            drop(state);
            descendants::signal_all(Signal::KILL);
            patience = AGAIN;
        }
    }

    fn tell(&self, report: &Report) {
        // Fails if the other end has hung up: `obey` learns of that.
        say(&self.socket, report).ok();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn report(state: &mut State, status: WaitStatus) -> Option<Report> {
    if let Some(signal) = status.stopping_signal() {
        state.is_stopped = true;
        return Some(Report::Stopped(signal));
    }
    if status.continued() {
        // Of a stop that it was continued after at once, nobody was told.
        return mem::take(&mut state.is_stopped).then_some(Report::Continued);
    }
    Some(Report::Ended {
        code: status.exit_status(),
        signal: status.terminating_signal(),
    })
}

fn say(socket: &OwnedFd, report: &Report) -> io::Result<()> {
    let bytes = channel::encode(report)?;
    let mut sent = 0;
    while sent < bytes.len() {
        sent += channel::send_some(socket, &bytes[sent..], &[])?;
    }
    Ok(())
}
