//! The ONNX Runtime: one library a process, loaded when it is first needed.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;

use super::error::{OnnxError, one_line};

static LOADED: Mutex<Option<Environment>> = Mutex::new(None);

/// The runtime, loaded from this library if none is loaded yet: the first one stays.
pub(super) fn environment(library: &Path) -> Result<Environment, OnnxError> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*loaded {
        return Ok(environment.clone());
    }
    let failed = |reason: String| OnnxError::Library { path: library.to_owned(), reason };
    // A relative path would be looked for beside the program.
    let path = std::path::absolute(library).map_err(|error| failed(error.to_string()))?;
    if !path.is_file() {
        return Err(failed("there is no such file".to_owned()));
    }
    let builder = ort::init_from(&path).map_err(|error| failed(one_line(&error)))?;
    // The makers' own builds tell them what is run on Windows.
    let built = builder.with_name("agentic").with_telemetry(false).build();
    let environment = built.map_err(|error| failed(one_line(&error)))?;
    Ok(loaded.insert(environment).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_library_is_named() {
        let error = |path: &Path| environment(path).err().map(|error| error.to_string()).unwrap_or_default();
        let missing = error(Path::new("/nowhere/libonnxruntime.so"));
        let expected = "can't load the ONNX Runtime `/nowhere/libonnxruntime.so`: there is no such file; ORT_DYLIB_PATH may name another";
        assert_eq!(missing, expected);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libonnxruntime.so");
        std::fs::write(&path, "text").unwrap();
        let broken = error(&path);
        assert!(broken.starts_with("can't load the ONNX Runtime") && broken.lines().count() == 1, "{broken}");
    }
}
