//! Window: the messages of one call on one channel that the broker has not answered yet, and what it said about the others.

use std::collections::{HashMap, VecDeque};

use futures_util::FutureExt;
use lapin::message::BasicReturnMessage;
use lapin::options::BasicPublishOptions;
use lapin::{Channel, Confirmation, PublisherConfirm};

use crate::event_bus::BusError;
use crate::event_bus::rabbitmq::parcel::{Parcel, message_id};

/// Why a call was broken off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Trouble {
    /// The broker takes no messages at present. The connection is sound.
    Blocked(String),
    /// The channel has failed.
    Channel(String),
    /// Nothing came back in time: the connection may be dead.
    Silence(String),
}

impl Trouble {
    fn reason(&self) -> &str {
        match self {
            Self::Blocked(reason) | Self::Channel(reason) | Self::Silence(reason) => reason,
        }
    }
}

/// See the module's documentation.
pub(super) struct Window {
    size: usize,
    unconfirmed: VecDeque<(usize, PublisherConfirm)>,
    tally: Tally,
}

/// What the broker said.
#[derive(Debug)]
struct Tally {
    /// About each parcel; `None` as long as it has said nothing.
    verdicts: Vec<Option<Verdict>>,
    /// Message ids that came back as unroutable, with the broker's words.
    returned: HashMap<String, String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Acknowledged,
    Refused,
}

impl Window {
    /// For a call with `count` parcels, of which at most `size` may be unanswered at any time.
    pub(super) fn new(size: usize, count: usize) -> Self {
        let tally = Tally { verdicts: vec![None; count], returned: HashMap::new() };
        Self { size: size.max(1), unconfirmed: VecDeque::new(), tally }
    }

    /// Publishes the parcels in order and waits for the broker's answers. May be cancelled; what was answered is not lost.
    pub(super) async fn publish(&mut self, channel: &Channel, parcels: &[Parcel]) -> Result<(), Trouble> {
        for (position, parcel) in parcels.iter().enumerate() {
            if self.unconfirmed.len() >= self.size {
                self.await_oldest().await?;
            }
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let (exchange, key) = (parcel.exchange.clone(), parcel.routing_key.clone());
            let confirm = channel
                .basic_publish(exchange, key, options, &parcel.body, parcel.properties.clone())
                .await
                .map_err(|error| Trouble::Channel(error.to_string()))?;
            self.unconfirmed.push_back((position, confirm));
        }
        while !self.unconfirmed.is_empty() {
            self.await_oldest().await?;
        }
        Ok(())
    }

    async fn await_oldest(&mut self) -> Result<(), Trouble> {
        let Some((position, confirm)) = self.unconfirmed.front_mut() else { return Ok(()) };
        let confirmation = confirm.await.map_err(|error| Trouble::Channel(error.to_string()))?;
        self.tally.note(*position, confirmation);
        self.unconfirmed.pop_front();
        Ok(())
    }

    /// True if the broker could not route a message.
    pub(super) fn has_returns(&self) -> bool {
        !self.tally.returned.is_empty()
    }

    /// True if the broker refused a message.
    pub(super) fn has_refusals(&self) -> bool {
        self.tally.verdicts.contains(&Some(Verdict::Refused))
    }

    /// One answer per parcel; `trouble` says why the call was broken off, if it was.
    pub(super) fn answers(mut self, parcels: &[Parcel], trouble: Option<&Trouble>) -> Vec<Result<(), BusError>> {
        for (position, confirm) in self.unconfirmed {
            if let Some(Ok(confirmation)) = confirm.now_or_never() {
                self.tally.note(position, confirmation);
            }
        }
        let message_ids = parcels.iter().map(Parcel::message_id);
        message_ids.enumerate().map(|(position, id)| self.tally.answer(position, id, trouble)).collect()
    }
}

impl Tally {
    fn note(&mut self, position: usize, confirmation: Confirmation) {
        let (verdict, returned) = match confirmation {
            Confirmation::Ack(returned) => (Verdict::Acknowledged, returned),
            Confirmation::Nack(returned) => (Verdict::Refused, returned),
            // Cannot be: the channel is in confirm mode. Unconfirmed is what it would be.
            Confirmation::NotRequested => (Verdict::Refused, None),
        };
        // lapin hands a returned message out with whichever confirm comes next, so only its id tells whose it is.
        if let Some(returned) = returned {
            self.note_return(&returned);
        }
        if let Some(place) = self.verdicts.get_mut(position) {
            *place = Some(verdict);
        }
    }

    fn note_return(&mut self, returned: &BasicReturnMessage) {
        let words = format!("{} {}", returned.reply_code, returned.reply_text);
        self.returned.insert(message_id(&returned.delivery.properties).to_owned(), words);
    }

    /// **Invariant:** a message counts as published only if it was acknowledged and cannot be among the returned ones. Returns come
    /// before the acknowledgement, but may still be attached to another, unanswered message of a call that was broken off.
    fn answer(&self, position: usize, message_id: &str, trouble: Option<&Trouble>) -> Result<(), BusError> {
        if let Some(words) = self.returned.get(message_id) {
            return Err(BusError { reason: format!("no queue takes the message: {words}") });
        }
        let verdict = self.verdicts.get(position).copied().flatten();
        match (verdict, trouble) {
            (Some(Verdict::Acknowledged), None) => Ok(()),
            (Some(Verdict::Acknowledged), Some(_)) if self.returned.is_empty() => Ok(()),
            (Some(Verdict::Refused), _) => Err(BusError { reason: "the broker refused the message".to_owned() }),
            (_, Some(trouble)) => Err(BusError { reason: trouble.reason().to_owned() }),
            (None, None) => Err(BusError { reason: "the broker did not answer".to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(verdicts: &[Option<Verdict>], returned: &[&str]) -> Tally {
        let returned = returned.iter().map(|id| ((*id).to_owned(), "312 NO_ROUTE".to_owned())).collect();
        Tally { verdicts: verdicts.to_vec(), returned }
    }

    #[test]
    fn a_return_counts_for_the_message_that_it_names() {
        let tally = tally(&[Some(Verdict::Acknowledged), Some(Verdict::Acknowledged)], &["b"]);
        assert!(tally.answer(0, "a", None).is_ok());
        assert!(tally.answer(1, "b", None).unwrap_err().reason.contains("NO_ROUTE"));
    }

    #[test]
    fn after_trouble_an_acknowledgement_counts_only_if_nothing_was_returned() {
        let trouble = Trouble::Silence("no answer".to_owned());
        let verdicts = [Some(Verdict::Acknowledged), None, Some(Verdict::Refused)];
        let quiet = tally(&verdicts, &[]);
        assert!(quiet.answer(0, "a", Some(&trouble)).is_ok());
        assert_eq!(quiet.answer(1, "b", Some(&trouble)).unwrap_err().reason, "no answer");
        assert!(quiet.answer(2, "c", Some(&trouble)).unwrap_err().reason.contains("refused"));
        let unclear = tally(&verdicts, &["elsewhere"]);
        assert_eq!(unclear.answer(0, "a", Some(&trouble)).unwrap_err().reason, "no answer");
    }
}
