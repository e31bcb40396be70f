//! Configuration: every module's own settings under one roof. Defaults, then `turnstile.toml`, then `TURNSTILE_*` variables, then flags.
//!
//! Everything is checked before anything starts, and all mistakes are told together. Unknown keys of the file and of flags are
//! refused. Unknown variables are only told: others set them too, such as Kubernetes for a service named `turnstile`.

use std::ffi::OsString;
use std::path::Path;

use serde::Deserialize;

use crate::http::{OperatorToken, Operators, TrustedProxies};

mod error;
mod layers;
mod reading;
mod rules;
mod sections;
mod settings;

pub use error::ConfigError;
pub use layers::Flag;
pub use settings::{Profile, RealStack, Settings};

use error::incomplete;
use layers::{Layers, Origin};
use reading::{Fault, FaultKind, SectionReader};

/// File that is read if it is there and no other is named.
const DEFAULT_FILE: &str = "turnstile.toml";

impl Settings {
    /// Reads all layers. `file`: a file that must be there.
    ///
    /// # Errors
    /// [`ConfigError::Mistakes`], with all of them.
    pub fn load(file: Option<&Path>, flags: &[Flag]) -> Result<Self, ConfigError> {
        Self::layered(file, std::env::vars_os(), flags)
    }

    fn layered(
        file: Option<&Path>,
        environment: impl Iterator<Item = (OsString, OsString)>,
        flags: &[Flag],
    ) -> Result<Self, ConfigError> {
        let mut layers = Layers::default();
        let file = file.or_else(|| Some(Path::new(DEFAULT_FILE)).filter(|path| path.exists()));
        let mut mistakes: Vec<String> = file.and_then(|path| layers.add_file(path).err()).into_iter().collect();
        layers.add_environment(environment);
        layers.add_flags(flags);
        let (mut settings, ignored) = read(&mut layers, &mut mistakes);
        settings.box_office_keys.apply(&mut settings.box_office);
        settings.http_keys.apply(&mut settings.http);
        settings.live_keys.apply(&mut settings.live);
        settings.postgres_keys.apply(&mut settings.postgres);
        settings.mongodb_keys.apply(&mut settings.mongodb);
        for (key, rule) in rules::broken(&settings) {
            let name = layers.origin(key).map_or_else(|| layers::variable(key), |origin| origin.to_string());
            mistakes.push(format!("{name} {rule}"));
        }
        if let Err(ConfigError::Incomplete { missing }) = settings.profile() {
            mistakes.push(incomplete(&missing));
        }
        if !mistakes.is_empty() {
            return Err(ConfigError::Mistakes(mistakes));
        }
        settings.ignored_variables = ignored;
        settings.box_office.hold_seconds = settings.hold_seconds;
        settings.box_office.hold_total_seconds = settings.hold_total_seconds.max(settings.hold_seconds);
        settings.http.has_admin_address = settings.admin_listen.is_some();
        settings.http.cors_origins.clone_from(&settings.cors_origins);
        settings.http.limits = settings.limits.clone();
        settings.http.trusted_proxies = TrustedProxies::parse(&settings.trusted_proxies).unwrap_or_default();
        settings.http.operators = match &settings.operator_token {
            _ if settings.open => Operators::ThisMachine,
            Some(token) => OperatorToken::new(token.expose()).map_or(Operators::Nobody, Operators::Holders),
            None => Operators::Nobody,
        };
        Ok(settings)
    }
}

/// Reads the settings as far as they can be used. What cannot is taken out of the layers and told: wrong variables, flags and lines of
/// the file as mistakes, unknown variables as the second result.
fn read(layers: &mut Layers, mistakes: &mut Vec<String>) -> (Settings, Vec<String>) {
    let mut ignored = Vec::new();
    let mut unknown = |origin: Origin, hint: String, mistakes: &mut Vec<String>| match origin {
        Origin::Variable(name) => ignored.push(format!("{name}{hint}")),
        Origin::File { .. } | Origin::Flag(_) => mistakes.push(format!("{origin} is not known{hint}")),
    };
    for origin in std::mem::take(&mut layers.misplaced) {
        unknown(origin, String::new(), mistakes);
    }
    loop {
        let Fault { mut path, kind } = match Settings::deserialize(SectionReader(&layers.root)) {
            Ok(settings) => return (settings, ignored),
            Err(fault) => fault,
        };
        path.reverse();
        let origins = layers.remove(&path);
        if origins.is_empty() {
            // Every fault comes from a value that was written somewhere. Without this, a fault that does not would be met for ever.
            mistakes.push(format!("{} cannot be read", path.join(".")));
            return (Settings::default(), ignored);
        }
        for origin in origins {
            match &kind {
                FaultKind::Unknown(known) => {
                    let hint = rules::hint(&path, known, &origin);
                    unknown(origin, hint, mistakes);
                }
                FaultKind::Form(form) => mistakes.push(format!("{origin} must be {form}")),
            }
        }
    }
}

#[cfg(test)]
mod tests;
