//! Long lists: an object whose one long list is read entry by entry while the body arrives. The other members are kept as they came, for
//! [`Fields`].

use std::fmt;
use std::io::{BufReader, Read};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::http::problem::{Code, Problem};
use crate::http::request::fields::{Fields, Wrong};

/// Longest text of all other members.
const MOST_REST_BYTES: usize = 64 * 1024;
/// Most wrong entries that are kept; the others are counted.
const MOST_WRONG: usize = 50;
/// Bytes that are asked of an arriving body at once.
const READ_AHEAD_BYTES: usize = 64 * 1024;

/// The list.
pub(crate) enum LongList<T> {
    /// The entries, those that are wrong by their position, and how many there were in all.
    Entries { entries: Vec<T>, wrong: Vec<(usize, Wrong)>, count: usize },
    /// No list but this.
    Other(&'static str),
}

impl<T> LongList<T> {
    /// The entries of a list that must be there; `None` after noting what is wrong.
    pub(crate) fn entries(list: Option<Self>, name: &str, most: usize, fields: &mut Fields<'_>) -> Option<Vec<T>> {
        fields.leave_out(name);
        match list {
            None => fields.wrong(format!("/{name}"), "is missing"),
            Some(Self::Other(kind)) => fields.wrong(format!("/{name}"), format!("must be a list, not {kind}")),
            Some(Self::Entries { count, .. }) if count > most => {
                fields.wrong(format!("/{name}"), format!("has {count} entries, at most {most} are taken"));
            }
            Some(Self::Entries { entries, wrong, .. }) if wrong.is_empty() => return Some(entries),
            Some(Self::Entries { wrong, .. }) => {
                for (position, (below, detail)) in wrong {
                    fields.wrong(format!("/{name}/{position}{below}"), detail);
                }
            }
        }
        None
    }
}

/// The list by its name, and how its entries are read.
pub(crate) struct LongListOf<R> {
    pub(crate) name: &'static str,
    /// Entries beyond it are counted only.
    pub(crate) most: usize,
    pub(crate) read: R,
}

/// What was read.
pub(crate) struct WithLongList<T> {
    /// The object as JSON, with `null` for the list.
    pub(crate) rest: Vec<u8>,
    /// `None` if it is absent.
    pub(crate) list: Option<LongList<T>>,
}

/// Reads a body to its end. If it is no object, `rest` is something of the same kind.
///
/// # Errors
/// It is not JSON, or has too much besides the list.
pub(crate) fn read<T, R>(body: impl Read, wanted: LongListOf<R>) -> Result<WithLongList<T>, Problem>
where
    R: Fn(&RawValue) -> Result<T, Wrong>,
{
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(READ_AHEAD_BYTES, body));
    let mut reading = Reading { wanted, made: WithLongList { rest: Vec::new(), list: None }, is_too_large: false };
    let outcome = Whole(&mut reading).deserialize(&mut json).and_then(|()| json.end());
    match outcome {
        Ok(()) => Ok(reading.made),
        Err(_) if reading.is_too_large => {
            let name = reading.wanted.name;
            let detail = format!("the body may have at most {MOST_REST_BYTES} bytes besides {name}");
            Err(Problem::new(Code::PayloadTooLarge, detail))
        }
        // An empty body, which the reader of the members tells better of.
        Err(error) if error.is_eof() && (error.line(), error.column()) == (1, 0) => Ok(reading.made),
        Err(error) => Err(Problem::new(Code::MalformedJson, format!("the body is not JSON: {error}"))),
    }
}

struct Reading<T, R> {
    wanted: LongListOf<R>,
    made: WithLongList<T>,
    is_too_large: bool,
}

impl<T, R> Reading<T, R> {
    /// Keeps a member.
    fn keep<E: Error>(&mut self, name: &str, value: &str) -> Result<(), E> {
        let rest = &mut self.made.rest;
        rest.push(if rest.is_empty() { b'{' } else { b',' });
        serde_json::to_writer(&mut *rest, name).map_err(E::custom)?;
        rest.push(b':');
        if rest.len().saturating_add(value.len()) > MOST_REST_BYTES {
            self.is_too_large = true;
            return Err(E::custom("there is too much besides the list"));
        }
        rest.extend_from_slice(value.as_bytes());
        Ok(())
    }
}

/// What a value that cannot be used is, as JSON: of the same kind and short.
trait Instead {
    fn instead(self, kind: &'static str);
}

/// Implements all of a visitor that only tells of kinds.
macro_rules! kinds {
    () => {
        fn visit_unit<E: Error>(self) -> Result<(), E> {
            self.instead("null");
            Ok(())
        }

        fn visit_bool<E: Error>(self, _value: bool) -> Result<(), E> {
            self.instead("a boolean");
            Ok(())
        }

        fn visit_i64<E: Error>(self, _value: i64) -> Result<(), E> {
            self.instead("a number");
            Ok(())
        }

        fn visit_u64<E: Error>(self, _value: u64) -> Result<(), E> {
            self.instead("a number");
            Ok(())
        }

        fn visit_f64<E: Error>(self, _value: f64) -> Result<(), E> {
            self.instead("a number");
            Ok(())
        }

        fn visit_str<E: Error>(self, _value: &str) -> Result<(), E> {
            self.instead("a string");
            Ok(())
        }
    };
}

/// Reads the body.
struct Whole<'a, T, R>(&'a mut Reading<T, R>);

impl<T, R> Instead for Whole<'_, T, R> {
    fn instead(self, kind: &'static str) {
        let same = match kind {
            "null" => "null",
            "a boolean" => "true",
            "a number" => "0",
            "a string" => "\"\"",
            _list => "[]",
        };
        self.0.made.rest = same.as_bytes().to_vec();
    }
}

impl<'de, T, R: Fn(&RawValue) -> Result<T, Wrong>> DeserializeSeed<'de> for Whole<'_, T, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T, R: Fn(&RawValue) -> Result<T, Wrong>> Visitor<'de> for Whole<'_, T, R> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    kinds!();

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<(), S::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        self.instead("a list");
        Ok(())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let reading = self.0;
        let mut is_first = true;
        while let Some(name) = map.next_key::<String>()? {
            if name != reading.wanted.name {
                let value = map.next_value::<Box<RawValue>>()?;
                reading.keep(&name, value.get())?;
                continue;
            }
            // Kept in its place, so that a second one is noticed.
            reading.keep(&name, "null")?;
            if is_first {
                map.next_value_seed(Entries(&mut *reading))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            is_first = false;
        }
        reading.made.rest.extend_from_slice(if reading.made.rest.is_empty() { b"{}" } else { b"}" });
        Ok(())
    }
}

/// Reads the list.
struct Entries<'a, T, R>(&'a mut Reading<T, R>);

impl<T, R> Instead for Entries<'_, T, R> {
    fn instead(self, kind: &'static str) {
        if kind != "null" {
            self.0.made.list = Some(LongList::Other(kind));
        }
    }
}

impl<'de, T, R: Fn(&RawValue) -> Result<T, Wrong>> DeserializeSeed<'de> for Entries<'_, T, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T, R: Fn(&RawValue) -> Result<T, Wrong>> Visitor<'de> for Entries<'_, T, R> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    kinds!();

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.instead("an object");
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<(), S::Error> {
        let (mut entries, mut wrong, mut count) = (Vec::new(), Vec::new(), 0_usize);
        while count < self.0.wanted.most {
            let Some(entry) = list.next_element::<Box<RawValue>>()? else { break };
            match (self.0.wanted.read)(&entry) {
                Ok(entry) => entries.push(entry),
                Err(why) if wrong.len() < MOST_WRONG => wrong.push((count, why)),
                Err(_further) => {}
            }
            count += 1;
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        self.0.made.list = Some(LongList::Entries { entries, wrong, count });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: &RawValue) -> Result<u32, Wrong> {
        value.get().parse().map_err(|_parse| ("".into(), "must be a number".to_owned()))
    }

    fn read_numbers(text: &str) -> Result<WithLongList<u32>, Problem> {
        read(text.as_bytes(), LongListOf { name: "n", most: 3, read: number })
    }

    #[test]
    fn the_list_is_read_and_the_rest_is_kept() {
        let made = read_numbers(r#" {"a":"x\u00e9","n":[1, 2],"b":{"c":[null]}} "#).unwrap();
        assert_eq!(String::from_utf8(made.rest).unwrap(), r#"{"a":"x\u00e9","n":null,"b":{"c":[null]}}"#);
        let Some(LongList::Entries { entries, wrong, count }) = made.list else { panic!("no list") };
        assert_eq!((entries, wrong.len(), count), (vec![1, 2], 0, 2));
        let made = read_numbers(r#"{"n":[1,true,3,4,5],"n":[6]}"#).unwrap();
        assert_eq!(String::from_utf8(made.rest).unwrap(), r#"{"n":null,"n":null}"#);
        let Some(LongList::Entries { entries, wrong, count }) = made.list else { panic!("no list") };
        assert_eq!((entries, wrong[0].0, count), (vec![1, 3], 1, 5));
        assert!(matches!(read_numbers(r#"{"n":{"x":1}}"#).unwrap().list, Some(LongList::Other("an object"))));
        assert!(read_numbers(r#"{"n":null}"#).unwrap().list.is_none());
    }

    #[test]
    fn what_is_no_object_stays_of_its_kind_and_what_is_no_json_is_refused() {
        for (text, rest) in
            [("", ""), ("{}", "{}"), ("[1]", "[]"), ("7", "0"), ("\"x\"", "\"\""), ("null", "null"), ("true", "true")]
        {
            assert_eq!(String::from_utf8(read_numbers(text).unwrap().rest).unwrap(), rest, "{text}");
        }
        let deep = format!("{{\"n\":{}", "[".repeat(100_000));
        for text in ["{", "{\"n\":[1,]}", "{}x", "{\"a\":}", &deep] {
            assert_eq!(read_numbers(text).err().unwrap().code(), Code::MalformedJson);
        }
        let large = format!("{{\"a\":\"{}\",\"n\":[]}}", "x".repeat(MOST_REST_BYTES));
        assert_eq!(read_numbers(&large).err().unwrap().code(), Code::PayloadTooLarge);
    }
}
