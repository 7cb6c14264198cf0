//! Arrays in the files of NumPy (format 1.0, <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>).

use std::path::Path;

use crate::Failed;

/// The rows of a two-dimensional array, each value read from so many bytes.
pub fn rows<T, const N: usize>(
    path: &Path,
    kind: &str,
    read: fn([u8; N]) -> T,
) -> Result<Vec<Vec<T>>, Failed> {
    let bytes = std::fs::read(path)?;
    let wrong = || format!("{} is no array of {kind}", path.display());
    let body = bytes.strip_prefix(b"\x93NUMPY\x01\0").ok_or_else(wrong)?;
    let (length, body) = body.split_first_chunk().ok_or_else(wrong)?;
    let (header, body) = body.split_at_checked(usize::from(u16::from_le_bytes(*length))).ok_or_else(wrong)?;
    let header = std::str::from_utf8(header)?;
    if !header.contains(&format!("'descr': '{kind}'")) || !header.contains("'fortran_order': False") {
        return Err(wrong().into());
    }
    let shape =
        header.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')')).ok_or_else(wrong)?.0;
    let columns: usize = shape.split_once(',').ok_or_else(wrong)?.1.trim().parse()?;
    let values = body.as_chunks::<N>().0;
    Ok(values.chunks(columns).map(|row| row.iter().map(|bytes| read(*bytes)).collect()).collect())
}
