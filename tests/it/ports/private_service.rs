//! A service instance of one test's own, for tests that stop, kill or freeze it. Run by `tests/services.sh`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// One running instance; it is removed with everything it has written when this is dropped.
pub struct PrivateService {
    directory: PathBuf,
    service: &'static str,
}

impl PrivateService {
    /// Starts `service`, one of postgres, valkey, rabbitmq and mongodb, and waits until it is ready.
    pub fn start(service: &'static str) -> Self {
        let directory = std::env::temp_dir().join(format!("turnstile-{service}-{}", uuid::Uuid::new_v4()));
        let private = Self { directory, service };
        private.run("start");
        private
    }

    /// Address, as the tests' environment has it for the shared instance.
    pub fn url(&self) -> String {
        let environment = std::fs::read_to_string(self.directory.join("env")).expect("the service has an env file");
        let variable = format!("TEST_{}_URL=", self.service.to_uppercase());
        let line =
            environment.lines().find_map(|line| line.split_once(&variable)).expect("it has the service's address");
        line.1.trim_matches(['\'', '"']).to_owned()
    }

    /// Brings a stopped or killed instance back, at the same address and with its data.
    pub fn start_again(&self) {
        self.run("start");
    }

    /// Stops it in good order.
    pub fn stop(&self) {
        self.run("stop");
    }

    /// Ends it as a power cut would.
    pub fn kill(&self) {
        self.run("kill");
    }

    /// Freezes it: connections stay open, nothing answers.
    pub fn pause(&self) {
        self.run("pause");
    }

    /// Thaws it.
    pub fn resume(&self) {
        self.run("resume");
    }

    /// Runs `rabbitmqctl` against this broker, natively or in its container, as `tests/services.sh` has started it.
    pub fn rabbitmqctl(&self, arguments: &[&str]) {
        let home = self.directory.join("rabbitmq");
        let mut command = if let Ok(epmd_port) = std::fs::read_to_string(home.join("epmd_port")) {
            let port = std::fs::read_to_string(home.join("port")).expect("the broker has a port");
            let mut command = Command::new("sh");
            // The wrapper of some packages changes the user; the one beside the server does not.
            command.args([
                "-c",
                "$(ls /usr/lib/rabbitmq/bin/rabbitmqctl || command -v rabbitmqctl) \"$@\"",
                "rabbitmqctl",
            ]);
            command.args(["--node", &format!("turnstile{}@localhost", port.trim())]);
            command.env("HOME", home.join("home")).env("ERL_EPMD_PORT", epmd_port.trim());
            command
        } else {
            let mut command = Command::new("sh");
            let container = "turnstile-test-$(printf '%s' \"$0\" | cksum | cut -d ' ' -f 1)-rabbitmq";
            command.arg("-c").arg(format!("docker exec \"{container}\" rabbitmqctl \"$@\"")).arg(&self.directory);
            command
        };
        let output = command.args(arguments).output().expect("rabbitmqctl runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "rabbitmqctl {arguments:?}: {said}");
    }

    fn run(&self, verb: &str) {
        let output = self.command(verb).arg(self.service).output().expect("tests/services.sh runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "tests/services.sh {verb} {}: {said}", self.service);
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services.sh"));
        command.arg(verb).arg(&self.directory);
        command
    }
}

impl Drop for PrivateService {
    fn drop(&mut self) {
        let removed = self.command("remove").output().is_ok_and(|output| output.status.success());
        assert!(removed || std::thread::panicking(), "{} was not removed", self.directory.display());
    }
}
