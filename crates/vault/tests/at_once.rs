//! Several processes that make a vault at the same moment: each gets the one vault, none is told that it is busy.

use std::sync::Barrier;
use std::thread;

use testkit::TestHome;
use vault::{NoPassphrase, Vault, VaultPaths};

const ROUNDS: usize = 60;
const OPENERS: usize = 6;

#[test]
fn a_vault_is_made_by_several_at_once() {
    let home = TestHome::new();
    for round in 0..ROUNDS {
        let paths = VaultPaths::new(home.root().join(format!("vault-{round}")));
        let start = Barrier::new(OPENERS);
        thread::scope(|scope| {
            for _ in 0..OPENERS {
                scope.spawn(|| {
                    start.wait();
                    let opened = Vault::open_or_create(&paths, Box::new(NoPassphrase));
                    let vault = opened.unwrap_or_else(|error| panic!("round {round}: {error}"));
                    vault.unlock().unwrap();
                });
            }
        });
    }
}
