//! Secrets made of random bytes.

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD, HEXLOWER};

use crate::error::ApiError;

pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], ApiError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|_| ApiError::internal("the system gives no random numbers"))?;
    Ok(bytes)
}

/// 256 bits that a cookie, a header and a URL carry as they are.
pub(crate) fn token() -> Result<String, ApiError> {
    Ok(BASE64URL_NOPAD.encode(&bytes::<32>()?))
}

/// A public identifier: says nothing about what it identifies.
pub(crate) fn id() -> Result<String, ApiError> {
    Ok(HEXLOWER.encode(&bytes::<8>()?))
}

/// `N` random bytes for people: groups of four letters and digits.
pub(crate) fn readable<const N: usize>() -> Result<String, ApiError> {
    let text = BASE32_NOPAD.encode(&bytes::<N>()?);
    let groups: Vec<&str> = (0..text.len())
        .step_by(4)
        .filter_map(|start| text.get(start..text.len().min(start + 4)))
        .collect();
    Ok(groups.join("-"))
}

/// What somebody typed, as [`readable`] made it: without white space, hyphens and lower case.
pub(crate) fn as_made(typed: &str) -> String {
    let kept = typed.chars().filter(char::is_ascii_alphanumeric);
    kept.map(|letter| letter.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_groups_and_are_read_as_typed() {
        let code = readable::<20>().unwrap();
        assert_eq!(code.split('-').map(str::len).collect::<Vec<_>>(), [4; 8]);
        assert_eq!(
            as_made(&format!(" {} ", code.to_lowercase())),
            code.replace('-', "")
        );
        assert_ne!(readable::<20>().unwrap(), code);
        assert_eq!(token().unwrap().len(), 43);
    }
}
