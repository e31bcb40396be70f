//! A small disk for a server, which only its process sees.

use std::path::Path;
use std::process::Command;

/// The program in a mount namespace of its own, in which the data directory is a memory disk. Needs no root where users may have
/// namespaces.
pub fn small(data_dir: &Path, mebibytes: u32) -> Command {
    std::fs::create_dir_all(data_dir).unwrap();
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    command.arg(format!(
        r#"mount -t tmpfs -o size={mebibytes}m none '{}' && exec {} "$@""#,
        data_dir.display(),
        env!("CARGO_BIN_EXE_turnstile")
    ));
    command.arg("turnstile");
    command
}
