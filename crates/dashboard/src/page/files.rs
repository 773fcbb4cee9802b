//! The page's files: those in the program, or those of a directory while the page is worked on.

use std::fs;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use flate2::read::GzDecoder;

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// A file in the program.
pub(super) struct Embedded {
    /// Relative to the page's root.
    path: &'static str,
    content_type: &'static str,
    /// Of the content, for its tag.
    digest: &'static str,
    /// `None`: what comes out of `gzip`.
    raw: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

/// Where the page comes from.
#[derive(Clone, Debug, Default)]
pub(crate) enum PageSource {
    /// Out of the program.
    #[default]
    Embedded,
    /// Out of a directory, read anew each time: while the page is worked on.
    Directory(PathBuf),
}

/// A file as it is served.
pub(super) struct Asset {
    pub(super) content_type: &'static str,
    pub(super) digest: String,
    raw: Option<Bytes>,
    pub(super) brotli: Option<Bytes>,
    pub(super) gzip: Option<Bytes>,
}

impl Asset {
    /// The content. In the program it stands compressed alone: few who ask cannot take it so.
    pub(super) fn raw(&self) -> Bytes {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let mut raw = Vec::new();
        if let Some(gzip) = &self.gzip {
            // Fails for nothing that the build has written.
            drop(GzDecoder::new(&gzip[..]).read_to_end(&mut raw));
        }
        raw.into()
    }
}

/// All of them.
pub(super) struct Files {
    source: PageSource,
}

impl Files {
    pub(super) fn new(source: PageSource) -> Self {
        Self { source }
    }

    /// Stands in every address and changes with every byte of the page.
    pub(super) fn fingerprint(&self) -> &str {
        match self.source {
            PageSource::Embedded => FINGERPRINT,
            PageSource::Directory(_) => "directory",
        }
    }

    /// Whether a file never changes under its address.
    pub(super) fn are_fixed(&self) -> bool {
        matches!(self.source, PageSource::Embedded)
    }

    pub(super) fn find(&self, path: &str) -> Option<Asset> {
        match &self.source {
            PageSource::Embedded => {
                let at = FILES.binary_search_by(|file| file.path.cmp(path)).ok()?;
                Some(FILES[at].asset())
            }
            PageSource::Directory(directory) => read(directory, path),
        }
    }
}

impl Embedded {
    fn asset(&self) -> Asset {
        Asset {
            content_type: self.content_type,
            digest: self.digest.to_owned(),
            raw: self.raw.map(Bytes::from_static),
            brotli: self.brotli.map(Bytes::from_static),
            gzip: self.gzip.map(Bytes::from_static),
        }
    }
}

fn read(directory: &Path, path: &str) -> Option<Asset> {
    let path = Path::new(path);
    let is_below = |component| matches!(component, Component::Normal(_));
    if !path.components().all(is_below) {
        return None;
    }
    let known = FILES.iter().find(|file| {
        let end = |path: &Path| path.extension().map(ToOwned::to_owned);
        end(Path::new(file.path)) == end(path)
    });
    let raw = fs::read(directory.join(path)).ok()?;
    Some(Asset {
        content_type: known.map_or("application/octet-stream", |file| file.content_type),
        digest: format!("{}-{}", raw.len(), checksum(&raw)),
        raw: Some(raw.into()),
        brotli: None,
        gzip: None,
    })
}

/// Tells versions of one file apart.
fn checksum(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(bytes)[..8])
}

#[cfg(test)]
pub(super) fn names() -> Vec<&'static str> {
    FILES.iter().map(|file| file.path).collect()
}
