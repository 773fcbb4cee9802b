//! Ending a process that is known by its number, and nobody else's.

use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Ends the process with this number by `signals`, one after the other, each with how long it may take. Blocks. Whether it
/// has ended.
///
/// `is_it` says whether the number is still that process's, once it cannot become another's any more. If it is not, that has
/// ended.
pub(crate) fn end(
    number: u32,
    is_it: impl FnOnce() -> io::Result<bool>,
    signals: &[(Signal, Duration)],
) -> io::Result<bool> {
    let Some(number) = i32::try_from(number).ok().and_then(Pid::from_raw) else {
        return Ok(false);
    };
    let process = match pidfd_open(number, PidfdFlags::empty()) {
        Err(Errno::SRCH) => return Ok(true),
        process => process?,
    };
    if !is_it()? {
        return Ok(true);
    }
    for (signal, patience) in signals {
        match pidfd_send_signal(&process, *signal) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => return Err(error.into()),
        }
        let mut ended = [PollFd::new(&process, PollFlags::IN)];
        let limit = Timespec::try_from(*patience).ok();
        match poll(&mut ended, limit.as_ref()) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::{Child, Command};

    use super::*;

    /// Does not see what can be blocked or ignored.
    fn stopped() -> Child {
        let child = Command::new("/bin/sleep").arg("1000").spawn().unwrap();
        rustix::process::kill_process(Pid::from_child(&child), Signal::STOP).unwrap();
        let status = format!("/proc/{}/stat", child.id());
        let is_stopped = || fs::read_to_string(&status).unwrap().contains(") T ");
        testkit::wait_until("it is stopped", Duration::from_secs(60), is_stopped);
        child
    }

    #[test]
    fn a_process_that_does_not_see_one_signal_gets_the_next() {
        let mut child = stopped();
        let moment = Duration::from_millis(1);
        let only_asked = [(Signal::TERM, moment)];
        assert!(!end(child.id(), || Ok(true), &only_asked).unwrap());
        let killed = [
            (Signal::TERM, moment),
            (Signal::KILL, Duration::from_secs(60)),
        ];
        assert!(end(child.id(), || Ok(true), &killed).unwrap());
        child.wait().unwrap();
        assert!(end(child.id(), || Ok(true), &killed).unwrap());
    }

    #[test]
    fn another_process_with_its_number_is_left_alone() {
        let mut child = stopped();
        let kill = [(Signal::KILL, Duration::from_secs(60))];
        assert!(end(child.id(), || Ok(false), &kill).unwrap());
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!end(0, || Ok(true), &kill).unwrap());
    }
}
