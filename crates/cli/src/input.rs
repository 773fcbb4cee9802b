//! What is read from files and from standard input, never more than a limit.

use std::io::Read as _;
use std::path::Path;

use vault::durable;
use zeroize::Zeroizing;

use crate::error::{CliError, Kind};

/// Where something is read from: a file, or standard input for `-`.
///
/// # Errors
/// If it is not there, no regular file of this user's or root's, or larger than `limit` bytes.
pub(crate) fn read(source: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, CliError> {
    if source == Path::new("-") {
        return read_stdin(limit);
    }
    let bytes = durable::read_regular(source, limit as u64)?;
    bytes.map(Zeroizing::new).ok_or_else(|| {
        CliError::new(
            Kind::Input,
            format!("there is no file {}", source.display()),
            "Check the path; `-` reads standard input.",
        )
    })
}

/// Standard input to its end.
///
/// # Errors
/// If it is larger than `limit` bytes or cannot be read.
pub(crate) fn read_stdin(limit: usize) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = std::io::stdin()
        .lock()
        .take(limit as u64 + 1)
        .read_to_end(&mut bytes);
    read.map_err(|error| {
        CliError::new(
            Kind::Input,
            format!("cannot read standard input: {error}"),
            "Check where the input comes from.",
        )
    })?;
    if bytes.len() > limit {
        return Err(CliError::new(
            Kind::Input,
            format!("standard input has more than {limit} bytes"),
            "Check where the input comes from.",
        ));
    }
    Ok(bytes)
}
