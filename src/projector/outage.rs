//! Outage: one of the two stores that the projector works between did not answer.

use crate::projector::Dependencies;
use crate::read_model::ReadError;
use crate::write_store::StoreError;

/// A store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Outage {
    /// The write store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The read model.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Outage {
    /// True if asking again is of no use.
    pub(super) fn is_hopeless(&self) -> bool {
        match self {
            Self::Store(StoreError::Unavailable { .. } | StoreError::Unusable(_)) | Self::Read(_) => false,
            Self::Store(StoreError::Corrupt(_)) => true,
        }
    }

    /// True if the store that failed answers others.
    pub(super) async fn is_of_this_request_only(&self, dependencies: &Dependencies) -> bool {
        match self {
            Self::Store(_) => dependencies.journal.ping().await.is_ok(),
            Self::Read(_) => dependencies.read_model.ping().await.is_ok(),
        }
    }
}
