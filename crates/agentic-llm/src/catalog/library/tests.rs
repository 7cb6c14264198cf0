use std::fs;

use super::*;
use crate::catalog::{Sha256Sum, marker::Marker};

fn library(dir: &tempfile::TempDir) -> ModelLibrary {
    let text = format!(
        "default = \"m\"\n[[model]]\nid = \"m\"\naliases = [\"mm\"]\npurpose = \"chat\"\ndescription = \"small\"\n\
         [[model.file]]\nname = \"m.gguf\"\nsize = 4\nsha256 = \"{}\"\n\
         [[model.file.source]]\nkind = \"url\"\nurl = \"http://localhost/m\"\n",
        Sha256Sum::of(b"good")
    );
    ModelLibrary::new(Catalog::parse(&text, "test").unwrap(), Store::new(dir.path().join("store")))
}

fn put(library: &ModelLibrary, content: &[u8], name: &str) -> PathBuf {
    let path = library.store().file_path(&Sha256Sum::of(content), name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    path
}

#[test]
fn an_id_or_alias_resolves_offline() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(&dir);
    for spec in ["local:m", "m", "local:mm"] {
        let Resolved::Missing(entry) = library.resolve(spec).unwrap() else {
            panic!("{spec} is not there yet")
        };
        assert_eq!(entry.id, "m");
    }
    let error = library.path("local:mm").unwrap_err().to_string();
    assert_eq!(error, "model `m` is not on this machine; fetch it with `agentic model pull m`");

    let path = put(&library, b"good", "m.gguf");
    assert_eq!(library.path("local:mm").unwrap(), path);
    let Resolved::Ready(model) = library.resolve("m").unwrap() else { panic!("it is there") };
    assert_eq!(model.file("m.gguf"), Some(path.as_path()));
    assert_eq!(model.file("n.gguf"), None);
    assert_eq!(model.entry.unwrap().id, "m");
}

#[test]
fn a_path_is_used_as_it_is_and_never_removed() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(&dir);
    let own = dir.path().join("own.gguf");
    let spec = format!("local:{}", own.display());
    let error = library.resolve(&spec).unwrap_err().to_string();
    assert!(error.starts_with(&format!("model file `{}` not found; ", own.display())), "{error}");

    fs::write(&own, "any").unwrap();
    assert_eq!(library.path(&spec).unwrap(), own);
    assert_eq!(library.verify(&spec).unwrap().path(), own);
    assert!(
        library.remove(&spec).unwrap_err().to_string().ends_with("is not in the store; remove it yourself")
    );
    assert!(own.exists());

    let folder = format!("local:{}", dir.path().display());
    assert!(
        matches!(library.resolve(&folder), Err(CatalogError::FileNotFound { .. })),
        "a folder is no model"
    );
}

#[test]
fn a_relative_path_becomes_absolute() {
    let dir = tempfile::tempdir().unwrap();
    let Err(CatalogError::FileNotFound { path }) = library(&dir).resolve("local:./no-such.gguf") else {
        panic!("there is no such file")
    };
    assert!(path.is_absolute() && path.ends_with("no-such.gguf"));
}

#[test]
fn a_hub_file_that_was_fetched_is_found_by_its_spec() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(&dir);
    let spec = "local:owner/repo/h.gguf";
    assert!(matches!(library.resolve(spec).unwrap(), Resolved::Missing(_)));

    let path = put(&library, b"hub", "h.gguf");
    Marker::of(&path, "owner/repo/h.gguf", Sha256Sum::of(b"hub")).unwrap().write(&path).unwrap();
    assert_eq!(library.path(spec).unwrap(), path);
    assert!(matches!(library.resolve("local:owner/repo@v2/h.gguf").unwrap(), Resolved::Missing(_)));

    fs::write(&path, "HUB!").unwrap();
    assert!(matches!(library.resolve(spec), Err(CatalogError::Corrupt { .. })));
    assert_eq!(library.remove(spec).unwrap(), 4);
    assert!(!path.exists());
}

#[test]
fn the_list_shows_what_is_known_and_what_is_here() {
    let dir = tempfile::tempdir().unwrap();
    let library = library(&dir);
    let show = || -> Vec<String> {
        let line = |l: Listed| format!("{} {:?} {} {}", l.id, l.size, l.path.is_some(), l.is_default);
        library.list().unwrap().into_iter().map(line).collect()
    };
    assert_eq!(show(), ["m Some(4) false true"]);
    put(&library, b"good", "m.gguf");
    let path = put(&library, b"hub", "h.gguf");
    Marker::of(&path, "owner/repo/h.gguf", Sha256Sum::of(b"hub")).unwrap().write(&path).unwrap();
    assert_eq!(show(), ["m Some(4) true true", "owner/repo/h.gguf Some(3) true false"]);
}

#[test]
fn an_unknown_id_says_what_is_known() {
    let dir = tempfile::tempdir().unwrap();
    for result in [library(&dir).path("local:foo").map(drop), library(&dir).remove("foo").map(drop)] {
        assert_eq!(
            result.unwrap_err().to_string(),
            "unknown model `foo` (there are m; a path or owner/repo/file.gguf works too; `agentic model list` has all)"
        );
    }
}

#[test]
fn a_hub_file_of_the_catalog_is_the_catalogs_model() {
    let dir = tempfile::tempdir().unwrap();
    let library = ModelLibrary::new(Catalog::builtin().unwrap(), Store::new(dir.path()));
    let file = "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf";
    let id = |spec: &str| match library.resolve(spec).unwrap() {
        Resolved::Missing(entry) => entry.id,
        Resolved::Ready(model) => model.id,
    };
    assert_eq!(id(&format!("local:{file}")), "qwen2.5-coder-1.5b");
    let other = file.replace("/qwen", "@v9/qwen");
    assert_eq!(id(&other), other);
}
