//! The operator key of the embedded profile: made at the first start, kept in the data directory, readable by its owner only.
//!
//! The real stack has none: its nodes may share no folder, and a key in the database would be in every backup of it. There the
//! operators' secret is set with `TURNSTILE_OPERATOR_TOKEN`, the same on every node.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::Secret;
use crate::http::OperatorToken;

/// Name of its file.
const FILE: &str = "operator.key";
/// Its file until it is complete.
const UNFINISHED: &str = "operator.key.new";
/// Read and written by its owner only.
const MODE: u32 = 0o600;

/// The key, and whether this call made it.
pub(super) struct OperatorKey {
    pub(super) key: Secret,
    pub(super) path: PathBuf,
    pub(super) is_new: bool,
}

/// Reads the key, or makes one. The directory is there and this process's alone.
pub(super) fn read_or_make(directory: &Path) -> anyhow::Result<OperatorKey> {
    let path = directory.join(FILE);
    if let Some(key) = read(directory)? {
        return Ok(OperatorKey { key, path, is_new: false });
    }
    let key = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    write(directory, &key).with_context(|| format!("the operator key cannot be kept in {}", path.display()))?;
    Ok(OperatorKey { key: key.into(), path, is_new: true })
}

/// The key of a data directory; `None` if it has none yet.
pub fn read(directory: &Path) -> anyhow::Result<Option<Secret>> {
    let path = directory.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text.trim().to_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
    };
    let mode = fs::metadata(&path)?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!("{} can be read by others: chmod 600 it, or delete it for a new key", path.display());
    }
    if OperatorToken::new(&text).is_none() {
        bail!(
            "{} holds no key of at least {} characters: delete it for a new one",
            path.display(),
            OperatorToken::MIN_BYTES
        );
    }
    Ok(Some(text.into()))
}

fn write(directory: &Path, key: &str) -> std::io::Result<()> {
    let unfinished = directory.join(UNFINISHED);
    // One that a crash left behind.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&unfinished)?;
    file.write_all(key.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&unfinished, directory.join(FILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_by_its_owner_only() {
        let directory = std::env::temp_dir().join(format!("turnstile-unit-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&directory).unwrap();
        assert_eq!(read(&directory).unwrap(), None);
        fs::write(directory.join(UNFINISHED), "half").unwrap();
        let made = read_or_make(&directory).unwrap();
        assert!(made.is_new && made.key.expose().len() == 43);
        let permissions = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(permissions(&made.path), 0o600);
        let again = read_or_make(&directory).unwrap();
        assert!(!again.is_new && again.key == made.key);
        fs::set_permissions(&made.path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read_or_make(&directory).err().unwrap().to_string().contains("can be read by others"));
        fs::set_permissions(&made.path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&made.path, "short\n").unwrap();
        assert!(read_or_make(&directory).err().unwrap().to_string().contains("delete it"));
        fs::remove_dir_all(&directory).unwrap();
    }
}
