//! A clock of the machine for one process, which can be set while the process runs (libfaketime). Its monotonic clock stays true.

use std::path::PathBuf;

use uuid::Uuid;

/// See the module's documentation.
pub struct FakeClock {
    file: PathBuf,
}

impl FakeClock {
    /// A clock that is off by so many seconds.
    pub fn off_by(seconds: i64) -> Self {
        let clock = Self { file: std::env::temp_dir().join(format!("clock_{}", Uuid::new_v4().simple())) };
        clock.set_off_by(seconds);
        clock
    }

    /// Sets the clock of a process that runs.
    pub fn set_off_by(&self, seconds: i64) {
        // Put in place whole: the process may read it at any moment.
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{seconds:+}s\n")).unwrap();
        std::fs::rename(&new, &self.file).unwrap();
    }

    /// What a process needs in its environment to have this clock.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let path = |path: PathBuf| path.into_os_string().into_string().unwrap();
        vec![
            ("LD_PRELOAD", path(library())),
            ("FAKETIME_TIMESTAMP_FILE", path(self.file.clone())),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}

impl Drop for FakeClock {
    fn drop(&mut self) {
        let _removed = std::fs::remove_file(&self.file);
    }
}

fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    let mut found = folders.map(|folder| folder.unwrap().path().join("faketime/libfaketime.so.1"));
    found.find(|library| library.exists()).expect("libfaketime is not installed: tests/services.sh install")
}
