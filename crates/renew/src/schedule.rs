//! When each login is renewed, and the renewals that are under way: what every keeper has.

mod due;
mod worker;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{AccountId, RENEWAL_MARGIN, RetryPolicy, Timestamp};
use vault::{Account, VaultKey, VaultPaths};

use crate::{Renewer, Want, clock};
use due::time_until_due;
use worker::Workers;

pub use worker::{Failure, Finished};

/// No wait is longer: so a clock that was set, a machine that slept and a login that another
/// program stored are noticed.
pub const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A failure noted for further ahead than this was noted under another clock.
const LONGEST_RETRY: Duration = Duration::from_secs(3_700);

/// The renewals of one vault. Its descriptor becomes readable when one has ended.
pub struct Schedule {
    workers: Workers,
    /// Renewals that failed without a note in the vault, which perhaps cannot be written.
    pauses: BTreeMap<AccountId, Pause>,
}

struct Pause {
    failures: u32,
    until: Instant,
}

impl Schedule {
    /// For the vault at `paths`, whose `key` is given where it is wrapped by a passphrase.
    ///
    /// # Errors
    /// If the system gives no descriptors.
    pub fn new(
        paths: VaultPaths,
        key: Option<VaultKey>,
        renewer: Arc<Renewer>,
    ) -> io::Result<Self> {
        Ok(Self {
            workers: Workers::new(paths, key, renewer)?,
            pauses: BTreeMap::new(),
        })
    }

    /// Whether a renewal is under way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.workers.is_busy()
    }

    /// Starts a renewal that is due; else how long until one may be.
    ///
    /// # Errors
    /// If the system gives no thread or descriptor for it; it is tried again later.
    pub fn renew_if_due(&mut self, account: &Account) -> io::Result<Duration> {
        if self.workers.is_busy_with(&account.id) {
            return Ok(LONGEST_WAIT);
        }
        let now = clock::now();
        let due = time_until_due(&account.login_facts(), now);
        if due > Duration::ZERO {
            return Ok(due);
        }
        let wait = self.wait_after_failure(account, now);
        if wait > Duration::ZERO {
            return Ok(wait);
        }
        if let Err(error) = self.workers.renew(account, Want::Left(RENEWAL_MARGIN)) {
            self.pause(&account.id);
            return Err(error);
        }
        Ok(LONGEST_WAIT)
    }

    /// Renews now, however much is left.
    ///
    /// # Errors
    /// If the system gives no thread or descriptor for it.
    pub fn renew_now(&mut self, account: &Account) -> io::Result<()> {
        self.workers.renew(account, Want::New)
    }

    /// The renewals that have ended since it was last asked.
    pub fn finished(&mut self) -> Vec<Finished> {
        let finished = self.workers.finished();
        for one in &finished {
            match &one.result {
                Err(failure) if !failure.is_on_record => self.pause(&one.account),
                _ => drop(self.pauses.remove(&one.account)),
            }
        }
        finished
    }

    fn wait_after_failure(&self, account: &Account, now: Timestamp) -> Duration {
        let noted = account
            .attempt
            .as_ref()
            .map_or(Duration::ZERO, |attempt| now.until(attempt.retry_at));
        let paused = self
            .pauses
            .get(&account.id)
            .map_or(Duration::ZERO, |pause| {
                pause.until.saturating_duration_since(Instant::now())
            });
        // One noted for too far ahead was noted under another clock.
        paused.max(if noted > LONGEST_RETRY {
            Duration::ZERO
        } else {
            noted
        })
    }

    fn pause(&mut self, account: &AccountId) {
        let pause = self.pauses.entry(account.clone()).or_insert(Pause {
            failures: 0,
            until: Instant::now(),
        });
        pause.failures = pause.failures.saturating_add(1);
        let random = getrandom::u32().unwrap_or(u32::MAX);
        pause.until = Instant::now() + RetryPolicy::KEEPER.wait(pause.failures, random, None);
    }
}

impl AsFd for Schedule {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.workers.as_fd()
    }
}
