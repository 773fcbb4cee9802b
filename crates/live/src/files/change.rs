//! What the laptop tells without being asked.

use serde::{Deserialize, Serialize};

use super::{Attributes, Root};
use crate::RelativePath;

/// Something has changed on the laptop, by whomever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// The file at this path is like that now; `None`: there is none.
    At {
        /// Below which directory.
        root: Root,
        /// Where.
        path: RelativePath,
        /// What it is now.
        attributes: Option<Attributes>,
    },
    /// Anything may have changed at this path and below: more was changed than could be followed.
    Anything {
        /// Below which directory.
        root: Root,
        /// Where.
        path: RelativePath,
    },
    /// Whether changes are told from here on. While they are not, nothing may be kept.
    Watched {
        /// Below which directory.
        root: Root,
        /// All of them are.
        all: bool,
    },
}

impl Change {
    /// Of which directory.
    #[must_use]
    pub fn root(&self) -> Root {
        match self {
            Self::At { root, .. } | Self::Anything { root, .. } | Self::Watched { root, .. } => {
                *root
            }
        }
    }

    /// Where, if that is what it says.
    #[must_use]
    pub fn path(&self) -> Option<&RelativePath> {
        match self {
            Self::At { path, .. } | Self::Anything { path, .. } => Some(path),
            Self::Watched { .. } => None,
        }
    }
}
