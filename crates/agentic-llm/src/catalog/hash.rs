//! SHA-256 sums: the names of content.

use std::{fmt, fs::File, io, io::Read, path::Path, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

/// The SHA-256 of some content; written as 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Sum([u8; 32]);

/// Text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 is 64 hexadecimal digits")]
pub struct ParseSumError;

impl Sha256Sum {
    /// The sum of bytes in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The sum and length of a file, read in blocks of 1 MiB.
    ///
    /// `block` hears the bytes read so far after each block and answers whether to go on;
    /// `None` means it said no.
    pub(crate) fn of_file(
        path: &Path,
        mut block: impl FnMut(u64) -> bool,
    ) -> io::Result<Option<(Self, u64)>> {
        let mut file = File::open(path)?;
        let mut buffer = vec![0; 1 << 20];
        let mut hasher = Sha256::new();
        let mut length = 0_u64;
        loop {
            let read = match file.read(&mut buffer) {
                Ok(0) => return Ok(Some((Self(hasher.finalize().into()), length))),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hasher.update(buffer.get(..read).unwrap_or_default());
            length += read as u64;
            if !block(length) {
                return Ok(None);
            }
        }
    }
}

impl FromStr for Sha256Sum {
    type Err = ParseSumError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ParseSumError);
        }
        let mut sum = [0; 32];
        for (index, byte) in sum.iter_mut().enumerate() {
            let pair = text.get(index * 2..index * 2 + 2).ok_or(ParseSumError)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| ParseSumError)?;
        }
        Ok(Self(sum))
    }
}

impl fmt::Display for Sha256Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256Sum({self})")
    }
}

impl Serialize for Sha256Sum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256Sum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The one-block example of FIPS 180-4.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn sums_bytes_and_files_alike() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(Sha256Sum::of(b"abc").to_string(), ABC);
        assert_eq!(Sha256Sum::of_file(&path, |_| true).unwrap(), Some((ABC.parse().unwrap(), 3)));
        assert_eq!(Sha256Sum::of_file(&path, |_| false).unwrap(), None);
    }

    #[test]
    fn reads_only_64_hexadecimal_digits() {
        assert_eq!(ABC.to_uppercase().parse::<Sha256Sum>().unwrap().to_string(), ABC);
        for wrong in ["", "ab", &ABC[1..], &format!("{ABC}0"), &ABC.replace('b', "g"), &"é".repeat(32)] {
            assert_eq!(wrong.parse::<Sha256Sum>(), Err(ParseSumError), "{wrong}");
        }
    }
}
