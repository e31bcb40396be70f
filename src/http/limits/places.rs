//! Places: how many connections and WebSockets each client has open.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use bytes::Bytes;

use crate::http::limits::client::Client;

/// How many places each client has taken.
type Taken = Arc<Mutex<HashMap<IpAddr, u32>>>;

/// Something of which each client may have so many at once.
pub(crate) struct Places {
    most: u32,
    taken: Taken,
}

impl Places {
    /// 0: as many as it wants.
    pub(crate) fn new(most: u32) -> Self {
        Self { most, taken: Arc::default() }
    }

    pub(crate) fn most(&self) -> u32 {
        self.most
    }

    /// Takes a place, until it is dropped; `None` if the client has all of its. Nobody in particular and this machine need none.
    pub(crate) fn take(&self, client: Option<Client>) -> Option<Place> {
        let Some(client) = client.filter(|client| self.most > 0 && !client.is_this_machine) else {
            return Some(Place(None));
        };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(client.address).or_insert(0);
        (*count < self.most).then(|| {
            *count += 1;
            Place(Some((client.address, Arc::clone(&self.taken))))
        })
    }
}

/// A client's place.
pub(crate) struct Place(Option<(IpAddr, Taken)>);

impl Drop for Place {
    fn drop(&mut self) {
        let Some((address, taken)) = self.0.take() else { return };
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut entry) = taken.entry(address) {
            *entry.get_mut() -= 1;
            // So the table is never larger than what is open.
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

/// Keeps a place until the answer has ended: that of a WebSocket ends when it is closed.
pub(crate) fn keep(response: HttpResponse, place: Place) -> HttpResponse {
    response.map_body(|_head, body| BoxBody::new(Keeping { body, _place: place }))
}

struct Keeping {
    body: BoxBody,
    _place: Place,
}

impl MessageBody for Keeping {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> Client {
        Client { address: IpAddr::from([203, 0, 113, last]), is_this_machine: false }
    }

    #[test]
    fn places_are_given_back_and_forgotten() {
        let places = Places::new(2);
        let (one, _two) = (places.take(Some(client(1))).unwrap(), places.take(Some(client(1))).unwrap());
        assert!(places.take(Some(client(1))).is_none());
        let other = places.take(Some(client(2))).unwrap();
        drop(one);
        assert!(places.take(Some(client(1))).is_some());
        drop(other);
        assert_eq!(places.taken.lock().unwrap().len(), 1);
        let this_machine = Client { is_this_machine: true, ..client(1) };
        let unlimited: Vec<_> = (0..9).map(|_| places.take(Some(this_machine))).chain([places.take(None)]).collect();
        assert!(unlimited.iter().all(Option::is_some));
    }
}
