//! The watch: notices open showtimes that stand still.

use crate::box_office::BoxOffice;

impl BoxOffice {
    /// Looks at every open showtime of this node. Meant to be called about once a second; never waits for an actor.
    ///
    /// # Errors
    /// Showtimes have been in one step for [`crate::box_office::Settings::stuck_seconds`]. The text tells how many, and about the one
    /// that has waited longest. Each is logged when it is first noticed and when it goes on.
    pub fn watch(&self) -> Result<(), String> {
        let settings = &self.deps().settings;
        let stuck = self.directory().standstills(settings.stuck_after());
        self.deps().counters.showtimes_stuck.set(i64::try_from(stuck.len()).unwrap_or(i64::MAX));
        let queued = |free_places: usize| settings.max_queued.saturating_sub(free_places);
        for (id, free_places, standstill) in stuck.iter().filter(|(_, _, standstill)| standstill.is_new) {
            let (awaited, seconds, queued) = (standstill.awaited, standstill.waited.as_secs(), queued(*free_places));
            tracing::warn!(
                showtime.id = %id, awaited, seconds, commands.queued = queued,
                "showtime {id} stands still: it has waited for {awaited} for {seconds} s; commands queued: {queued}"
            );
        }
        let Some((id, free_places, standstill)) = stuck.iter().max_by_key(|(_, _, standstill)| standstill.waited)
        else {
            return Ok(());
        };
        Err(format!(
            "showtimes that stand still: {}; longest: {id}, which has waited for {} for {} s (commands queued: {})",
            stuck.len(),
            standstill.awaited,
            standstill.waited.as_secs(),
            queued(*free_places),
        ))
    }
}
