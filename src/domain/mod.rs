//! The domain: showtimes, seats and bookings as pure values. No I/O, no clock, no randomness: time and new ids come in as arguments.

pub mod auditorium;
mod best_available;
mod block;
mod blocking;
mod booking;
mod choice;
mod choosing;
mod command;
mod confirm;
mod conflict;
mod customers;
mod decide;
mod event;
mod exchange;
mod given_up;
mod hold_token;
mod house;
mod ids;
mod listing;
mod money;
mod moving;
mod offers;
mod open_blocks;
mod orphans;
mod payment;
mod prices;
mod pricing;
mod recorded;
mod rejection;
mod report;
mod reserving;
mod seat_changes;
mod seat_kind;
mod seat_map;
mod seat_names;
mod seat_status;
mod secret;
mod selection;
mod showtime;
mod showtime_filter;
mod terms;
mod text;
mod time_zone;
mod timestamp;
mod unsold;
mod view;

pub use auditorium::Auditorium;
pub use best_available::{BestAvailable, Together, Within};
pub use block::{Block, BlockAccess, BlockRejection, BlockSeats, HouseWord, NewBlock};
pub use booking::{Booking, BookingStatus};
pub use choice::{AreaPlaces, Choice, SeatWish};
pub use command::{Buyer, Command, Credential, HoldPolicy};
pub use conflict::{ConflictReason, SeatConflict};
pub use customers::Customers;
pub use decide::Decision;
pub use event::{Event, EventKind, NoteTold, SeatsStatus};
pub use exchange::SeatExchange;
pub use hold_token::{HoldToken, TokenHash};
pub use house::{MoveRejection, NewHouse};
pub use ids::{
    AuditoriumId, AuditoriumVersion, BookingId, SeatId, SeatIdPrefix, SeatIndex, ShowtimeId, ShowtimeMark, UserId,
};
pub use listing::{Listing, ShownListing};
pub use money::Money;
pub use payment::{PaymentReference, RefusedPayment, TakenSeat};
pub use prices::{Currency, PlacePrice, Price, PriceFault, PriceZone, Prices, Tariff};
pub(crate) use recorded::recorded;
pub use recorded::{EventRun, RecordedEvent, Stamp};
pub use rejection::{Alternative, Rejection};
pub use report::{Report, Tally};
pub use seat_kind::SeatKind;
pub use seat_map::{
    AreaShape, CategoryRun, IndexRun, Labels, MAX_SEATS_PER_SHOWTIME, Places, Row, Seat, SeatMap, SeatMapError,
    SeatPlace, SpecialSeat,
};
pub use seat_status::SeatStatus;
pub use secret::Secret;
pub use selection::{SeatSelection, SelectionError, Tariffs};
pub use showtime::{Showtime, ShowtimeFacts, Stored};
pub use showtime_filter::ShowtimeFilter;
pub use terms::{CancelReason, ListingChange, ListingError, Orphans, TermChange, Terms};
pub use text::search::TitleSearch;
pub use text::{Fault, TextError, movie_title, text_pattern};
pub use time_zone::{GivenTime, LocalTimeError, TimeZone, UnknownTimeZone, UtcOffset};
pub use timestamp::{Clock, Timestamp, TimestampError};
pub use view::{Applied, Place, ShowtimeSummary, ShowtimeView, available};
