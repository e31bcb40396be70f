//! Applied: how far a showtime has come after a run of events, and the gap before the run if there is one.

/// What became of a run of events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Applied {
    /// The showtime now stands at this sequence (at least the run's last).
    UpTo(u64),
    /// The run does not go on where the showtime stands: after a gap, in another history, or because it begins with another event than
    /// the showtime's first. The showtime stands at `have` (0 if it is unknown).
    Gap {
        /// Last sequence applied.
        have: u64,
    },
}

/// How far a generation that is being built may be behind in a showtime, in events, for [`super::ReadModel::apply`] to ask for them.
pub const CLOSE_EVENTS: u64 = 1_000;

impl Applied {
    /// Last sequence applied.
    fn sequence(self) -> u64 {
        match self {
            Self::UpTo(sequence) | Self::Gap { have: sequence } => sequence,
        }
    }

    /// The answer for the live generation and one that is being built.
    pub(super) fn or_of_built(self, built: Self) -> Self {
        let (live, new) = (self.sequence(), built.sequence());
        if new > 0 && new < live && live - new <= CLOSE_EVENTS { built } else { self }
    }
}
