//! What all requests share.

use std::sync::Arc;

use crate::access::Access;
use crate::api::accounts::{AccountsCache, RemovedAccounts};
use crate::api::settings::{RECORDING, RECORDING_ON};
use crate::error::ApiError;
use crate::events::Events;
use crate::options::Options;
use crate::sign_in::SignIn;
use crate::store::Store;
use crate::terminals::Terminals;
use crate::vaults::Vaults;

/// The state of the server; one, behind an `Arc`.
pub(crate) struct App {
    pub(crate) options: Options,
    pub(crate) vaults: Vaults,
    /// `dashboard.db`: sign-ins, tokens, attempts, audit.
    pub(crate) store: Store,
    pub(crate) events: Events,
    /// Who is calling, decided from headers.
    pub(crate) access: Access,
    /// Set-up, passwords, second factors, limits.
    pub(crate) sign_in: SignIn,
    /// The list of accounts, ready to be sent.
    pub(crate) accounts: AccountsCache,
    /// Those that were removed, for whoever wants them back.
    pub(crate) removed: RemovedAccounts,
    pub(crate) terminals: Terminals,
}

impl App {
    /// Opens vault and store.
    pub(crate) fn open(options: Options) -> Result<Arc<Self>, ApiError> {
        let vaults = Vaults::open(&options.vault, options.key.as_ref())?;
        let store = Store::open(options.vault.directory())?;
        let events = Events::new();
        let app = Arc::new(Self {
            access: Access::new(&options.network, vaults.another()?, store.path()),
            sign_in: SignIn::new(&vaults.another()?)?,
            accounts: AccountsCache::new(vaults.another()?),
            removed: RemovedAccounts::default(),
            terminals: Terminals::new(&options, &vaults, events.clone()),
            options,
            vaults,
            store,
            events,
        });
        let recording = app.store.setting(RECORDING)?;
        app.terminals
            .set_records(recording.as_deref() == Some(RECORDING_ON));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn(app.watch_endings()));
        }
        Ok(app)
    }

    /// What the first set-up from another machine asks for; `None` if it is done.
    pub(crate) fn setup_code(&self) -> Option<String> {
        self.sign_in.setup_code().map(str::to_owned)
    }

    /// Hangs up on every program in a terminal, and returns when all have ended.
    pub(crate) async fn end_terminals(&self) {
        self.terminals.shutdown().await;
    }
}
