//! A session's new beginning with a showtime: when the write store has lost what the client was sent.

use std::sync::Arc;

use actix::{ActorFutureExt as _, AsyncContext as _, WrapFuture as _};

use crate::domain::ShowtimeId;
use crate::domain::ShowtimeView;
use crate::live::LiveError;
use crate::live::feed::Watch;
use crate::live::session::{Farewell, Session, SessionContext};

impl Session {
    /// What was sent is lost to the write store: the client gets the whole showtime as it is, and goes on from there.
    pub(super) fn begin_anew(&mut self, index: usize, ctx: &mut SessionContext) {
        let Some(subscription) = self.subscriptions.get_mut(index) else { return };
        subscription.wait();
        let (node, showtime) = (Arc::clone(&self.node), subscription.showtime());
        let reading = async move {
            let watch = node.watch(showtime, 0).await?;
            Ok((node.stored_view(showtime).await?, watch))
        };
        ctx.spawn(reading.into_actor(self).map(move |result, session, ctx| session.begun_anew(showtime, result, ctx)));
    }

    fn begun_anew(
        &mut self,
        showtime: ShowtimeId,
        result: Result<(Arc<ShowtimeView>, Watch), LiveError>,
        ctx: &mut SessionContext,
    ) {
        let (encoding, handle) = (self.encoding(), self.handle.clone());
        let (again, part_seats) =
            (self.node.now() + self.node.settings.poll_milliseconds, self.node.settings.snapshot_part_seats);
        let Some(subscription) = self.subscriptions.iter_mut().find(|found| found.showtime() == showtime) else {
            return;
        };
        match result {
            Ok((view, watch)) => {
                subscription.begin_anew(&view, watch, encoding, part_seats);
                if let Some(handle) = &handle {
                    subscription.attach(handle);
                }
            }
            Err(LiveError::UnknownShowtime(_)) => return self.end(Farewell::Lost, ctx),
            Err(error) => {
                tracing::warn!(showtime.id = %showtime, %error, "a client cannot begin anew yet");
                subscription.failed(again);
                self.wake_at(again);
            }
        }
        self.pump(ctx);
    }
}
