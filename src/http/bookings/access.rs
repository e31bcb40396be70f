//! What opens blocks to a reservation or an exchange: a channel's key, or the block itself if an operator names it.

use crate::domain::{BlockAccess, BlockRejection, BookingId, Rejection, TokenHash};
use crate::http::problem::{FieldError, Problem};
use crate::http::request::fields::{self, Fields};

/// `channelKey` or `blockId`; `None` if neither is there, or after noting what is wrong.
pub(super) fn read_access(fields: &mut Fields<'_>) -> Option<BlockAccess> {
    let key = fields.new_text("channelKey", TokenHash::of_channel_key);
    let block = fields.new_text("blockId", |text| fields::uuid(&text));
    match (key, block) {
        (Some(_), Some(_)) => {
            let detail = "channelKey and blockId are both there; send one of them";
            fields.wrong("/blockId".to_owned(), detail);
            None
        }
        (Some(key), None) => Some(BlockAccess::ChannelKey(key)),
        (None, block) => block.map(|id| BlockAccess::Block(BookingId(id))),
    }
}

/// A block that cannot be opened, by its place in the body; `None` for other refusals.
pub(super) fn refused_access(rejection: &Rejection) -> Option<Problem> {
    let Rejection::Block(BlockRejection::Unknown) = rejection else { return None };
    let detail = "names no block of the showtime, or one that is over";
    Some(Problem::from(rejection.clone()).with_errors(vec![FieldError::pointer("/blockId", detail)]))
}
