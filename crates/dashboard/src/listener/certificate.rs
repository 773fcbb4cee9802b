//! Certificates: read from files, or made once.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};

/// The self-signed certificate, beside the vault.
const CERTIFICATE: &str = "dashboard-certificate.pem";
const KEY: &str = "dashboard-key.pem";

/// How long a certificate made here is good for. The 398 days that browsers demand are demanded of
/// public authorities only; this one is trusted by its fingerprint.
const YEARS: i16 = 10;

/// Longest file that is read as PEM, in bytes.
const FILE_LIMIT: u64 = 1024 * 1024;

/// A certificate and its key, as PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate, and those that lead to a known authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Made by [`TlsFiles::self_signed`].
    pub self_signed: bool,
}

/// Why there is no certificate to be used. No text holds anything of the key.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read or written.
    #[error("cannot {action} {}: {source}", .path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is no certificate in it.
    #[error("{} holds no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    /// There is no key in it, or one that is itself encrypted.
    #[error("{} holds no unencrypted private key in PEM", .0.display())]
    NoKey(PathBuf),
    /// They do not belong together, or are of a kind that is not used.
    #[error(
        "the certificate in {} and the key in {} cannot be used together: {source}",
        .certificate.display(), .key.display()
    )]
    Unsuitable {
        /// Where the certificate is.
        certificate: PathBuf,
        /// Where the key is.
        key: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
    /// None could be made.
    #[error("no certificate could be made: {0}")]
    NotMade(#[from] rcgen::Error),
}

/// What was read.
pub(super) struct Loaded {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) fingerprint: String,
}

impl TlsFiles {
    /// The certificate in `directory`, made now if there is none: for `names`, host names and
    /// addresses. The key is readable by its owner only.
    ///
    /// # Errors
    /// If files can neither be read nor made.
    pub fn self_signed(directory: &Path, names: &[String]) -> Result<Self, CertificateError> {
        let files = Self {
            certificate: directory.join(CERTIFICATE),
            key: directory.join(KEY),
            self_signed: true,
        };
        if files.certificate.exists() && files.key.exists() {
            return Ok(files);
        }
        // Key first, and whichever was there first counts: two servers that start at the same time,
        // and one after another that was killed in between, end up with a pair.
        let new_key = KeyPair::generate()?.serialize_pem();
        put(&files.key, new_key.as_bytes(), 0o600)?;
        let key = KeyPair::from_pem(&read(&files.key)?)?;
        let certificate = parameters(names)?.self_signed(&key)?;
        put(&files.certificate, certificate.pem().as_bytes(), 0o644)?;
        Ok(files)
    }

    pub(super) fn load(&self) -> Result<Loaded, CertificateError> {
        let none = || CertificateError::NoCertificate(self.certificate.clone());
        let text = read(&self.certificate)?;
        let chain = CertificateDer::pem_slice_iter(text.as_bytes())
            .collect::<Result<Vec<_>, pem::Error>>()
            .map_err(|_| none())?;
        let own = chain.first().ok_or_else(none)?;
        let fingerprint = fingerprint(own);
        let key = PrivateKeyDer::from_pem_slice(read(&self.key)?.as_bytes())
            .map_err(|_| CertificateError::NoKey(self.key.clone()))?;
        Ok(Loaded {
            chain,
            key,
            fingerprint,
        })
    }
}

fn parameters(names: &[String]) -> Result<CertificateParams, CertificateError> {
    let mut parameters = CertificateParams::new(names)?;
    let mut subject = rcgen::DistinguishedName::new();
    subject.push(DnType::CommonName, "claude-accounts dashboard");
    parameters.distinguished_name = subject;
    // Since yesterday: the clocks of two machines differ.
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let begin = today.yesterday().unwrap_or(today);
    let day = |date: jiff::civil::Date| {
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        // A day that every month has, so that ten years later there is one too.
        rcgen::date_time_ymd(date.year().into(), month, day.min(28))
    };
    parameters.not_before = day(begin);
    let end = begin.checked_add(jiff::Span::new().years(YEARS));
    parameters.not_after = day(end.unwrap_or(begin));
    Ok(parameters)
}

fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let digest = Sha256::digest(certificate.as_ref());
    let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

fn failure(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CertificateError {
    let path = path.to_owned();
    move |source| CertificateError::File {
        action,
        path,
        source,
    }
}

fn read(path: &Path) -> Result<String, CertificateError> {
    use io::Read as _;
    let file = fs::File::open(path).map_err(failure("read", path))?;
    let mut text = String::new();
    file.take(FILE_LIMIT)
        .read_to_string(&mut text)
        .map_err(failure("read", path))?;
    Ok(text)
}

/// Makes a file, unless it is there: whole or not at all, with its mode from the start.
fn put(path: &Path, bytes: &[u8], mode: u32) -> Result<(), CertificateError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{number}.new", std::process::id()));
    let write = || {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        match fs::hard_link(&temporary, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    };
    let written = write();
    drop(fs::remove_file(&temporary));
    written.map_err(failure("write", path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::tls::Tls;
    use super::*;

    fn names() -> Vec<String> {
        vec![
            "localhost".to_owned(),
            "127.0.0.1".to_owned(),
            "::1".to_owned(),
        ]
    }

    #[test]
    fn a_certificate_is_made_once_and_its_key_is_private() {
        let directory = tempfile::tempdir().unwrap();
        let files = TlsFiles::self_signed(directory.path(), &names()).unwrap();
        let fingerprint = Tls::new(files.clone()).unwrap().fingerprint();
        assert_eq!(fingerprint.len(), 32 * 3 - 1);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&files.key), 0o600);
        let again = TlsFiles::self_signed(directory.path(), &names()).unwrap();
        assert_eq!(Tls::new(again).unwrap().fingerprint(), fingerprint);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_key_without_its_certificate_gets_one() {
        let directory = tempfile::tempdir().unwrap();
        let files = TlsFiles::self_signed(directory.path(), &names()).unwrap();
        let key = fs::read(&files.key).unwrap();
        fs::remove_file(&files.certificate).unwrap();
        let files = TlsFiles::self_signed(directory.path(), &names()).unwrap();
        assert_eq!(fs::read(&files.key).unwrap(), key);
        Tls::new(files).unwrap();
    }

    #[test]
    fn several_at_once_end_up_with_one_pair() {
        let directory = tempfile::tempdir().unwrap();
        let make = || {
            let files = TlsFiles::self_signed(directory.path(), &names()).unwrap();
            Tls::new(files).unwrap().fingerprint()
        };
        let made: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert!(made.iter().all(|fingerprint| *fingerprint == made[0]));
    }

    #[test]
    fn files_that_do_not_go_together_are_told_apart() {
        let [one, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [one, other] = [&one, &other]
            .map(|directory| TlsFiles::self_signed(directory.path(), &names()).unwrap());
        let refuse = |certificate: &Path, key: &Path| {
            let files = TlsFiles {
                certificate: certificate.to_owned(),
                key: key.to_owned(),
                self_signed: false,
            };
            Tls::new(files).err().expect("refused")
        };
        let mixed = refuse(&one.certificate, &other.key);
        assert!(
            matches!(mixed, CertificateError::Unsuitable { .. }),
            "{mixed}"
        );
        let swapped = refuse(&one.key, &one.certificate);
        assert!(
            matches!(swapped, CertificateError::NoCertificate(_)),
            "{swapped}"
        );
        let no_key = refuse(&one.certificate, &one.certificate);
        assert!(matches!(no_key, CertificateError::NoKey(_)), "{no_key}");
        let missing = refuse(Path::new("/nowhere"), &one.key);
        assert!(
            matches!(missing, CertificateError::File { .. }),
            "{missing}"
        );
    }

    #[test]
    fn a_damaged_replacement_leaves_the_certificate_in_use() {
        let directory = tempfile::tempdir().unwrap();
        let files = TlsFiles::self_signed(directory.path(), &names()).unwrap();
        let tls = Tls::new(files.clone()).unwrap();
        let fingerprint = tls.fingerprint();
        fs::OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(&files.certificate)
            .unwrap();
        assert!(tls.reload().is_err());
        assert_eq!(tls.fingerprint(), fingerprint);
    }
}
