//! Everything together: what a program starts, and a test.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::app::App;
use crate::error::ApiError;
use crate::listener::{CertificateError, Listener, Tls, TlsFiles};
use crate::options::Options;
use crate::page::{Page, PageSource};
use crate::routes::{Report, Routes};
use crate::terminals::Terminals;
use crate::vault_watch;

/// How long requests that are being answered, and programs in terminals, may take to end.
const PATIENCE: Duration = Duration::from_secs(6);

/// The dashboard, listening, not yet answering.
pub struct Dashboard {
    app: Arc<App>,
    listener: Listener,
    report: Report,
    page: PageSource,
}

/// Why there is no dashboard.
#[derive(Debug, thiserror::Error)]
pub enum DashboardError {
    /// The vault or its databases are of no use.
    #[error("{message}")]
    Unusable {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: String,
    },
    /// The certificate is of no use.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A listening socket is none.
    #[error("cannot listen: {0}")]
    Socket(#[from] io::Error),
}

impl From<ApiError> for DashboardError {
    fn from(error: ApiError) -> Self {
        Self::Unusable {
            message: error.message,
            hint: error.hint.unwrap_or_default().into_owned(),
        }
    }
}

/// The certificate of a running dashboard.
#[derive(Clone)]
pub struct Certificate(Arc<Tls>);

impl Certificate {
    /// SHA-256 of it, in the form in which browsers show it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint()
    }

    /// Reads certificate and key again; connections that come later get the new ones.
    ///
    /// # Errors
    /// What is wrong with them. Those in use stay in use.
    pub fn reload(&self) -> Result<(), CertificateError> {
        self.0.reload()
    }
}

impl Dashboard {
    /// Opens vault and databases, and takes the sockets over, inside of a tokio runtime. With `tls`
    /// every connection is encrypted; without, and with proxies in the options, nobody else than
    /// those proxies and this machine may come.
    ///
    /// # Errors
    /// If the vault, the certificate or a socket is of no use.
    pub fn open(
        options: Options,
        listeners: Vec<TcpListener>,
        tls: Option<TlsFiles>,
    ) -> Result<Self, DashboardError> {
        let tls = tls.map(Tls::new).transpose()?.map(Arc::new);
        let only = match &tls {
            Some(_) => Vec::new(),
            None => options.network.proxies.clone(),
        };
        Ok(Self {
            listener: Listener::new(listeners, tls, only)?,
            app: App::open(options)?,
            report: Arc::new(|_| {}),
            page: PageSource::default(),
        })
    }

    /// Has failures told to `report`, a line each, without a line break. None holds a secret.
    #[must_use]
    pub fn reporting(mut self, report: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.report = Arc::new(report);
        self
    }

    /// Serves the page's files as they are in a directory, not those in the program.
    #[must_use]
    pub fn with_page(mut self, directory: PathBuf) -> Self {
        self.page = PageSource::Directory(directory);
        self
    }

    /// What the first set-up from another machine asks for; `None` if it is done.
    #[must_use]
    pub fn setup_code(&self) -> Option<String> {
        self.app.setup_code()
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        self.listener.addresses()
    }

    /// The certificate, where connections are encrypted.
    #[must_use]
    pub fn certificate(&self) -> Option<Certificate> {
        self.listener.tls().cloned().map(Certificate)
    }

    /// Answers until `shutdown` is done; then ends terminals and returns, within seconds.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let routes = Arc::new(Routes::new(
            Arc::clone(&self.app),
            Page::new(self.page),
            self.listener.tls().map(AsRef::as_ref),
            self.report,
        ));
        let (stop, stopping) = watch::channel(false);
        drop(tokio::spawn(vault_watch::watch(Arc::downgrade(&self.app))));
        drop(tokio::spawn(Terminals::remove_old_recordings(
            Arc::downgrade(&self.app),
        )));
        let serving = self
            .listener
            .run(routes, stopping, tokio::time::sleep(PATIENCE));
        let ending = async {
            shutdown.await;
            stop.send_replace(true);
            self.app.events.close();
            drop(tokio::time::timeout(PATIENCE, self.app.end_terminals()).await);
        };
        futures_util::future::join(serving, ending).await;
    }
}
