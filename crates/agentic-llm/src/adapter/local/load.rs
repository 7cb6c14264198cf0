//! Loads a GGUF file: one clear error for whatever is wrong with it.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use sha2::{Digest, Sha256};

use super::backend::backend;
use super::error::EngineError;

/// First bytes of every GGUF file.
const MAGIC: &[u8; 4] = b"GGUF";
/// GGUF versions llama.cpp reads.
const VERSIONS: std::ops::RangeInclusive<u32> = 2..=3;
/// Bytes at the start of the file that take part in its key: metadata and the vocabulary.
const KEY_BYTES: u64 = 1 << 20;

/// Checks what can be checked cheaply and loads the model. Blocks for seconds.
pub(crate) fn load(path: &Path) -> Result<Arc<LlamaModel>, EngineError> {
    check_header(path)?;
    let unloadable = |reason: &str| EngineError::Unloadable { path: path.into(), reason: reason.into() };
    if path.to_str().is_none_or(|text| text.contains('\0')) {
        return Err(unloadable("its path is not valid UTF-8"));
    }
    let model = LlamaModel::load_from_file(backend()?, path, &LlamaModelParams::default()).map_err(|_| {
        unloadable("it is truncated, corrupt, or of an architecture this build does not know")
    })?;
    if model.vocab().n_tokens() <= 0 || model.n_embd() <= 0 {
        return Err(unloadable("it holds no vocabulary"));
    }
    Ok(Arc::new(model))
}

fn check_header(path: &Path) -> Result<(), EngineError> {
    let unreadable = |error: std::io::Error| EngineError::Unreadable {
        path: path.into(),
        reason: match error.kind() {
            ErrorKind::NotFound => "there is no such file".into(),
            _ => error.to_string(),
        },
    };
    let not_gguf = |found: String| EngineError::NotGguf { path: path.into(), found };
    let mut file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(not_gguf("it is a folder".into()));
    }
    let mut head = [0_u8; 8];
    match file.read_exact(&mut head) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            return Err(not_gguf("it is shorter than 8 bytes".into()));
        }
        Err(error) => return Err(unreadable(error)),
    }
    if &head[..4] != MAGIC {
        return Err(not_gguf(format!("it starts with \"{}\"", head[..4].escape_ascii())));
    }
    let version = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    if !VERSIONS.contains(&version) {
        return Err(not_gguf(format!("GGUF version {version} is not supported")));
    }
    Ok(())
}

/// A key for saved prefixes: the digest if known, else a digest of size, date and the first MiB.
pub(crate) fn model_key(path: &Path, digest: Option<&str>) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    match digest {
        Some(digest) => hasher.update(digest.to_ascii_lowercase()),
        None => {
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            hasher.update(metadata.len().to_le_bytes());
            if let Ok(age) = metadata.modified()?.duration_since(std::time::UNIX_EPOCH) {
                hasher.update(age.as_nanos().to_le_bytes());
            }
            let mut head = Vec::new();
            file.take(KEY_BYTES).read_to_end(&mut head)?;
            hasher.update(&head);
        }
    }
    Ok(hex(&hasher.finalize()[..8]))
}

/// Lower-case hexadecimal digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, content: Option<&[u8]>) -> String {
        let path = std::env::temp_dir().join(format!("agentic-load-{}-{name}.gguf", std::process::id()));
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let message = load(&path).unwrap_err().to_string();
        let _ = std::fs::remove_file(&path);
        assert!(message.contains(path.to_str().unwrap()) && !message.contains('\n'), "{message}");
        message
    }

    #[test]
    fn every_bad_file_gets_one_clear_line() {
        assert!(refused("absent", None).contains("there is no such file"));
        assert!(refused("empty", Some(b"")).contains("shorter than 8 bytes"));
        assert!(refused("html", Some(b"<html>not found</html>")).contains("it starts with \"<htm\""));
        assert!(refused("version", Some(b"GGUF\x63\0\0\0")).contains("version 99"));
        assert!(refused("short", Some(b"GGUF\x03\0\0\0")).contains("truncated, corrupt"));
        let mut noise = b"GGUF\x03\0\0\0".to_vec();
        noise.extend((0..4096_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()));
        assert!(refused("noise", Some(&noise)).contains("truncated, corrupt"));
        let folder = load(&std::env::temp_dir()).unwrap_err().to_string();
        assert!(folder.contains("it is a folder"), "{folder}");
    }
}
