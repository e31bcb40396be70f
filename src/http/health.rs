//! Health: whether the process lives, and whether it should get traffic, by the state of each dependency.
//!
//! Dependencies are probed in the background, so that asking costs nothing and cannot be used to load them. One failed
//! probe does not take a node out and one success does not bring it back (hysteresis). Only the write store is needed to be
//! ready: without the others commands still work (I9).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Serialize;
use utoipa::ToSchema;

/// How dependencies are watched.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Milliseconds between two probes of one dependency.
    pub probe_interval_milliseconds: u64,
    /// Milliseconds after which a probe has failed.
    pub probe_timeout_milliseconds: u64,
    /// Failed probes in a row after which a dependency is down.
    pub down_after: u32,
    /// Good probes in a row after which it is up again.
    pub up_after: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { probe_interval_milliseconds: 800, probe_timeout_milliseconds: 1_500, down_after: 2, up_after: 2 }
    }
}

/// Asks a dependency whether it works; the error is for the log.
pub type Probe = Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// What the loss of a dependency means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// Without it no command can be carried out: not ready.
    Required,
    /// Without it the node works, slower or with staler views: degraded.
    Helpful,
    /// Nothing here rests on it, but somebody should look at it: degraded, never down.
    Informative,
}

/// Where a dependency stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DependencyStatus)]
pub enum Standing {
    /// Works.
    Ok,
    /// Has just failed once, or is coming back, or was not probed yet.
    Degraded,
    /// Does not work.
    Down,
}

/// What `/readyz` answers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Readiness)]
pub struct Report {
    /// `ready`, `degraded` (works without a helpful dependency), `down` or `draining`; the latter two only in a 503.
    #[schema(value_type = String)]
    pub(super) status: &'static str,
    /// Each dependency by name. Only told at the address for operators, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) dependencies: Option<BTreeMap<&'static str, DependencyReport>>,
}

/// One dependency.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Dependency)]
pub struct DependencyReport {
    /// Where it stands.
    #[schema(inline = false)]
    status: Standing,
    /// Without it the node is not ready.
    required: bool,
    /// What is wrong, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    detail: Option<String>,
}

/// The state of this node and of what it depends on. Cheap to clone.
#[derive(Clone)]
pub struct Health {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    draining: AtomicBool,
    dependencies: Mutex<Vec<Arc<Dependency>>>,
}

struct Dependency {
    name: &'static str,
    need: Need,
    record: Mutex<Record>,
    /// Why the last probe failed. Of an informative one only: other reasons may name addresses, and are for the log.
    detail: Mutex<Option<String>>,
}

/// The last probes of a dependency. Starts as down, so that a node is not ready before it has seen its store.
#[derive(Clone, Copy, Debug)]
struct Record {
    probed: bool,
    down: bool,
    failures: u32,
    successes: u32,
}

impl Record {
    fn new() -> Self {
        Self { probed: false, down: true, failures: 0, successes: 0 }
    }

    /// Notes a probe; true if the dependency went down or came back by it.
    fn note(&mut self, good: bool, settings: &Settings) -> bool {
        let was_down = self.down;
        if good {
            self.successes = self.successes.saturating_add(1);
            self.failures = 0;
            // The very first probe needs no confirmation.
            self.down = self.down && self.probed && self.successes < settings.up_after;
        } else {
            self.failures = self.failures.saturating_add(1);
            self.successes = 0;
            self.down = self.down || self.failures >= settings.down_after;
        }
        let first = !std::mem::replace(&mut self.probed, true);
        was_down != self.down || (first && self.down)
    }

    fn standing(&self) -> Standing {
        match (self.down, self.probed) {
            (true, false) => Standing::Degraded,
            (true, true) if self.successes > 0 => Standing::Degraded,
            (true, true) => Standing::Down,
            (false, _) if self.failures > 0 => Standing::Degraded,
            (false, _) => Standing::Ok,
        }
    }
}

impl Health {
    /// Nothing is watched yet.
    pub fn new(settings: Settings) -> Self {
        let dependencies = Mutex::new(Vec::new());
        Self { inner: Arc::new(Inner { settings, draining: AtomicBool::new(false), dependencies }) }
    }

    /// Watches a dependency from now on, on the runtime that this is called in, as long as this health lives.
    pub fn watch(&self, name: &'static str, need: Need, probe: Probe) {
        let dependency =
            Arc::new(Dependency { name, need, record: Mutex::new(Record::new()), detail: Mutex::default() });
        self.dependencies().push(Arc::clone(&dependency));
        let watched = Arc::downgrade(&dependency);
        let settings = self.inner.settings;
        tokio::spawn(async move {
            loop {
                let timeout = Duration::from_millis(settings.probe_timeout_milliseconds);
                let outcome = tokio::time::timeout(timeout, std::panic::AssertUnwindSafe(probe()).catch_unwind()).await;
                let outcome = match outcome {
                    Ok(Ok(outcome)) => outcome,
                    Ok(Err(_panic)) => Err("the probe panicked".to_owned()),
                    Err(_elapsed) => Err("no answer in time".to_owned()),
                };
                let Some(dependency) = watched.upgrade() else {
                    return;
                };
                dependency.note(outcome, &settings);
                drop(dependency);
                tokio::time::sleep(Duration::from_millis(settings.probe_interval_milliseconds)).await;
            }
        });
    }

    /// From now on not ready: the node is about to stop.
    pub fn drain(&self) {
        self.inner.draining.store(true, Ordering::Relaxed);
    }

    /// True once [`Health::drain`] was called.
    pub fn is_draining(&self) -> bool {
        self.inner.draining.load(Ordering::Relaxed)
    }

    /// True if the node should get traffic.
    pub fn is_ready(&self) -> bool {
        !self.is_draining() && self.dependencies().iter().all(|dependency| !dependency.is_missed())
    }

    /// What `/readyz` answers.
    pub fn report(&self) -> Report {
        let dependencies = self.dependencies();
        let missed = dependencies.iter().any(|dependency| dependency.is_missed());
        let all_fine = dependencies.iter().all(|dependency| dependency.standing() == Standing::Ok);
        let status = match (self.is_draining(), missed, all_fine) {
            (true, _, _) => "draining",
            (false, true, _) => "down",
            (false, false, false) => "degraded",
            (false, false, true) => "ready",
        };
        let tell = |dependency: &Arc<Dependency>| {
            let (status, required) = (dependency.standing(), dependency.need == Need::Required);
            (dependency.name, DependencyReport { status, required, detail: dependency.detail().clone() })
        };
        Report { status, dependencies: Some(dependencies.iter().map(tell).collect()) }
    }

    fn dependencies(&self) -> MutexGuard<'_, Vec<Arc<Dependency>>> {
        self.inner.dependencies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dependency {
    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn detail(&self) -> MutexGuard<'_, Option<String>> {
        self.detail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn standing(&self) -> Standing {
        match (self.need, self.lock().standing()) {
            (Need::Informative, Standing::Down) => Standing::Degraded,
            (_, standing) => standing,
        }
    }

    fn is_missed(&self) -> bool {
        self.need == Need::Required && self.lock().down
    }

    fn note(&self, outcome: Result<(), String>, settings: &Settings) {
        let changed = self.lock().note(outcome.is_ok(), settings);
        let name = self.name;
        if self.need == Need::Informative {
            *self.detail() = outcome.as_ref().err().cloned();
        }
        match outcome {
            Ok(()) if changed => tracing::info!(dependency = name, "{name} is up"),
            Err(reason) if changed && self.need == Need::Informative => tracing::warn!(dependency = name, "{reason}"),
            Err(reason) if changed => tracing::warn!(dependency = name, %reason, "{name} is down"),
            Ok(()) | Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings =
        Settings { probe_interval_milliseconds: 10, probe_timeout_milliseconds: 10, down_after: 2, up_after: 3 };

    fn after(probes: &[bool]) -> Record {
        let mut record = Record::new();
        for good in probes {
            record.note(*good, &SETTINGS);
        }
        record
    }

    #[test]
    fn one_failure_does_not_take_down_and_one_success_does_not_bring_back() {
        assert!(after(&[]).down);
        assert!(!after(&[true]).down);
        assert_eq!(after(&[true]).standing(), Standing::Ok);
        assert!(!after(&[true, false]).down);
        assert_eq!(after(&[true, false]).standing(), Standing::Degraded);
        assert_eq!(after(&[true, false, true]).standing(), Standing::Ok);
        assert!(after(&[true, false, false]).down);
        assert_eq!(after(&[true, false, false]).standing(), Standing::Down);
        assert!(after(&[true, false, false, true, true]).down);
        assert_eq!(after(&[true, false, false, true]).standing(), Standing::Degraded);
        assert!(!after(&[true, false, false, true, true, true]).down);
        assert!(after(&[false]).down);
        assert!(after(&[true, false, false, true, true, false, true, true]).down);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_hangs_or_panics_counts_as_failed() {
        let health = Health::new(SETTINGS);
        health.watch("store", Need::Required, Box::new(|| async { Ok(()) }.boxed()));
        health.watch("lock", Need::Helpful, Box::new(|| std::future::pending().boxed()));
        health.watch("bus", Need::Helpful, Box::new(|| async { panic!("on purpose") }.boxed()));
        assert!(!health.is_ready(), "not before the first probe");
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(health.is_ready());
        let report = health.report();
        assert_eq!(report.status, "degraded");
        let dependencies = report.dependencies.unwrap();
        assert_eq!(dependencies["store"].status, Standing::Ok);
        assert_eq!(dependencies["lock"].status, Standing::Down);
        assert_eq!(dependencies["bus"].status, Standing::Down);
        health.drain();
        assert!(!health.is_ready());
        assert_eq!(health.report().status, "draining");
    }
}
