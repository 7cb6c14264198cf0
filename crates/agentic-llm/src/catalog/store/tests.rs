use std::{fs, path::PathBuf, time::Duration};

use super::*;
use crate::catalog::{Catalog, HubFile, Source};

fn entry(content: &[u8]) -> Entry {
    let text = format!(
        "[[model]]\nid = \"m\"\npurpose = \"chat\"\n[[model.file]]\nname = \"m.gguf\"\nsize = {}\nsha256 = \"{}\"\n\
         [[model.file.source]]\nkind = \"url\"\nurl = \"http://localhost/m\"\n",
        content.len(),
        Sha256Sum::of(content)
    );
    Catalog::parse(&text, "test").unwrap().get("m").unwrap().clone()
}

/// A store with the model in it, as if put there by hand: without a marker.
fn filled(content: &[u8]) -> (tempfile::TempDir, Store, Entry, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let (store, entry) = (Store::new(dir.path()), entry(content));
    let path = store.file_path(&Sha256Sum::of(content), "m.gguf");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    (dir, store, entry, path)
}

/// Overwrites the content and keeps length and modification time.
fn change_unnoticed(path: &Path, content: &[u8]) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    fs::write(path, content).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

#[test]
fn the_layout_is_root_models_sum_name() {
    let sum = Sha256Sum::of(b"abc");
    let path = Store::new("/r").file_path(&sum, "m.gguf");
    assert_eq!(path, Path::new("/r").join("models").join(sum.to_string()).join("m.gguf"));
}

#[test]
fn the_default_root_is_agentic_home_or_the_cache_folder() {
    assert_eq!(Store::default_root(Some(OsStr::new("/x"))).unwrap(), Path::new("/x"));
    for unset in [None, Some(OsStr::new(""))] {
        assert!(Store::default_root(unset).unwrap().ends_with("agentic"));
    }
}

#[test]
fn a_file_put_there_by_hand_is_hashed_once_and_then_trusted() {
    let (_dir, store, entry, path) = filled(b"good");
    assert!(!store.list().unwrap()[0].verified);
    let model = store.find(&entry).unwrap().unwrap();
    assert_eq!((model.path(), model.id.as_str()), (path.as_path(), "m"));
    assert!(store.list().unwrap()[0].verified);

    // Not hashed again: a change that leaves length and time alone is not seen ...
    change_unnoticed(&path, b"evil");
    assert!(store.find(&entry).unwrap().is_some());
    // ... but by `verify`.
    let error = store.verify(&entry).unwrap_err().to_string();
    let (expected, found) = (Sha256Sum::of(b"good"), Sha256Sum::of(b"evil"));
    assert_eq!(
        error,
        format!(
            "model file `{}` is damaged: expected SHA-256 {expected}, found {found}; fetch the model again with `agentic model pull`",
            path.display()
        )
    );
}

#[test]
fn a_changed_time_or_length_is_noticed() {
    let (_dir, store, entry, path) = filled(b"good");
    store.find(&entry).unwrap().unwrap();
    let modified = fs::metadata(&path).unwrap().modified().unwrap();

    // Another time with the same content: hashed again, sound, trusted again.
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(modified + Duration::from_secs(60)).unwrap();
    assert!(!store.list().unwrap()[0].verified);
    assert!(store.find(&entry).unwrap().is_some());
    assert!(store.list().unwrap()[0].verified);

    // Another length: damaged.
    fs::write(&path, b"goo").unwrap();
    assert!(matches!(store.find(&entry), Err(CatalogError::Corrupt { .. })));
}

#[test]
fn a_broken_marker_only_costs_a_hash() {
    let (_dir, store, entry, path) = filled(b"good");
    fs::write(Marker::path(&path), "{ half").unwrap();
    assert!(store.find(&entry).unwrap().is_some());
    assert!(store.list().unwrap()[0].verified);
}

#[test]
fn an_absent_store_is_empty() {
    let store = Store::new("/nonexistent/agentic");
    let entry = entry(b"good");
    assert_eq!(store.list().unwrap(), []);
    assert_eq!(store.find(&entry).unwrap(), None);
    assert_eq!(store.remove(&entry).unwrap(), 0);
    let error = store.verify(&entry).unwrap_err().to_string();
    assert_eq!(error, "model `m` is not on this machine; fetch it with `agentic model pull m`");
}

#[test]
fn removing_leaves_nothing_of_the_model_and_everything_else() {
    let (dir, store, entry, path) = filled(b"good");
    store.find(&entry).unwrap().unwrap();
    fs::create_dir_all(store.partial(&entry)).unwrap();
    fs::write(store.partial(&entry).join("x.part"), b"half").unwrap();
    let other = store.file_path(&Sha256Sum::of(b"other"), "o.gguf");
    fs::create_dir_all(other.parent().unwrap()).unwrap();
    fs::write(&other, b"other").unwrap();

    assert_eq!(store.remove(&entry).unwrap(), 8);
    assert!(!path.parent().unwrap().exists() && !store.partial(&entry).exists());
    assert!(other.exists() && dir.path().exists());
    assert_eq!(store.remove(&entry).unwrap(), 0);
}

#[test]
fn a_model_being_fetched_is_not_removed() {
    let (_dir, store, entry, path) = filled(b"good");
    let lock = StoreLock::try_acquire(&store.lock_path(&entry)).unwrap().unwrap();
    let error = store.remove(&entry).unwrap_err().to_string();
    assert_eq!(error, "model `m` is being fetched by another process; try again when it is done");
    drop(lock);
    assert_eq!(store.remove(&entry).unwrap(), 4);
    assert!(!path.exists());
}

#[test]
fn hub_and_catalog_models_have_different_unfinished_folders() {
    let hub = |file: &str| Entry::from_hub(&HubFile::new("o/r", "main", file).unwrap());
    let store = Store::new("/r");
    let folders =
        [store.partial(&hub("a.gguf")), store.partial(&hub("b.gguf")), store.partial(&entry(b"good"))];
    assert!(folders[0] != folders[1] && folders[1] != folders[2]);
    assert!(matches!(hub("a.gguf").files[0].sources[0], Source::Hub { .. }));
}
