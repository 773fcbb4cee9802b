//! What signals mean to a dashboard.

use std::fs::{self, File};
use std::future::Future;

use dashboard::Certificate;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{CliError, Kind};

/// Done when SIGTERM or Ctrl-C says so, or the terminal is closed that the dashboard was started
/// from. Any other SIGHUP has the certificate read again.
///
/// # Errors
/// If the system does not tell of signals.
pub(super) fn shutdown(
    certificate: Option<Certificate>,
    complain: fn(&str),
) -> Result<impl Future<Output = ()>, CliError> {
    let listen = |kind| {
        signal(kind).map_err(|error| {
            let message = format!("cannot listen to signals: {error}");
            CliError::new(Kind::Internal, message, "Check the limits of this system.")
        })
    };
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    // Whoever has it ignored (`nohup`) means it.
    let hang_up = match ignores_hang_up() {
        true => None,
        false => Some(listen(SignalKind::hangup())?),
    };
    let had_terminal = has_terminal();
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = hung_up(hang_up, had_terminal, certificate, complain) => {}
        }
    })
}

async fn hung_up(
    hang_up: Option<Signal>,
    had_terminal: bool,
    certificate: Option<Certificate>,
    complain: fn(&str),
) {
    let Some(mut hang_up) = hang_up else {
        return std::future::pending().await;
    };
    while hang_up.recv().await.is_some() {
        if had_terminal && !has_terminal() {
            return;
        }
        let Some(certificate) = &certificate else {
            continue;
        };
        match certificate.reload() {
            Ok(()) => complain("the certificate was read again"),
            Err(error) => complain(&format!("the certificate in use stays: {error}")),
        }
    }
}

fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

/// Where the system does not tell, it is not ignored.
fn ignores_hang_up() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored(&status) & 1 != 0
}

/// Bit 0 is signal 1, SIGHUP (`proc_pid_status(5)`).
fn ignored(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_signal_is_read_from_the_mask() {
        assert_eq!(ignored("Name:\tx\nSigIgn:\t0000000000001001\n") & 1, 1);
        assert_eq!(ignored("SigIgn:\t0000000000001000\n") & 1, 0);
        assert_eq!(ignored(""), 0);
    }
}
