//! Puts the page into the program: every file of `web/` that browsers fetch, compressed, under one
//! fingerprint for all of them.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What browsers fetch: files, and directories with all that is below them.
const SERVED: [&str; 7] = [
    "index.html",
    "favicon.ico",
    "favicon.svg",
    "manifest.webmanifest",
    "src",
    "styles",
    "vendor",
];

/// Types by the ends of names, and whether files of that type become smaller when compressed.
const TYPES: [(&str, &str, bool); 13] = [
    ("html", "text/html; charset=utf-8", true),
    ("js", "text/javascript; charset=utf-8", true),
    ("mjs", "text/javascript; charset=utf-8", true),
    ("css", "text/css; charset=utf-8", true),
    ("json", "application/json", true),
    ("webmanifest", "application/manifest+json", true),
    ("svg", "image/svg+xml", true),
    ("txt", "text/plain; charset=utf-8", true),
    ("wasm", "application/wasm", true),
    ("png", "image/png", false),
    ("webp", "image/webp", false),
    ("ico", "image/vnd.microsoft.icon", false),
    ("woff2", "font/woff2", false),
];

/// Brotli's best quality, and the window that every browser has.
const BROTLI: (u32, u32) = (11, 22);

struct Asset {
    /// Relative to `web/`, with `/`.
    path: String,
    content: Vec<u8>,
    /// SHA-256 of the content, in hexadecimal.
    digest: String,
    content_type: &'static str,
    is_compressible: bool,
}

fn main() -> Result<()> {
    let manifest = PathBuf::from(environment("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(environment("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    let mut assets = assets(&manifest.join("../../web"))?;
    assets.sort_by(|left, right| left.path.cmp(&right.path));
    let stored = out.join("page");
    fs::create_dir_all(&stored)?;
    let mut table = format!(
        "pub(super) const FINGERPRINT: &str = {:?};\npub(super) static FILES: &[Embedded] = &[\n",
        fingerprint(&assets)
    );
    for asset in &assets {
        let include = |end: &str| {
            let path = stored.join(format!("{}.{end}", asset.digest));
            format!("include_bytes!({:?})", path.display().to_string())
        };
        let is_compressed = store(asset, &stored)?;
        let compressed = |end| match is_compressed {
            true => format!("Some({})", include(end)),
            false => "None".to_owned(),
        };
        writeln!(
            table,
            "Embedded {{ path: {:?}, content_type: {:?}, digest: {:?}, raw: {}, brotli: {}, gzip: {} }},",
            asset.path,
            asset.content_type,
            &asset.digest[..16],
            match is_compressed {
                true => "None".to_owned(),
                false => format!("Some({})", include("raw")),
            },
            compressed("br"),
            compressed("gz"),
        )?;
    }
    table.push_str("];\n");
    put(&out.join("page.rs"), table.as_bytes())?;
    forget_others(&stored, &assets)
}

#[expect(
    clippy::disallowed_methods,
    reason = "how cargo speaks to build scripts"
)]
fn environment(name: &str) -> Result<String> {
    Ok(std::env::var(name)?)
}

fn assets(web: &Path) -> Result<Vec<Asset>> {
    let mut assets = Vec::new();
    for name in SERVED {
        let path = web.join(name);
        // Cargo looks at everything below a directory, and at a file that is missing each time.
        if path.exists() || name == "index.html" || !name.contains('.') {
            println!("cargo::rerun-if-changed={}", path.display());
        }
        collect(&path, name, &mut assets)?;
    }
    Ok(assets)
}

fn collect(path: &Path, name: &str, assets: &mut Vec<Asset>) -> Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let Ok(own) = entry.file_name().into_string() else {
                continue;
            };
            // Editors' files.
            if !own.starts_with('.') && !own.ends_with('~') {
                collect(&entry.path(), &format!("{name}/{own}"), assets)?;
            }
        }
    } else if let Some(&(_, content_type, is_compressible)) = type_of(name) {
        if !path.exists() {
            return Ok(());
        }
        let content = fs::read(path)?;
        assets.push(Asset {
            path: name.to_owned(),
            digest: hexadecimal(&Sha256::digest(&content)),
            content,
            content_type,
            is_compressible,
        });
    }
    Ok(())
}

fn type_of(name: &str) -> Option<&'static (&'static str, &'static str, bool)> {
    let (_, end) = name.rsplit_once('.')?;
    TYPES.iter().find(|(known, ..)| *known == end)
}

/// Changes with every name and every byte, so that what it names never changes.
fn fingerprint(assets: &[Asset]) -> String {
    let mut hash = Sha256::new();
    for asset in assets {
        hash.update(asset.path.as_bytes());
        hash.update([0]);
        hash.update(asset.digest.as_bytes());
    }
    hexadecimal(&hash.finalize())[..16].to_owned()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

/// Stores the content as it is and, if that is smaller, compressed; whether it is. What was stored
/// by an earlier build is not made again.
fn store(asset: &Asset, directory: &Path) -> Result<bool> {
    let at = |end: &str| directory.join(format!("{}.{end}", asset.digest));
    if !at("raw").exists() {
        if asset.is_compressible {
            put(&at("br"), &brotli(&asset.content)?)?;
            put(&at("gz"), &gzip(&asset.content)?)?;
        }
        put(&at("raw"), &asset.content)?;
    }
    let size = |end| fs::metadata(at(end)).map(|metadata| metadata.len());
    Ok(asset.is_compressible && size("br")?.max(size("gz")?) < size("raw")?)
}

fn brotli(content: &[u8]) -> Result<Vec<u8>> {
    let mut compressed = Vec::new();
    let (quality, window) = BROTLI;
    let mut writer = brotli::CompressorWriter::new(&mut compressed, 4096, quality, window);
    writer.write_all(content)?;
    writer.flush()?;
    drop(writer);
    Ok(compressed)
}

fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(content)?;
    Ok(writer.finish()?)
}

/// Half a file is never taken for a whole one.
fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("new");
    let mut file = fs::File::create(&temporary)?;
    file.write_all(bytes)?;
    Ok(fs::rename(temporary, path)?)
}

fn forget_others(directory: &Path, assets: &[Asset]) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        if !assets.iter().any(|asset| stem == Some(&asset.digest)) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}
