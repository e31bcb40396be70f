//! Dead letters: the messages that the projector could not use. Operators see them and have them published again.

mod list;
mod replay;

use crate::http::dead_letters::list::DeadLettersAnswer;
use crate::http::dead_letters::replay::ReplayAnswer;
use crate::http::openapi::Describe;
use crate::http::paths::{DEAD_LETTERS, DEAD_LETTERS_REPLAY};
use crate::http::route::Route;

const LIST_RULE: &str =
    "They stay where they are. While another node lists or replays them, they are hidden from this one.";
const REPLAY_RULE: &str = "One request replays 1,000 at most, the oldest first, and fewer if that takes longer than five seconds; `left` says \
     whether to ask again. A message leaves the dead letters only after the broker has confirmed its successor, so none is lost; after a 503 some may have been \
     published. A message that still cannot be used comes back to the dead letters.";

pub(super) fn routes() -> Vec<Route> {
    let describe = |name, summary, rule| {
        Describe::new(name, summary, "operations").text(rule).operator().problems(&[400, 401, 403, 500, 503])
    };
    vec![
        Route::get(
            DEAD_LETTERS,
            list::list,
            describe("listDeadLetters", "Messages that could not be processed (operators)", LIST_RULE)
                .json::<DeadLettersAnswer>(200, "How many there are, and the oldest", &[]),
        ),
        Route::post(
            DEAD_LETTERS_REPLAY,
            replay::replay,
            describe("replayDeadLetters", "Publish dead letters again (operators)", REPLAY_RULE).json::<ReplayAnswer>(
                200,
                "What was done",
                &[],
            ),
        ),
    ]
}
