//! Why the configuration cannot be used.

/// See the module's documentation.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Some values are wrong; each sentence names one of them, and none shows a secret.
    #[error("the configuration cannot be used: {}", .0.join("; "))]
    Mistakes(Vec<String>),
    /// Some of the four service URLs are given, but not all.
    #[error("{}", incomplete(missing))]
    Incomplete {
        /// The variables that are missing.
        missing: Vec<&'static str>,
    },
}

pub(super) fn incomplete(missing: &[&str]) -> String {
    format!("the real stack needs all four services; missing: {}", missing.join(", "))
}
