//! The lease: one holder, whoever they are, and none once the holder is dead.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test program that starts itself tells its child by the environment"
)]

mod support;

use model::AccountId;
use renew::Lease;
use rustix::process::Signal;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{PATIENCE, on_threads};
use testkit::{Process, TestHome};
use vault::VaultPaths;

const HELD_IN: &str = "RENEW_TEST_LEASE_IN";

fn account() -> AccountId {
    AccountId::from_stored("acc_../x")
}

#[test]
fn one_thread_at_a_time_holds_it() {
    let home = TestHome::new();
    let paths = VaultPaths::new(home.vault_dir());
    let (inside, entered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    on_threads(16, |_| {
        for _ in 0..20 {
            let lease = Lease::acquire(&paths, &account(), "x").unwrap();
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
            entered.fetch_add(1, Ordering::SeqCst);
            std::thread::yield_now();
            inside.fetch_sub(1, Ordering::SeqCst);
            drop(lease);
        }
    });
    assert_eq!(entered.load(Ordering::SeqCst), 320);
}

#[test]
fn whoever_only_tries_is_told_at_once() {
    let home = TestHome::new();
    let paths = VaultPaths::new(home.vault_dir());
    let lease = Lease::acquire(&paths, &account(), "x").unwrap();
    assert!(Lease::try_acquire(&paths, &account()).unwrap().is_none());
    let other = AccountId::from_stored("acc_other");
    assert!(Lease::try_acquire(&paths, &other).unwrap().is_some());
    drop(lease);
    assert!(Lease::try_acquire(&paths, &account()).unwrap().is_some());
}

/// Holds the lease for as long as its standard input is open, when another test starts it for that.
#[test]
fn stands_in_for_a_process_with_the_lease() {
    let Some(directory) = std::env::var_os(HELD_IN) else {
        return;
    };
    let lease = Lease::acquire(&VaultPaths::new(directory), &account(), "x").unwrap();
    println!("\nheld");
    drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    drop(lease);
}

#[test]
fn the_kernel_takes_it_from_a_killed_process() {
    let home = TestHome::new();
    let paths = VaultPaths::new(home.vault_dir());
    for round in 0..20 {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([
                "stands_in_for_a_process_with_the_lease",
                "--exact",
                "--nocapture",
            ])
            .env(HELD_IN, paths.directory());
        let mut holder = Process::spawn_talking(command);
        testkit::wait_until("the lease is held", PATIENCE, || {
            holder.lines().iter().any(|line| line == "held")
        });
        assert!(Lease::try_acquire(&paths, &account()).unwrap().is_none());
        if round % 2 == 0 {
            holder.signal(Signal::KILL);
        } else {
            drop(holder.take_stdin());
        }
        drop(Lease::acquire(&paths, &account(), "x").unwrap());
        drop(holder);
    }
}
