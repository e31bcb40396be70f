//! Servers that are not waited for, because they cannot be ready yet.

use std::fs::OpenOptions;
use std::process::Stdio;

use crate::stack::{Server, Stack};

impl Stack {
    /// Starts a server at the address that `LISTEN` was set to, without waiting for anything.
    pub fn start_unready(&self) -> Server {
        let log = OpenOptions::new().create(true).append(true).open(self.log_file()).unwrap();
        let child = self.command(&[]).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let listen = self.settings.iter().find(|(key, _)| key == "TURNSTILE_LISTEN").map(|(_, address)| address);
        let address = format!("http://{}", listen.expect("LISTEN is set"));
        Server { child, address, operators: String::new(), token: self.token(), client: reqwest::Client::new() }
    }
}
