//! Bounds of the live feed.

use std::time::Duration;

/// Every bound of the live feed; the defaults suit production.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Most clients connected at once; further ones are refused with 503.
    pub max_sessions: usize,
    /// Most showtimes watched at once; further ones are refused with 503.
    pub max_showtimes: usize,
    /// Most showtimes that one SignalR client may have joined at once.
    pub max_joined: usize,
    /// Most clients waiting at once for a showtime to be opened; further ones wait for their turn.
    pub openings_in_flight: usize,
    /// Longest time to open a showtime or to make a snapshot before the client is refused, in milliseconds.
    pub open_timeout_milliseconds: u64,
    /// Commands that the hub's mailbox holds.
    pub hub_mailbox: usize,

    /// Recent deltas kept for each watched showtime, at most.
    pub ring_events: usize,
    /// Bytes of recent deltas kept for each watched showtime, at most (the newest delta is always kept).
    pub ring_bytes: usize,
    /// Bytes of recent deltas kept for all watched showtimes together, about; the more showtimes, the less for each.
    pub rings_bytes: usize,
    /// A client that is further behind than so many events gets a new snapshot (plain) or is refused (SignalR).
    pub resume_events: u64,
    /// Events read from the journal at once for a showtime with a gap.
    pub journal_page: usize,
    /// Events read from the journal at once for a client that catches up.
    pub catch_up_page: usize,
    /// Reads of the journal in flight at once for clients that catch up.
    pub catch_ups_in_flight: usize,
    /// Reads of the journal in flight at once for showtimes with a gap.
    pub refetches_in_flight: usize,
    /// Time between two looks at the write store for events that the bus has not brought, in milliseconds.
    pub poll_milliseconds: u64,
    /// A showtime that nobody watches is forgotten after so many milliseconds.
    pub idle_milliseconds: u64,
    /// Who joins without a sequence is first sent the deltas of the last so many seconds.
    pub join_replay_seconds: u64,

    /// Seats in one part of a snapshot (a seat takes about 110 bytes).
    pub snapshot_part_seats: usize,
    /// A snapshot made before is used again while it is at most so many events old, and at most half of `resume_events`.
    pub snapshot_reuse_events: u64,

    /// Longest pause between two rounds of waking those who watch a showtime, in milliseconds.
    pub max_pause_milliseconds: u64,
    /// Bytes handed to a client's connection before it must have taken some of them; the bound of its outgoing buffer.
    pub write_bytes: usize,
    /// Longest message that a client may send, in bytes.
    pub max_message_bytes: usize,
    /// Messages that a client may send per second in the long run.
    pub messages_per_second: u32,
    /// Messages that a client may send at once after a pause.
    pub message_burst: u32,
    /// Calls of a SignalR client that may wait for the one in progress; their ids together are at most as long as one message.
    pub waiting_calls: usize,

    /// Time between two looks at every client's timers, in milliseconds.
    pub tick_milliseconds: u64,
    /// Time between two pings of a client, in milliseconds.
    pub ping_milliseconds: u64,
    /// A client from whom nothing came for so many milliseconds is dropped.
    pub client_timeout_milliseconds: u64,
    /// Time that a SignalR client has for its handshake, in milliseconds.
    pub handshake_milliseconds: u64,
    /// A SignalR client that has joined nothing for so many milliseconds is told so, once.
    pub reminder_milliseconds: u64,
    /// A client whose connection takes nothing for so many milliseconds is dropped.
    pub stall_milliseconds: u64,
    /// Time that a client has to answer a close, in milliseconds.
    pub close_milliseconds: u64,
    /// How long a SignalR connection token is valid, in seconds.
    pub token_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_sessions: 50_000,
            max_showtimes: 10_000,
            max_joined: 32,
            openings_in_flight: 256,
            open_timeout_milliseconds: 10_000,
            hub_mailbox: 1_024,
            ring_events: 1_024,
            ring_bytes: 1_048_576,
            rings_bytes: 268_435_456,
            resume_events: 10_000,
            journal_page: 500,
            catch_up_page: 100,
            catch_ups_in_flight: 8,
            refetches_in_flight: 8,
            poll_milliseconds: 1_000,
            idle_milliseconds: 30_000,
            join_replay_seconds: 10,
            snapshot_part_seats: 500,
            snapshot_reuse_events: 256,
            max_pause_milliseconds: 100,
            write_bytes: 32_768,
            max_message_bytes: 32_768,
            messages_per_second: 20,
            message_burst: 100,
            waiting_calls: 64,
            tick_milliseconds: 500,
            ping_milliseconds: 15_000,
            client_timeout_milliseconds: 30_000,
            handshake_milliseconds: 15_000,
            reminder_milliseconds: 10_000,
            stall_milliseconds: 30_000,
            close_milliseconds: 2_000,
            token_seconds: 60,
        }
    }
}

impl Settings {
    /// As `open_timeout_milliseconds`.
    pub fn open_timeout(&self) -> Duration {
        Duration::from_millis(self.open_timeout_milliseconds)
    }

    /// As `join_replay_seconds`.
    pub fn join_replay(&self) -> Duration {
        Duration::from_secs(self.join_replay_seconds)
    }

    /// As `token_seconds`.
    pub fn token_lifetime(&self) -> Duration {
        Duration::from_secs(self.token_seconds)
    }
}
