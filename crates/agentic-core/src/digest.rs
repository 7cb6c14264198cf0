//! Request digests: how a driver notices that code or prompts changed under a recorded run.

use std::fmt;
use std::io;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A BLAKE3 digest of 128 bits; as text 32 hexadecimal digits.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 16]);

impl Digest {
    /// The digest of a value's JSON form.
    ///
    /// Maps must iterate in a fixed order (`BTreeMap`, not `HashMap`), or equal requests get unequal digests.
    ///
    /// # Errors
    /// If the value can't be written as JSON.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Self> {
        let mut hasher = Hasher::default();
        serde_json::to_writer(&mut hasher, value)?;
        Ok(hasher.finish())
    }

    /// Its bytes.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// The digest of this digest followed by what `write` adds: extends a chain without reading what came before.
    pub(crate) fn chain(self, write: impl FnOnce(&mut Canonical)) -> Self {
        let mut canonical = Canonical(Hasher::default());
        canonical.0.buffer.extend_from_slice(&self.0);
        write(&mut canonical);
        canonical.0.finish()
    }
}

/// Fields one after another, none of which can be taken for two or for part of another.
pub(crate) struct Canonical(Hasher);

impl Canonical {
    /// Which kind of thing follows, or how many.
    pub(crate) fn number(&mut self, number: usize) {
        self.0.buffer.extend_from_slice(&(number as u64).to_le_bytes());
    }

    pub(crate) fn optional(&mut self, number: Option<u64>) {
        self.0.buffer.push(number.is_some().into());
        self.0.buffer.extend_from_slice(&number.unwrap_or_default().to_le_bytes());
    }

    pub(crate) fn digest(&mut self, digest: Digest) {
        self.0.buffer.extend_from_slice(&digest.0);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.number(text.len());
        self.0.buffer.extend_from_slice(text.as_bytes());
    }
}

/// Collects the bytes first: hashing once is far cheaper than hashing each token that serde writes.
struct Hasher {
    buffer: Vec<u8>,
}

impl Default for Hasher {
    fn default() -> Self {
        // Most messages and requests fit, so that the buffer need not grow; allocators keep such sizes at hand.
        Self { buffer: Vec::with_capacity(768) }
    }
}

impl Hasher {
    fn finish(self) -> Digest {
        let mut short = [0; 16];
        // A shorter digest is the beginning of a longer one.
        short.copy_from_slice(&blake3::hash(&self.buffer).as_bytes()[..16]);
        Digest(short)
    }
}

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Digest {
    /// Its 32 hexadecimal digits, without the formatter: a digest is written into each request's digest.
    fn hex(self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 32];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        hex
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Hexadecimal digits are always text.
        f.write_str(std::str::from_utf8(&self.hex()).unwrap_or_default())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.hex()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = u128::from_str_radix(&text, 16)
            .ok()
            .filter(|_| text.len() == 32)
            .ok_or_else(|| de::Error::custom("a digest is 32 hexadecimal digits"))?;
        Ok(Self(number.to_be_bytes()))
    }
}
