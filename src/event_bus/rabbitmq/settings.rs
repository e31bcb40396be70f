//! Settings of the event bus on RabbitMQ.

/// Bounds of the connections to RabbitMQ.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Longest time for making a connection to one host, in milliseconds.
    pub connect_timeout_milliseconds: u64,
    /// Longest time for a request to the broker other than publishing, in milliseconds.
    pub call_timeout_milliseconds: u64,
    /// Longest time for publishing a list of messages until all are confirmed, in milliseconds.
    pub publish_timeout_milliseconds: u64,
    /// Longest pause between two attempts to connect, in milliseconds. The first pause is 100 ms, each next one twice as long.
    pub reconnect_longest_pause_milliseconds: u64,
    /// Time between two heartbeats, in seconds, unless the URL has one. A peer that is silent for twice as long is given up.
    pub heartbeat_seconds: u16,
    /// Most messages of one publishing call that the broker has not confirmed yet.
    pub publish_window: usize,
    /// Most publishing calls that are under way at the same time; others wait.
    pub publish_channels: usize,
    /// Most messages handed to the projection at once.
    pub projection_prefetch: u16,
    /// Pause before a message is delivered again that was to be retried, in milliseconds; it doubles each time.
    pub retry_first_pause_milliseconds: u64,
    /// Longest pause before a message is delivered again, in milliseconds.
    pub retry_longest_pause_milliseconds: u64,
    /// Events of different showtimes that share one message on the wire; a single run may be longer.
    pub max_events_per_message: usize,
    /// Most messages that wait in this process for a live subscriber; past it the subscriber is interrupted instead.
    pub live_capacity: usize,
    /// Most messages that wait on the broker for this node's live subscription; past it the oldest are dropped.
    pub live_queue_length: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout_milliseconds: 3_000,
            call_timeout_milliseconds: 5_000,
            publish_timeout_milliseconds: 10_000,
            reconnect_longest_pause_milliseconds: 5_000,
            heartbeat_seconds: 10,
            publish_window: 256,
            publish_channels: 4,
            projection_prefetch: 64,
            retry_first_pause_milliseconds: 100,
            retry_longest_pause_milliseconds: 5_000,
            max_events_per_message: 500,
            live_capacity: 1_024,
            live_queue_length: 10_000,
        }
    }
}
