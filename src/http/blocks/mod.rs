//! Blocks: places that the house holds back, for operators: made, listed, given back in part, ended.

mod answers;
mod create;
mod list;
mod release;

use crate::http::blocks::answers::{BlockAnswer, BlockPage};
use crate::http::blocks::create::BlockBody;
use crate::http::blocks::list::MOST_ON_PAGE;
use crate::http::blocks::release::ReleaseBody;
use crate::http::openapi::Describe;
use crate::http::paths::{BLOCK, BLOCK_SEATS, BLOCKS};
use crate::http::request::cursor::{CURSOR, CURSOR_CHARACTERS};
use crate::http::route::Route;

const BLOCK_RULE: &str = "All of the seats or none. They are `Reserved` for everybody else; operators read them as `Blocked`, and see why. Neither the sale window nor any \
     limit of places is asked. A block ends at `until`, when it is deleted, or with its showtime's cancellation; then its seats are free again.";
const RELEASE_RULE: &str = "The seats are free again for everybody. A block whose last seats are given back is over, unless it has a channel. If the block has none of them, nothing is changed: a seat that \
     a booking has from the block at the moment comes back to it when it is given back.";

pub(super) fn routes() -> Vec<Route> {
    let of_showtime = |name, summary| Describe::new(name, summary, "blocks").operator().id("The showtime");
    let of_block = |name, summary| {
        of_showtime(name, summary).id_named("blockId", "The block").key().json::<BlockAnswer<'_>>(
            200,
            "Done, now or before",
            &["Idempotent-Replayed?"],
        )
    };
    vec![
        Route::post(
            BLOCKS,
            create::create,
            of_showtime("blockSeats", "Hold seats back (operators)")
                .text(BLOCK_RULE)
                .key()
                .body::<BlockBody>()
                .json::<BlockAnswer<'_>>(201, "The seats are held back", &["Idempotent-Replayed?"])
                .problems(&[400, 401, 403, 404, 408, 409, 413, 415, 422, 500, 503]),
        ),
        Route::get(
            BLOCKS,
            list::list,
            of_showtime("listBlocks", "The blocks that are not over, in the order of their making (operators)")
                .number("limit", "Blocks on the page, 50 if absent", 1, MOST_ON_PAGE)
                .formed("cursor", "`nextCursor` of the page before", CURSOR, CURSOR_CHARACTERS..=CURSOR_CHARACTERS)
                .json::<BlockPage<'_>>(200, "A page", &["Link?"])
                .problems(&[400, 401, 403, 404, 500, 503]),
        ),
        Route::delete(
            BLOCK,
            release::end,
            of_block("endBlock", "End a block: its seats are free again (operators)")
                .problems(&[400, 401, 403, 404, 408, 409, 422, 500, 503]),
        ),
        Route::post(
            BLOCK_SEATS,
            release::release,
            of_block("releaseBlockedSeats", "Give some seats of a block back (operators)")
                .text(RELEASE_RULE)
                .body::<ReleaseBody>()
                .problems(&[400, 401, 403, 404, 408, 409, 413, 415, 422, 500, 503]),
        ),
    ]
}
