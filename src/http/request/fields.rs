//! Fields: a JSON object taken apart member by member, so that every wrong one is named.
//!
//! A member that is there twice and one that is not known are wrong, too: a client that sends them means something that
//! would not happen.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::domain::TermChange;
use crate::http::problem::{Code, FieldError, Problem};
pub(crate) use crate::http::request::values::{Wrong, kind, pointer, uuid, uuid_entry, whole_number};

/// Most members of an object; each is compared with all others.
const MOST_MEMBERS: usize = 32;

/// The members of an object, taken out one by one; wrong ones are collected. Members that were not asked for are wrong.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    object: Object<'a>,
    errors: Vec<FieldError>,
    /// A string that is no text: JSON's grammar has it, Unicode does not.
    malformed: Option<serde_json::Error>,
}

/// An object's members as they came, each value still as text. Few are asked for, so they are looked for, not hashed.
#[derive(Debug, Default)]
pub(crate) struct Object<'a> {
    members: Vec<(String, &'a RawValue)>,
    /// The first member that was there already, or that is one too many.
    surplus: Option<(String, &'static str)>,
}

impl<'a> Object<'a> {
    /// The members of a value; `None` if it is no object.
    pub(crate) fn of(value: &'a RawValue) -> Option<Self> {
        serde_json::from_str(value.get()).ok()
    }

    /// Takes a member out; `null` counts as absent.
    pub(crate) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        self.take_with_null(name).filter(|value| value.get() != "null")
    }

    /// Takes a member out, `null` or not.
    fn take_with_null(&mut self, name: &str) -> Option<&'a RawValue> {
        let position = self.members.iter().position(|(known, _)| known == name)?;
        Some(self.members.swap_remove(position).1)
    }

    /// What is wrong once all known members were taken out: a name, and why.
    pub(crate) fn left_over(self) -> impl Iterator<Item = (String, &'static str)> {
        let unknown = self.members.into_iter().map(|(name, _)| (name, "is not known here"));
        self.surplus.into_iter().chain(unknown)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Object<'de>, M::Error> {
                let mut object = Object::default();
                while let Some(name) = map.next_key::<String>()? {
                    let value = map.next_value::<&RawValue>()?;
                    let why = if object.members.iter().any(|(known, _)| *known == name) {
                        "is there more than once"
                    } else if object.members.len() < MOST_MEMBERS {
                        object.members.push((name, value));
                        continue;
                    } else {
                        "is one member too many"
                    };
                    object.surplus.get_or_insert((name, why));
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// Takes at most so many entries of a list, each still as text, and counts all.
struct Entries {
    most: usize,
}

impl<'de> DeserializeSeed<'de> for Entries {
    type Value = (Vec<&'de RawValue>, usize);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries {
    type Value = (Vec<&'de RawValue>, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Self::Value, S::Error> {
        let mut entries = Vec::new();
        while entries.len() < self.most {
            let Some(entry) = list.next_element::<&RawValue>()? else {
                let count = entries.len();
                return Ok((entries, count));
            };
            entries.push(entry);
        }
        let mut count = entries.len();
        while list.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok((entries, count))
    }
}

impl<'a> Fields<'a> {
    /// Most wrong fields that one answer names.
    const MOST_ERRORS: usize = 50;

    /// The members of a body.
    ///
    /// # Errors
    /// It is not JSON, or not an object.
    pub(crate) fn of(body: &'a [u8]) -> Result<Self, Problem> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err(Problem::new(Code::MalformedJson, "the body is empty; a JSON object is needed"));
        }
        let malformed = |error| Problem::new(Code::MalformedJson, format!("the body is not JSON: {error}"));
        if body.trim_ascii_start().first() == Some(&b'{') {
            let object = serde_json::from_slice(body).map_err(malformed)?;
            return Ok(Fields { object, errors: Vec::new(), malformed: None });
        }
        let value: &RawValue = serde_json::from_slice(body).map_err(malformed)?;
        let detail = format!("the body must be an object, not {}", kind(value));
        Err(Problem::field(FieldError::pointer("", detail)))
    }

    /// Notes a wrong part.
    pub(crate) fn wrong(&mut self, pointer: String, detail: impl Into<String>) {
        if self.errors.len() < Self::MOST_ERRORS {
            self.errors.push(FieldError::pointer(pointer, detail));
        }
    }

    /// A text that may be absent.
    pub(crate) fn optional_text(&mut self, name: &str) -> Option<String> {
        let value = self.object.take(name)?;
        match serde_json::from_str(value.get()) {
            Ok(text) => Some(text),
            Err(error) => {
                if value.get().starts_with('"') {
                    self.malformed = Some(error);
                } else {
                    self.wrong(format!("/{name}"), format!("must be a string, not {}", kind(value)));
                }
                None
            }
        }
    }

    /// A value that `read` understands, if it is there.
    pub(crate) fn optional_value<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'a RawValue) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.object.take(name)?;
        read(value).map_err(|detail| self.wrong(format!("/{name}"), detail)).ok()
    }

    /// A new value for what `null` takes away and an absent member keeps.
    pub(crate) fn new_value<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'a RawValue) -> Result<T, String>,
    ) -> TermChange<T> {
        match self.object.take_with_null(name) {
            None => TermChange::Keep,
            Some(value) if value.get() == "null" => TermChange::Set(None),
            Some(value) => match read(value) {
                Ok(value) => TermChange::Set(Some(value)),
                Err(detail) => {
                    self.wrong(format!("/{name}"), detail);
                    TermChange::Keep
                }
            },
        }
    }

    /// Notes `null` as wrong for what cannot be taken away.
    pub(crate) fn refuse_null(&mut self, name: &str) {
        let is_null = |(known, value): &(String, &RawValue)| known == name && value.get() == "null";
        if self.object.members.iter().any(is_null) {
            self.wrong(format!("/{name}"), "cannot be taken away: leave it out, and it stays");
        }
    }

    /// A text that `read` understands, if it is there.
    pub(crate) fn new_text<T, E: fmt::Display>(
        &mut self,
        name: &str,
        read: impl FnOnce(String) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.optional_text(name)?;
        read(text).map_err(|error| self.wrong(format!("/{name}"), error.to_string())).ok()
    }

    /// A text that `read` understands; `None` after noting what is wrong.
    pub(crate) fn text<T, E: fmt::Display>(
        &mut self,
        name: &str,
        read: impl FnOnce(String) -> Result<T, E>,
    ) -> Option<T> {
        let known_wrong = self.known_wrong();
        let Some(text) = self.optional_text(name) else {
            if self.known_wrong() == known_wrong {
                self.wrong(format!("/{name}"), "is missing");
            }
            return None;
        };
        read(text).map_err(|error| self.wrong(format!("/{name}"), error.to_string())).ok()
    }

    /// Leaves a member out: it is read apart from the others.
    pub(crate) fn leave_out(&mut self, name: &str) {
        let _left_out = self.object.take(name);
    }

    /// A list that may be absent, each entry read by `read`.
    pub(crate) fn optional_list<T>(
        &mut self,
        name: &str,
        most: usize,
        read: impl Fn(&'a RawValue) -> Result<T, Wrong>,
    ) -> Option<Vec<T>> {
        let value = self.object.take(name)?;
        let listed = Entries { most }.deserialize(&mut serde_json::Deserializer::from_str(value.get()));
        let Ok((values, count)) = listed else {
            self.wrong(format!("/{name}"), format!("must be a list, not {}", kind(value)));
            return None;
        };
        if count > most {
            self.wrong(format!("/{name}"), format!("has {count} entries, at most {most} are taken"));
            return None;
        }
        let mut list = Vec::with_capacity(values.len());
        for (position, value) in values.iter().copied().enumerate() {
            match read(value) {
                Ok(entry) => list.push(entry),
                // The first few are enough to mend them all; a long list of errors helps nobody.
                Err(_) if self.errors.len() >= Self::MOST_ERRORS => return None,
                Err((below, detail)) => self.wrong(format!("/{name}/{position}{below}"), detail),
            }
        }
        // A list with a hole would only look wrong in further ways.
        (list.len() == values.len()).then_some(list)
    }

    /// True if this part, or one in it, is noted as wrong.
    pub(crate) fn names(&self, pointer: &str) -> bool {
        self.errors.iter().any(|error| error.is_about(pointer))
    }

    /// What was put together if nothing was wrong, else all that was.
    pub(crate) fn finish<T>(mut self, made: Option<T>) -> Result<T, Problem> {
        if let Some(error) = self.malformed {
            return Err(Problem::new(Code::MalformedJson, format!("the body has a string that is no text: {error}")));
        }
        for (name, why) in std::mem::take(&mut self.object).left_over() {
            self.wrong(pointer(&name), why);
        }
        match made {
            Some(made) if self.errors.is_empty() => Ok(made),
            _ if self.errors.is_empty() => Err(Problem::new(Code::InvalidFields, "a field is missing")),
            _ => Err(Problem::fields(self.errors)),
        }
    }

    fn known_wrong(&self) -> usize {
        self.errors.len() + usize::from(self.malformed.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(fields: Fields<'_>) -> String {
        serde_json::to_string(&fields.finish(Some(())).unwrap_err().errors()).unwrap()
    }

    #[test]
    fn every_wrong_field_is_named() {
        let mut fields = Fields::of(br#"{"a": 1, "b": ["x", 5], "c": null}"#).unwrap();
        assert_eq!(fields.text("a", Ok::<_, String>), None);
        assert!(fields.optional_list("b", 20, uuid_entry).is_none());
        assert_eq!(fields.text("c", Ok::<_, String>), None);
        let told = told(fields);
        for part in ["/a\",\"detail\":\"must be a string, not a number", "/b/0", "/b/1", "/c\",\"detail\":\"is missing"]
        {
            assert!(told.contains(part), "{part} in {told}");
        }
    }

    #[test]
    fn members_that_are_doubled_or_unknown_are_named() {
        let mut fields = Fields::of(br#" {"a": "first", "b": "x", "\u0061": "last", "c/~": {"d": 1}}"#).unwrap();
        assert_eq!(fields.optional_text("a").as_deref(), Some("first"));
        assert_eq!(fields.optional_text("b").as_deref(), Some("x"));
        let told = told(fields);
        assert!(told.contains("/a\",\"detail\":\"is there more than once"), "{told}");
        assert!(told.contains("/c~1~0\",\"detail\":\"is not known here"), "{told}");
        let many: Vec<_> = (0..10_000).map(|member| format!("\"m{member}\":0")).collect();
        let many = format!("{{{}}}", many.join(","));
        let problem = Fields::of(many.as_bytes()).unwrap().finish(Some(())).unwrap_err();
        assert_eq!(problem.errors().len(), MOST_MEMBERS + 1);
    }

    #[test]
    fn a_list_is_counted_to_its_end_but_kept_only_to_its_bound() {
        let mut fields = Fields::of(br#"{"a": [1, 2, 3], "b": [1, 2], "c": [], "d": {}}"#).unwrap();
        let read =
            |value: &RawValue| serde_json::from_str::<u8>(value.get()).map_err(|_error| ("".into(), String::new()));
        assert_eq!(fields.optional_list("a", 2, read), None);
        assert_eq!(fields.optional_list("b", 2, read), Some(vec![1, 2]));
        assert_eq!(fields.optional_list("c", 2, read), Some(vec![]));
        assert_eq!(fields.optional_list("d", 2, read), None);
        let told = told(fields);
        assert!(told.contains("has 3 entries, at most 2") && told.contains("must be a list, not an object"), "{told}");
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        for (body, code) in [
            ("", Code::MalformedJson),
            ("  ", Code::MalformedJson),
            ("{", Code::MalformedJson),
            ("{\"a\":1}x", Code::MalformedJson),
            ("{\"a\":1,}", Code::MalformedJson),
            ("[]", Code::InvalidFields),
            ("null", Code::InvalidFields),
            ("7", Code::InvalidFields),
        ] {
            assert_eq!(Fields::of(body.as_bytes()).unwrap_err().code(), code, "{body}");
        }
        for deep in ["[".repeat(100_000), "{\"a\":".repeat(100_000)] {
            assert_eq!(Fields::of(deep.as_bytes()).unwrap_err().code(), Code::MalformedJson);
        }
        assert_eq!(Fields::of(&[b'{', b'"', 0xff, b'"', b':', b'1', b'}']).unwrap_err().code(), Code::MalformedJson);
        let mut lone = Fields::of(br#"{"a":"\ud800"}"#).unwrap();
        assert_eq!(lone.text("a", Ok::<_, String>), None);
        assert_eq!(lone.finish(Some(())).unwrap_err().code(), Code::MalformedJson);
    }
}
