//! Values as the database keeps them.

use std::borrow::Cow;
use std::error::Error;

use bytes::{BufMut as _, BytesMut};
use sha2::{Digest as _, Sha256};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

type Result<T> = std::result::Result<T, Box<dyn Error + Sync + Send>>;

/// A text of any length as 16 bytes of its SHA-256, in a column of type `uuid`: rows of an index are limited to some 2,700
/// bytes, and names and words are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Digest([u8; 16]);

impl Digest {
    /// Of these texts, in their order, for this use.
    pub(super) fn of(of: &str, texts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for text in std::iter::once(&of).chain(texts) {
            // So that `ab`, `c` is not `a`, `bc`.
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.finalize()[..16]);
        Self(bytes)
    }

    /// Its first half, as the number of a lock.
    pub(super) fn half(self) -> i64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        i64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// As text of a `uuid`.
    pub(super) fn shown(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl ToSql for Digest {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull> {
        out.put_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::UUID
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Digest {
    fn from_sql(_: &Type, bytes: &'a [u8]) -> Result<Self> {
        Ok(Self(bytes.try_into()?))
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::UUID
    }
}

/// A vector of pgvector: how many numbers it has, two bytes of nothing, the numbers.
#[derive(Clone, Debug)]
pub(super) struct Vector(pub(super) Vec<f32>);

impl ToSql for Vector {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull> {
        out.put_u16(self.0.len().try_into()?);
        out.put_u16(0);
        self.0.iter().for_each(|number| out.put_f32(*number));
        Ok(IsNull::No)
    }

    fn accepts(of: &Type) -> bool {
        of.name() == "vector"
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Vector {
    fn from_sql(_: &Type, bytes: &'a [u8]) -> Result<Self> {
        let numbers = bytes.get(4..).ok_or("a vector without a length")?;
        Ok(Self(numbers.as_chunks().0.iter().map(|bytes| f32::from_be_bytes(*bytes)).collect()))
    }

    fn accepts(of: &Type) -> bool {
        of.name() == "vector"
    }
}

/// Any text as one that the database can keep: it has no U+0000. The order by bytes stays what it was.
pub(super) fn kept(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', '\u{1}']) {
        return text.into();
    }
    text.replace('\u{1}', "\u{1}\u{2}").replace('\0', "\u{1}\u{1}").into()
}

/// The text that is kept as this one.
pub(super) fn unkept(text: String) -> String {
    if !text.contains('\u{1}') {
        return text;
    }
    text.replace("\u{1}\u{1}", "\0").replace("\u{1}\u{2}", "\u{1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_can_be_kept_and_keeps_its_place() {
        let mut texts =
            ["", "\0", "\0\0", "\0a", "\0\u{1}", "\u{1}", "\u{1}\0", "\u{1}\u{1}", "\u{1}\u{2}"].to_vec();
        texts.extend([
            "\u{2}",
            "a",
            "a\0",
            "a\0b",
            "a\u{1}",
            "ab",
            "\u{1}\u{1}\u{2}",
            "\0\u{2}",
            "ü",
            "\u{ffff}",
            "🦀",
        ]);
        texts.sort_unstable();
        let keeping: Vec<_> = texts.iter().map(|text| kept(text)).collect();
        assert!(
            keeping.is_sorted_by(|one, next| one < next) && keeping.iter().all(|text| !text.contains('\0'))
        );
        let again: Vec<String> = keeping.into_iter().map(|text| unkept(text.into_owned())).collect();
        assert_eq!(again, texts);
    }

    #[test]
    fn digests_tell_apart_what_is_apart() {
        assert_ne!(Digest::of("id", &["ab", "c"]), Digest::of("id", &["a", "bc"]));
        assert_ne!(Digest::of("id", &["a"]), Digest::of("word", &["a"]));
        assert_eq!(Digest::of("id", &["a"]).shown().len(), 32);
    }
}
