//! Reading: from the tree of layers to typed settings. A text is read as its setting's type wants it, so `123` may be a name or a number.

use std::fmt;

use serde::de::value::{StrDeserializer, StringDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, Visitor};
use toml::Value;

use crate::config::layers::{Leaf, Node, Section, Written};
use crate::config::rules;

/// Why a value cannot be used, and which.
#[derive(Debug)]
pub(super) struct Fault {
    /// Section and key, the innermost first.
    pub(super) path: Vec<String>,
    pub(super) kind: FaultKind,
}

/// What is wrong.
#[derive(Debug)]
pub(super) enum FaultKind {
    /// There is no such key; these there are.
    Unknown(&'static [&'static str]),
    /// The value has not this form.
    Form(String),
}

impl Fault {
    fn form(form: impl Into<String>) -> Self {
        Self { path: Vec::new(), kind: FaultKind::Form(form.into()) }
    }

    fn at(mut self, name: &str) -> Self {
        self.path.push(name.to_owned());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            FaultKind::Unknown(_) => f.write_str("is not known"),
            FaultKind::Form(form) => write!(f, "must be {form}"),
        }
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::form(message.to_string())
    }

    fn unknown_field(_field: &str, expected: &'static [&'static str]) -> Self {
        Self { path: Vec::new(), kind: FaultKind::Unknown(expected) }
    }

    fn unknown_variant(_variant: &str, expected: &'static [&'static str]) -> Self {
        Self::form(expected.join(" or "))
    }
}

/// Reads a section.
pub(super) struct SectionReader<'a>(pub(super) &'a Section);

impl<'de> Deserializer<'de> for SectionReader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(Entries { rest: self.0.iter(), current: None })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Entries<'a> {
    rest: std::collections::btree_map::Iter<'a, String, Node>,
    current: Option<(&'a str, &'a Node)>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((name, node)) = self.rest.next() else { return Ok(None) };
        self.current = Some((name, node));
        let key: StrDeserializer<'_, Fault> = name.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|fault| fault.at(name))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((name, node)) = self.current.take() else { return Err(Fault::form("a value")) };
        let value = match node {
            Node::Leaf(leaf) => seed.deserialize(LeafReader { name, leaf }),
            Node::Section(section) => seed.deserialize(NodeReader(section)),
        };
        value.map_err(|fault| fault.at(name))
    }
}

/// Reads a section where one is expected.
struct NodeReader<'a>(&'a Section);

impl<'de> Deserializer<'de> for NodeReader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Fault> {
        // A section in the place of a value: none of its keys exists.
        Err(Fault { path: Vec::new(), kind: FaultKind::Unknown(&[]) })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        SectionReader(self.0).deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Reads one value.
struct LeafReader<'a> {
    name: &'a str,
    leaf: &'a Leaf,
}

impl LeafReader<'_> {
    fn text(&self) -> Result<&str, Fault> {
        match &self.leaf.written {
            Written::Text(text) | Written::Toml(Value::String(text)) => Ok(text),
            Written::Unreadable => Err(Fault::form("text in UTF-8")),
            Written::Toml(_) => Err(Fault::form("text in quotes")),
        }
    }

    /// A whole number within the range of its key.
    fn number<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Fault> {
        let range = rules::whole(self.name).ok_or_else(|| Fault::form("a key with a range"))?;
        let number = match &self.leaf.written {
            Written::Text(text) => text.trim().parse().ok(),
            Written::Toml(Value::Integer(number)) => u64::try_from(*number).ok(),
            Written::Toml(_) | Written::Unreadable => None,
        };
        match number.filter(|number| range.contains(number)) {
            Some(number) => visitor.visit_u64(number),
            None => Err(Fault::form(format!("a whole number from {} to {}", range.start(), range.end()))),
        }
    }

    /// Seconds within the range of their key, with a fraction or without.
    fn seconds<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Fault> {
        let range = rules::seconds(self.name).ok_or_else(|| Fault::form("a key with a range"))?;
        let number = match &self.leaf.written {
            Written::Text(text) => text.trim().parse().ok(),
            Written::Toml(Value::Float(number)) => Some(*number),
            Written::Toml(Value::Integer(number)) => number.to_string().parse().ok(),
            Written::Toml(_) | Written::Unreadable => None,
        };
        match number.filter(|number| range.contains(number)) {
            Some(number) => visitor.visit_f64(number),
            None => Err(Fault::form(format!("a number of seconds from {} to {}", range.start(), range.end()))),
        }
    }

    fn list(&self) -> Result<Vec<String>, Fault> {
        if let Written::Toml(Value::Array(values)) = &self.leaf.written {
            let texts = values.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Option<_>>();
            return texts.ok_or_else(|| Fault::form("a list of texts in quotes"));
        }
        let entries = self.text()?.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        Ok(entries.map(str::to_owned).collect())
    }
}

impl<'de> Deserializer<'de> for LeafReader<'_> {
    type Error = Fault;

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.number(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.seconds(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let text = match &self.leaf.written {
            Written::Toml(Value::Boolean(value)) => return visitor.visit_bool(*value),
            Written::Text(text) => text.trim().to_lowercase(),
            Written::Toml(_) | Written::Unreadable => String::new(),
        };
        match text.as_str() {
            "true" | "1" | "yes" | "on" => visitor.visit_bool(true),
            "false" | "0" | "no" | "off" => visitor.visit_bool(false),
            _ => Err(Fault::form("true or false")),
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let expected: &dyn Expected = &visitor;
        let expected = expected.to_string();
        // The types' own errors speak of types; the value itself may be a secret.
        visitor.visit_str::<Fault>(self.text()?).map_err(|_fault| {
            Fault::form(match expected.as_str() {
                "socket address" => "an address and a port, such as 127.0.0.1:5000".to_owned(),
                _ => expected,
            })
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let entries = self.list()?.into_iter().map(|entry| -> StringDeserializer<Fault> { entry.into_deserializer() });
        visitor.visit_seq(de::value::SeqDeserializer::new(entries))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let name: StrDeserializer<'_, Fault> = self.text()?.trim().into_deserializer();
        visitor.visit_enum(name)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Fault> {
        // A value in the place of a section.
        Err(Fault { path: Vec::new(), kind: FaultKind::Unknown(&[]) })
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u128 f32 char str string bytes byte_buf unit unit_struct tuple tuple_struct map identifier
        ignored_any
    }
}
