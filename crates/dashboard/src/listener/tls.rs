//! Encryption with a certificate that can be replaced while the server runs.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

use super::certificate::{CertificateError, Loaded, TlsFiles};

/// The certificate in use.
pub(crate) struct Tls {
    files: TlsFiles,
    current: RwLock<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    fingerprint: String,
}

impl Tls {
    /// # Errors
    /// What is wrong with the files.
    pub(crate) fn new(files: TlsFiles) -> Result<Self, CertificateError> {
        let current = RwLock::new(Current::read(&files)?);
        Ok(Self { files, current })
    }

    /// Reads the files again. The certificate that was in use stays so if they are of no use.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn reload(&self) -> Result<(), CertificateError> {
        let read = Current::read(&self.files)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&current.config))
    }

    /// SHA-256 of the certificate, as browsers show it.
    pub(crate) fn fingerprint(&self) -> String {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.fingerprint.clone()
    }

    /// Whether the certificate was made here, so that browsers do not know it.
    pub(crate) fn is_self_signed(&self) -> bool {
        self.files.self_signed
    }
}

impl Current {
    fn read(files: &TlsFiles) -> Result<Self, CertificateError> {
        let Loaded {
            chain,
            key,
            fingerprint,
        } = files.load()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let unsuitable = |source| CertificateError::Unsuitable {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            source,
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(unsuitable)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            fingerprint,
        })
    }
}
