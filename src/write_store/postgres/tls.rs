//! TLS to PostgreSQL: which roots are trusted, and the certificate by which this client is known.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::write_store::StoreError;

/// The files that a URL names.
#[derive(Default)]
pub(super) struct Files {
    /// `sslrootcert`: roots to trust instead of the public ones.
    pub(super) roots: Option<PathBuf>,
    /// `sslcert`: this client's certificate with its chain.
    pub(super) certificate: Option<PathBuf>,
    /// `sslkey`: the certificate's key.
    pub(super) key: Option<PathBuf>,
}

/// Checks the server's certificate and its name, and shows the client's certificate if there is one.
pub(super) fn connector(files: &Files) -> Result<MakeRustlsConnect, StoreError> {
    let mut roots = rustls::RootCertStore::empty();
    match &files.roots {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            for certificate in certificates("sslrootcert", path)? {
                roots.add(certificate).map_err(|error| unusable("sslrootcert", path, error))?;
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Unusable(format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(roots);
    let config = match (&files.certificate, &files.key) {
        (None, None) => config.with_no_client_auth(),
        (Some(certificate), Some(key)) => {
            let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable("sslkey", key, error))?;
            config
                .with_client_auth_cert(certificates("sslcert", certificate)?, secret)
                .map_err(|error| unusable("sslcert", certificate, error))?
        }
        (Some(_), None) | (None, Some(_)) => {
            return Err(StoreError::Unusable("sslcert and sslkey are given together or not at all".to_owned()));
        }
    };
    Ok(MakeRustlsConnect::new(config))
}

fn certificates(parameter: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => Err(unusable(parameter, path, "it holds no certificate")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(unusable(parameter, path, error)),
    }
}

fn unusable(parameter: &str, path: &Path, error: impl std::fmt::Display) -> StoreError {
    StoreError::Unusable(format!("the file {} of {parameter}: {error}", path.display()))
}
