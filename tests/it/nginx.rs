//! A real nginx in front of a server, with a configuration of the test's own.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::free_port::free_port;

/// A running nginx; killed when dropped.
pub struct Nginx {
    child: Child,
    folder: PathBuf,
    pub port: u16,
}

impl Nginx {
    /// Starts nginx with what belongs into `http { .. }`; `PORT` in it stands for a free port.
    pub fn start(http: &str) -> Self {
        let port = free_port();
        let folder = std::env::temp_dir().join(format!("nginx_{}", Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).unwrap();
        let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary: String = kinds.map(|kind| format!("{kind}_temp_path {kind};\n")).concat();
        let http = http.replace("PORT", &port.to_string());
        // One process, so that no worker outlives the test or needs another user.
        let all = format!(
            "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr warn;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{http}\n}}\n"
        );
        std::fs::write(folder.join("nginx.conf"), all).unwrap();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let program = if std::path::Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" };
        let mut command = Command::new(program);
        command.arg("-p").arg(&folder).args(["-c", "nginx.conf", "-e", "stderr"]).stdout(Stdio::null()).stderr(log);
        let nginx = Self { child: command.spawn().unwrap(), folder, port };
        nginx.wait();
        nginx
    }

    fn wait(&self) {
        let end = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = || std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < end, "nginx does not listen:\n{}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _killed = self.child.kill();
        let _waited = self.child.wait();
        let _removed = std::fs::remove_dir_all(&self.folder);
    }
}
