//! Hashes that stand for secrets.

use std::fmt;

use data_encoding::HEXLOWER_PERMISSIVE;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// SHA-256 of a secret with so many random bits that no salt is needed, or a fingerprint. Two are
/// compared with [`Digest::is_same`], and in no other way.
#[derive(Clone, Copy)]
pub(crate) struct Digest([u8; 32]);

/// Where something stands in a table of digests. That it is found there does not say yet that it is
/// the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place([u8; 32]);

impl Digest {
    /// The hash of nothing known: what is compared where there is nothing to compare with.
    pub(crate) const NOBODY: Self = Self([0; 32]);

    pub(crate) fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// From 64 hexadecimal digits.
    pub(crate) fn parse(digits: &str) -> Option<Self> {
        let bytes = HEXLOWER_PERMISSIVE.decode(digits.trim().as_bytes()).ok()?;
        Self::from_bytes(&bytes)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn to_hex(self) -> String {
        HEXLOWER_PERMISSIVE.encode(&self.0)
    }

    pub(super) fn place(&self) -> Place {
        Place(self.0)
    }

    /// Compared in constant time.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[digest]")
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[digest]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does not compile once digests can be compared with `==`: there are two `check` then.
    const _: fn() = || {
        trait Check<Which> {
            fn check() {}
        }
        struct WithEquality;
        impl<T: ?Sized> Check<()> for T {}
        impl<T: ?Sized + PartialEq> Check<WithEquality> for T {}
        let _only_one = <Digest as Check<_>>::check;
    };

    #[test]
    fn one_bit_is_a_difference_wherever_it_is() {
        let digest = Digest::of(b"FAKE");
        assert!(digest.is_same(&Digest::of(b"FAKE")));
        for bit in 0..256 {
            let mut other = digest;
            other.0[bit / 8] ^= 1 << (bit % 8);
            assert!(!digest.is_same(&other), "{bit}");
        }
    }
}
